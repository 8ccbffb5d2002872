"""A server that does what no server should.

    with BadServer(lambda connection, request: connection.sendall(b"...")) as server:

It answers everything as a server would that lets every user in, but hands binds
to the given behaviour.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from typing import Self

BIND, SEARCH, EXTENDED, UNBIND = 0x60, 0x63, 0x77, 0x42
_ANSWERS = {BIND: 0x61, SEARCH: 0x65, EXTENDED: 0x78}


class Request:
    """What came: `number` is the message's, `operation` its tag."""

    def __init__(self, data: bytes) -> None:
        """Read as much of a message as is needed."""
        start = 2 if data[1] < 0x80 else 2 + (data[1] & 0x7F)
        length = data[start + 1]
        self.number = int.from_bytes(data[start + 2 : start + 2 + length], "big")
        self.operation = data[start + 2 + length]


def answer(number: int, tag: int, code: int = 0, text: str = "") -> bytes:
    """Return a message with a result; `text` is short: no length here takes more than a byte."""
    result = bytes([0x0A, 1, code, 0x04, 0, 0x04, len(text), *text.encode("ascii")])
    digits = number.to_bytes(2, "big")
    body = bytes([0x02, 2]) + digits + bytes([tag, len(result)]) + result
    return bytes([0x30, len(body)]) + body


def well(connection: socket.socket, request: Request) -> None:
    """Let every user in."""
    if request.operation in _ANSWERS:
        connection.sendall(answer(request.number, _ANSWERS[request.operation]))


Behaviour = Callable[[socket.socket, Request], None]


class BadServer:
    """One server on a free port; each connection has a thread."""

    def __init__(
        self,
        on_bind: Behaviour,
        context: ssl.SSLContext | None = None,
        on_start_tls: Behaviour = well,
    ) -> None:
        """Listen."""
        self._behaviours = {BIND: on_bind, EXTENDED: on_start_tls}
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._ended = threading.Event()
        self.port: int = self._listener.getsockname()[1]
        self.binds = 0
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def uri(self) -> str:
        """Where it is."""
        return f"{'ldaps' if self._context else 'ldap'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(self, *_: object) -> None:
        """End all connections."""
        self._ended.set()
        for each in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def wait(self, seconds: float) -> bool:
        """Return whether the test has ended before the seconds are over."""
        return self._ended.wait(seconds)

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, IndexError):
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            while data := connection.recv(200_000):
                request = Request(data)
                self.binds += request.operation == BIND
                self._behaviours.get(request.operation, well)(connection, request)
