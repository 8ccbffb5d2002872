"""Both adapters in one server: the rules judge who SASL says is there."""

from __future__ import annotations

import re
import shutil
import smtplib
import ssl
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from playground import PASSWORD, Playground
from sqlalchemy import insert

from tests.machine import patience
from tests.smtp_access.clients import PASSWORD as SECRET
from tests.smtp_access.conftest import JOHN
from tests.smtp_access.servers import Recorder, Server, serving
from tests.smtp_access.submission import Submission, submitting
from tests.unit.adapters.talk import Smtp
from tests.unit.sasl.clients import Client, cram_md5, initial, plain, scram
from ualauth import AsyncAuthenticator
from ualauth.adapters.smtp_access_aiosmtpd import AccessHandler
from ualauth.smtp_access.access_control import AccessControl
from ualauth.smtp_access.settings import SmtpAccessSettings
from ualauth.userlist.account.lockout import user_key
from ualauth.userlist.database.tables import submissions
from ualauth.userlist.group_record import NewGroup, usual_or_name
from ualauth.userlist.store import UserStore

ELSEWHERE = "192.0.2.7"
SPOOFING = "ANONYMOUS Reject *\nAUTH_MISMATCH Reject *\nAUTH_SUCCESS Header *"
MARKED = "X-Scalix-Authenticated-Sender: john.smith@example.com; authenticated by mx.example.com"
NAMES = {ELSEWHERE: "pc7.example.net"}
REFUSED = "550 5.7.1 The originator is not an address of the authenticated user"
UNKNOWN = "530 5.7.0 Authentication required"
TOO_MUCH = "450 4.7.1 Too much mail of this user, try again later"
RELAYING = "550 5.7.1 Relaying denied"


@contextmanager
def own_policy(people: Playground, text: str) -> Iterator[UserStore]:
    """Give jsmith a policy of their own, and forget what they submitted afterwards."""
    with UserStore(f"sqlite:///{people.folder}/userlist.db") as store:
        before = store.get("jsmith").policy
        store.update(store.get("jsmith"), policy=text)
        try:
            yield store
        finally:
            store.update(store.get("jsmith"), policy=before)
            store.forget_submissions(store.get("jsmith"))


def trusting(people: Playground) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(people.authority))


@contextmanager
def talking(server: Server, people: Playground | None = None) -> Iterator[Smtp]:
    """Talk from elsewhere; with people, under TLS."""
    server.peer = ELSEWHERE
    with Smtp(server.port) as talk:
        talk.command("EHLO pc.example.com")
        if people is not None:
            talk.begin_tls(trusting(people))
            talk.command("EHLO pc.example.com")
        yield talk


def log_in(talk: Smtp, mechanism: str, client: Client) -> str:
    return talk.log_in(mechanism, client)[:3]


def scram_of(name: str, password: str = PASSWORD, authorization: str = "") -> Client:
    return scram("SCRAM-SHA-256", name, password, authorization=authorization)


def mail(talk: Smtp, sender: str) -> str:
    return talk.command(f"MAIL FROM:<{sender}>")[-1]


def send(
    talk: Smtp,
    sender: str,
    recipient: str = "ann@far.example",
    from_header: str | None = None,
) -> str:
    """Submit a message; return the last reply."""
    commands = (f"MAIL FROM:<{sender}>", f"RCPT TO:<{recipient}>", "DATA")
    for command in commands:
        reply = talk.command(command)[-1]
        if reply[:1] not in "23":
            talk.command("RSET")
            return reply
    return talk.command(f"From: {from_header or sender}\r\nSubject: x\r\n\r\nHello.\r\n.")[-1]


def top(application: Recorder) -> str:
    """Return what stands above the last message's own headers, on one line, without the date."""
    head = application.messages[-1][1].decode().partition("From: ")[0].replace("\r\n ", " ")
    return re.sub(r" at \w{3}, .*", "", head.rstrip("\r\n"))


