"""The asyncio way in: the same modules, and the event loop is never blocked.

A login that needs no waiting runs at once, without a task or a switch. What
blocks or computes goes to a bounded pool of threads of its own; what is not
done when the time of an operation is up counts as not checked.

An `AsyncAuthenticator` belongs to one event loop at a time.

Internal: its names are imported from `ualauth`.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Generator, Iterable
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack

from ualauth.codes import Operation, ReturnCode
from ualauth.config.config import Config
from ualauth.contract.credentials import Password, PasswordChange
from ualauth.contract.identity import Identity, Person
from ualauth.contract.messages import AsyncConversation
from ualauth.contract.requests import (
    Admission,
    Ask,
    Compute,
    DummyCompute,
    Join,
    Offload,
    Readable,
    Request,
    Send,
    Sleep,
    Until,
    Wait,
)
from ualauth.errors import ConfigurationError, StoreError
from ualauth.runtime import audit, login
from ualauth.runtime.arguments import check_arguments, check_connection, check_peer
from ualauth.runtime.at_once import AtOnce
from ualauth.runtime.base import BaseAuthenticator
from ualauth.runtime.compute_queue import ComputeQueue, most_at_once, processors
from ualauth.runtime.computing import Computing, enter
from ualauth.runtime.handle import Handle
from ualauth.runtime.observer import Observer
from ualauth.runtime.peer import ConnectionInfo, Peer
from ualauth.runtime.remembered_verdicts import Repetition, key_of
from ualauth.runtime.sasl_exchange import BaseSaslExchange
from ualauth.runtime.sasl_login import SaslLogin
from ualauth.runtime.thread_pool import ThreadPool
from ualauth.runtime.transaction import INTERRUPTED, BaseTransaction
from ualauth.stack.model import Service
from ualauth.system.frames import clear_locals
from ualauth.system.networks import source_of
from ualauth.system.poll import wait_on_loop

if TYPE_CHECKING:
    from ualauth.runtime.revocations import End, Revocations, Session

_Result = TypeVar("_Result")
_INFO = logging.INFO
_is_logged = audit.log.isEnabledFor


class AsyncAuthenticator:
    """Asks services whether a person may come in, without blocking the event loop.

    An argument of a wrong type is a `TypeError`, at the call or when that is awaited.
    """

    def __init__(
        self,
        config: Config | str | os.PathLike[str] | None = None,
        *,
        observers: Iterable[Observer] = (),
    ) -> None:
        """Use a configuration folder: a path, a `Config`, or by default `/etc/ualauth`.

        `observers` look at each login: `ualauth.metrics.Metrics`, `ualauth.tracing.Tracing`.

        Raises:
            ConfigurationError: if the folder is missing or its `ualauth.toml`
                has mistakes.

        """
        self.config = config if isinstance(config, Config) else Config.load(config)
        self._base = BaseAuthenticator(self.config, observers)
        # On the loop, a file that is being written is not waited for.
        self._base.services.waits = False
        self._pool = ThreadPool(self.config.stack.threads)
        # Its queue lets as many run as there are processors: more would only wait for each
        # other. They stand back, so that the event loop need not wait for them.
        self._processors = ThreadPool(most_at_once(), nice=10)
        self._computing = self._base.kind(ComputeQueue)(
            processors(),
            lambda each: self._processors.submit(self._computing.run, each),
            self.config.stack.timeout,
        )
        # Apart, so that modules that hang cannot keep service files from being read.
        self._own_pool = ThreadPool(1)

    async def authenticate(
        self,
        service: str,
        user: str,
        password: str,
        **peer: Unpack[Peer],
    ) -> Identity:
        """Let a person in by name and password; see `Authenticator.authenticate`."""
        try:
            if not type(service) is type(user) is type(password) is str:
                check_arguments(service=service, user=user, password=password)
            base, repetition = self._base, None
            verdicts = base.verdicts
            if not base.services.is_fresh(service):
                check_peer(peer)
                await self.load(service)
            if verdicts is not None and (key := key_of(service, user, peer)) is not None:
                verdict = verdicts.find(key, password)
                if verdict is not None and verdict.is_confirmed:
                    if not (base.is_observed or audit.listeners or _is_logged(_INFO)):
                        return verdict.identity
                    handle = base.handle(service, user, peer)
                    repeated: Identity = await self._advance(handle, base.repeat(handle, verdict))
                    return repeated
                repetition = Repetition(verdicts, key, verdict)
            handle = base.handle(service, user, peer)
            handle.remembering = repetition
            identity: Identity = await self._advance(handle, base.login(handle, Password(password)))
        except BaseException as error:
            del password
            clear_locals(error)
            raise
        return identity

    async def change_password(
        self,
        service: str,
        user: str,
        old: str,
        new: str,
        **peer: Unpack[Peer],
    ) -> None:
        """Change a person's password; see `Authenticator.change_password`."""
        try:
            check_arguments(service=service, user=user, old=old, new=new)
            handle = await self._handle(service, user, peer)
            change = login.change_password(handle, PasswordChange(old, new))
            await self._advance(handle, change)
        except BaseException as error:
            del old, new
            clear_locals(error)
            raise

    def transaction(
        self,
        service: str,
        user: str | None = None,
        conversation: AsyncConversation | None = None,
        **peer: Unpack[Peer],
    ) -> AsyncTransaction:
        """Begin a transaction, whose operations are awaited; see `Authenticator.transaction`.

        `conversation` may be a coroutine function. A service that is not
        compiled yet is compiled here, on the event loop; `load` avoids that.
        """
        check_arguments(service=service, conversation=conversation)
        if user is not None:
            check_arguments(user=user)
        handle = self._base.handle(service, user, peer)
        handle.items.conversation = conversation
        return AsyncTransaction(handle, self)

    async def mechanisms(self, service: str, **connection: Unpack[ConnectionInfo]) -> list[str]:
        """Return the names of the SASL mechanisms to offer; see `Authenticator.mechanisms`."""
        check_connection(connection)
        await self.load(service)
        return self._base.mechanisms(service, connection)

    def sasl(
        self,
        service: str,
        mechanism: str,
        **connection: Unpack[ConnectionInfo],
    ) -> AsyncSaslExchange:
        """Begin a SASL exchange; see `Authenticator.sasl`.

        What the exchange raises at its beginning is raised when it is awaited,
        or else by its first step; but an argument of a wrong type at once.
        """
        if not type(service) is type(mechanism) is str:
            check_arguments(service=service, mechanism=mechanism)
        check_connection(connection)

        async def begin() -> SaslLogin:
            if not self._base.services.is_fresh(service):
                await self.load(service)
            return self._base.exchange(service, mechanism, connection)

        return AsyncSaslExchange(mechanism, begin, self)

    async def groups(self, identity: Identity) -> tuple[str, ...]:
        """Return the names of a user's groups in the USERLIST; see `Authenticator.groups`."""
        check_arguments(identity=identity)
        return await in_thread(self, lambda base: base.groups(identity))

    @property
    def hashes_waiting(self) -> int:
        """How many computations for logins run or wait to run: passwords that are hashed."""
        return len(self._computing)

    async def person(self, user: str) -> Person | None:
        """Return the user with this authid or e-mail address; see `Authenticator.person`."""
        check_arguments(user=user)
        return await in_thread(self, lambda base: base.person(user))

    def revocations(self) -> AsyncRevocations:
        """Return what ends sessions whose user is locked, deleted or has another password.

            with auth.revocations().add(identity, end=connection.close_soon):
                ...  # the session

        `end` is called within seconds of the change, on
        the event loop that `add` was called on. See `Authenticator.revocations`.
        """
        return AsyncRevocations(self._base.revocations())

    async def load(self, service: str) -> Service:
        """Return the compiled service, compiling it if need be; see `Authenticator.load`."""
        check_arguments(service=service)
        if self._base.services.is_fresh(service):
            return self._base.services.load(service)
        seconds = self.config.stack.timeout
        try:
            loaded: Service = await _in_time(
                self._own_pool, seconds, partial(self._base.services.load, wait=True), service
            )
        except TimeoutError:
            raise ConfigurationError(
                f"the files of service {service!r} cannot be read within {seconds} s",
            ) from None
        return loaded

    async def close(self) -> None:
        """Close what was opened, and end the threads; the authenticator may be used again.

        A thread whose call hangs cannot be ended, and is not waited for; it never keeps
        the interpreter from exiting.
        """
        # A thread of the other pools could not wait for its own end.
        closer = ThreadPool(1)
        await asyncio.wrap_future(closer.submit(self._close))
        closer.close()

    def _close(self) -> None:
        self._base.close()
        for pool in (self._pool, self._processors, self._own_pool):
            pool.close()

    async def __aenter__(self) -> Self:
        """Return the authenticator."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self.close()

    async def _handle(self, service: str, user: str, peer: Peer) -> Handle:
        if not self._base.services.is_fresh(service):
            check_peer(peer)
            await self.load(service)
        return self._base.handle(service, user, peer)

    async def _advance(
        self,
        handle: Handle,
        coroutine: Coroutine[Request, Any, object],
        answer: object = None,
    ) -> Any:  # noqa: ANN401 - what the coroutine returns
        """Run a coroutine to its end, awaiting what it requests; see `Authenticator._advance`."""
        try:
            request = coroutine.send(answer)
            while True:
                if type(request) is Send and handle.stepping:
                    return request
                failure = None
                try:
                    result = await self._carry_out(handle, request)
                except BaseException as error:  # noqa: BLE001 - the module's to handle
                    # Thrown below: from in here it would become the context of a refusal
                    # that is raised later, and its text may hold what the person typed.
                    failure = error
                request = coroutine.send(result) if failure is None else coroutine.throw(failure)
        except StopIteration as stop:
            return stop.value

    async def _carry_out(  # noqa: C901, PLR0911 - a case for each kind of request
        self, handle: Handle, request: object
    ) -> Any:  # noqa: ANN401
        started = time.monotonic()
        if handle.deadline is None:
            handle.deadline = started + self.config.stack.timeout
            handle.begun = handle.begun and handle.at_once
        match request:
            case Compute() | Join() | Admission() | DummyCompute():
                return await self._compute(handle, request, handle.deadline - started)
            case Offload(function, args):
                call = partial(self._pool.submit_for, source_of(handle.items.rhost), handle.begun)
                return await _in_time(
                    self._pool, handle.deadline - started, function, *args, submit=call
                )
            case Readable(fileno, seconds):
                return await wait_on_loop(fileno, seconds, handle.deadline - started)
            case Wait(awaitable):
                async with asyncio.timeout(handle.deadline - started):
                    return await awaitable
            case Ask(messages):
                conversation: Any = handle.items.conversation
                answers = conversation(messages)
                if inspect.isawaitable(answers):
                    answers = await answers
                # The person's time is not the modules'.
                handle.deadline += time.monotonic() - started
                return answers
            case Sleep(seconds):
                if self.config.stack.fail_delay:
                    await asyncio.sleep(seconds)
                return None
            case Until(moment):
                await asyncio.sleep(moment - started)
                return None
            case _:
                raise RuntimeError("a module awaited something that is not an attempt's")

    async def _compute(self, handle: Handle, request: Computing, seconds: float) -> Any:  # noqa: ANN401
        """Return what is computed for a login; `TimeoutError` if that takes too long."""
        if seconds <= 0:
            raise TimeoutError
        each = enter(self._computing, handle, request)
        if each is None:
            return None
        try:
            async with asyncio.timeout(seconds):
                result = await asyncio.wrap_future(each.future)
        finally:
            self._computing.leave(each)
        if isinstance(request, DummyCompute):
            await asyncio.sleep(self._computing.usual_seconds())
        else:
            handle.begun = True
        return result


async def in_thread(
    authenticator: AsyncAuthenticator, function: Callable[[BaseAuthenticator], _Result]
) -> _Result:
    """Return what a function makes of the authenticator's inside, in one of its threads.

    Internal: `ualauth serve` asks so for users.

    Raises:
        StoreError: if it takes longer than an operation may.

    """
    seconds = authenticator.config.stack.timeout
    pool, base = authenticator._pool, authenticator._base  # noqa: SLF001 - made for each other
    try:
        result: _Result = await _in_time(pool, seconds, function, base)
    except TimeoutError:
        raise StoreError(f"the USERLIST cannot be read within {seconds} s") from None
    return result


def forget(authenticator: AsyncAuthenticator, names: Collection[str] = ()) -> int:
    """Forget what is remembered of users, of all without names; return of how many logins.

    Internal. No login needs it: what is remembered is compared with what is so now at each use.
    """
    return authenticator._base.forget(names)  # noqa: SLF001 - made for each other


def at_once(authenticator: AsyncAuthenticator) -> AtOnce:
    """Return what answers logins that repeat granted ones, for requests that are read already.

    Internal: for `ualauth serve`, which reads many at a time.
    """
    return AtOnce(authenticator._base)  # noqa: SLF001 - made for each other


async def look_ahead(authenticator: AsyncAuthenticator, service: str) -> None:
    """Look at the files of a service before that is due, so that no login has to wait for it.

    Internal: for `ualauth serve`.

    Raises:
        ConfigurationError: as `load`.
        TimeoutError: they cannot be read in time.

    """
    look = authenticator._base.services.look_ahead  # noqa: SLF001 - as above
    await _in_time(authenticator._own_pool, authenticator.config.stack.timeout, look, service)  # noqa: SLF001


def server_states(authenticator: AsyncAuthenticator) -> dict[str, bool]:
    """Return the servers that modules ask, and whether each answered the last time.

    Internal: for `ualauth status`.
    """
    return authenticator._base.resources.server_states()  # noqa: SLF001 - made for each other


async def _in_time(
    pool: ThreadPool,
    seconds: float,
    function: Callable[..., Any],
    *args: Any,  # noqa: ANN401 - whatever the function takes
    submit: Callable[..., Future[Any]] | None = None,
) -> Any:  # noqa: ANN401 - whatever it returns
    """Return what `function` returns in a thread; `TimeoutError` if that takes too long."""
    if seconds <= 0:
        raise TimeoutError
    future = (submit or pool.submit)(function, *args)
    waiter: Awaitable[Any] = asyncio.wrap_future(future)
    try:
        async with asyncio.timeout(seconds):
            return await waiter
    except TimeoutError:
        if not future.done():
            raise
        # The call is done, and the loop came late to see it: it had too much else to do.
        return future.result()
    finally:
        pool.abandon(future)


class AsyncRevocations:
    """The sessions of an application with an event loop; see `Revocations`."""

    def __init__(self, revocations: Revocations) -> None:
        """Share the sessions of others; made by `AsyncAuthenticator.revocations`."""
        self._revocations = revocations

    def add(self, identity: Identity, end: End) -> Session:
        """Look after a session from now on; `end` is called on this event loop, with the reason.

        See `Revocations.add`.
        """
        loop = asyncio.get_running_loop()
        return self._revocations.add(identity, lambda why: loop.call_soon_threadsafe(end, why))

    async def look(self) -> int:
        """Look now; see `Revocations.look`."""
        return await asyncio.to_thread(self._revocations.look)


class AsyncTransaction(BaseTransaction[Coroutine[Any, Any, ReturnCode]]):
    """One login of one user to one service; use it in an `async with` statement.

    Operations are awaited and return codes, as PAM's do; only
    `ReturnCode.SUCCESS` is a yes.
    """

    def __init__(self, handle: Handle, authenticator: AsyncAuthenticator) -> None:
        """Hold a transaction; made by `AsyncAuthenticator.transaction`."""
        super().__init__(handle)
        self._authenticator = authenticator

    async def _perform(self, operation: Operation, flags: int) -> ReturnCode:
        handle = self._handle
        self._last = INTERRUPTED
        try:
            self._last = await self._authenticator._advance(  # noqa: SLF001 - made for each other
                handle,
                self._authenticator._base.perform(handle, operation, flags),  # noqa: SLF001 - likewise
            )
        except BaseException as error:
            clear_locals(error)
            raise
        return self._last

    async def __aenter__(self) -> Self:
        """Return the transaction."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """End it."""
        self.close()


class AsyncSaslExchange(BaseSaslExchange):
    """One SASL exchange with one client, step by step; see `ualauth.runtime.sasl_exchange`.

    Awaiting the exchange itself begins it; the first step does so, too.
    """

    def __init__(
        self,
        mechanism: str,
        begin: Callable[[], Coroutine[Any, Any, SaslLogin]],
        authenticator: AsyncAuthenticator,
    ) -> None:
        """Hold an exchange; made by `AsyncAuthenticator.sasl`."""
        super().__init__(mechanism)
        self._begin = begin
        self._authenticator = authenticator

    def __await__(self) -> Generator[Any, Any, Self]:
        """Begin, and return the exchange."""
        return self._begun().__await__()

    async def _begun(self) -> Self:
        if self._sasl_login is None and not self._over:
            self._sasl_login = await self._begin()
        return self

    async def step(self, response: bytes | None = None) -> bytes | None:
        """Take what the client sent; return what to send to it; see `SaslExchange.step`."""
        try:
            await self._begun()
            handle, coroutine, answer = self._enter(response)
            try:
                result = await self._authenticator._advance(handle, coroutine, answer)  # noqa: SLF001 - made for each other
            except BaseException as error:
                self._leave(error)
                raise
            return self._leave(result)
        except BaseException as error:
            response = answer = None
            clear_locals(error)
            raise
