"""Clients that do not keep to their protocol: each is answered, and nothing else happens.

Nothing of it may break a server's code: nothing is logged with a traceback.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from tests.unit.adapters.certificates import Certificates
from tests.unit.adapters.conftest import PASSWORD, Side
from tests.unit.adapters.heard import Heard
from tests.unit.adapters.talk import Talk
from tests.unit.adapters.test_replies import REPLIES, SUCCESS


def encoded(data: bytes | str) -> str:
    return b64encode(data if isinstance(data, bytes) else data.encode()).decode()


pytestmark = pytest.mark.usefixtures("unbroken")
PLAIN = encoded(f"\0jsmith\0{PASSWORD}")
# The command by which TLS begins, and the one by which an exchange does.
BEGINNINGS = {"imap": "a AUTHENTICATE", "pop3": "AUTH", "smtp": "AUTH"}


@pytest.fixture
def talk(side: Side, certificates: Certificates) -> Iterator[Talk]:
    """Return a connection under TLS that has said EHLO where it has to."""
    with side.connect(certificates.client_context()) as new_talk:
        if side.protocol == "smtp":
            new_talk.command("EHLO me")
        yield new_talk


def outcome(talk: Talk, mechanism: str, initial: str | None, *responses: str) -> str:
    """Return the last line after an exchange in which the client sends these words."""
    reply = talk.begin_login(mechanism, initial)
    for response in responses:
        assert reply.startswith("+"), reply
        talk.send(response)
        reply = talk.challenge()
    return reply


# No protocol has all of these commands: a server knows some of them.
LINES = [
    *(b"", b" ", b"a", b"\xff\xfe", b"a \xff\xfe", b"\0\0\0", b"\x01", b"." * 600),
    *(b"a LOGIN", b"a LOGIN \xff", b'a LOGIN "\xff" "\xff"', b"a LOGIN jsmith", b'a LOGIN "jsmith'),
    *(b"a LOGIN {x}", b"a LOGIN {-1}", b"a LOGIN {99999999}", b"a LOGIN {99999999+}x"),
    *(b"a AUTHENTICATE", b"a AUTHENTICATE \xff", b"a AUTHENTICATE PLAIN \xff"),
    *(b"a AUTHENTICATE PLAIN = =", b"a AUTHENTICATE \0", b"a AUTHENTICATE \0 \0"),
    *(b"a STARTTLS x", b"a SELECT &", b"a SELECT \xff", b"a IDLE", b"a NOOP x"),
    *(b"AUTH \xff", b"AUTH PLAIN \xff", b"AUTH \0", b"AUTH PLAIN \0", b"AUTH PLAIN = ="),
    *(b"USER", b"USER \xff", b"PASS", b"PASS \xff", b"APOP", b"APOP \xff \xff", b"APOP a b"),
    *(b"MAIL", b"MAIL FROM:<\xff>", b"EHLO", b"EHLO \xff", b"STARTTLS x", b"STLS x"),
    *(b"CAPA x", b"QUIT x", b"TOP 1 1", b"DATA", b"BDAT x", b"HELP \xff", b"PROXY TCP4 x"),
]


def test_every_line_is_answered(side: Side, unbroken: Heard) -> None:
    for line in LINES:
        with side.connect() as talk:
            talk.send(line)
            assert talk.read(), line
        assert "Traceback" not in unbroken.text, line


# A mechanism, its initial response, further responses -> the reply.
EXCHANGES = [
    ("PLAIN", "=", (), "failed"),
    ("PLAIN", None, ("",), "failed"),
    ("PLAIN", None, ("*",), "cancelled"),
    ("PLAIN", None, ("=",), "no_base64"),
    ("PLAIN", None, (" ",), "no_base64"),
    ("PLAIN", None, (f"{PLAIN} ",), "no_base64"),
    ("PLAIN", None, (f" {PLAIN}",), "no_base64"),
    ("PLAIN", None, (f"{PLAIN}=",), "no_base64"),
    ("PLAIN", None, (PLAIN.rstrip("="),), "no_base64"),
    ("PLAIN", None, ("\0",), "no_base64"),
    ("PLAIN", None, ("**",), "no_base64"),
    ("PLAIN", None, ("A" * 12_288,), "failed"),
    ("PLAIN", encoded("\0jsmith"), (), "failed"),
    ("PLAIN", encoded(f"\0jsmith\0{PASSWORD}\0"), (), "failed"),
    ("PLAIN", encoded(f"\0jsmith\0{PASSWORD}\n"), (), "failed"),
    ("PLAIN", encoded(f"\0jsmith\0\0{PASSWORD}"), (), "failed"),
    ("PLAIN", encoded(f"\0\0{PASSWORD}"), (), "failed"),
    ("PLAIN", encoded(f"ann\0jsmith\0{PASSWORD}"), (), "failed"),
    ("PLAIN", encoded(b"\0\xff\0\xff"), (), "failed"),
    ("PLAIN", encoded(bytes(range(256))), (), "failed"),
    ("PLAIN", encoded("x"), (), "failed"),
    ("LOGIN", None, ("*",), "cancelled"),
    ("LOGIN", None, (encoded("jsmith"), "*"), "cancelled"),
    ("LOGIN", None, (encoded("jsmith"), ""), "failed"),
    ("LOGIN", None, ("",), "failed"),
    ("LOGIN", None, (encoded("jsmith\0"),), "failed"),
    ("LOGIN", None, (encoded("jsmith"), encoded(f"{PASSWORD}\0")), "failed"),
    ("CRAM-MD5", None, ("*",), "cancelled"),
    ("CRAM-MD5", None, ("",), "failed"),
    ("CRAM-MD5", None, (encoded("jsmith"),), "failed"),
    ("CRAM-MD5", None, (encoded(f"jsmith {'0' * 32}"),), "failed"),
    ("SCRAM-SHA-256", "=", (), "failed"),
    ("SCRAM-SHA-256", encoded("y,,n=jsmith"), (), "failed"),
    ("SCRAM-SHA-256", encoded("n,,n=jsmith,r=abc"), ("*",), "cancelled"),
    ("SCRAM-SHA-256", encoded("n,,n=jsmith,r=abc"), ("",), "failed"),
    ("SCRAM-SHA-256", encoded("n,,n=jsmith,r=abc"), ("!",), "no_base64"),
    ("SCRAM-SHA-256", encoded("n,,n=jsmith,r=abc"), (encoded("c=biws,r=abc,p=AAAA"),), "failed"),
    ("SCRAM-SHA-256", encoded("p=tls-exporter,,n=jsmith,r=abc"), (), "failed"),
    ("ANONYMOUS", encoded(b"\xff"), (), "failed"),
    ("EXTERNAL", encoded("jsmith"), (), "unknown"),
    ("SCRAM-SHA-256-PLUS-PLUS", None, (), "unknown"),
]


def test_exchange_that_is_wrong_is_refused(side: Side, certificates: Certificates) -> None:
    with side.connect(certificates.client_context(), most_failures=len(EXCHANGES) + 1) as talk:
        for mechanism, initial, responses, reply in EXCHANGES:
            answer = outcome(talk, mechanism, initial, *responses)
            assert answer == REPLIES[side.protocol][reply], (mechanism, initial, responses)
        # The connection goes on.
        assert talk.password("jsmith", PASSWORD).startswith(SUCCESS[side.protocol])


def test_small_letters_do(side: Side, talk: Talk) -> None:
    talk.send(f"{BEGINNINGS[side.protocol].lower()} plain {PLAIN}")
    assert talk.challenge().startswith(SUCCESS[side.protocol])


def test_no_client_logs_in_twice(side: Side, talk: Talk) -> None:
    already = {"imap": "a BAD", "pop3": "-ERR Already", "smtp": "503 5.5.1 Already"}
    assert talk.password("jsmith", PASSWORD).startswith(SUCCESS[side.protocol])
    for _ in range(2):
        assert talk.begin_login("PLAIN", PLAIN).startswith(already[side.protocol])


@pytest.mark.parametrize("name", ["aiosmtpd-smtp", "twisted-smtp"])
def test_no_client_logs_in_during_a_transaction(
    sides: Callable[[str], Side], certificates: Certificates, name: str
) -> None:
    with sides(name).connect(certificates.client_context()) as talk:
        talk.command("EHLO me")
        assert talk.command("MAIL FROM:<js@example.com>")[0].startswith("250")
        assert talk.command(f"AUTH PLAIN {PLAIN}")[0].startswith("503 5.5.1 ")
        assert talk.command("RCPT TO:<ann@example.com>")[0].startswith("250")
        assert talk.command(f"AUTH PLAIN {PLAIN}")[0].startswith("503 5.5.1 ")
        talk.command("RSET")
        assert talk.command(f"AUTH PLAIN {PLAIN}")[0].startswith("235 ")


# aiosmtpd skips the line, and goes on.
LONG = {"imap": "* BYE The line is too long", "pop3": "-ERR The line is too long", "smtp": "500 "}


@pytest.mark.parametrize("initially", [True, False])
@pytest.mark.parametrize("size", [70_000, 300_000])
def test_line_that_is_too_long_is_answered(
    side: Side, talk: Talk, size: int, *, initially: bool
) -> None:
    if not initially:
        assert talk.begin_login("PLAIN").startswith("+")
    line = f"{BEGINNINGS[side.protocol]} PLAIN " if initially else ""
    goes_on = side.name == "aiosmtpd-smtp"
    try:
        talk.send(line + "A" * size)
        reply = talk.read()
        rest = talk.command("NOOP") if goes_on else [talk.file.read().decode()]
    except OSError:
        # It was hung up on before it had sent all.
        return
    assert reply.startswith(LONG[side.protocol])
    assert ("OK" in rest[-1]) == goes_on


@pytest.mark.parametrize("command", ["LOGIN jsmith", "APPEND a"])
@pytest.mark.parametrize("plus", ["", "+"])
@pytest.mark.parametrize("name", ["twisted-imap", "pymap-imap"])
def test_literals_are_short_before_the_login(
    sides: Callable[[str], Side], name: str, command: str, plus: str
) -> None:
    with sides(name).connect() as talk:
        talk.send(f"a {command} {{999999999{plus}}}")
        reply = talk.read()
        if reply.startswith("+"):
            reply = talk.read()
        assert reply.startswith(("* BYE The line is too long", "a BAD"))


def test_nothing_is_read_behind_the_last_straw(
    sides: Callable[[str], Side], certificates: Certificates
) -> None:
    """aiosmtpd itself goes on reading when it has hung up."""
    with sides("aiosmtpd-smtp").connect(certificates.client_context()) as talk:
        talk.send("\r\n".join(["NONSENSE"] * 8))
        *_, last = talk.file.read().decode().splitlines()
        assert last.startswith("502 5.5.1 Too many")
    sides("aiosmtpd-smtp").wait_until_idle()


def test_what_is_no_handshake_ends_the_connection(side: Side) -> None:
    with side.connect() as talk:
        talk.command("EHLO me" if side.protocol == "smtp" else "NOOP")
        assert talk.command(talk.starttls)[-1].startswith(talk.plain_end)
        # What comes is an alert of TLS, at most.
        with suppress(OSError):
            talk.socket.sendall(b"EHLO me\r\na CAPABILITY\r\nCAPA\r\n" * 100)
            assert len(talk.file.read()) < 10
