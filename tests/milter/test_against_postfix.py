"""Postfix as the reference: what a milter is told by it and by us, for fifty messages."""

from __future__ import annotations

import contextlib
import smtplib
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP

from tests.integration.daemon.postfix import Postfix, folder_for_postfix, postfix
from tests.machine import patience
from tests.milter.submitting import LONG, Inbox
from tests.smtp_access.servers import Server, serving
from ualauth.milter import messages as m
from ualauth.milter.codec import PacketReader, decode_command, encode
from ualauth.milter.flags import Actions, Steps
from ualauth.milter.settings import MilterSettings

SILENT = (m.Macros, m.Abort, m.Quit, m.QuitForNext)


class Recorder:
    """A milter that wants everything and changes nothing; it keeps what it is told."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connections: list[list[m.Command]] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        path.chmod(0o666)
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                told: list[m.Command] = []
                self.connections.append(told)
                threading.Thread(target=self._talk, args=(connection, told), daemon=True).start()

    @staticmethod
    def _talk(connection: socket.socket, told: list[m.Command]) -> None:
        reader = PacketReader()
        with connection, contextlib.suppress(OSError):
            while octets := connection.recv(65536):
                for code, data in reader.receive(octets):
                    command = decode_command(code, data)
                    told.append(command)
                    if isinstance(command, m.Negotiate):
                        wants = m.Negotiate(6, Actions.NONE, command.steps & Steps.LEADING_SPACE)
                        connection.sendall(encode(wants))
                    elif not isinstance(command, SILENT):
                        connection.sendall(encode(m.Continue()))


@dataclass(frozen=True)
class Submitted:
    """A message, as its client hands it in."""

    name: str
    content: bytes
    sender: str = "ann@example.com"
    recipients: tuple[str, ...] = ("bob@far.example",)
    options: tuple[str, ...] = ()


@dataclass
class Told:
    """What a milter was told of one message."""

    commands: list[object] = field(default_factory=list)
    macros: dict[str, Mapping[str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, told: list[m.Command]) -> Told:
        one = cls()
        body = b""
        for command in told:
            if isinstance(command, m.Macros):
                letter = command.command.decode()
                one.macros.setdefault(letter, dict(command.values))
            elif isinstance(command, m.Body):
                body += command.chunk
            elif isinstance(command, m.EndOfMessage):
                one.commands += [("body", body + command.chunk), "end"]
                break
            elif isinstance(command, m.Connect):
                one.commands.append(("connect", command.family, command.address))
            elif not isinstance(command, m.Negotiate):
                one.commands.append(command)
        return one


HEAD = b"From: Ann <ann@example.com>\r\nSubject: x\r\n"
TWELVE = tuple(f"user{number}@far.example" for number in range(12))
BODIES = {
    "plain": b"hello\r\n",
    "no body": b"",
    "empty line": b"\r\n",
    "empty lines": b"\r\n\r\n\r\n",
    "dots": b".\r\n..\r\n...\r\n.x\r\n",
    "dot at the end": b"hello\r\n.",
    "998": b"x" * 998 + b"\r\n",
    "999": b"x" * 999 + b"\r\n",
    "2048": b"x" * 2048 + b"\r\n",
    "5000": b"x" * 5000 + b"\r\ny\r\n",
    "8-bit": "grüße\r\n".encode(),
    "latin-1": "grüße\r\n".encode("latin-1"),
    "control characters": b"\x01\x02\x1b\x7f\t\r\n",
    "like a header": b"Subject: not\r\n folded\r\n",
    "From line": b"From ann\r\n>From bob\r\n",
    "boundaries": b"--b\r\n\r\nx\r\n--b--\r\n",
    "base64": (b"QUJD" * 19 + b"\r\n") * 40,
    "65535": b"0123456789abc\r\n" * 4369,
    "65536": b"0123456789abcd\r\n" * 4096,
    "200000": b"0123456789abcd\r\n" * 12500,
    "blanks at the end": b"hello \t \r\n  \r\n",
}
HEADERS = {
    "no blank": b"X-A:1\r\n",
    "two blanks": b"X-A:  1\r\n",
    "tab": b"X-A:\t1\r\n",
    "empty": b"X-A:\r\nX-B: \r\n",
    "folded": b"X-A: 1\r\n 2\r\n\t3\r\n",
    "folded at once": b"X-A:\r\n 1\r\n",
    "folded blank": b"X-A: 1\r\n  \r\n 2\r\n",
    "blanks at the end": b"X-A: 1  \r\n",
    "twice": b"X-A: 1\r\nx-a: 2\r\nX-A: 1\r\n",
    "long": b"X-A: " + b"x" * 900 + b"\r\n",
    "long and folded": b"X-A: " + b"x" * 400 + b"\r\n " * 1 + b"y" * 400 + b"\r\n",
    "many folds": b"X-A: 0" + b"".join(b"\r\n %d" % n for n in range(60)) + b"\r\n",
    "many": b"".join(b"X-%d: %d\r\n" % (n, n) for n in range(80)),
    "8-bit": "X-A: grüße\r\n".encode(),
    "latin-1": "X-A: grüße\r\n".encode("latin-1"),
    "colons": b"X-A: :a:b\r\n",
    "odd name": b"X!#$%&'*+.^_`|~-A: 1\r\n",
    "encoded word": b"X-A: =?utf-8?q?=C3=A4?=\r\n",
    "marks of others": b"X-Spam-Status: Yes\r\nDKIM-Signature: v=1\r\n",
    "Received": b"Received: from a by b; Mon, 30 Nov 2026 06:00:00 +0000\r\n",
}
ENVELOPES = {
    "null sender": {"sender": ""},
    "twelve recipients": {"recipients": TWELVE},
    "the same twice": {"recipients": ("bob@far.example", "bob@far.example")},
    "subaddress": {"sender": "ann+x@example.com", "recipients": ("bob+y@far.example",)},
    "upper case": {"sender": "Ann@EXAMPLE.com", "recipients": ("BOB@Far.Example",)},
    "size": {"options": ("SIZE=100",)},
    "8BITMIME": {"options": ("BODY=8BITMIME",)},
    "both": {"options": ("SIZE=100", "BODY=8BITMIME")},
    "postmaster": {"recipients": ("postmaster@mx.example.com",)},
}
MESSAGES = [
    *(Submitted(f"body {name}", HEAD + b"\r\n" + body) for name, body in BODIES.items()),
    *(
        Submitted(f"header {name}", HEAD + each + b"\r\nhello\r\n")
        for name, each in HEADERS.items()
    ),
    *(
        Submitted(f"envelope {name}", HEAD + b"\r\nhello\r\n", **each)  # type: ignore[arg-type]
        for name, each in ENVELOPES.items()
    ),
]


# aiosmtpd takes no longer line (RFC 5321, section 4.5.3.1.6); Postfix cuts it when it sends it on.
NOT_TAKEN_HERE = {"body 2048", "body 5000"}


@dataclass(frozen=True)
class Servers:
    recorder: Recorder
    postfix: Postfix
    own_port: int


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with ExitStack() as running:
        folder = running.enter_context(folder_for_postfix())
        recorder = Recorder(folder / "milter")
        running.callback(recorder.close)
        sink = Server(Inbox(), SMTP)  # type: ignore[arg-type]  # a handler of any kind
        sink.start()
        running.callback(sink.stop)
        options = [
            f"smtpd_milters = unix:{recorder.path}",
            "smtpd_sasl_auth_enable = no",
            # It would add Date: and Message-ID: to what comes from its own addresses.
            "local_header_rewrite_clients =",
        ]
        instance = running.enter_context(postfix(folder, sink.port, {"milter": options}))
        milters = [MilterSettings(str(recorder.path), LONG, LONG)]
        own = running.enter_context(
            serving(
                tmp_path_factory.mktemp("own"),
                "SMTPFILTER=TRUE\nRELAY Accept *\n",
                Inbox(),
                milters=milters,
            )
        )
        yield Servers(recorder, instance, own.port)


def told(recorder: Recorder, port: int, submitted: Submitted) -> Told:
    """Return what the milter is told of a message that is submitted at a port."""
    recorder.connections.clear()
    with smtplib.SMTP("127.0.0.1", port, timeout=patience(60)) as client:
        client.ehlo("pc.example.com")
        client.mail(submitted.sender, submitted.options)
        for recipient in submitted.recipients:
            client.rcpt(recipient)
        code, text = client.data(submitted.content)
        assert code == 250, text
    [commands] = [
        each
        for each in recorder.connections
        if any(isinstance(command, m.EndOfMessage) for command in each)
    ]
    return Told.of(commands)


@pytest.mark.parametrize(
    "submitted",
    [each for each in MESSAGES if each.name not in NOT_TAKEN_HERE],
    ids=lambda x: x.name,
)
def test_a_milter_is_told_the_same(submitted: Submitted, servers: Servers) -> None:
    by_postfix = told(servers.recorder, servers.postfix.ports["milter"], submitted)
    by_us = told(servers.recorder, servers.own_port, submitted)
    assert by_us.commands == by_postfix.commands
    # Of the null sender, Postfix tells where its notices would go; it is no address here.
    left_out = set() if submitted.sender else {"{mail_addr}", "{mail_host}"}
    assert {each: set(names) for each, names in by_us.macros.items()} == {
        each: set(names) - left_out for each, names in by_postfix.macros.items()
    }
