"""What a connection is like counts: TLS, what binds to it, what was sent ahead, who is gone."""

from __future__ import annotations

import socket
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from OpenSSL import SSL

from tests.unit.adapters import modules
from tests.unit.adapters.certificates import Certificates
from tests.unit.adapters.conftest import PASSWORD, QUOTED, SIDES, Side
from tests.unit.adapters.heard import hearing
from tests.unit.adapters.serving import TwistedServers
from tests.unit.adapters.talk import Imap, Pop3, Talk
from tests.unit.adapters.test_replies import REPLIES, SUCCESS
from tests.unit.sasl.clients import scram
from ualauth.sasl.channel_binding import channel_bindings, server_end_point

TWISTED = [name for name in SIDES if name.startswith("twisted")]
PLAIN = b64encode(f"\0jsmith\0{PASSWORD}".encode()).decode()
# The command that logs in, and one behind it that needs a person.
LOGIN_AND_MORE = {
    "imap": (f"a AUTHENTICATE PLAIN {PLAIN}\r\nb SELECT nowhere\r\n", "b NO"),
    "pop3": (f"AUTH PLAIN {PLAIN}\r\nSTAT\r\n", "+OK 0 0"),
    "smtp": (f"AUTH PLAIN {PLAIN}\r\nAUTH PLAIN {PLAIN}\r\n", "503 5.5.1 Already"),
}
NOTHING = {"imap": "b NOOP", "pop3": "CAPA", "smtp": "NOOP"}


@pytest.fixture
def secure(side: Side, certificates: Certificates) -> Iterator[Talk]:
    """Return a connection with TLS from the beginning."""
    with side.connect(certificates.client_context()) as talk:
        yield talk


def test_plain_text_behind_starttls_is_never_read(side: Side, certificates: Certificates) -> None:
    with side.connect() as talk:
        talk.command("EHLO me" if side.protocol == "smtp" else "NOOP")
        starttls = f"a {talk.starttls}" if side.protocol == "imap" else talk.starttls
        ahead = NOTHING[side.protocol]
        talk.socket.sendall(f"{starttls}\r\n{ahead}\r\n{ahead}".encode())
        assert talk.read().startswith(talk.plain_end)
        try:
            talk.wrap(certificates.client_context())
        except OSError:
            # It was hung up on.
            return
        reply = talk.command("CAPABILITY" if side.protocol == "imap" else "RSET")
        assert reply[0].startswith(("* CAPABILITY", "-ERR Log in first", "250"))
        talk.socket.settimeout(0.2)
        with pytest.raises(TimeoutError):
            talk.read()


def test_command_behind_a_login_waits_for_it(side: Side, secure: Talk) -> None:
    sent, expected = LOGIN_AND_MORE[side.protocol]
    secure.command("EHLO me" if side.protocol == "smtp" else "NOOP")
    secure.socket.sendall(sent.encode())
    assert secure.read().startswith(SUCCESS[side.protocol])
    assert secure.read().startswith(expected)


def test_response_may_be_sent_ahead(side: Side, secure: Talk) -> None:
    secure.command("EHLO me" if side.protocol == "smtp" else "NOOP")
    command = "a AUTHENTICATE PLAIN" if side.protocol == "imap" else "AUTH PLAIN"
    secure.socket.sendall(f"{command}\r\n{PLAIN}\r\n".encode())
    assert secure.challenge() in {"+ ", "+"}
    assert secure.challenge().startswith(SUCCESS[side.protocol])


@pytest.mark.parametrize("implicit", [True, False])
def test_tls_does_not_begin_twice(
    side: Side, certificates: Certificates, *, implicit: bool
) -> None:
    context = certificates.client_context()
    with side.connect(context if implicit else None) as talk:
        if not implicit:
            talk.begin_tls(context)
        assert talk.mechanisms() >= {"PLAIN", "LOGIN", "SCRAM-SHA-256"}
        refused = talk.command(talk.starttls)[-1]
        assert not refused.startswith(talk.plain_end)
        assert talk.password("jsmith", PASSWORD).startswith(SUCCESS[side.protocol])


