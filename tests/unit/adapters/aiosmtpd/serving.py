"""aiosmtpd's servers for tests, in an event loop of their own."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from pathlib import Path
from typing import Any

from tests.unit.adapters.certificates import Certificates
from ualauth import AsyncAuthenticator
from ualauth.adapters.aiosmtpd import SMTP, Envelope, Session

SECONDS = 30


class Handler:
    """Notes what comes."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.came: list[tuple[Session, Envelope]] = []

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take a message."""
        self.came.append((session, envelope))
        return "250 OK"


class AiosmtpdServers:
    """Servers that share a way in and a handler."""

    def __init__(self, folder: Path, certificates: Certificates) -> None:
        """Start the event loop."""
        self._certificates = certificates
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._servers: list[asyncio.Server] = []
        self.authenticator = AsyncAuthenticator(folder)
        self.handler = Handler()

    def run(self, coroutine: Any) -> Any:
        """Return what a coroutine returned in the event loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(SECONDS)

    def listen(
        self, kind: str, service: str, *, tls: bool = False, ask: bool = False, **options: Any
    ) -> int:
        """Return the port of a new server; it always asks for the client's certificate."""
        assert kind == "smtp"
        del ask
        return self.run(self._listen(service, tls=tls, **options))

    async def _listen(self, service: str, *, tls: bool, **options: Any) -> int:
        context = self._certificates.server_context()
        if not tls:
            options["tls_context"] = context
        handler = options.pop("handler", self.handler)
        # Otherwise the name of the host is looked up.
        make = partial(SMTP, handler, self.authenticator, service=service, hostname="me", **options)
        loop = asyncio.get_running_loop()
        given = context if tls else None
        listening = await loop.create_server(make, "127.0.0.1", 0, ssl=given)
        self._servers.append(listening)
        return listening.sockets[0].getsockname()[1]

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
