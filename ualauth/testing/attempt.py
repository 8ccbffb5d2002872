"""An attempt without a service, and a driver without an event loop.

    attempt = FakeAttempt("jsmith", password="s3cret")
    code = attempt.answer(module.authenticate(attempt))

It is the real attempt with nothing behind it, so that a module meets the real
rules for items, tokens, prompts and data. Nothing is slept and no thread is
started: what a module offloads is called on the spot.
"""

from __future__ import annotations

import asyncio
import inspect
import secrets
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar, Unpack, cast, overload

from ualauth.codes import Operation, ReturnCode
from ualauth.contract.account import Account, Memberships
from ualauth.contract.attempt import Abort, answer_of
from ualauth.contract.computation import Computation
from ualauth.contract.credentials import NameKind, Password
from ualauth.contract.identity import Person
from ualauth.contract.messages import Conversation
from ualauth.contract.requests import (
    Admission,
    Ask,
    Compute,
    DummyCompute,
    Join,
    Offload,
    Readable,
    Sleep,
    Until,
    Wait,
)
from ualauth.errors import ModuleUnavailable, StoreError
from ualauth.reasons import ReasonCode
from ualauth.runtime.attempt import RunningAttempt
from ualauth.runtime.items import Items
from ualauth.runtime.peer import Peer
from ualauth.runtime.trace import Run
from ualauth.runtime.users import Users
from ualauth.system.poll import wait_blocking
from ualauth.text.folding import fold
from ualauth.userlist.guesses import GuessLimiter

T = TypeVar("T")


class NoUsers:
    """A USERLIST without users."""

    def recall(self, _name: str, _kind: NameKind = NameKind.TYPED) -> Any:  # noqa: ANN401 - a store's
        """See `Users.recall`."""
        return None

    def read(self, _name: str, _kind: NameKind = NameKind.TYPED) -> Any:  # noqa: ANN401 - likewise
        """See `Users.read`."""
        return None

    def recall_groups(self, _account: Account | None, names: Iterable[str]) -> Memberships:
        """See `Users.recall_groups`: there are none."""
        return Memberships(frozenset(), frozenset(map(fold, names)))

    read_groups = recall_groups


class MissingUserlist:
    """A USERLIST that cannot be read; `asked` is how often that was tried."""

    def __init__(self) -> None:
        """Begin with no question."""
        self.asked = 0

    def recall(self, _name: str, _kind: NameKind = NameKind.TYPED) -> None:
        """See `Users.recall`."""

    def read(self, _name: str, _kind: NameKind = NameKind.TYPED) -> None:
        """See `Users.read`."""
        self.asked += 1
        raise StoreError("this test has no USERLIST")

    def recall_groups(self, _account: Account | None, _names: Iterable[str]) -> None:
        """See `Users.recall_groups`."""

    def read_groups(self, _account: Account | None, _names: Iterable[str]) -> Memberships:
        """See `Users.read_groups`."""
        raise StoreError("this test has no USERLIST")


class _Nothing:
    """What a resource is opened with that a test did not give: no folder, and no settings."""

    def __init__(self, name: str, find: Callable[[type[Any]], Any]) -> None:
        """Open others by `find`."""
        self._name = name
        self.resource = find

    @property
    def directory(self) -> Path:
        """There is none."""
        raise self._missing()

    @property
    def config(self) -> Any:  # noqa: ANN401 - there is none
        """There is none."""
        raise self._missing()

    def secret(self) -> bytes:
        """Return another key each time, as where there is no USERLIST."""
        return secrets.token_bytes(32)

    def _missing(self) -> ModuleUnavailable:
        return ModuleUnavailable(f"this test shares no {self._name}")