@pytest.mark.parametrize("name", TWISTED)
@pytest.mark.parametrize("kind", ["tls-exporter", "tls-server-end-point"])
def test_client_binds_to_the_channel(
    sides: Callable[[str], Side], certificates: Certificates, name: str, kind: str
) -> None:
    mechanism = "SCRAM-SHA-256-PLUS"
    with bound(sides(name), certificates) as (talk, data):
        assert mechanism in talk.mechanisms()
        client = scram(mechanism, "jsmith", PASSWORD, binding=(kind, data[kind]))
        assert talk.log_in(mechanism, client).startswith(SUCCESS[sides(name).protocol])


@pytest.mark.parametrize("name", TWISTED)
def test_client_bound_to_another_channel_is_refused(
    sides: Callable[[str], Side], certificates: Certificates, name: str
) -> None:
    mechanism = "SCRAM-SHA-256-PLUS"
    with bound(sides(name), certificates) as (talk, _):
        client = scram(mechanism, "jsmith", PASSWORD, binding=("tls-exporter", b"x" * 32))
        assert talk.log_in(mechanism, client) == REPLIES[sides(name).protocol]["failed"]


def test_pymap_binds_by_its_certificate(
    sides: Callable[[str], Side], certificates: Certificates
) -> None:
    mechanism = "SCRAM-SHA-256-PLUS"
    digest = server_end_point(certificates.server_der)
    assert digest is not None
    with sides("pymap-imap").connect(certificates.client_context()) as talk:
        assert mechanism in talk.mechanisms()
        binding = ("tls-server-end-point", digest)
        client = scram(mechanism, "jsmith", PASSWORD, binding=binding)
        assert talk.log_in(mechanism, client).startswith(SUCCESS["imap"])


def test_certificate_lets_its_owner_in(side: Side, certificates: Certificates) -> None:
    with side.connect(ask=True) as talk:
        talk.begin_tls(certificates.client_context(with_certificate=True))
        assert "EXTERNAL" in talk.mechanisms()
        assert talk.begin_login("EXTERNAL", "=").startswith(SUCCESS[side.protocol])


def test_without_a_certificate_external_is_not_offered(side: Side, secure: Talk) -> None:
    assert "EXTERNAL" not in secure.mechanisms()
    assert secure.begin_login("EXTERNAL", "=") == REPLIES[side.protocol]["unknown"]


def test_password_may_have_quotes_and_spaces(
    sides: Callable[[str], Side], certificates: Certificates
) -> None:
    escaped = QUOTED.replace("\\", "\\\\").replace('"', '\\"')
    for name in ("twisted-imap", "pymap-imap"):
        with sides(name).connect(certificates.client_context()) as talk:
            assert talk.password("quoted", escaped).startswith("a OK")
    with sides("twisted-pop3").connect(certificates.client_context()) as talk:
        assert talk.password("Ann Quoted", QUOTED).startswith("+OK")


@pytest.mark.parametrize("name", ["twisted-imap", "pymap-imap"])
def test_web_access_has_rules_of_its_own(
    sides: Callable[[str], Side], certificates: Certificates, name: str
) -> None:
    escaped = QUOTED.replace("\\", "\\\\").replace('"', '\\"')
    context = certificates.client_context()
    with sides(name).connect(context, service="ual.remote") as talk, hearing() as heard:
        assert talk.password("quoted", escaped) == REPLIES["imap"]["failed"]
        client = scram("SCRAM-SHA-256", "jsmith", PASSWORD)
        assert talk.log_in("SCRAM-SHA-256", client).startswith("a OK")
    (granted,) = [each for each in heard.lines if ": ual.remote: granted: " in each]
    assert "user='jsmith' mechanism=SCRAM-SHA-256 tls=yes" in granted
    with sides(name).connect(context) as talk:
        assert talk.password("quoted", escaped).startswith("a OK")


def test_imap_takes_literals(sides: Callable[[str], Side], certificates: Certificates) -> None:
    for name in ("twisted-imap", "pymap-imap"):
        with sides(name).connect(certificates.client_context()) as talk:
            talk.send(f"a LOGIN jsmith {{{len(PASSWORD)}}}")
            assert talk.read().startswith("+ ")
            talk.send(PASSWORD)
            assert talk.read().startswith("a OK")


