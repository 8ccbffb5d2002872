"""A connection has one login: what one way of logging in began, no other way goes on with."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from twisted.cred.checkers import ANONYMOUS
from twisted.internet.defer import Deferred

from tests.machine import patience
from tests.unit.adapters.certificates import Certificates
from tests.unit.adapters.conftest import PASSWORD, QUOTED, Side
from tests.unit.adapters.serving import TwistedServers, reactor
from tests.unit.adapters.talk import Imap, Talk
from tests.unit.adapters.test_replies import SUCCESS
from tests.unit.sasl.clients import cram_md5, scram

pytestmark = pytest.mark.usefixtures("unbroken")
PLAIN = b64encode(f"\0jsmith\0{PASSWORD}".encode()).decode()
OTHER = b64encode(f"\0quoted\0{QUOTED}".encode()).decode()
WRONG = b64encode(b"\0quoted\0wrong").decode()
REFUSED = {"imap": "a BAD", "pop3": "-ERR", "smtp": "503 5.5.1"}

POP3_DIALOGUES: dict[str, list[tuple[str, str]]] = {
    "a login by AUTH drops the name": [
        ("USER jsmith", "+OK"),
        (f"AUTH PLAIN {OTHER}", "+OK Logged in"),
        (f"PASS {PASSWORD}", "-ERR Already logged in"),
        ("STAT", "+OK"),
    ],
    "a refused AUTH drops the name": [
        ("USER jsmith", "+OK"),
        (f"AUTH PLAIN {WRONG}", "-ERR [AUTH]"),
        (f"PASS {PASSWORD}", "-ERR USER first"),
        ("USER jsmith", "+OK"),
        (f"PASS {PASSWORD}", "+OK Logged in"),
    ],
    "an AUTH that is given up drops the name": [
        ("USER jsmith", "+OK"),
        ("AUTH PLAIN", "+ "),
        ("*", "-ERR"),
        (f"PASS {PASSWORD}", "-ERR USER first"),
    ],
    "an unknown mechanism drops the name": [
        ("USER jsmith", "+OK"),
        ("AUTH NOSUCH", "-ERR"),
        (f"PASS {PASSWORD}", "-ERR USER first"),
    ],
    "APOP drops the name": [
        ("USER jsmith", "+OK"),
        ("APOP jsmith 0123456789abcdef0123456789abcdef", "-ERR"),
        (f"PASS {PASSWORD}", "-ERR USER first"),
    ],
    "a command that is not allowed drops the name": [
        ("USER jsmith", "+OK"),
        ("STAT", "-ERR"),
        (f"PASS {PASSWORD}", "-ERR USER first"),
    ],
    "PASS has one name": [
        ("USER jsmith", "+OK"),
        ("PASS wrong", "-ERR [AUTH]"),
        (f"PASS {PASSWORD}", "-ERR USER first"),
    ],
    "the last name counts": [
        ("USER quoted", "+OK"),
        ("USER jsmith", "+OK"),
        (f"PASS {PASSWORD}", "+OK Logged in"),
    ],
    "PASS does not log in twice": [
        ("USER jsmith", "+OK"),
        (f"PASS {PASSWORD}", "+OK Logged in"),
        (f"PASS {PASSWORD}", "-ERR Already logged in"),
        ("USER quoted", "-ERR Already logged in"),
        (f"PASS {QUOTED}", "-ERR Already logged in"),
        (f"AUTH PLAIN {OTHER}", "-ERR Already logged in"),
        ("AUTH", "-ERR Already logged in"),
        ("APOP a b", "-ERR Already logged in"),
        ("STLS", "-ERR Already logged in"),
        ("STAT", "+OK"),
    ],
    "PASS within AUTH is a response": [
        ("USER jsmith", "+OK"),
        ("AUTH CRAM-MD5", "+ "),
        (f"PASS {PASSWORD}", "-ERR"),
        (f"PASS {PASSWORD}", "-ERR USER first"),
    ],
    "AUTH within AUTH is a response": [
        ("AUTH PLAIN", "+ "),
        (f"AUTH PLAIN {PLAIN}", "-ERR"),
        ("STAT", "-ERR"),
    ],
}


@pytest.fixture
def twisted_pop3(sides: Callable[[str], Side]) -> Side:
    """Return the server of POP3."""
    return sides("twisted-pop3")


@pytest.fixture
def realm(twisted_servers: TwistedServers) -> Iterator[TwistedServers]:
    """Return Twisted's servers; in the end, no avatar is left."""
    yield twisted_servers
    wait_until_empty(twisted_servers)


def wait_until_empty(servers: TwistedServers) -> None:
    """Wait until all avatars have been logged out."""
    end = time.monotonic() + patience(20)
    while servers.realm.inside:
        assert time.monotonic() < end, servers.realm.inside
        time.sleep(0.01)


def say(talk: Talk, dialogue: list[tuple[str, str]]) -> None:
    """Send each line, and look at what comes."""
    for line, expected in dialogue:
        talk.send(line)
        assert talk.read().startswith(expected), (line, talk.came)


@pytest.mark.parametrize("name", POP3_DIALOGUES)
def test_pop3_logs_in_once(
    twisted_pop3: Side, realm: TwistedServers, certificates: Certificates, name: str
) -> None:
    with twisted_pop3.connect(certificates.client_context()) as talk:
        say(talk, POP3_DIALOGUES[name])
        assert len(realm.realm.inside) <= 1


