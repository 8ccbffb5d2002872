"""An event loop in a thread, in which a test's servers run."""

from __future__ import annotations

import asyncio
import gc
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.machine import patience
from tests.unit.adapters.certificates import Certificates
from ualauth import AsyncAuthenticator
from ualauth.aio import AsyncSaslExchange

SECONDS = patience(30)


def wait_until_none(find: Callable[[], list[Any]]) -> None:
    """Wait until nothing is found any more."""
    end = time.monotonic() + SECONDS
    while left := find():
        assert time.monotonic() < end, left
        time.sleep(0.01)


def open_exchanges(authenticator: AsyncAuthenticator) -> list[Any]:
    """Return its exchanges that could go on; let asyncio say what was forgotten."""
    gc.collect()
    exchanges = [each for each in gc.get_objects() if type(each) is AsyncSaslExchange]
    own = [each for each in exchanges if each._authenticator is authenticator]
    return [each for each in own if each._coroutine is not None]


def tls_options(context: ssl.SSLContext, *, tls: bool) -> dict[str, Any]:
    """Return what makes a server begin with TLS, and not wait for long until it ends."""
    return {"ssl": context, "ssl_shutdown_timeout": 0.5} if tls else {}


class LoopServers:
    """Servers that share a way in."""

    def __init__(self, folder: Path, certificates: Certificates) -> None:
        """Start the event loop; listen on nothing yet."""
        self._certificates = certificates
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._servers: list[asyncio.Server] = []
        self.authenticator = AsyncAuthenticator(folder)

    def run(self, coroutine: Any) -> Any:
        """Return what a coroutine returned in the event loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(SECONDS)

    def port_of(self, server: asyncio.Server) -> int:
        """Keep a server until the end, and return its port."""
        self._servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    def wait_until_idle(self) -> None:
        """Wait until no connection is left, and no exchange."""
        wait_until_none(lambda: self.run(self._tasks()))
        wait_until_none(lambda: open_exchanges(self.authenticator))

    async def _tasks(self) -> list[Any]:
        return list(asyncio.all_tasks() - {asyncio.current_task()})

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        tasks = await self._tasks()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.authenticator.close()

    def close(self) -> None:
        """Stop listening."""
        self.run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(SECONDS)
        self._loop.close()
