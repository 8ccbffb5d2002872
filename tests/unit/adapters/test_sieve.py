"""pymap's ManageSieve server asking ualauth, line by line (RFC 5804)."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from proxyprotocol.reader import ProxyProtocolReader
from pymap.backend.dict import DictBackend, Login

from tests.machine import patience
from tests.pymap_config import pymap_config
from tests.unit.adapters.certificates import Certificates
from tests.unit.adapters.conftest import PASSWORD
from tests.unit.adapters.heard import hearing_locals
from tests.unit.adapters.looping import LoopServers, tls_options
from ualauth.adapters.pymap.sieve import ManageSieveServer
from ualauth.runtime import login as login_of_runtime
from ualauth.userlist.store import UserStore

SCRIPT = b'keep;\r\n# "{5+}"\r\n'


class SieveServers(LoopServers):
    """pymap's ManageSieve server, with its dictionary of scripts."""

    def listen(self, service: str = "imap", *, tls: bool = False, **options: Any) -> int:
        """Return the port of a new server."""
        port: int = self.run(self._listen(service, tls=tls, **options))
        return port

    async def _listen(self, service: str, *, tls: bool, **options: Any) -> int:
        context = self._certificates.server_context()
        config = pymap_config(context)
        login = DictBackend(Login(config), config).login
        server = ManageSieveServer(self.authenticator, login, config, service, **options)
        callback = ProxyProtocolReader(config.proxy_protocol).get_callback(server)
        begin = asyncio.start_server
        return self.port_of(await begin(callback, "127.0.0.1", 0, **tls_options(context, tls=tls)))


class Sieve:
    """A client."""

    def __init__(self, port: int, context: ssl.SSLContext | None = None) -> None:
        self.socket: socket.socket = socket.create_connection(("127.0.0.1", port), 30)
        if context is not None:
            self.begin_tls(context)
        self._lines = self.socket.makefile("rb")
        self.greeting = self.answer()

    def begin_tls(self, context: ssl.SSLContext) -> None:
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self._lines = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()
        self.socket.close()

    def answer(self) -> list[bytes]:
        """Return lines up to the reply; the last is empty when the connection ended."""
        lines = [self._lines.readline()]
        while lines[-1] and not lines[-1].startswith((b"OK", b"NO", b"BYE")):
            lines.append(self._lines.readline())
        return lines

    def line(self) -> bytes:
        return self._lines.readline()

    def command(self, line: bytes) -> list[bytes]:
        self.socket.sendall(line + b"\r\n")
        return self.answer()

    def log_in(self, name: str, password: str) -> bytes:
        message = b64encode(f"\0{name}\0{password}".encode())
        return self.command(b'AUTHENTICATE "PLAIN" "%b"' % message)[-1]


@pytest.fixture(scope="module")
def servers(etc: Path, certificates: Certificates) -> Iterator[SieveServers]:
    servers = SieveServers(etc, certificates)
    yield servers
    servers.close()


@pytest.fixture(scope="module")
def port(servers: SieveServers) -> int:
    """Return the port of a server with TLS from the beginning."""
    return servers.listen(tls=True, most_failures=100)


def sasl(lines: list[bytes]) -> set[str]:
    (line,) = [line for line in lines if line.startswith(b'"SASL"')]
    return set(line.decode().split('"')[3].split())


def test_scripts_are_those_of_the_user_who_logs_in(port: int, certificates: Certificates) -> None:
    context = certificates.client_context()
    with Sieve(port, context) as client:
        assert {"PLAIN", "SCRAM-SHA-256"} <= sasl(client.greeting)
        assert client.command(b"LISTSCRIPTS")[-1].startswith(b"NO")
        assert client.log_in("jsmith@example.com", PASSWORD) == b"OK\r\n"
        put = b'PUTSCRIPT "one" {%d+}\r\n%b' % (len(SCRIPT), SCRIPT)
        assert client.command(put)[-1] == b"OK\r\n"
        assert client.command(b"CAPABILITY").count(b'"OWNER" "jsmith"\r\n') == 1
    for name, scripts in (("jsmith", [b'"one"\r\n']), ("banned", [])):
        with Sieve(port, context) as client:
            assert client.log_in(name, PASSWORD) == b"OK\r\n"
            assert client.command(b"LISTSCRIPTS")[:-1] == scripts


