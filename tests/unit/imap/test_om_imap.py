"""om_imap: what a server says of a password, and all that servers say besides."""

from __future__ import annotations

import base64
import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Way
from tests.ldap.authority import Authority
from tests.machine import patience
from tests.unit.imap.scripted import ImapScript, Say, answering
from ualauth import AuthenticationError, AuthenticationFailed, Authenticator, TemporaryFailure
from ualauth.codes import ReturnCode
from ualauth.imap.settings import NameForm, Options, Tls, name_for, servers_of
from ualauth.modules.om_imap import OmImap
from ualauth.reasons import ReasonCode
from ualauth.testing.attempt import FakeAttempt
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

PASSWORD = "correct horse"
UNAVAILABLE = ReturnCode.AUTHINFO_UNAVAIL


@pytest.fixture
def userlist(tmp_path: Path) -> Iterator[Userlist]:
    """A USERLIST with a user who has not moved."""
    new_userlist = Userlist.create(tmp_path)
    new_userlist.add("jsmith", addresses=("john@example.com",))
    new_userlist.add('a"b\\c')
    new_userlist.add("josé")
    yield new_userlist
    new_userlist.close()


def answer(
    userlist: Userlist,
    *servers: ImapScript | int,
    user: str = "jsmith",
    password: str = PASSWORD,
    **options: object,
) -> ReturnCode:
    """Return what the module answers for servers of this host."""
    ports = (each.port if isinstance(each, ImapScript) else each for each in servers)
    host = ",".join(f"localhost:{port}" for port in ports)
    settings = {"tls": Tls.NONE, "host": host} | options
    module = OmImap(Options(**settings))  # type: ignore[arg-type]  # of each test
    attempt = FakeAttempt(user, password=password, **userlist.behind_attempt())
    code = attempt.code_of(module.authenticate(attempt))
    assert attempt.remarks
    assert PASSWORD not in " ".join(attempt.remarks)
    proved = attempt.proved_password(attempt.user or "")
    assert (proved == password) == (code is ReturnCode.SUCCESS)
    attempt.end(0)
    return code


@pytest.mark.parametrize(
    ("result", "code"),
    [
        ("OK welcome", ReturnCode.SUCCESS),
        ("OK [CAPABILITY IMAP4rev1] welcome", ReturnCode.SUCCESS),
        ("NO no", ReturnCode.AUTH_ERR),
        ("NO [AUTHENTICATIONFAILED] no", ReturnCode.AUTH_ERR),
        ("NO [authenticationfailed] no", ReturnCode.AUTH_ERR),
        ("NO [ALERT] no", ReturnCode.AUTH_ERR),
        ("NO AUTHENTICATE command error: BAD", ReturnCode.AUTH_ERR),
        ("NO see [UNAVAILABLE]", ReturnCode.AUTH_ERR),
        ("NO [AUTHORIZATIONFAILED] no", ReturnCode.PERM_DENIED),
        ("NO [EXPIRED] no", ReturnCode.ACCT_EXPIRED),
        ("NO [UNAVAILABLE] later", UNAVAILABLE),
        ("NO [CONTACTADMIN] help", UNAVAILABLE),
        ("NO [PRIVACYREQUIRED] tls", UNAVAILABLE),
        ("NO [INUSE] x", UNAVAILABLE),
        ("BAD what", UNAVAILABLE),
        ("MAYBE", UNAVAILABLE),
        ("ok welcome", UNAVAILABLE),
    ],
)
@pytest.mark.parametrize("capabilities", ["IMAP4rev1 AUTH=PLAIN", "IMAP4rev1"])
def test_answers_of_servers(
    userlist: Userlist, result: str, code: ReturnCode, capabilities: str
) -> None:
    with ImapScript(answering(result), capabilities=capabilities) as server:
        assert answer(userlist, server) is code


def other_tag(_tag: str, line: str) -> str:
    """Say yes to another command."""
    return "+ \r\n" if line.endswith("PLAIN") else "XX99 OK welcome\r\n"


def untagged(tag: str, line: str) -> str | None:
    """Say yes to none."""
    del tag
    return "+ \r\n" if line.endswith("PLAIN") else "* OK welcome\r\n* BYE\r\n"


def asks_again(_tag: str, line: str) -> str | None:
    """Ask for more than PLAIN has, and then say yes."""
    return None if line == "*" else "+ \r\n"


def hangs_up(_tag: str, _line: str) -> None:
    """End the connection."""
    return


