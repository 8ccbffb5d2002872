"""One connection of a client: carries bytes to its protocol and back; knows none by name.

Requests run at once up to a number; while more wait, or while the client does not read what it
is sent, nothing is read from it. An exchange whose client says nothing more expires; a
connection that is idle does not: Postfix keeps one for hours.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol as Interface
from typing import cast

from ualauth.adapters.asyncio_tls import connection_of
from ualauth.adapters.http_replies import HttpRefusal
from ualauth.daemon.asking import Asker, answer_at_once
from ualauth.daemon.protocols.base import Protocol
from ualauth.daemon.requests import (
    Answer,
    Begin,
    Challenge,
    Expired,
    Failed,
    Granted,
    HttpLogin,
    Login,
    Request,
    Respond,
    Tag,
)
from ualauth.errors import AuthenticationError, MechanismUnavailable, UalauthError
from ualauth.runtime.at_once import AtOnce
from ualauth.runtime.outcome import Outcome, outcome_of_exception

log = logging.getLogger("ualauth.serve")

EXPIRES_AFTER = 150.0
"""Seconds that an exchange waits for its client (AUTH_REQUEST_TIMEOUT_SECS of Dovecot)."""
_MOST_AT_ONCE = 256
"""Requests of one connection that run at a time."""
_MOST_UNREAD = 65_536
"""Bytes that wait for a client to read them, before it is not read any more."""
_UNAVAILABLE = 500
"""From here on, a status of HTTP says that it could not be checked."""
_LOGINS = (Begin, Respond, Login, HttpLogin)
_EXPECTED = (AuthenticationError, HttpRefusal, MechanismUnavailable)
"""What clients bring about; the library has logged it."""


class Connections(Interface):
    """What a connection belongs to."""

    def entered(self, connection: Connection) -> None:
        """Take note of a connection that begins."""

    def left(self, connection: Connection) -> None:
        """Take note of a connection that is over."""

    def has_read(self, connection: Connection) -> None:
        """Call `carry_on` of a connection soon: its protocol has taken what has come."""

    def ended(self, protocol: str, outcome: Outcome, number: int = 1) -> None:
        """Take note of how a login ended, or so many."""


class Connection(asyncio.Protocol):
    """What asyncio calls for one client."""

    def __init__(
        self,
        begin: Callable[[asyncio.BaseTransport], Protocol],
        asker: Asker,
        connections: Connections,
        expires_after: float = EXPIRES_AFTER,
    ) -> None:
        """`begin` returns the protocol for a client that has just connected."""
        self._begin = begin
        self._asker = asker
        self._connections = connections
        self._expires_after = expires_after
        self._protocol: Protocol | None = None
        self._transport: asyncio.Transport | None = None
        self._waiting: dict[Tag, Request] = {}
        """Those that do not run yet, the oldest first."""
        self._tasks: dict[Tag, asyncio.Task[None]] = {}
        self._timers: dict[Tag, asyncio.TimerHandle] = {}
        self._is_unread = False
        """Whether the client does not read."""
        self._unread_timer: asyncio.TimerHandle | None = None
        self._is_paused = False
        self._is_over = False
        self._is_lost = False
        self._securing: asyncio.Task[None] | None = None
        """While TLS begins: then what the client sends waits."""
        self._held = bytearray()
        self._idle_timer: asyncio.TimerHandle | None = None
        self._idle_seconds: float | None = None
        self._active = 0.0

    @property
    def requests(self) -> int:
        """How many requests run or wait to run."""
        return len(self._tasks) + len(self._waiting)

    def stop(self) -> None:
        """Answer all that is asked with "not now", and close."""
        if self._protocol is None or self._is_over:
            return
        if self._securing is not None:
            # In the middle of a handshake, nothing can be said.
            self.abort()
            self.connection_lost(None)
            return
        self._protocol.stop()
        self.carry_on()

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.BaseProtocol`."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_MOST_UNREAD)
        self._connections.entered(self)
        try:
            self._protocol = self._begin(transport)
        except Exception as error:  # noqa: BLE001 - a bug, or a client that may not ask
            log.warning("a client is sent away: %s", _shown(error))
            self._transport.abort()
            return
        self._protocol.open()
        self._watch_idleness(self._protocol)
        self.carry_on()

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self._securing is not None:
            # It came through TLS; the protocol is told first that there is TLS now.
            self._held += data
        elif self._protocol is not None:
            self._protocol.receive(data)
            # Once all that has come for any client is read: one look serves for all of it.
            self._connections.has_read(self)

    def eof_received(self) -> bool:
        """See `asyncio.Protocol`: what was asked is answered yet."""
        if self._protocol is None:
            return False
        self._protocol.end()
        self.carry_on()
        # A connection with TLS has no half that stays open.
        has_tls = self._transport is not None and self._transport.get_extra_info("ssl_object")
        return not self._is_over and not has_tls

    def pause_writing(self) -> None:
        """See `asyncio.BaseProtocol`."""
        self._is_unread = True
        loop = asyncio.get_running_loop()
        self._unread_timer = loop.call_later(self._expires_after, self.abort)
        self._read_or_not()

    def resume_writing(self) -> None:
        """See `asyncio.BaseProtocol`."""
        self._is_unread = False
        if self._unread_timer is not None:
            self._unread_timer.cancel()
        self._start()
        self._read_or_not()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - of the interface
        """See `asyncio.BaseProtocol`: what runs for the client is given up."""
        if self._is_lost:
            return
        self._is_over = self._is_lost = True
        for task in self._tasks.values():
            task.cancel()
        for timer in self._timers.values():
            timer.cancel()
        for own_timer in (self._unread_timer, self._idle_timer):
            if own_timer is not None:
                own_timer.cancel()
        if self._securing is not None:
            self._securing.cancel()
        self._waiting.clear()
        self._timers.clear()
        self._asker.close()
        if self._protocol is not None:
            self._protocol.endpoint.left()
        self._protocol = None
        self._connections.left(self)

    # Requests

    def carry_on(self, look: AtOnce | None = None) -> None:
        """Do what the protocol has to have done; `look` was begun after all was read.

        Without it, no request is answered at once.
        """
        protocol, transport = self._protocol, self._transport
        # What is answered while TLS begins is sent once it is encrypted.
        if protocol is None or transport is None or self._is_over or self._securing is not None:
            return
        output, closes, starts_tls, asks, goes_on = b"", False, False, False, True
        while goes_on and not closes and not starts_tls:
            effects = protocol.take()
            for tag in effects.given_up:
                self._give_up(tag)
            # Before the client hears of it.
            for login in effects.finished:
                self._asker.keep(protocol.endpoint.nonce, login)
            output = output + effects.output if output else effects.output
            closes, starts_tls = effects.closes, effects.starts_tls
            requests = effects.requests
            if effects.given_up:
                # What was requested and given up at once is not begun.
                dropped = set(effects.given_up)
                requests = [each for each in requests if each[0] not in dropped]
            asks = asks or bool(requests)
            goes_on = bool(requests) and self._answer_some(
                protocol, requests, None if starts_tls else look
            )
        if output:
            transport.write(output)
        if asks or output:
            self._watch_idleness(protocol)
        if closes:
            self._is_over = True
            self._waiting.clear()
            # What was written is sent first; a client that does not read it, is cut off.
            loop = asyncio.get_running_loop()
            self._timers[self] = loop.call_later(self._expires_after, self.abort)
            transport.close()
            return
        if starts_tls and protocol.endpoint.tls is not None:
            transport.pause_reading()
            loop = asyncio.get_running_loop()
            self._securing = loop.create_task(self._secure(transport, protocol))
            return
        self._start()
        self._read_or_not()

    def _answer_some(
        self, protocol: Protocol, requests: list[tuple[Tag, Request]], look: AtOnce | None
    ) -> bool:
        """Answer what can be answered at once, and let the others wait; return whether any was."""
        if look is None or self._waiting or self._is_unread:
            self._waiting.update(requests)
            return False
        granted = 0
        for tag, request in requests:
            answer = answer_at_once(look, request)
            if answer is None:
                self._waiting[tag] = request
            else:
                protocol.answer(tag, answer)
                granted += 1
        if granted:
            self._connections.ended(protocol.name, Outcome.GRANTED, granted)
        return granted > 0

    def _start(self) -> None:
        while self._waiting and len(self._tasks) < _MOST_AT_ONCE and not self._is_unread:
            tag = next(iter(self._waiting))
            request = self._waiting.pop(tag)
            timer = self._timers.pop(tag, None)
            if timer is not None:
                timer.cancel()
            loop = asyncio.get_running_loop()
            self._tasks[tag] = loop.create_task(self._run(tag, request))

    async def _run(self, tag: Tag, request: Request) -> None:
        try:
            answer: Answer = await self._asker.answer(tag, request)
        except asyncio.CancelledError:
            self._asker.give_up(tag)
            raise
        except Exception as error:  # noqa: BLE001 - a bug refuses
            if not isinstance(error, _EXPECTED):
                log.error("a request failed: %s", _shown(error))  # noqa: TRY400 - see `_shown`
            answer = Failed(error)
        finally:
            if self._tasks.get(tag) is asyncio.current_task():
                del self._tasks[tag]
        if isinstance(answer, Challenge):
            loop = asyncio.get_running_loop()
            self._timers[tag] = loop.call_later(self._expires_after, self._expire, tag)
        self._answer(tag, answer, is_login=isinstance(request, _LOGINS))

    def _answer(self, tag: Tag, answer: Answer, *, is_login: bool) -> None:
        if self._protocol is not None and not self._is_over:
            if is_login and not isinstance(answer, Challenge):
                self._connections.ended(self._protocol.name, _outcome(answer))
            self._protocol.answer(tag, answer)
            self.carry_on()

    def _expire(self, tag: Tag) -> None:
        self._timers.pop(tag, None)
        self._asker.give_up(tag)
        self._answer(tag, Failed(Expired()), is_login=True)

    def _give_up(self, tag: Tag) -> None:
        timer = self._timers.pop(tag, None)
        if timer is not None:
            timer.cancel()
        task = self._tasks.pop(tag, None)
        if task is not None:
            task.cancel()
        self._waiting.pop(tag, None)
        self._asker.give_up(tag)

    # TLS that begins later

    async def _secure(self, plain: asyncio.Transport, protocol: Protocol) -> None:
        context = protocol.endpoint.tls
        assert context is not None  # noqa: S101 - asked for above
        loop = asyncio.get_running_loop()
        try:
            transport = await loop.start_tls(plain, self, context, server_side=True)
        except (OSError, ConnectionError, asyncio.CancelledError) as error:
            log.info("a client began TLS in vain: %s", type(error).__name__)
            self._end_securing(plain)
            return
        if transport is None or plain.is_closing():
            self._end_securing(plain)
            return
        self._transport = transport
        transport.set_write_buffer_limits(high=_MOST_UNREAD)
        self._securing = None
        self._is_paused = False
        tls = transport.get_extra_info("ssl_object")
        protocol.secured(lambda: connection_of(protocol.endpoint.address, tls))
        self.carry_on()
        data = bytes(self._held)
        self._held.clear()
        if data:
            self.data_received(data)

    def _end_securing(self, plain: asyncio.Transport) -> None:
        self._securing = None
        plain.abort()
        # asyncio does not tell of a connection that is lost in the middle of a handshake.
        self.connection_lost(None)

    # Reading

    def _watch_idleness(self, protocol: Protocol) -> None:
        """Send a client away that asks for nothing; one that waits for an answer is not idle."""
        seconds = protocol.idle_seconds
        loop = asyncio.get_running_loop()
        self._active = loop.time()
        if self._idle_timer is not None and seconds != self._idle_seconds:
            self._idle_timer.cancel()
            self._idle_timer = None
        self._idle_seconds = seconds
        if seconds is not None and self._idle_timer is None:
            self._idle_timer = loop.call_later(seconds, self._look_at_idleness)

    def _look_at_idleness(self) -> None:
        protocol, self._idle_timer = self._protocol, None
        seconds = None if protocol is None else protocol.idle_seconds
        if protocol is None or seconds is None or self._is_over:
            return
        loop = asyncio.get_running_loop()
        left = seconds if self._tasks else self._active + seconds - loop.time()
        if left > 0:
            self._idle_timer = loop.call_later(left, self._look_at_idleness)
            return
        self.stop()

    def _read_or_not(self) -> None:
        """Read from the client only while it does not have to wait."""
        protocol, transport = self._protocol, self._transport
        if protocol is None or transport is None or transport.is_closing():
            return
        pauses = self._is_unread or bool(self._waiting) or protocol.is_busy
        if pauses and not self._is_paused:
            transport.pause_reading()
        elif not pauses and self._is_paused:
            transport.resume_reading()
        self._is_paused = pauses

    def abort(self) -> None:
        """Cut the client off."""
        if self._transport is not None:
            self._transport.abort()


def _shown(error: Exception) -> str:
    """Return what a log may say of any error; the text of a bug may repeat what a client sent."""
    return str(error) if isinstance(error, UalauthError) else f"raised {type(error).__name__}"


def _outcome(answer: Answer) -> Outcome:
    """Return how a login ended."""
    match answer:
        case Granted():
            return Outcome.GRANTED
        case Failed(HttpRefusal() as refusal) if refusal.reply.status < _UNAVAILABLE:
            return Outcome.REFUSED
        case Failed(AuthenticationError() as error):
            return outcome_of_exception(error)
        case Failed(MechanismUnavailable() | Expired()):
            return Outcome.REFUSED
    return Outcome.UNAVAILABLE