@pytest.mark.parametrize(
    ("name", "password", "reply"),
    [
        ("jsmith", "wrong", b'NO "Authentication failed"'),
        ("unknown", "wrong", b'NO "Authentication failed"'),
        ("locked", PASSWORD, b'NO "This account may not be used"'),
        ("expired", PASSWORD, b'NO (TRANSITION-NEEDED) "The password has expired"'),
        ("outage", PASSWORD, b'NO (TRYLATER) "Temporary authentication failure"'),
    ],
)
def test_replies(
    port: int,
    certificates: Certificates,
    name: str,
    password: str,
    reply: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.DEBUG), Sieve(port, certificates.client_context()) as client:
        assert client.log_in(name, password) == reply + b"\r\n"
        assert client.command(b"LISTSCRIPTS")[-1].startswith(b"NO")
    assert "Traceback" not in caplog.text
    assert b64encode(f"\0{name}\0{password}".encode()).decode() not in caplog.text
    assert "Unhandled exception" not in caplog.text


def test_login_without_a_name_has_no_scripts(port: int, certificates: Certificates) -> None:
    with Sieve(port, certificates.client_context()) as client:
        reply = client.command(b'AUTHENTICATE "ANONYMOUS" "YQ=="')[-1]
        assert reply == b'NO "This account may not be used"\r\n'
        assert client.command(b"LISTSCRIPTS")[-1].startswith(b"NO")


def test_an_exchange_has_steps(port: int, certificates: Certificates) -> None:
    with Sieve(port, certificates.client_context()) as client:
        client.socket.sendall(b'AUTHENTICATE "LOGIN"\r\n')
        assert client.line() == b'"VXNlcm5hbWU6"\r\n'
        client.socket.sendall(b'"%b"\r\n' % b64encode(b"jsmith"))
        assert client.line() == b'"UGFzc3dvcmQ6"\r\n'
        secret = b64encode(PASSWORD.encode())
        assert client.command(b"{%d+}\r\n%b" % (len(secret), secret))[-1] == b"OK\r\n"


@pytest.mark.parametrize("answer", [b'"*"', b'"!"', b"*", b"", b'"YQ', b"\xff"])
def test_an_exchange_that_is_given_up_lets_no_user_in(
    port: int, certificates: Certificates, answer: bytes
) -> None:
    with Sieve(port, certificates.client_context()) as client:
        client.socket.sendall(b'AUTHENTICATE "LOGIN"\r\n')
        client.line()
        assert client.command(answer)[-1].startswith(b"NO")
        assert client.command(b"LISTSCRIPTS")[-1].startswith(b"NO")
        assert client.log_in("jsmith", PASSWORD) == b"OK\r\n"


def test_without_tls_no_password_is_taken(
    servers: SieveServers, certificates: Certificates
) -> None:
    with Sieve(servers.listen()) as client:
        assert not {"PLAIN", "LOGIN"} & sasl(client.greeting)
        assert client.log_in("jsmith", PASSWORD) == b'NO (ENCRYPT-NEEDED) "Only under TLS"\r\n'
        assert client.command(b"STARTTLS")[-1] == b"OK\r\n"
        client.begin_tls(certificates.client_context())
        lines = client.answer()
        assert "PLAIN" in sasl(lines)
        assert not [line for line in lines if line.startswith(b'"STARTTLS"')]
        assert client.log_in("jsmith", PASSWORD) == b"OK\r\n"


def test_what_is_sent_behind_starttls_is_not_read_under_tls(servers: SieveServers) -> None:
    with Sieve(servers.listen()) as client:
        client.socket.sendall(b'STARTTLS\r\nAUTHENTICATE "PLAIN" "x"\r\n')
        assert client.answer()[-1].startswith(b"BYE")
        assert client.line() == b""