@pytest.mark.parametrize("say", [other_tag, untagged, hangs_up, asks_again])
def test_what_is_no_answer_is_not_taken_for_one(userlist: Userlist, say: Say) -> None:
    with ImapScript(say) as server:
        assert answer(userlist, server, timeout=0.5) is UNAVAILABLE


@pytest.mark.parametrize(
    "greeting",
    [
        "* PREAUTH welcome\r\n",
        "* BYE full\r\n",
        "* NO\r\n",
        "220 smtp.example.com ESMTP\r\n",
        "* OK\n",
        "x" * 100_000,
        "* OK {99999999999}\r\n",
        "\xff\xfe\r\n",
        "\r\n" * 1000,
    ],
)
def test_greetings_that_are_none(userlist: Userlist, greeting: str) -> None:
    with ImapScript(answering("OK welcome"), greeting=greeting) as server:
        assert answer(userlist, server, timeout=2.0) is UNAVAILABLE
        assert not any("LOGIN" in line or "AUTHENTICATE" in line for line in server.lines)


@pytest.mark.parametrize(
    "capabilities", ["IMAP4rev1 LOGINDISABLED", "IMAP4rev1 LOGINDISABLED AUTH=GSSAPI", "POP3"]
)
def test_a_server_that_takes_no_password_is_told_none(
    userlist: Userlist, capabilities: str
) -> None:
    with ImapScript(answering("OK welcome"), capabilities=capabilities) as server:
        assert answer(userlist, server) is UNAVAILABLE
        assert not any("LOGIN" in line or "AUTHENTICATE" in line for line in server.lines)


@pytest.mark.parametrize(
    "password",
    ["a\r\nA9 LOGOUT", 'a "quote\\', "pässwörd €", "{5} x", "* OK", " ", "*", "a" * 1000],
)
@pytest.mark.parametrize("capabilities", ["IMAP4rev1 AUTH=PLAIN", "IMAP4rev1"])
@pytest.mark.parametrize("user", ["jsmith", 'a"b\\c'])
def test_nothing_that_is_typed_is_a_command(
    userlist: Userlist, password: str, capabilities: str, user: str
) -> None:
    with ImapScript(answering("OK welcome"), capabilities=capabilities) as server:
        assert answer(userlist, server, user=user, password=password) is ReturnCode.SUCCESS
        _, command, *rest = server.lines
    if "AUTH=PLAIN" in capabilities:
        assert base64.b64decode(rest[0]).decode() == f"\0{user}\0{password}"
        assert len(rest) == 1
    else:
        escaped = user.replace("\\", "\\\\").replace('"', '\\"')
        size = len(password.encode())
        assert command.endswith(f' LOGIN "{escaped}" {{{size}}}')
        assert "\r\n".join(rest).encode("utf-8", "surrogateescape").decode() == password


def test_login_takes_no_name_beyond_ascii(userlist: Userlist) -> None:
    with ImapScript(answering("OK"), capabilities="IMAP4rev1") as server:
        assert answer(userlist, server, user="josé") is UNAVAILABLE
    with ImapScript(answering("OK")) as server:
        assert answer(userlist, server, user="josé") is ReturnCode.SUCCESS


@pytest.mark.parametrize("user", ["nobody-here", "a\r\nb", "a\0b"])
def test_only_users_of_the_userlist_are_asked_for(userlist: Userlist, user: str) -> None:
    with ImapScript(answering("OK")) as server:
        module = OmImap(Options(host=f"localhost:{server.port}", tls=Tls.NONE))
        attempt = FakeAttempt(user, password=PASSWORD, **userlist.behind_attempt())
        assert attempt.code_of(module.authenticate(attempt)) is ReturnCode.USER_UNKNOWN
        assert not server.connections


def test_an_empty_password_is_not_tried(userlist: Userlist) -> None:
    with ImapScript(answering("OK")) as server:
        assert answer(userlist, server, password="") is ReturnCode.AUTH_ERR
        assert not server.connections


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def test_the_next_server_is_asked_where_one_cannot_check(userlist: Userlist) -> None:
    with (
        ImapScript(answering("NO [UNAVAILABLE]")) as first,
        ImapScript(answering("OK")) as second,
    ):
        assert answer(userlist, free_port(), first, second) is ReturnCode.SUCCESS
    with ImapScript(answering("NO")) as first, ImapScript(answering("OK")) as second:
        assert answer(userlist, first, second) is ReturnCode.AUTH_ERR
        assert not second.connections


