"""The way in of Twisted: as `AsyncAuthenticator`, with Deferreds, on every reactor.

A login begins in the reactor's thread, and most end there: one that needs no
waiting takes microseconds. What has to wait goes on in an event loop of asyncio in a
thread of its own. So the reactor is never blocked, delays after failures hold no
thread, and time limits and modules are those of the asyncio way in; Twisted need not
run on its asyncio reactor.
"""

from __future__ import annotations

import asyncio
import os
import threading
import types
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Future
from typing import Any, TypeVar, Unpack

from twisted.internet.defer import Deferred, fail, succeed

from ualauth.aio import AsyncAuthenticator, AsyncSaslExchange, in_thread
from ualauth.config.config import Config
from ualauth.contract.identity import Identity
from ualauth.runtime.base import BaseAuthenticator
from ualauth.runtime.handle import Handle
from ualauth.runtime.peer import ConnectionInfo, Peer
from ualauth.runtime.revocations import End, Session
from ualauth.stack.model import Service
from ualauth.system.forks import new_lock, renew_after_fork

T = TypeVar("T")

_NEEDS_LOOP = object()
"""What a coroutine yields before it does what only an event loop can."""


@types.coroutine
def _need_loop() -> Generator[object, Any, None]:
    yield _NEEDS_LOOP


@types.coroutine
def _go_on(coroutine: Coroutine[Any, Any, T]) -> Generator[Any, Any, T]:
    """Run a coroutine that began outside of an event loop to its end within one.

    It cannot be awaited: it is in the middle of an `await` already.
    """
    answer, error = None, None
    while True:
        try:
            wanted = coroutine.send(answer) if error is None else coroutine.throw(error)
        except StopIteration as stop:
            result: T = stop.value
            return result
        answer = error = None
        if wanted is not _NEEDS_LOOP:
            try:
                answer = yield wanted
            except BaseException as thrown:  # noqa: BLE001 - such as that the login is cancelled
                error = thrown


class _Starting(AsyncAuthenticator):
    """Tells when a coroutine of its own needs an event loop: no sooner than it has to wait."""

    async def load(self, service: str) -> Service:
        """See `AsyncAuthenticator.load`."""
        if not self._base.services.is_fresh(service):
            await _need_loop()
        return await super().load(service)

    async def _carry_out(self, handle: Handle, request: object) -> Any:  # noqa: ANN401 - whatever it is
        await _need_loop()
        return await super()._carry_out(handle, request)


