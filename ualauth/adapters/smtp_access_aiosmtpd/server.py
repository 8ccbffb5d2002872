"""aiosmtpd's server, refusing hosts in place of the greeting."""

from __future__ import annotations

import asyncio
import logging

from aiosmtpd.smtp import SMTP

log = logging.getLogger("ualauth.smtp_access")

_CLOSING = "421"
"""The code after which a server closes at once (RFC 5321, section 3.8)."""
_COMMANDS_AFTER_REFUSAL = 10
"""The most commands that a refused client may give before it says QUIT."""


class AccessSMTP(SMTP):
    """aiosmtpd's server, which asks an `AccessHandler` before it greets.

    It may stand before another class of server: `class Server(AccessSMTP, OtherSMTP)`.
    """

    async def _handle_client(self) -> None:
        """Refuse the client, or talk with it; the only place before the greeting."""
        # Behind a proxy the client is known later: the handler's PROXY hook asks then.
        if self._proxy_timeout is None:
            refusal = await self.event_handler.greet(self, self.session)
            if refusal is not None:
                await self.push(refusal)
                await self._end(wait=not refusal.startswith(_CLOSING))
                return
        await super()._handle_client()

    def connection_lost(self, error: Exception | None) -> None:
        """Let the milters of the connection go as well."""
        self.event_handler.connection_ended(self)
        super().connection_lost(error)

    async def _end(self, *, wait: bool) -> None:
        """Close, after the client has said QUIT or too much else (RFC 5321, section 3.1)."""
        try:
            for _ in range(_COMMANDS_AFTER_REFUSAL if wait else 0):
                line = await self._reader.readuntil()
                if line.strip().upper() == b"QUIT":
                    await self.push("221 2.0.0 Bye")
                    break
                await self.push("503 5.5.1 This host may not submit messages")
        except (asyncio.LimitOverrunError, asyncio.IncompleteReadError, ConnectionError):
            log.debug("a refused client went away")
        if self.transport is not None:
            self.transport.close()
