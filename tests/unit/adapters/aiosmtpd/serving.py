"""aiosmtpd's servers for tests, in an event loop of their own."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

from tests.unit.adapters.certificates import Certificates
from tests.unit.adapters.looping import LoopServers, tls_options
from ualauth.adapters.aiosmtpd import SMTP, Envelope, Session


class Handler:
    """Notes what comes."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.came: list[tuple[Session, Envelope]] = []

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take a message."""
        self.came.append((session, envelope))
        return "250 OK"


class AiosmtpdServers(LoopServers):
    """Servers that share a handler, too."""

    def __init__(self, folder: Path, certificates: Certificates) -> None:
        """Begin with a handler to which nothing came."""
        super().__init__(folder, certificates)
        self.handler = Handler()

    def listen(
        self, kind: str, service: str, *, tls: bool = False, ask: bool = False, **options: Any
    ) -> int:
        """Return the port of a new server; it always asks for the client's certificate."""
        assert kind == "smtp"
        del ask
        port: int = self.run(self._listen(service, tls=tls, **options))
        return port

    async def _listen(self, service: str, *, tls: bool, **options: Any) -> int:
        context = self._certificates.server_context()
        if not tls:
            options["tls_context"] = context
        handler = options.pop("handler", self.handler)
        # Otherwise the name of the host is looked up.
        make = partial(SMTP, handler, self.authenticator, service=service, hostname="me", **options)
        loop = asyncio.get_running_loop()
        begin = loop.create_server
        return self.port_of(await begin(make, "127.0.0.1", 0, **tls_options(context, tls=tls)))
