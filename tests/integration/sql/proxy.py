"""A server between a client and a real one, that goes wrong after some octets of an answer."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator


class Proxy:
    """Passes on `octets` that the real server sends, over all connections; then it goes wrong.

    `how` is `cut` (the connection ends), `silence` (nothing more comes) or `noise`.
    """

    def __init__(self, port: int, octets: int, how: str) -> None:
        self._target = port
        self._left = octets
        self._how = how
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._lock = threading.Lock()
        self.over = threading.Event()
        """Set when it goes wrong."""
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                server = socket.create_connection(("127.0.0.1", self._target))
                self._open += [client, server]
            for pair in ((client, server, False), (server, client, True)):
                threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, is_answer: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(4096):
                if is_answer:
                    with self._lock:
                        data, rest = data[: self._left], data[self._left :]
                        self._left -= len(data)
                    target.sendall(data)
                    if not rest:
                        continue
                    self.over.set()
                    if self._how == "silence":
                        continue
                    if self._how == "noise":
                        target.sendall(b"\xff" * 64)
                    target.shutdown(socket.SHUT_RDWR)
                    return
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        with self._lock:
            for each in (self._listener, *self._open):
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()


@contextlib.contextmanager
def between(port: int, octets: int, how: str) -> Iterator[Proxy]:
    """Return a proxy, which is closed at the end."""
    proxy = Proxy(port, octets, how)
    try:
        yield proxy
    finally:
        proxy.close()