# Who is there


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_swaks_is_marked_with_the_address_of_who_logged_in(
    people: Playground, tmp_path: Path, mechanism: str
) -> None:
    application = Recorder()
    with submitting(people, tmp_path, SPOOFING, application) as server:
        server.peer = ELSEWHERE
        done = subprocess.run(
            [
                "swaks", "--server", "127.0.0.1", "--port", str(server.port), "--tls",
                "--tls-verify", "--tls-ca-path", people.authority, "--auth", mechanism,
                "--auth-user", "js@example.com", "--auth-password", PASSWORD,
                "--from", "js@example.com", "--to", "ann@far.example", "--timeout", "20",
            ],
            capture_output=True, text=True, timeout=40, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    head = application.messages[-1][1].decode().partition("\r\nDate: ")[0]
    assert re.fullmatch(
        re.escape(MARKED) + r" at \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}",
        head.replace("\r\n ", " "),
    )


def test_spoofing_is_refused_for_every_user(people: Playground, tmp_path: Path) -> None:
    application = Recorder()
    settings = SmtpAccessSettings(compare_from=True)
    with (
        submitting(people, tmp_path, SPOOFING, application, settings=settings) as server,
        talking(server, people) as talk,
    ):
        assert mail(talk, "js@example.com") == UNKNOWN
        assert log_in(talk, "SCRAM-SHA-256", scram_of("jsmith")) == "235"
        assert send(talk, "boss@example.com") == REFUSED
        assert send(talk, "ann@example.com") == REFUSED
        assert send(talk, "js@example.com", from_header="boss@example.com") == REFUSED
        assert application.messages == []
        assert send(talk, "js@example.com", from_header="John.Smith@example.com")[:3] == "250"
    assert top(application) == MARKED


def test_who_acts_for_another_is_judged_as_the_other(people: Playground, tmp_path: Path) -> None:
    application = Recorder()
    with submitting(people, tmp_path, SPOOFING, application) as server:
        with talking(server, people) as talk:
            assert log_in(talk, "PLAIN", plain("ann", PASSWORD, "jsmith")) == "235"
            assert send(talk, "ann@example.com") == REFUSED
            assert send(talk, "js@example.com")[:3] == "250"
            assert top(application) == MARKED
        with talking(server) as talk:
            assert log_in(talk, "SCRAM-SHA-256", scram_of("jsmith", PASSWORD, "ann")) == "535"
            assert mail(talk, "ann@example.com") == UNKNOWN


def test_without_login_messages_are_marked(people: Playground, tmp_path: Path) -> None:
    application, rules = Recorder(), "ANONYMOUS Header *"
    with (
        submitting(people, tmp_path, rules, application, names=NAMES) as server,
        talking(server) as talk,
    ):
        assert send(talk, "js@example.com", "ann@localhost")[:3] == "250"
        assert top(application) == "X-Scalix-Anonymous-Message: from pc7.example.net"
        application.messages.clear()
        assert log_in(talk, "CRAM-MD5", cram_md5("jsmith", "battery staple")) == "535"
        assert send(talk, "js@example.com", "ann@localhost")[:3] == "250"
        assert top(application) == "X-Scalix-Anonymous-Message: from pc7.example.net"
        assert log_in(talk, "CRAM-MD5", cram_md5("jsmith", PASSWORD)) == "235"
        assert send(talk, "js@example.com", "ann@localhost")[:3] == "250"
        assert top(application) == ""


def test_whom_sasl_lets_in_without_a_name_is_anonymous(people: Playground, tmp_path: Path) -> None:
    application = Recorder()
    rules = "ANONYMOUS Header *\nAUTH_SUCCESS Accept *"
    with (
        submitting(people, tmp_path, rules, application, names=NAMES) as server,
        talking(server) as talk,
    ):
        assert log_in(talk, "ANONYMOUS", initial(b"somebody")) == "235"
        assert send(talk, "js@example.com") == RELAYING
        assert send(talk, "js@example.com", "ann@localhost")[:3] == "250"
    assert top(application) == "X-Scalix-Anonymous-Message: from pc7.example.net"


def test_who_could_not_be_checked_is_anonymous(people: Playground, tmp_path: Path) -> None:
    away = tmp_path / "etc"
    shutil.copytree(people.folder, away)
    with (
        submitting(Playground(away), tmp_path, SPOOFING, Recorder()) as server,
        talking(server, people) as talk,
    ):
        (away / "userlist.db").unlink()
        assert log_in(talk, "PLAIN", plain("jsmith", PASSWORD)) == "454"
        assert mail(talk, "js@example.com") == UNKNOWN


# How long a user is there


def test_starttls_makes_every_client_anonymous(people: Playground, tmp_path: Path) -> None:
    with (
        submitting(people, tmp_path, SPOOFING, Recorder()) as server,
        talking(server) as talk,
    ):
        assert log_in(talk, "SCRAM-SHA-256", scram_of("jsmith")) == "235"
        assert mail(talk, "js@example.com") == "250 OK"
        talk.begin_tls(trusting(people))
        talk.command("EHLO pc.example.com")
        # Neither the message nor who began it are remembered.
        assert talk.command("RCPT TO:<ann@far.example>")[-1][:3] == "503"
        assert mail(talk, "js@example.com") == UNKNOWN
        assert log_in(talk, "SCRAM-SHA-256", scram_of("ann")) == "235"
        assert mail(talk, "js@example.com") == REFUSED
        assert mail(talk, "ann@example.com") == "250 OK"


def test_rset_and_ehlo_forget_the_message_and_not_who_is_there(
    people: Playground, tmp_path: Path
) -> None:
    application = Recorder()
    rules = f"{SPOOFING}\nORIGINATOR Discard john.smith@example.com"
    with (
        submitting(people, tmp_path, rules, application) as server,
        talking(server) as talk,
    ):
        assert log_in(talk, "SCRAM-SHA-256", scram_of("jsmith")) == "235"
        for command in ("RSET", "EHLO again"):
            assert mail(talk, "john.smith@example.com") == "250 OK"
            assert talk.command("RCPT TO:<ann@far.example>") == ["250 OK"]
            talk.command(command)
            assert send(talk, "js@example.com")[:3] == "250"
    assert [top(application), len(application.messages)] == [MARKED, 2]


def test_no_user_comes_or_goes_while_a_message_is_under_way(
    people: Playground, tmp_path: Path
) -> None:
    with (
        submitting(people, tmp_path, "ANONYMOUS Discard *", Recorder()) as server,
        talking(server) as talk,
    ):
        assert mail(talk, "js@example.com") == "250 OK"
        assert log_in_at_once(talk)[:9] == "503 5.5.1"


def log_in_at_once(talk: Smtp) -> str:
    """Log in without another EHLO, which would end a message."""
    initial = b64encode(f"\0jsmith\0{PASSWORD}".encode()).decode()
    return talk.command(f"AUTH PLAIN {initial}")[-1]


# The other actions


def test_rules_about_who_is_there_discard_and_defer(people: Playground, tmp_path: Path) -> None:
    application = Recorder()
    rules = "AUTH_MISMATCH Discard *\nANONYMOUS Defer *\nAUTH_SUCCESS Accept *"
    with (
        submitting(people, tmp_path, rules, application) as server,
        talking(server, people) as talk,
    ):
        assert mail(talk, "js@example.com")[:9] == "451 4.7.0"
        assert log_in(talk, "PLAIN", plain("jsmith", PASSWORD)) == "235"
        assert send(talk, "boss@example.com") == "250 OK"
        assert application.messages == []
        assert send(talk, "js@example.com")[:3] == "250"
    assert [recipients for recipients, _ in application.messages] == [("ann@far.example",)]


def test_refused_host_cannot_log_in(people: Playground, tmp_path: Path) -> None:
    with submitting(people, tmp_path, "SUBMIT Reject *", Recorder()) as server:
        server.peer = ELSEWHERE
        with Smtp(server.port) as talk:
            assert talk.greeting == "554 5.7.1 This host may not submit messages"
            assert log_in_at_once(talk)[:9] == "503 5.5.1"
            assert talk.command("QUIT") == ["221 2.0.0 Bye"]
            assert talk.read() == ""


# A proxy before them


class Behind(Smtp):
    """A client, and the proxy before the server that says where it comes from."""

    address = ""

    def read(self) -> str:
        if not hasattr(self, "greeting"):
            self.greeting = "soon"
            self.send(f"PROXY TCP4 {self.address} 127.0.0.1 4711 25")
        return super().read()


class Believing(Recorder):
    """An application that believes its proxy."""

    async def handle_PROXY(self, *_: object) -> bool:
        return True


def test_host_behind_a_proxy_counts_in_rules_and_logins(
    people: Playground, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rules = "SUBMIT Reject 203.0.113.*\nAUTH_SUCCESS Accept 192.0.2.*"
    options = {"proxy_protocol_timeout": 20}
    with (
        caplog.at_level("INFO", "ualauth"),
        submitting(people, tmp_path, rules, Believing(), **options) as server,
    ):
        Behind.address = "203.0.113.9"
        with Behind(server.port) as talk:
            assert talk.greeting[:9] == "554 5.7.1"
            assert talk.read() == ""
        for address, reply in (("192.0.2.7", "250 OK"), ("198.51.100.1", RELAYING)):
            Behind.address = address
            with Behind(server.port) as talk:
                talk.command("EHLO pc.example.com")
                # It is remembered after STARTTLS, too.
                talk.begin_tls(trusting(people))
                assert log_in(talk, "PLAIN", plain("jsmith", PASSWORD)) == "235"
                assert mail(talk, "js@example.com") == "250 OK"
                assert talk.command("RCPT TO:<ann@far.example>") == [reply]
    logged = [each.message for each in caplog.records if each.name == "ualauth.audit"]
    assert [each.rpartition(" rhost=")[2] for each in logged] == ["192.0.2.7", "198.51.100.1"]


# The application's hooks


class Particular(Recorder):
    """An application with hooks, which notes what it finds."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Any] = []

    async def handle_EHLO(
        self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.found.append([each for each in responses if each.startswith("250-AUTH ")])
        return [*responses[:-1], "250-X-OWN", responses[-1]]

    async def handle_MAIL(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        self.found.append((session.ualauth_identity.authid, envelope.ualauth_submitter))
        envelope.mail_from = address
        return "250 2.1.0 own"


def test_hooks_find_what_is_offered_and_who_is_there(people: Playground, tmp_path: Path) -> None:
    application = Particular()
    with (
        submitting(people, tmp_path, SPOOFING, application) as server,
        talking(server, people) as talk,
    ):
        (clear,), (encrypted,) = application.found
        assert "SCRAM-SHA-256" in clear
        assert "EXTERNAL" not in encrypted
        assert "250-X-OWN" in talk.command("EHLO pc.example.com")
        assert log_in(talk, "PLAIN", plain("jsmith", PASSWORD)) == "235"
        application.found.clear()
        # Whom the rules refuse, the application does not see.
        assert mail(talk, "boss@example.com") == REFUSED
        assert talk.command("MAIL FROM:<js@example.com> AUTH=js@example.com") == ["250 2.1.0 own"]
    assert application.found == [("jsmith", "js@example.com")]


class Passing(Recorder):
    """An application that would let every client in by itself."""

    async def handle_AUTH(self, *_: object) -> str:
        return "235 come in"


class Mechanism(Recorder):
    """Another one."""

    async def auth_PLAIN(self, *_: object) -> str:
        return "come in"


@pytest.mark.parametrize("application", [Passing(), Mechanism()])
def test_no_client_is_let_in_past_the_service_behind_the_rules(
    people: Playground, tmp_path: Path, application: object
) -> None:
    handler = AccessHandler(application, AccessControl(tmp_path, SmtpAccessSettings()))
    with pytest.raises(TypeError, match="of the handler is not used"):
        Submission(handler, AsyncAuthenticator(people.folder), loop=SimpleNamespace())


def test_a_user_may_submit_no_more_than_the_limits_say(people: Playground, tmp_path: Path) -> None:
    application = Recorder()
    with (
        own_policy(people, '{"messages_per_hour":1}'),
        submitting(people, tmp_path, SPOOFING, application) as server,
        talking(server, people) as talk,
    ):
        assert log_in(talk, "SCRAM-SHA-256", scram_of("jsmith")) == "235"
        # A message that the rules refuse, or for which there is no recipient, is none.
        assert send(talk, "boss@example.com") == REFUSED
        assert send(talk, "js@example.com")[:3] == "250"
        assert send(talk, "js@example.com") == TOO_MUCH
    assert len(application.messages) == 1


def test_a_message_that_cannot_be_counted_is_put_off(people: Playground, tmp_path: Path) -> None:
    application = Recorder()
    with (
        own_policy(people, '{"messages_per_hour":1}') as store,
        submitting(people, tmp_path, SPOOFING, application) as server,
        talking(server, people) as talk,
    ):
        assert log_in(talk, "SCRAM-SHA-256", scram_of("jsmith")) == "235"
        key = user_key(store.get("jsmith").id)
        statement = insert(submissions).values(key=key, counts="no counts", forgotten=0)
        store.transaction(lambda connection: connection.execute(statement))
        assert send(talk, "js@example.com")[:3] == "451"
    assert not application.messages


def test_the_rules_of_a_group_hold_for_its_members(people: Playground, tmp_path: Path) -> None:
    rules = f"{SPOOFING}\nGROUP mailers\nAUTH_MISMATCH Accept *\n"
    mailers = NewGroup(name="mailers", or_name=usual_or_name("mailers"))
    with (
        own_policy(people, "") as store,
        submitting(people, tmp_path, rules, Recorder()) as server,
        talking(server, people) as talk,
    ):
        assert log_in(talk, "SCRAM-SHA-256", scram_of("jsmith")) == "235"
        assert mail(talk, "boss@example.com") == REFUSED
        store.groups.add(mailers, ["jsmith"])
        assert mail(talk, "boss@example.com")[:3] == "250"
        store.groups.delete(store.groups.get("mailers"))
        talk.command("RSET")
        assert mail(talk, "boss@example.com") == REFUSED


def test_rules_of_groups_without_an_authenticator_let_no_user_through(tmp_path: Path) -> None:
    application = Recorder()
    rules = "AUTH_SUCCESS Accept *\nGROUP mailers\nAUTH_SUCCESS Reject *\n"
    with (
        serving(tmp_path, rules, application, auth_required=False) as server,
        smtplib.SMTP("127.0.0.1", server.port, timeout=patience(60)) as client,
    ):
        client.ehlo("pc.example.com")
        assert client.mail("a@example.com")[0] == 250
        client.rset()
        client.login(JOHN.authid, SECRET)
        assert client.mail("john@example.com")[0] == 451
