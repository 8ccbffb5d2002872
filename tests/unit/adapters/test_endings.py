"""Connections end, whatever the client does or leaves undone, and nothing is left of them."""

from __future__ import annotations

import socket
import struct
from contextlib import ExitStack

import pytest

from tests.machine import patience
from tests.unit.adapters.certificates import Certificates
from tests.unit.adapters.conftest import PASSWORD, Side
from tests.unit.adapters.serving import TwistedServers
from tests.unit.adapters.test_replies import REPLIES, SUCCESS
from tests.unit.adapters.test_violations import BEGINNINGS, PLAIN, encoded, outcome
from tests.unit.sasl.clients import scram

pytestmark = pytest.mark.usefixtures("unbroken")


def test_nothing_is_left_of_who_disappears(side: Side, certificates: Certificates) -> None:
    for when in ("greeting", "command", "challenge", "half a line", "handshake"):
        for gone in ("closed", "reset", "closed", "reset"):
            begin_and_leave(side, certificates, when, gone)
    side.wait_until_idle()


def begin_and_leave(side: Side, certificates: Certificates, when: str, gone: str) -> None:
    """Begin something, and do not go on with it."""
    talk = side.connect(None if when == "handshake" else certificates.client_context())
    first = encoded("n,,n=jsmith,r=abc")
    command = f"{BEGINNINGS[side.protocol]} SCRAM-SHA-256 {first}"
    if side.protocol == "smtp":
        talk.command("EHLO me")
    if when == "handshake":
        talk.command(talk.starttls)
        talk.socket.sendall(b"\x16\x03\x01")
    elif when == "challenge":
        assert talk.begin_login("SCRAM-SHA-256", first).startswith("+")
    elif when == "command":
        talk.send(command)
    elif when == "half a line":
        talk.socket.sendall(command.encode())
    if gone == "reset":
        talk.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    talk.__exit__()


def test_nothing_is_left_of_exchanges_that_were_begun(
    side: Side, certificates: Certificates
) -> None:
    opened = [side.connect(certificates.client_context()) for _ in range(30)]
    try:
        for talk in opened:
            assert talk.begin_login("SCRAM-SHA-256", encoded("n,,n=jsmith,r=abc")).startswith("+")
        with side.connect(certificates.client_context()) as other:
            assert other.password("jsmith", PASSWORD).startswith(SUCCESS[side.protocol])
    finally:
        for talk in opened:
            talk.__exit__()
    side.wait_until_idle()


TOO_MANY = {
    "imap": {"* BYE Too many failed attempts", "a NO [LIMIT] Too many failed attempts"},
    "pop3": {"-ERR [SYS/TEMP] Too many failed attempts"},
    "smtp": {"421 4.7.0 Too many failed attempts to authenticate"},
}


def test_number_of_failures_is_bounded(side: Side, certificates: Certificates) -> None:
    with side.connect(certificates.client_context(), most_failures=3) as talk:
        assert talk.password("jsmith", "wrong") == REPLIES[side.protocol]["failed"]
        assert outcome(talk, "PLAIN", None, "*") == REPLIES[side.protocol]["cancelled"]
        client = scram("SCRAM-SHA-256", "jsmith", "wrong")
        assert talk.log_in("SCRAM-SHA-256", client) == REPLIES[side.protocol]["failed"]
        talk.send(f"{BEGINNINGS[side.protocol]} PLAIN {PLAIN}")
        assert set(talk.file.read().decode().splitlines()) == TOO_MANY[side.protocol]


def test_client_that_says_nothing_is_hung_up_on(side: Side, certificates: Certificates) -> None:
    with ExitStack() as opened:
        for context in (certificates.client_context(), None):
            talks = [
                opened.enter_context(side.connect(context, timeout=patience(1))) for _ in range(3)
            ]
            assert talks[1].begin_login("CRAM-MD5").startswith("+")
            talks[2].socket.sendall(b"a NOO")
            if context is None:
                if side.protocol == "smtp":
                    talks[0].command("EHLO me")
                assert talks[0].command(talks[0].starttls)[-1].startswith(talks[0].plain_end)
        # The clients do not answer here, not even when the server ends TLS.
        side.wait_until_idle()


def test_client_that_never_begins_tls_is_hung_up_on(twisted_servers: TwistedServers) -> None:
    with ExitStack() as opened:
        for kind in ("imap", "pop3", "smtp"):
            port = twisted_servers.listen(kind, "pop3", tls=True, timeout=patience(1))
            opened.enter_context(socket.create_connection(("127.0.0.1", port)))
            other = opened.enter_context(socket.create_connection(("127.0.0.1", port)))
            other.sendall(b"\x16\x03\x01\x00")
        twisted_servers.wait_until_idle()