def test_too_many_failures_end_the_connection(
    servers: SieveServers, certificates: Certificates
) -> None:
    port = servers.listen(tls=True, most_failures=2)
    with Sieve(port, certificates.client_context()) as client:
        for _ in range(2):
            assert client.log_in("jsmith", "wrong").startswith(b"NO")
        assert client.log_in("jsmith", PASSWORD).startswith(b"BYE (TRYLATER)")
        assert client.line() == b""


def test_users_who_follow_each_other_count_as_no_failures(
    servers: SieveServers, certificates: Certificates
) -> None:
    port = servers.listen(tls=True, most_failures=2)
    with Sieve(port, certificates.client_context()) as client:
        for name in ("jsmith", "banned", "jsmith", "banned"):
            assert client.log_in(name, PASSWORD) == b"OK\r\n"
            assert client.log_in("busy", PASSWORD).startswith(b"NO")
            assert b'"OWNER" "%b"\r\n' % name.encode() in client.command(b"CAPABILITY")
            assert client.command(b"UNAUTHENTICATE")[-1] == b"OK\r\n"
            assert client.command(b"LISTSCRIPTS")[-1].startswith(b"NO")


@pytest.mark.parametrize(
    "line", [b'"' + b"a" * 100_000, b"AUTHENTICATE {5000+}", b"X {99999999999999999999+}"]
)
def test_too_much_before_the_login_ends_the_connection(
    port: int, certificates: Certificates, line: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with Sieve(port, certificates.client_context()) as client:
        assert client.command(line) == [b""]
    assert "Traceback" not in caplog.text


def test_who_does_not_log_in_in_time_is_sent_away(
    servers: SieveServers, certificates: Certificates
) -> None:
    port = servers.listen(tls=True, login_timeout=patience(0.5))
    with Sieve(port, certificates.client_context()) as client:
        assert client.line() == b""


def test_a_service_that_cannot_be_used_is_told_by_try_later(
    servers: SieveServers, certificates: Certificates
) -> None:
    port = servers.listen("no-such-service", tls=True)
    with Sieve(port, certificates.client_context()) as client:
        assert sasl(client.greeting) == set()
        assert client.log_in("jsmith", PASSWORD).startswith(b"NO (TRYLATER)")


RIGHT = b64encode(f"\0jsmith\0{PASSWORD}".encode())


@pytest.mark.parametrize(
    "line",
    [
        b'AUTHENTICATE "PLAIN" "%b" junk' % RIGHT,
        b'AUTHENTICATE "PLAIN" "%b"junk' % RIGHT,
        b'AUTHENTICATE "PLAIN" "%b" "%b"' % (RIGHT, RIGHT),
        b'AUTHENTICATE "PLAIN"junk',
        b'AUTHENTICATE "PLAIN" %b' % RIGHT,
        b"AUTHENTICATE PLAIN",
        b'AUTHENTICATE\t"PLAIN"\t"%b"' % RIGHT,
        b'AUTHENTICATE "PLAIN" {%d+}\r\n%b junk' % (len(RIGHT), RIGHT),
        b'AUTHENTICATE "PLAIN" "%b' % RIGHT,
        b'AUTHENTICATE "PLAIN" "="',
        b'HAVESPACE "a" ' + b"9" * 5000,
        b"NOOP " + b"(" * 5000,
        b"LOGOUT junk",
        b"correct horse",
    ],
)
def test_what_is_no_command_is_refused_without_a_word_of_it(
    port: int, certificates: Certificates, line: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with Sieve(port, certificates.client_context()) as client:
        (reply,) = client.command(line)
        assert reply in {b'NO "Bad command: it cannot be read"\r\n', b'NO "Invalid base64"\r\n'}
        # The connection goes on, and no exchange is under way.
        assert client.log_in("jsmith", PASSWORD) == b"OK\r\n"
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    "line", [b"X {1_3+}", b"X {13 +}", b"X {13+} ", b"X {+}", b'AUTHENTICATE "PLAIN" {x+}']
)
def test_octets_of_a_literal_that_is_refused_are_no_command(
    port: int, certificates: Certificates, line: bytes
) -> None:
    with Sieve(port, certificates.client_context()) as client:
        assert client.command(line + b"\r\ncorrect horse") == [b""]


def begun(client: Sieve, mechanism: bytes = b"PLAIN") -> None:
    """Begin an exchange, up to its first challenge."""
    client.socket.sendall(b'AUTHENTICATE "%b"\r\n' % mechanism)
    assert client.line().startswith(b'"')


@pytest.mark.parametrize(
    ("answer", "reply"),
    [
        (b'"%b" junk' % RIGHT, b'NO "Invalid base64"\r\n'),
        (b'"%b"junk' % RIGHT, b'NO "Invalid base64"\r\n'),
        (b'"="', b'NO "Invalid base64"\r\n'),
        (b'""', b'NO "Authentication failed"\r\n'),
        (b"{0+}\r\n", b'NO "Authentication failed"\r\n'),
        (b"{%d+}\r\n%b" % (len(RIGHT), RIGHT), b"OK\r\n"),
        (b'"%b"' % RIGHT, b"OK\r\n"),
        # Longer than any response, and than what the reader takes.
        (b'"' + b"A" * 100_000, b"BYE\r\n"),
        (b"{5000+}", b"BYE\r\n"),
        (b"{x+}", b"BYE\r\n"),
    ],
)
def test_an_answer_is_one_string(
    port: int,
    certificates: Certificates,
    answer: bytes,
    reply: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Sieve(port, certificates.client_context()) as client:
        begun(client)
        assert client.command(answer)[-1] == reply
    assert "Traceback" not in caplog.text


def test_what_a_literal_ends_in_announces_none(port: int, certificates: Certificates) -> None:
    text = b"{5+}"
    with Sieve(port, certificates.client_context()) as client:
        assert client.log_in("jsmith", PASSWORD) == b"OK\r\n"
        put = b'PUTSCRIPT "two" {%d+}\r\nkeep; # %b' % (len(text) + 8, text)
        assert client.command(put)[-1] == b"OK\r\n"
        assert client.command(b'DELETESCRIPT "two"')[-1] == b"OK\r\n"


def test_a_client_that_leaves_within_an_exchange_is_no_bug(
    servers: SieveServers, certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    port = servers.listen(tls=True)
    for mechanism in (b"PLAIN", b"LOGIN", b"CRAM-MD5"):
        with Sieve(port, certificates.client_context()) as client:
            begun(client, mechanism)
        servers.wait_until_idle()
    assert "Traceback" not in caplog.text


def test_a_bug_is_logged_without_what_calls_hold(
    port: int, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(handle: object, *, anonymous: bool = False) -> None:
        raise AssertionError(handle is None, anonymous)

    monkeypatch.setattr(login_of_runtime, "identity_of", broken)
    with hearing_locals() as shown, Sieve(port, certificates.client_context()) as client:
        assert client.log_in("jsmith", PASSWORD).startswith(b"NO (TRYLATER)")
    assert shown.tracebacks
    assert PASSWORD not in shown.text
    assert RIGHT.decode() not in shown.text


def test_session_ends_when_its_user_is_locked(
    servers: SieveServers, port: int, certificates: Certificates, etc: Path
) -> None:
    context = certificates.client_context()
    revocations = servers.authenticator._base.revocations()
    with UserStore(f"sqlite:///{etc}/userlist.db") as store, Sieve(port, context) as other:
        assert other.log_in("jsmith", PASSWORD) == b"OK\r\n"
        with Sieve(port, context) as client:
            assert client.log_in("busy", PASSWORD) == b"OK\r\n"
            # Who has logged out has no session.
            assert client.command(b"UNAUTHENTICATE")[-1] == b"OK\r\n"
            store.update(store.get("busy"), locked=True)
            try:
                assert revocations.look() == 0
            finally:
                store.update(store.get("busy"), locked=False)
            assert client.log_in("busy", PASSWORD) == b"OK\r\n"
            store.update(store.get("busy"), locked=True)
            try:
                assert revocations.look() == 1
                assert client.line() == b""
            finally:
                store.update(store.get("busy"), locked=False)
        assert other.command(b"LISTSCRIPTS")[-1] == b"OK\r\n"