def test_a_server_that_dribbles_takes_no_longer_than_a_silent_one(userlist: Userlist) -> None:
    over = threading.Event()

    def dribble(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            try:
                while not over.wait(0.05):
                    connection.sendall(b"*")
            except OSError:
                pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=dribble, args=(listener,))
        thread.start()
        began = time.monotonic()
        assert answer(userlist, listener.getsockname()[1], timeout=0.5) is UNAVAILABLE
        assert time.monotonic() - began >= 0.4
        over.set()
        thread.join()


@pytest.mark.slow
def test_a_silent_server_is_left_alone_for_a_while(
    userlist: Userlist, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ualauth.imap.shared._SILENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent, ImapScript(answering("OK")) as second:
        module = OmImap(
            Options(
                host=f"localhost:{silent.getsockname()[1]},localhost:{second.port}",
                tls=Tls.NONE,
                timeout=min(patience(8), 20),
            )
        )
        behind = userlist.behind_attempt()
        shared = FakeAttempt("jsmith", password=PASSWORD, **behind)
        assert shared.answer(module.authenticate(shared)) is ReturnCode.SUCCESS
        silent.settimeout(5)
        silent.accept()[0].close()
        again = shared.answer(module.authenticate(shared))
        assert again is ReturnCode.SUCCESS
        silent.settimeout(0.1)
        with pytest.raises(TimeoutError):
            silent.accept()
        shared.end(0)


def contexts(tmp_path: Path, *names: str, days: int = 30) -> tuple[ssl.SSLContext, str]:
    """Return what a server has, and the file of the authority that has issued it."""
    authority = Authority(tmp_path)
    certificate, key = authority.issue(*names, days=days)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context, str(authority.file)


def secure(
    userlist: Userlist, server: ImapScript, cafile: str | None, tls: Tls
) -> tuple[ReturnCode, str]:
    """Return what the module answers, and why."""
    module = OmImap(Options(host=f"localhost:{server.port}", tls=tls))
    module._cafile = cafile
    attempt = FakeAttempt("jsmith", password=PASSWORD, **userlist.behind_attempt())
    code = attempt.code_of(module.authenticate(attempt))
    attempt.end(0)
    return code, " ".join(attempt.remarks)


@pytest.mark.parametrize("tls", [Tls.IMPLICIT, Tls.STARTTLS])
def test_tls_is_verified(userlist: Userlist, tmp_path: Path, tls: Tls) -> None:
    for names, days, trusted, good in (
        (("localhost",), 30, True, True),
        (("other.example.com",), 30, True, False),
        (("localhost",), -1, True, False),
        (("localhost",), 30, False, False),
    ):
        context, cafile = contexts(tmp_path, *names, days=days)
        kind = {"context": context} if tls is Tls.IMPLICIT else {"starttls": context}
        capabilities = "IMAP4rev1 STARTTLS AUTH=PLAIN"
        with ImapScript(answering("OK"), capabilities=capabilities, **kind) as server:  # type: ignore[arg-type]
            code, why = secure(userlist, server, cafile if trusted else None, tls)
        assert (code is ReturnCode.SUCCESS) == good, why
        assert good == any("AUTHENTICATE" in line for line in server.lines)
        assert good or (code is UNAVAILABLE and "TLS" in why)


def test_nothing_goes_by_before_tls(userlist: Userlist, tmp_path: Path) -> None:
    context, cafile = contexts(tmp_path, "localhost")
    with ImapScript(answering("OK")) as server:
        code, why = secure(userlist, server, cafile, Tls.STARTTLS)
        assert (code, "no STARTTLS" in why) == (UNAVAILABLE, True)
        assert len(server.lines) == 1
    with ImapScript(answering("OK")) as server:
        # A server without TLS on the port for it.
        assert secure(userlist, server, cafile, Tls.IMPLICIT)[0] is UNAVAILABLE
    with ImapScript(
        answering("OK"), capabilities="IMAP4rev1 STARTTLS", greeting="* PREAUTH\r\n"
    ) as server:
        assert secure(userlist, server, cafile, Tls.STARTTLS)[0] is UNAVAILABLE
    with ImapScript(
        answering("OK"),
        capabilities="IMAP4rev1 STARTTLS AUTH=PLAIN",
        starttls=context,
        beside_starttls="* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n",
    ) as server:
        code, _ = secure(userlist, server, cafile, Tls.STARTTLS)
        assert code is UNAVAILABLE
        assert not any("AUTHENTICATE" in line for line in server.lines)


@pytest.mark.parametrize(
    "options",
    [
        {"host": "imap.example.com", "tls": Tls.NONE},
        {"host": "localhost,192.0.2.1", "tls": Tls.NONE},
        {"host": "localhost.example.com", "tls": Tls.NONE},
        {"host": "a b"},
        {"host": "a:0"},
        {"host": "a:99999"},
        {"host": "a:x"},
        {"host": "a,"},
        {"host": "a", "name": NameForm.LOCAL},
        {"host": "a", "name": NameForm.FULL},
        {"host": "a", "timeout": 0.0},
        {"host": "a", "timeout": 60.0},
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"is|needs|must"):
        Options(**options)  # type: ignore[arg-type]  # as above


def test_hosts_have_the_usual_ports() -> None:
    assert servers_of("a.example.com,b:1143,2001:db8::1", Tls.IMPLICIT) == (
        ("a.example.com", 993),
        ("b", 1143),
        ("2001:db8::1", 993),
    )
    assert servers_of("a", Tls.STARTTLS) == (("a", 143),)


@pytest.mark.parametrize(
    ("form", "user", "name"),
    [
        (NameForm.USER, "ann@example.com", "ann@example.com"),
        (NameForm.LOGIN, "ann", "Ann@Example.com"),
        (NameForm.LOCAL, "ann", "ann"),
        (NameForm.LOCAL, "ann@EXAMPLE.com", "ann"),
        # The user of another domain is another one there.
        (NameForm.LOCAL, "ann@example.org", None),
        (NameForm.FULL, "ann", "ann@example.com"),
        (NameForm.FULL, "ann@example.org", "ann@example.org"),
        (NameForm.USER, "ann\n", None),
    ],
)
def test_forms_of_names(form: NameForm, user: str, name: str | None) -> None:
    options = Options(host="a", name=form, domain="example.com")
    assert name_for(options, user, "Ann@Example.com") == name


STACK = (
    "auth [success=done new_authtok_reqd=done ignore=ignore default=die] om_auth learn\n"
    "auth required om_imap host=localhost:{} tls=none use_first_pass\n"
    "account required om_auth\n"
)
SETTINGS = (
    "[stack]\nfail_delay = false\n"
    "[password]\nargon2_memory = 8\nargon2_passes = 1\nargon2_lanes = 1\nminimum_strength = 0\n"
)


def test_a_user_moves_in_by_the_old_server(
    folder: ConfigFolder, way: Way, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    folder.settings(SETTINGS)
    users = Userlist.create(folder.path)
    users.add("jsmith", addresses=("john@example.com",))

    def say(tag: str, line: str) -> str:
        if line.endswith("PLAIN"):
            return "+ \r\n"
        right = base64.b64decode(line) == f"\0jsmith\0{PASSWORD}".encode()
        return f"{tag} {'OK' if right else 'NO'} \r\n"

    with ImapScript(say) as server:
        folder.service("imap", STACK.format(server.port))
        authenticator = way.authenticator(folder.config())
        with pytest.raises(AuthenticationFailed):
            way.run(authenticator.authenticate("imap", "jsmith", "wrong horse"))
        for _ in range(2):
            identity = way.run(authenticator.authenticate("imap", "john@example.com", PASSWORD))
            assert identity.user == "jsmith"
        assert server.connections == 2
    assert users.store.get("jsmith").password is not None
    assert PASSWORD not in caplog.text
    users.close()


@pytest.mark.parametrize(
    ("result", "error", "reason"),
    [
        ("NO [EXPIRED]", AuthenticationFailed, ReasonCode.ACCOUNT_EXPIRED),
        ("NO [AUTHORIZATIONFAILED]", AuthenticationFailed, ReasonCode.NOT_ALLOWED),
        ("NO [UNAVAILABLE]", TemporaryFailure, ReasonCode.SERVER_UNAVAILABLE),
        ("NO", AuthenticationFailed, ReasonCode.WRONG_PASSWORD),
    ],
)
def test_applications_see_what_it_was(
    folder: ConfigFolder, result: str, error: type[AuthenticationError], reason: ReasonCode
) -> None:
    folder.settings(SETTINGS)
    users = Userlist.create(folder.path)
    users.add("jsmith")
    users.close()
    with ImapScript(answering(result)) as server, Authenticator(folder.path) as authenticator:
        folder.service("imap", STACK.format(server.port))
        with pytest.raises(error) as raised:
            authenticator.authenticate("imap", "jsmith", PASSWORD)
        assert raised.value.reason is reason
        for user, password, why in (
            ("jsmith", "", ReasonCode.NO_PASSWORD),
            ("stranger", PASSWORD, ReasonCode.USER_UNKNOWN),
        ):
            with pytest.raises(AuthenticationFailed) as raised:
                authenticator.authenticate("imap", user, password)
            assert raised.value.reason is why