@pytest.mark.parametrize("gone", ["after the command", "after the challenge"])
def test_client_that_leaves_takes_nothing_along(
    side: Side, certificates: Certificates, gone: str
) -> None:
    for _ in range(3):
        with side.connect(certificates.client_context()) as talk:
            client = scram("SCRAM-SHA-256", "jsmith", PASSWORD)
            first = b64encode(next(client) or b"").decode()
            if gone == "after the command":
                command = "a AUTHENTICATE" if side.protocol == "imap" else "AUTH"
                talk.command("EHLO me" if side.protocol == "smtp" else "NOOP")
                talk.send(f"{command} SCRAM-SHA-256 {first}")
            else:
                assert talk.begin_login("SCRAM-SHA-256", first).startswith("+ ")
    with side.connect(certificates.client_context()) as talk:
        assert talk.password("jsmith", PASSWORD).startswith(SUCCESS[side.protocol])


def test_slow_service_holds_up_no_other_client(side: Side, certificates: Certificates) -> None:
    modules.ASKED.clear()
    modules.GO_ON.clear()
    try:
        with side.connect(certificates.client_context(), service="slow") as slow:
            command = "a AUTHENTICATE" if side.protocol == "imap" else "AUTH"
            slow.command("EHLO me" if side.protocol == "smtp" else "NOOP")
            slow.send(f"{command} PLAIN {PLAIN}")
            assert modules.ASKED.wait(30)
            with side.connect(certificates.client_context()) as other:
                assert other.password("jsmith", PASSWORD).startswith(SUCCESS[side.protocol])
            modules.GO_ON.set()
            assert slow.challenge().startswith(SUCCESS[side.protocol])
    finally:
        modules.GO_ON.set()


