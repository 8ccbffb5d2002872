"""What has broken other servers, tried on all of these, over sockets (docs/known-attacks.md)."""

from __future__ import annotations

from base64 import b64decode, b64encode
from contextlib import suppress

import pytest

from tests.unit.adapters.certificates import Certificates
from tests.unit.adapters.conftest import PASSWORD, Side
from tests.unit.adapters.heard import Heard
from tests.unit.adapters.talk import Talk
from tests.unit.adapters.test_replies import REPLIES, SUCCESS
from tests.unit.sasl.clients import Client, scram

pytestmark = pytest.mark.usefixtures("unbroken")
MECHANISM = "SCRAM-SHA-256"
PLAIN = b64encode(f"\0jsmith\0{PASSWORD}".encode()).decode()
NO_BASE64 = ("!", "AAA", "A===", "=AAA", "AAA==A", "\xff", "AA AA", f"{PLAIN}\0")
# pymap's reply to what is not even made of the letters of base64.
NO_WORD = "a BAD AUTHENTICATE: Invalid arguments."


@pytest.mark.parametrize("initially", [True, False])
def test_bad_base64_of_one_client_harms_no_other(
    side: Side, certificates: Certificates, *, initially: bool
) -> None:
    context = certificates.client_context()
    most = len(NO_BASE64) + 1
    with (
        side.connect(context, most_failures=most) as other,
        side.connect(context, most_failures=most) as third,
        side.connect(context, most_failures=most) as bad,
    ):
        # One in the middle of an exchange, one that has not begun.
        client = scram(MECHANISM, "jsmith", PASSWORD)
        first = b64encode(next(client) or b"").decode()
        challenge = other.begin_login(MECHANISM, first)
        for text in NO_BASE64:
            if initially:
                # What cannot be said in a word of a command is wrong in other ways.
                if not text.isascii() or not text.isprintable() or " " in text:
                    continue
                reply = bad.begin_login("PLAIN", text)
            else:
                assert bad.begin_login("PLAIN").startswith("+")
                bad.send(text)
                reply = bad.challenge()
            assert reply in {REPLIES[side.protocol]["no_base64"], NO_WORD}, text
        assert third.password("jsmith", PASSWORD).startswith(SUCCESS[side.protocol])
        assert answered(other, client, challenge).startswith(SUCCESS[side.protocol])
        assert bad.password("jsmith", PASSWORD).startswith(SUCCESS[side.protocol])


def answered(talk: Talk, client: Client, challenge: str) -> str:
    """Return the last line of an exchange that goes on from a challenge."""
    while challenge.startswith("+ "):
        talk.send(b64encode(client.send(b64decode(challenge[2:])) or b""))
        challenge = talk.challenge()
    return challenge


# What a listener between client and server puts behind STARTTLS: a login of its own.
BEHIND = {
    "imap": f"b AUTHENTICATE PLAIN {PLAIN}\r\nc SELECT INBOX\r\n",
    "pop3": f"AUTH PLAIN {PLAIN}\r\nUSER jsmith\r\nPASS {PASSWORD}\r\n",
    "smtp": f"EHLO x\r\nAUTH PLAIN {PLAIN}\r\nMAIL FROM:<js@example.com>\r\n",
}
# A command that only a client who has logged in gets done.
ONLY_AFTER_LOGIN = {"imap": "SELECT INBOX", "pop3": "STAT", "smtp": "RCPT TO:<ann@example.com>"}
DONE = {"imap": "a OK", "pop3": "+OK", "smtp": "250"}


@pytest.mark.parametrize("cut", [None, 1, -3], ids=["whole", "a byte", "without its end"])
def test_commands_behind_starttls_are_not_carried_out(
    side: Side, certificates: Certificates, cut: int | None
) -> None:
    begin = f"a {side.kind.starttls}" if side.protocol == "imap" else side.kind.starttls
    with side.connect() as talk:
        if side.protocol == "smtp":
            talk.command("EHLO me")
        talk.socket.sendall(f"{begin}\r\n{BEHIND[side.protocol][:cut]}".encode())
        # Either the server hangs up, or what came in clear is forgotten.
        with suppress(OSError):
            talk.read()
            talk.wrap(certificates.client_context())
            if side.protocol == "smtp":
                assert talk.command("EHLO me")[-1].startswith("250")
            reply = talk.command(ONLY_AFTER_LOGIN[side.protocol])
            assert not reply[-1].startswith(DONE[side.protocol])
            assert talk.password("jsmith", PASSWORD).startswith(SUCCESS[side.protocol])


DIGITS = b"9" * 5000
BREAKING = [
    *(b"a LOGIN {" + DIGITS + end for end in (b"}", b"+}", b"+}\r\nx", b"")),
    b"a LOGIN jsmith {" + DIGITS + b"}",
    b"a AUTHENTICATE {" + DIGITS + b"}",
    b"a APPEND INBOX {" + DIGITS + b"}",
    *(b"a " + command + b" " + b"(" * 20_000 for command in (b"SEARCH", b"LIST", b"ID", b"FETCH")),
    *(b"a UID SEARCH " + word * 10_000 for word in (b"NOT ", b"OR ", b"( ")),
    *(b"a SEARCH " + word * 300 for word in (b"NOT ", b"OR ", b"(")),
    *(b"a " + command + b" " + DIGITS for command in (b"FETCH", b"SEARCH", b"STORE", b"COPY")),
    *(command + b" " + DIGITS for command in (b"TOP", b"RETR", b"BDAT", b"MAIL FROM:<a@b> SIZE=")),
    b"MAIL FROM:<a@b> SIZE=" + DIGITS,
    b"(" * 20_000,
    b"%" * 20_000,
]


def test_a_line_that_breaks_a_parser_is_answered_and_logged_in_a_line(
    side: Side, unbroken: Heard
) -> None:
    for line in BREAKING:
        before = len(unbroken.lines)
        with side.connect() as talk, suppress(OSError):
            talk.send(line)
            assert talk.read(), line[:30]
            assert "Traceback" not in unbroken.text, line[:30]
            ours = [each for each in unbroken.lines[before:] if each.startswith("ualauth")]
            assert len(ours) <= 1
            # A record of the audit log names each entry that was asked.
            most = 1000 if "ualauth.audit" in "".join(ours) else 200
            assert all(len(each) < most and "\n" not in each for each in ours)
