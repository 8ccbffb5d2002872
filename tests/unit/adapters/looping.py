"""An event loop in a thread, in which a test's servers run."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

from tests.unit.adapters.certificates import Certificates
from ualauth import AsyncAuthenticator

SECONDS = 30


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
        return server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
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