class TwistedAuthenticator:
    """Asks services whether a person may come in; answers are Deferreds.

    Cancelling a Deferred gives the login up. The thread starts with the first
    login, which is after twistd went into the background.
    """

    def __init__(self, config: Config | str | os.PathLike[str] | None = None) -> None:
        """Use a configuration folder; see `AsyncAuthenticator`."""
        self._authenticator = _Starting(config)
        self.config = self._authenticator.config
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = new_lock()
        renew_after_fork(self)

    def begin_in_child(self) -> None:
        """Begin without the loop, whose thread is the parent's; see `forks.Renewable`."""
        self._loop = None

    def authenticate(
        self,
        service: str,
        user: str,
        password: str,
        **peer: Unpack[Peer],
    ) -> Deferred[Identity]:
        """Let a person in by name and password; see `Authenticator.authenticate`."""
        return self._defer(self._authenticator.authenticate(service, user, password, **peer))

    def mechanisms(self, service: str, **connection: Unpack[ConnectionInfo]) -> Deferred[list[str]]:
        """Return the names of the SASL mechanisms to offer; see `Authenticator.mechanisms`."""
        return self._defer(self._authenticator.mechanisms(service, **connection))

    def sasl(
        self,
        service: str,
        mechanism: str,
        **connection: Unpack[ConnectionInfo],
    ) -> DeferredExchange:
        """Begin a SASL exchange; what that raises is raised by its first step.

        See `Authenticator.sasl`.
        """
        exchange = self._authenticator.sasl(service, mechanism, **connection)
        return DeferredExchange(exchange, self._defer, self._do)

    def in_loop(self, coroutine: Coroutine[Any, Any, T]) -> Deferred[T]:
        """Run a coroutine of asyncio in the loop's thread; what is cancelled there ends."""

        async def begin() -> T:
            await _need_loop()
            return await coroutine

        return self._defer(begin())

    def in_thread(self, function: Callable[[BaseAuthenticator], T]) -> Deferred[T]:
        """Return what a function that blocks makes of the authenticator's inside."""
        return self.in_loop(in_thread(self._authenticator, function))

    def call_in_loop(self, function: Callable[[], object]) -> None:
        """Call a function in the loop's thread, if there is one, and do not wait for it."""
        self._do(function)

    def begin_session(self, identity: Identity, end: End) -> Session:
        """Have `end` called in the reactor's thread when the user's session is to end.

        See `Authenticator.revocations`; the session is closed when it ends by itself.
        """
        # Importing the reactor installs one: not before the application had its choice.
        from twisted.internet import reactor  # noqa: PLC0415

        revocations = self._authenticator._base.revocations()  # noqa: SLF001 - made for each other
        return revocations.add(identity, lambda why: reactor.callFromThread(end, why))

    def close(self) -> None:
        """Close the USERLIST and end the thread; the authenticator may be used again."""
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None:
            asyncio.run_coroutine_threadsafe(self._authenticator.close(), loop).result()
            loop.call_soon_threadsafe(loop.stop)

    def _do(self, function: Callable[[], object]) -> None:
        """Call a function in the loop's thread, if it is there."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(function)

    def _defer(self, coroutine: Coroutine[Any, Any, T]) -> Deferred[T]:
        """Begin a coroutine here; if it needs the loop, run the rest in the loop's thread."""
        try:
            coroutine.send(None)
        except StopIteration as stop:
            return succeed(stop.value)
        except Exception as error:  # noqa: BLE001 - the caller's to handle
            return fail(error)

        async def rest() -> T:
            return await _go_on(coroutine)

        # Importing the reactor installs one: not before the application had its choice.
        from twisted.internet import reactor  # noqa: PLC0415

        future = asyncio.run_coroutine_threadsafe(rest(), self._running())

        def give_up(_: Deferred[T]) -> None:
            future.cancel()

        def arrive() -> None:
            if deferred.called:
                return
            error = future.exception()
            if error is None:
                deferred.callback(future.result())
            else:
                deferred.errback(error)

        def done(future: Future[T]) -> None:
            if not future.cancelled():
                reactor.callFromThread(arrive)

        deferred: Deferred[T] = Deferred(give_up)
        future.add_done_callback(done)
        return deferred

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(
                    target=_run,
                    args=(self._loop,),
                    name="ualauth-twisted",
                    daemon=True,
                ).start()
            return self._loop


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        for task in asyncio.all_tasks(loop):
            task.cancel()
            loop.run_until_complete(asyncio.wait([task]))
    finally:
        loop.close()


class DeferredExchange:
    """One SASL exchange with one client; see `ualauth.runtime.sasl_exchange`."""

    def __init__(
        self,
        exchange: AsyncSaslExchange,
        defer: Callable[[Coroutine[Any, Any, bytes | None]], Deferred[bytes | None]],
        do: Callable[[Callable[[], object]], None],
    ) -> None:
        """Hold an exchange; made by `TwistedAuthenticator.sasl`."""
        self._exchange = exchange
        self._defer = defer
        self._do = do

    @property
    def mechanism(self) -> str:
        """The mechanism's name in SASL."""
        return self._exchange.mechanism

    @property
    def done(self) -> bool:
        """Whether a user was let in."""
        return self._exchange.done

    @property
    def identity(self) -> Identity:
        """Who was let in.

        Raises:
            RuntimeError: if no user was, or not yet: look at `done` before.

        """
        return self._exchange.identity

    def step(self, response: bytes | None = None) -> Deferred[bytes | None]:
        """Take what the client sent; return what to send to it; see `SaslExchange.step`."""
        return self._defer(self._exchange.step(response))

    def close(self) -> None:
        """Give the exchange up, as when the client cancels it; later steps raise."""
        if not self._exchange.over:
            self._do(self._exchange.close)