def test_pop3_offers_what_it_can(sides: Callable[[str], Side], certificates: Certificates) -> None:
    with sides("twisted-pop3").connect() as talk:
        assert "<" not in talk.greeting, "APOP was offered"
        before = talk.command("CAPA")
        assert {"STLS", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING"} <= set(before)
        assert "USER" not in before
        assert talk.command("APOP jsmith 00")[-1].startswith("-ERR")
        assert talk.command("STAT") == ["-ERR Log in first"]
        assert talk.command("PASS x") == ["-ERR USER first"]
        assert talk.command("AUTH PLAIN a b")[-1].startswith("-ERR Syntax")
        assert talk.command("\N{GREEK SMALL LETTER ALPHA}") == ["-ERR Unknown command"]
        assert talk.command("USER")[-1].startswith("-ERR")
        talk.begin_tls(certificates.client_context())
        after = talk.command("CAPA")
        assert "USER" in after
        assert "STLS" not in after
        assert set(talk.command("AUTH")) >= {"PLAIN", "SCRAM-SHA-256"}


def test_smtp_has_replies_of_its_own(
    sides: Callable[[str], Side], certificates: Certificates
) -> None:
    with sides("twisted-smtp").connect(certificates.client_context()) as talk:
        assert talk.begin_login("OAUTHBEARER").startswith("534 5.7.9 ")
        assert talk.begin_login("CRAM-MD5", "=").startswith("501 5.7.0 ")
        assert talk.command("AUTH")[-1].startswith("501 5.5.4 ")
        assert talk.password("jsmith", PASSWORD).startswith("235 ")
        assert talk.password("jsmith", PASSWORD).startswith("503 5.5.1 ")


@pytest.mark.parametrize("name", ["twisted-imap", "pymap-imap"])
def test_imap_offers_what_it_can(
    sides: Callable[[str], Side], certificates: Certificates, name: str
) -> None:
    with sides(name).connect() as talk:
        assert isinstance(talk, Imap)
        assert "LOGINDISABLED" in talk.greeting
        assert {"LOGINDISABLED", "STARTTLS", "SASL-IR"} <= set(talk.capabilities())
        talk.begin_tls(certificates.client_context())
        capabilities = set(talk.capabilities())
        assert not {"LOGINDISABLED", "STARTTLS"} & capabilities
        assert "AUTH=PLAIN" in capabilities
        capabilities = set(talk.password("jsmith", PASSWORD).split())
        assert not {each for each in capabilities if "AUTH=" in each}
        assert talk.begin_login("PLAIN", PLAIN).startswith("a BAD")


def test_smtp_forgets_who_was_there_when_tls_begins(
    sides: Callable[[str], Side], certificates: Certificates
) -> None:
    with sides("twisted-smtp").connect(anonymous=False) as talk:
        assert talk.command(f"AUTH PLAIN {PLAIN}")[0].startswith("503 5.5.1 Send EHLO")
        talk.command("HELO me")
        assert talk.command(f"AUTH PLAIN {PLAIN}")[0].startswith("503 5.5.1 Send EHLO")
        client = scram("SCRAM-SHA-256", "jsmith", PASSWORD)
        assert talk.log_in("SCRAM-SHA-256", client).startswith("235 ")
        talk.begin_tls(certificates.client_context())
        assert talk.command(f"AUTH PLAIN {PLAIN}")[0].startswith("503 5.5.1 Send EHLO")
        assert talk.command("MAIL FROM:<js@example.com>")[0].startswith("530 ")
        assert talk.password("jsmith", PASSWORD).startswith("235 ")


def test_a_client_who_may_not_send_has_to_log_in(
    sides: Callable[[str], Side], certificates: Certificates
) -> None:
    side, context = sides("twisted-smtp"), certificates.client_context()
    with side.connect(context, anonymous=False) as talk:
        talk.command("EHLO me")
        assert talk.command("MAIL FROM:<js@example.com>") == ["530 5.7.0 Authentication required"]
        assert talk.command("RCPT TO:<ann@example.com>")[0].startswith("503 ")
        assert talk.command("DATA")[0].startswith("503 ")
        assert talk.command(f"AUTH PLAIN {PLAIN}")[0].startswith("235 ")
        assert talk.command("MAIL FROM:<js@example.com>")[0].startswith("250 ")


IN_USE = {
    "imap": "a NO [INUSE] The mailbox is in use",
    "pop3": "-ERR [IN-USE] The mailbox is in use",
    "smtp": "454 4.7.0 Temporary authentication failure",
}


@pytest.mark.parametrize("name", TWISTED)
def test_realm_may_refuse(
    sides: Callable[[str], Side], certificates: Certificates, name: str
) -> None:
    protocol = sides(name).protocol
    with sides(name).connect(certificates.client_context()) as talk, hearing() as heard:
        assert talk.password("banned", PASSWORD) == REPLIES[protocol]["restricted"]
        assert talk.password("busy", PASSWORD) == IN_USE[protocol]
        assert talk.password("jsmith", PASSWORD).startswith(SUCCESS[protocol])
    assert "Traceback" not in heard.text


def test_realm_learns_whose_mailbox_it_is(
    sides: Callable[[str], Side], twisted_servers: TwistedServers, certificates: Certificates
) -> None:
    with sides("twisted-pop3").connect(certificates.client_context()) as talk:
        assert isinstance(talk, Pop3)
        assert talk.password("JSmith@Example.com", PASSWORD).startswith("+OK")
    name, identity = twisted_servers.realm.came[-1]
    assert name == b"jsmith"
    assert identity.login_name == "JSmith@Example.com"


class bound:  # noqa: N801 - a context manager
    """A connection whose TLS is pyOpenSSL's, so that it can be bound to."""

    def __init__(self, side: Side, certificates: Certificates) -> None:
        """Keep where to."""
        self._side = side
        self._certificates = certificates

    def __enter__(self) -> tuple[Talk, dict[str, bytes]]:
        """Return the connection, and what binds to it."""
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.load_verify_locations(str(self._certificates.authority))
        context.set_verify(SSL.VERIFY_PEER)
        self._talk = talk = self._side.connect()
        assert talk.command(talk.starttls)[-1].startswith(talk.plain_end)
        talk.file.close()
        talk.socket.settimeout(None)
        wrapped: Any = SSL.Connection(context, talk.socket)
        wrapped.set_connect_state()
        wrapped.do_handshake()
        talk.socket = wrapped
        lines: Any = Lines(wrapped)
        talk.file = lines
        return talk, channel_bindings(wrapped, self._certificates.server_der)

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self._talk.socket.close()


class Lines:
    """Reads lines from what is no socket."""

    def __init__(self, connection: SSL.Connection) -> None:
        """Begin with nothing read."""
        self._connection = connection
        self._data = b""

    def readline(self) -> bytes:
        """Return a line."""
        while b"\n" not in self._data:
            self._data += self._connection.recv(4096)
        line, _, self._data = self._data.partition(b"\n")
        return line + b"\n"


def test_address_of_the_peer_is_known(
    sides: Callable[[str], Side], certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    for name in SIDES:
        caplog.clear()
        with (
            caplog.at_level("INFO", "ualauth"),
            sides(name).connect(certificates.client_context()) as talk,
        ):
            talk.password("jsmith", "incorrect")
            assert talk.socket.family == socket.AF_INET
        assert "127.0.0.1" in caplog.text, name
        assert "incorrect" not in caplog.text