def test_no_name_survives_stls(
    twisted_pop3: Side, realm: TwistedServers, certificates: Certificates
) -> None:
    del realm
    with twisted_pop3.connect() as talk:
        # Without TLS, USER is refused; its name must not wait for a PASS under TLS.
        assert talk.command("USER jsmith")[0].startswith("-ERR")
        talk.begin_tls(certificates.client_context())
        assert talk.command(f"PASS {PASSWORD}")[0] == "-ERR USER first"


def test_second_login_is_refused_in_every_way(
    side: Side, twisted_servers: TwistedServers, certificates: Certificates
) -> None:
    with side.connect(certificates.client_context()) as talk:
        assert talk.log_in("SCRAM-SHA-256", scram("SCRAM-SHA-256", "jsmith", PASSWORD)).startswith(
            SUCCESS[side.protocol]
        )
        for _ in range(2):
            command = "AUTHENTICATE" if side.protocol == "imap" else "AUTH"
            for arguments in (f"PLAIN {OTHER}", "PLAIN", "CRAM-MD5", "NOSUCH"):
                answer = talk.command(f"{command} {arguments}")[-1]
                assert answer.startswith(REFUSED[side.protocol]), answer
            if isinstance(talk, Imap):
                assert talk.command('LOGIN "jsmith" "x"')[-1].startswith("a BAD")
        if side.name.startswith("twisted"):
            assert twisted_servers.realm.inside == [b"jsmith"]
    if side.name.startswith("twisted"):
        wait_until_empty(twisted_servers)


def test_logins_sent_ahead_are_one_login(
    side: Side, twisted_servers: TwistedServers, certificates: Certificates
) -> None:
    with side.connect(certificates.client_context()) as talk:
        if side.protocol == "smtp":
            talk.command("EHLO me")
        before = "a AUTHENTICATE" if side.protocol == "imap" else "AUTH"
        talk.send(f"{before} PLAIN {PLAIN}\r\n{before} PLAIN {OTHER}\r\n{before} PLAIN {PLAIN}")
        assert talk.challenge().startswith(SUCCESS[side.protocol])
        for _ in range(2):
            assert talk.challenge().startswith(REFUSED[side.protocol])
        if side.name.startswith("twisted"):
            assert twisted_servers.realm.inside == [b"jsmith"]
    if side.name.startswith("twisted"):
        wait_until_empty(twisted_servers)


@pytest.mark.parametrize("between", ["EHLO me", "RSET", "NOOP", "HELO me\r\nEHLO me"])
@pytest.mark.parametrize("name", ["twisted-smtp", "aiosmtpd-smtp"])
def test_smtp_stays_logged_in(
    sides: Callable[[str], Side],
    realm: TwistedServers,
    certificates: Certificates,
    name: str,
    between: str,
) -> None:
    del realm
    with sides(name).connect(certificates.client_context()) as talk:
        assert talk.password("jsmith", PASSWORD).startswith("235")
        for line in between.split("\r\n"):
            assert talk.command(line)[-1].startswith("250")
        assert talk.command(f"AUTH PLAIN {OTHER}")[0] == "503 5.5.1 Already authenticated"


def test_anonymous_sender_is_logged_out_by_a_login(
    sides: Callable[[str], Side], twisted_servers: TwistedServers, certificates: Certificates
) -> None:
    with sides("twisted-smtp").connect(certificates.client_context()) as talk:
        talk.command("EHLO me")
        assert talk.command("MAIL FROM:<a@example.com>")[0].startswith("250")
        assert twisted_servers.realm.inside == [ANONYMOUS]
        assert talk.command("RSET")[0].startswith("250")
        assert talk.log_in("CRAM-MD5", cram_md5("jsmith", PASSWORD)).startswith("235")
        assert twisted_servers.realm.inside == [b"jsmith"]
    wait_until_empty(twisted_servers)


@contextmanager
def late_avatars(servers: TwistedServers) -> Iterator[Deferred[None]]:
    """Let the realm wait until what is returned is called."""
    waiting: Deferred[None] = Deferred()
    servers.realm.late = waiting
    try:
        yield waiting
    finally:
        servers.realm.late = None


@pytest.mark.parametrize("name", ["twisted-imap", "twisted-pop3", "twisted-smtp"])
def test_avatar_of_a_client_that_is_gone_is_logged_out(
    sides: Callable[[str], Side],
    twisted_servers: TwistedServers,
    certificates: Certificates,
    name: str,
) -> None:
    side = sides(name)
    with late_avatars(twisted_servers) as waiting:
        with side.connect(certificates.client_context()) as talk:
            if side.protocol == "smtp":
                talk.command("EHLO me")
            before = "a AUTHENTICATE" if side.protocol == "imap" else "AUTH"
            talk.send(f"{before} PLAIN {PLAIN}")
            end = time.monotonic() + patience(20)
            while twisted_servers.realm.inside != [b"jsmith"]:
                assert time.monotonic() < end
                time.sleep(0.01)
        side.wait_until_idle()
        reactor.callFromThread(waiting.callback, None)
        wait_until_empty(twisted_servers)
