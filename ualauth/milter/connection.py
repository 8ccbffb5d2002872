"""A milter that is asked by asyncio: one connection for each connection of SMTP."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import struct

from ualauth.milter.codec import MilterError, check_length, encode
from ualauth.milter.mail import Mail
from ualauth.milter.messages import Quit
from ualauth.milter.session import Answer, Asking, MilterSession, Wait
from ualauth.milter.settings import MilterSettings

log = logging.getLogger("ualauth.milter")

_LENGTH = struct.Struct("!I")
_FLUSH = 1 << 18
"""Octets that are gathered before they are sent, where no reply is awaited."""

Failure = (OSError, EOFError, TimeoutError, MilterError)
"""What a milter that cannot look at a message raises."""


class MilterConnection:
    """One milter; it is connected to when the first message comes."""

    def __init__(self, settings: MilterSettings) -> None:
        """Keep the settings."""
        self.settings = settings
        self._session = MilterSession()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._pending = bytearray()

    @property
    def session(self) -> MilterSession:
        """What was agreed on."""
        return self._session

    async def ask(self, mail: Mail) -> Answer:
        """Put a message to the milter.

        Raises:
            OSError, EOFError, TimeoutError, MilterError: if it could not look at it; the next
                message gets a new connection.

        """
        return await self._carry_out(self._session.ask(mail))

    async def try_it(self) -> None:
        """Agree with the milter on what is said and done, to see whether it is there.

        Raises:
            OSError, EOFError, TimeoutError, MilterError: if it is not, or is no milter.

        """
        await self._carry_out(self._session.negotiate())

    async def _carry_out(self, asking: Asking) -> Answer:
        finished = False
        try:
            if self._streams is None:
                self._streams = await self._connect()
            answer = await self._drive(asking)
            finished = True
            return answer
        finally:
            # What is left of a dialogue that broke off belongs to no other message.
            if not finished:
                self.abort()

    def abort(self) -> None:
        """Give the connection up, with all that was agreed on."""
        streams, self._streams = self._streams, None
        self._session = MilterSession()
        self._pending.clear()
        if streams is not None:
            streams[1].transport.abort()

    def close(self) -> None:
        """Take leave of the milter."""
        streams, self._streams = self._streams, None
        if streams is not None:
            with contextlib.suppress(OSError, RuntimeError):
                streams[1].write(encode(Quit()))
                streams[1].close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        async with asyncio.timeout(self.settings.timeout):
            if self.settings.is_path:
                return await asyncio.open_unix_connection(self.settings.address)
            return await asyncio.open_connection(*self.settings.host_and_port)

    async def _drive(self, asking: Asking) -> Answer:
        packet: tuple[bytes, bytes] | None = None
        while True:
            try:
                wanted = asking.send(packet)
            except StopIteration as end:
                await self._flush(self.settings.timeout)
                answer: Answer = end.value
                return answer
            packet = None
            if isinstance(wanted, bytes):
                self._pending += wanted
                if len(self._pending) > _FLUSH:
                    await self._flush(self.settings.timeout)
                continue
            content = wanted is Wait.CONTENT
            seconds = self.settings.content_timeout if content else self.settings.timeout
            await self._flush(seconds)
            packet = await self._packet(seconds)

    async def _flush(self, seconds: float) -> None:
        if not self._pending:
            return
        _, writer = self._both
        writer.write(bytes(self._pending))
        self._pending.clear()
        async with asyncio.timeout(seconds):
            await writer.drain()

    async def _packet(self, seconds: float) -> tuple[bytes, bytes]:
        reader, _ = self._both
        async with asyncio.timeout(seconds):
            (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
            check_length(length)
            body = await reader.readexactly(length)
        return body[:1], body[1:]

    @property
    def _both(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            raise ConnectionResetError("the connection is closed")
        return self._streams
