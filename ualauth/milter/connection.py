"""A milter that is asked by asyncio: one connection for each connection of SMTP.

A reply that was not asked for would be taken for that to the next command, and hide what the milter
says of the message. So it is a failure, where it is seen: before something is sent. A milter
that agreed to be silent at some step, and is not, would be seen too late. Such a one is told
that the connection ends behind each message, and what it says until it closes is read.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque

from ualauth.milter.codec import MilterError, PacketReader, encode
from ualauth.milter.flags import SILENT
from ualauth.milter.mail import Mail
from ualauth.milter.messages import Quit
from ualauth.milter.session import Answer, Asking, MilterSession, Wait
from ualauth.milter.settings import MilterSettings

log = logging.getLogger("ualauth.milter")

_READ = 1 << 16
"""Octets that are read at a time."""
_FLUSH = 1 << 18
"""Octets that are gathered before they are sent, where no reply is awaited."""

_UNASKED = "it replied where no reply was awaited"

Failure = (OSError, EOFError, TimeoutError, MilterError)
"""What a milter that cannot look at a message raises."""


class MilterConnection:
    """One milter; it is connected to when the first message comes."""

    def __init__(self, settings: MilterSettings) -> None:
        """Keep the settings."""
        self.settings = settings
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._pending = bytearray()
        self._has_heard = False
        """Whether the milter has said something about the message."""
        self._begin()

    def _begin(self) -> None:
        """Forget what was agreed on, and what is to be sent or was read."""
        self._session = MilterSession()
        self._pending.clear()
        self._reader = PacketReader()
        self._packets: deque[tuple[bytes, bytes]] = deque()

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
        await self._look_for_more()
        is_old, self._has_heard = self._streams is not None, False
        try:
            answer = await self._carry_out(self._session.ask(mail))
        except TimeoutError:
            raise
        except (OSError, EOFError):
            if not is_old or self._has_heard:
                raise
            # It went after the message before this one, and has said nothing about this one.
            answer = await self._carry_out(self._session.ask(mail))
        if self._session.steps & SILENT:
            await self._take_leave()
        self._has_said_all()
        return answer

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
        self._begin()
        if streams is not None:
            streams[1].transport.abort()

    def close(self) -> None:
        """Take leave of the milter."""
        streams, self._streams = self._streams, None
        if streams is not None:
            with contextlib.suppress(OSError, RuntimeError):
                streams[1].write(encode(Quit()))
                streams[1].close()

    async def _look_for_more(self) -> None:
        """Look whether the milter said something since the last message, or has gone."""
        if self._streams is None:
            return
        try:
            async with asyncio.timeout(0):
                octets = await self._streams[0].read(_READ)
        except TimeoutError:
            return
        except OSError:
            octets = b""
        self.abort()
        if octets:
            raise MilterError(_UNASKED)

    async def _take_leave(self) -> None:
        """End the connection, when the milter has said all that it says."""
        reader, writer = self._both
        self._has_said_all()
        octets = b""
        try:
            # One that has closed already has said all.
            with contextlib.suppress(ConnectionError):
                writer.write(encode(Quit()))
                # A milter that does not know the command sees that nothing more comes.
                writer.write_eof()
                async with asyncio.timeout(self.settings.timeout):
                    octets = await reader.read(_READ)
        finally:
            self.abort()
        if octets:
            raise MilterError(_UNASKED)

    def _has_said_all(self) -> None:
        """Raise `MilterError` if something was read that is no reply to anything."""
        if self._packets or not self._reader.is_empty:
            self.abort()
            raise MilterError(_UNASKED)

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
                self._has_said_all()
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
            while not self._packets:
                octets = await reader.read(_READ)
                if not octets:
                    raise EOFError("it closed the connection")
                self._packets += self._reader.receive(octets)
        self._has_heard = True
        return self._packets.popleft()

    @property
    def _both(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            raise ConnectionResetError("the connection is closed")
        return self._streams
