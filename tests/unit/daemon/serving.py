"""A daemon in a thread, with a folder of its own, and clients that block."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from tests.machine import patience
from ualauth.config.config import Config
from ualauth.daemon.server import Daemon
from ualauth.testing.folder import ConfigFolder

PLAIN_SETTINGS = """
[sasl]
mechanisms = ["SCRAM-SHA-256", "CRAM-MD5", "PLAIN", "LOGIN"]
[stack]
fail_delay = false
[lockout]
failures = 0
failure_delay = 0
longest_delay = 0
[password]
argon2_passes = 1
argon2_lanes = 1
argon2_memory = 8
"""


class Served:
    """A daemon that runs, seen from another thread."""

    def __init__(self, daemon: Daemon, loop: asyncio.AbstractEventLoop) -> None:
        self.daemon = daemon
        self._loop = loop

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Return what a coroutine of the daemon returns."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(patience(60))

    def call(self, function: Callable[[], Any]) -> Any:
        """Return what a function returns, called in the thread of the daemon."""

        async def called() -> Any:
            return function()

        return self.run(called())

    def connect(self, place: str) -> Client:
        """Connect to a socket of the daemon, named as the configuration does."""
        address: Any = self.call(lambda: self.daemon.addresses[place])
        return Client(address)


class Client:
    """A client that blocks."""

    def __init__(self, address: Any) -> None:
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(patience(60))
        self.socket.connect(address)
        self._buffer = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def line(self) -> bytes:
        """Return the next line without its end; what is there of it, if the daemon closes."""
        while b"\n" not in self._buffer:
            data = self.socket.recv(65536)
            if not data:
                line, self._buffer = self._buffer, b""
                return line
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def rest(self) -> bytes:
        """Return all until the daemon closes."""
        parts = [self._buffer]
        while data := self.socket.recv(65536):
            parts.append(data)
        return b"".join(parts)

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def served(folder: ConfigFolder, **settings: Any) -> Iterator[Served]:
    """Serve a configuration folder while the block runs."""
    with served_by(lambda: Config.load(folder.path), **settings) as daemon:
        yield daemon


@contextmanager
def served_by(load: Callable[[], Config], **settings: Any) -> Iterator[Served]:
    """Serve what `load` returns while the block runs."""
    started = threading.Event()
    running: list[Served] = []
    failures: list[BaseException] = []

    async def serve() -> None:
        daemon = Daemon(load, **{"inherited": [], **settings})
        try:
            await daemon.start()
        except BaseException as error:
            failures.append(error)
            started.set()
            raise
        running.append(Served(daemon, asyncio.get_running_loop()))
        started.set()
        await daemon.wait_for_stop()
        await daemon.stop()

    thread = threading.Thread(target=lambda: _quietly(serve()))
    thread.start()
    assert started.wait(patience(60))
    if failures:
        thread.join()
        raise failures[0]
    try:
        yield running[0]
    finally:
        running[0].call(running[0].daemon.request_stop)
        thread.join(patience(60))
        assert not thread.is_alive()


def _quietly(coroutine: Coroutine[Any, Any, None]) -> None:
    # It is raised where the daemon was to start.
    with suppress(Exception):
        asyncio.run(coroutine)


def listen(folder: Path, *protocols: str, more: str = "") -> str:
    """Return the settings of sockets in a folder, named like their protocols."""
    tables = (
        f'[[listen]]\nprotocol = "{name}"\npath = "{folder}/{name}"\n{more}' for name in protocols
    )
    return "\n".join([PLAIN_SETTINGS, *tables])