class FakeAttempt(RunningAttempt):
    """An attempt to hand to a module.

    `password` is what the person brought, `conversation` whom to ask,
    `resources` what the application shares (a `UserStore`, say; what needs no
    configuration opens itself), and `users` the USERLIST behind names. `remarks`, `reasons`,
    `offloaded` and `slept` are what the module did; `person`, `messages` and `delay` are as
    at run time: whom the module vouched for counts when `answer` returned its `SUCCESS`.
    """

    def __init__(  # noqa: PLR0913 - all of them optional
        self,
        user: str | None = None,
        *,
        operation: Operation = Operation.AUTHENTICATE,
        flags: int = 0,
        service: str = "test",
        password: str | None = None,
        conversation: Conversation | None = None,
        resources: Iterable[object] = (),
        users: Users | None = None,
        **peer: Unpack[Peer],
    ) -> None:
        """Begin with what the test says."""
        self._shared = list(resources)
        self._opened: list[object] = []
        items = Items(service, user)
        items.conversation = conversation
        for name, value in peer.items():
            setattr(items, name, value)
        if password is not None:
            items.password = Password(password)
        super().__init__(items, self._find, users or NoUsers())
        self.operation = operation
        self.flags = flags
        self.remarks: list[str] = []
        self.reasons: list[ReasonCode] = []
        self.run = Run(operation, (), [], None, None)
        self.offloaded: list[Callable[..., object]] = []
        self.slept: list[float] = []

    def _find(self, kind: type[T]) -> T:
        for each in self._shared:
            if isinstance(each, kind):
                return each
        if kind is GuessLimiter:
            # A USERLIST has its own.
            own = (each.guesses for each in self._shared if hasattr(each, "guesses"))
            self._shared.append(next(own, None) or GuessLimiter())
            return self._find(kind)
        opener = getattr(kind, "open", None)
        if not inspect.ismethod(opener):
            raise ModuleUnavailable(f"this test shares no {kind.__name__}")
        opened: T = opener(_Nothing(kind.__name__, self._find))
        self._shared.append(opened)
        self._opened.append(opened)
        return opened

    def remark(self, text: str) -> None:
        """Keep what the module, or one of a stack that it runs, said about its answer."""
        self.remarks.append(text)

    def explain(self, reason: ReasonCode, text: str) -> None:
        """Keep the reason, and the text as a remark."""
        self.reasons.append(reason)
        self.remark(text)

    def end(self, status: int) -> None:
        """Call every cleanup with `status`, and forget all secrets, as at the transaction's end.

        Resources that the attempt has opened itself are closed.
        """
        self.items.end(status)
        while self._opened:
            opened: Any = self._opened.pop()
            self._shared.remove(opened)
            if hasattr(opened, "close"):
                opened.close()

    @property
    def delay(self) -> float:
        """Seconds that the module asked for if the operation fails."""
        return self.items.delay

    @property
    def person(self) -> Person | None:
        """Whom the module vouches for: also on its way to an answer that `answer` has not yet."""
        last = self.vouches[-1] if self.vouches else None
        return last[2] if last is not None and last[0] is self.run else super().person

    @overload
    def answer(self, result: Awaitable[T]) -> T: ...

    @overload
    def answer(self, result: T) -> T: ...

    def answer(self, result: Awaitable[T] | T) -> T:
        """Return what a module's method answers; `result` is what calling it returned.

        Raises:
            Abort: and whatever else the module lets pass.

        """
        mine, run = self.run, Run(self.operation, (), [], None, None)
        try:
            value = self._driven(self._completed(result)) if inspect.isawaitable(result) else result
            if isinstance(value, ReturnCode) and self.run is mine:
                self._conclude(value)
        finally:
            self.run = run
        return cast("T", value)

    def code_of(self, result: Awaitable[ReturnCode] | ReturnCode) -> ReturnCode:
        """Return what an entry answers whose module's method returned `result`.

        As `answer`; an `Abort` that the module lets pass is its code, as at run time.
        """
        try:
            return self.answer(result)
        except Abort as abort:
            return answer_of(abort)

    def _conclude(self, code: ReturnCode) -> None:
        """Take a code for the answer of the entry, with which counts what the module said."""
        run = self.run
        if run is not None:
            if code not in {ReturnCode.SUCCESS, ReturnCode.NEW_AUTHTOK_REQD}:
                self.unconfirm(run)
            run.codes.append(code)
            run.verdict = code

    def _driven(self, result: Awaitable[T]) -> T:
        walk: Any = result.__await__()
        try:
            request = next(walk)
            while True:
                failure = None
                try:
                    outcome = self.carry_out(request)
                except BaseException as error:  # noqa: BLE001 - the module's to handle
                    failure = error
                request = walk.send(outcome) if failure is None else walk.throw(failure)
        except StopIteration as stop:
            value: T = stop.value
            return value

    async def _completed(self, result: Awaitable[T]) -> T:
        """Return what was answered, when the guess has ended as at the end of an operation."""
        try:
            answer = await result
            if self.guess is not None and isinstance(answer, ReturnCode):
                await self.end_guess(answer)
            return answer
        finally:
            self.abandon_guess()

    def carry_out(  # noqa: PLR0911 - a case for each kind of request
        self, request: object
    ) -> Any:  # noqa: ANN401 - whatever was requested
        """Do what a module requested, and return the result."""
        match request:
            case Compute(function, args, once):
                self.offloaded.append(function)
                return _once(once, function, args)
            case Join(once):
                return once.future.result()
            case Admission() | DummyCompute():
                return None
            case Offload(function, args):
                self.offloaded.append(function)
                return function(*args)
            case Ask(messages):
                conversation: Any = self.items.conversation
                return conversation(messages)
            case Sleep(seconds):
                self.slept.append(seconds)
                return None
            case Readable(fileno, seconds):
                return wait_blocking(fileno, seconds)
            case Until():
                return None
            case Wait(awaitable):
                return asyncio.run(_awaited(awaitable))
            case _:
                raise AssertionError(
                    f"the module awaited {type(request).__name__}, which is not an attempt's",
                )


def _once(once: Computation | None, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:  # noqa: ANN401 - whatever it returns
    """Call a function, and let those know that wait for it."""
    if once is None:
        return function(*args)
    try:
        result = function(*args)
    except BaseException as error:
        once.end(error)
        raise
    once.end(result=result)
    return result


async def _awaited(awaitable: Awaitable[T]) -> T:
    return await awaitable
