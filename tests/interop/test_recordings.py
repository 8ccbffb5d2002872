"""What rare programs sent is answered as it was to them, however it is split or broken off.

`python -m tests.interop.record` writes the recordings, with the programs themselves.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest
from playground import Playground

from tests.interop.cases import IMAP, POP3, SECONDS, SMTP, TWISTED_IMAP, TWISTED_SMTP, Case, Server
from tests.interop.clients import RARE_CLIENTS
from tests.interop.recordings import CHALLENGED, Recording, read_all
from tests.interop.servers import EXAMPLES, SETTINGS, WithPassword, running

PROTOCOLS = {each.name: each for each in (SMTP, TWISTED_SMTP, IMAP, TWISTED_IMAP, POP3)}
# Others that speak the same.
SIBLINGS = {
    SMTP.name: TWISTED_SMTP.name,
    TWISTED_SMTP.name: SMTP.name,
    IMAP.name: TWISTED_IMAP.name,
    TWISTED_IMAP.name: IMAP.name,
}
ENDS = {"smtp": b"QUIT\r\n", "imap": b"zz LOGOUT\r\n", "pop3": b"QUIT\r\n"}
RECORDINGS = list(read_all())
# Several programs send the same.
DIFFERENT = list({(each.protocol, each.case, each.text): each for each in RECORDINGS}.values())


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WithPassword]:
    """Return the example servers."""
    folder = tmp_path_factory.mktemp("recordings") / "etc"
    playground = Playground.make(folder)
    with (folder / "ualauth.toml").open("a", encoding="utf-8") as file:
        file.write(SETTINGS)
    examples = [each for each in EXAMPLES if each.protocols[0].name in PROTOCOLS]
    with running(playground, examples=examples) as by_protocol:
        yield WithPassword(playground, by_protocol)


def sent(recording: Recording, playground: Playground) -> bytes:
    """Return what the program would send to these servers."""
    return recording.sent({"token": playground.token, "bad token": playground.bad_token})


def replay(server: Server, pieces: Sequence[bytes], *, breaks_off: bool = False) -> str:
    """Send pieces, each for itself, without waiting; return all that comes, up to the end.

    A client that breaks off sends no end of TLS either.
    """
    trust = ssl.create_default_context(cafile=server.authority)
    address = (server.host, server.ports["TLS"])
    with (
        socket.create_connection(address, SECONDS) as plain,
        socket.socket(fileno=os.dup(plain.fileno())) as both,
        trust.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        came = bytearray()
        with suppress(ConnectionError, ssl.SSLEOFError):
            for piece in pieces:
                connection.sendall(piece)
            if breaks_off:
                both.shutdown(socket.SHUT_WR)
            while data := connection.recv(65536):
                came += data
    return came.decode(errors="replace")


def name_of(recording: Recording) -> str:
    return f"{recording.program}-{recording.title.replace(' | ', '-')}"


@pytest.mark.parametrize("recording", DIFFERENT, ids=name_of)
def test_recording_is_answered_as_the_program_was(
    servers: WithPassword, recording: Recording
) -> None:
    protocol = PROTOCOLS[recording.protocol]
    data = sent(recording, servers.playground)
    before, _, last = recording.text.rpartition("\n")
    if "{bad token}" in last and "{bad token}" not in before:
        # A program that gave up at the error; any response goes on to the refusal.
        data += b"\r\n"
    data += ENDS[protocol.scheme]
    expected = protocol.expected(recording.case)
    with servers.outage() if recording.case is Case.OUTAGE else nullcontext():
        server = servers.by_protocol[protocol.name]
        # A wrong password takes its time each time.
        for size in (len(data), 1) if recording.case is Case.WRONG else (len(data), 7, 1):
            pieces = [data[i : i + size] for i in range(0, len(data), size)]
            came = replay(server, pieces)
            assert protocol.last_answer(came) == expected, (size, came)
        # Twisted has no LITERAL+, and did not offer it.
        if protocol.name in SIBLINGS and b"+}" not in data:
            other = PROTOCOLS[SIBLINGS[protocol.name]]
            came = replay(servers.by_protocol[other.name], [data])
            assert other.last_answer(came) == expected, came


@pytest.mark.parametrize(
    "recording", [each for each in DIFFERENT if each.case is not Case.OUTAGE], ids=name_of
)
def test_recording_that_breaks_off_lets_no_user_in(
    servers: WithPassword, recording: Recording
) -> None:
    """At each line, and within the last one."""
    protocol = PROTOCOLS[recording.protocol]
    server = servers.by_protocol[protocol.name]
    lines = sent(recording, servers.playground).splitlines(keepends=True)
    *before, last = lines
    beginnings = [lines[:count] for count in range(len(lines))]
    for pieces in (*beginnings, [*before, last[: len(last) // 2]], [*before, last[:-2]]):
        came = replay(server, [b"".join(pieces)], breaks_off=True)
        assert protocol.last_answer(came) != protocol.answers[Case.RIGHT], (pieces, came)


def test_every_rare_program_is_recorded() -> None:
    recorded = {(each.program, each.protocol, each.mechanism, each.tls) for each in RECORDINGS}
    rows = {
        (client.name, row.protocol.name, row.mechanism, row.tls)
        for client in RARE_CLIENTS
        for row in client.rows
        if row.mechanism not in CHALLENGED
    }
    assert recorded == rows


def test_no_recording_holds_what_belongs_to_one_run() -> None:
    for path in (Path(__file__).parent / "recordings").iterdir():
        text = path.read_text(encoding="ascii")
        # A token, plain or in base64 (`auth=Bearer e`).
        assert "eyJ" not in text
        assert "YXV0aD1CZWFyZX" not in text
        assert socket.gethostname() not in text or socket.gethostname() == "localhost"
