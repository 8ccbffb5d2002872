"""The driver of a transaction: the six operations as coroutines over the service's stacks.

`Visit` holds the state; the blocking and the asyncio runtime carry out what
its coroutines request. Linux-PAM's pam_dispatch.c, pam_auth.c and
pam_password.c are the reference.

Only `SUCCESS` grants. Whatever goes wrong in a module becomes a code that
does not: an exception is `SYSTEM_ERR`, running out of time or of the USERLIST
is `AUTHINFO_UNAVAIL`.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable
from typing import Any, cast

from ualauth import audit
from ualauth.attempt import LiveAttempt
from ualauth.codes import UNCHECKED, Flag, Item, Operation, ReturnCode
from ualauth.errors import ConfigurationError, StoreError
from ualauth.module import Refusal, Sleep
from ualauth.stack.control import ascii_lower
from ualauth.stack.engine import Frozen, Suspended, evaluate
from ualauth.stack.model import Entry, Service
from ualauth.trace import Run, TraceStep

log = logging.getLogger("ualauth.visit")

Load = Callable[[str], Service]

# Looking a member up in its enumeration takes longer than anything else here does.
_SUCCESS = ReturnCode.SUCCESS
_INCOMPLETE = ReturnCode.INCOMPLETE
_AUTHENTICATE = Operation.AUTHENTICATE
_SETCRED = Operation.SETCRED
_CHAUTHTOK = Operation.CHAUTHTOK
_FROZEN = tuple(each in {_SETCRED, Operation.CLOSE_SESSION} for each in Operation)
"""Operation -> whether its walk repeats the path of an earlier one."""
_TWIN = (0, 0, 2, 3, 3, 5)
"""Operation -> the number of the one whose codes its walk shares."""
_ESTABLISH = int(Flag.ESTABLISH_CRED)
_PASSES = int(Flag.PRELIM_CHECK | Flag.UPDATE_AUTHTOK)
_random = random.SystemRandom()


class Visit:
    """A transaction: its attempt, the service's stacks, and the runs so far."""

    # Defaults stand on the class: most visits never set them.
    delayed: float = 0.0
    """Seconds that the last operation was delayed, or would have been."""
    _former: tuple[Operation, Suspended] | None = None
    _updating: bool = False
    _busy: bool = False
    _ended: bool = False
    _first_run: int = 0
    """Where the runs of the last operation begin, what came before an interruption included."""

    def __init__(self, service: Service, attempt: LiveAttempt, load: Load, frozen: Frozen) -> None:
        """Begin with nothing asked; `load` serves a later change of the service."""
        self.attempt = attempt
        self.runs: list[Run] = []
        self._service: Service | None = service
        self._load = load
        self._frozen = frozen
        self._memory: dict[int, list[ReturnCode | None]] = {}

    # Operations

    async def perform(self, operation: Operation, flags: int = 0) -> ReturnCode:
        """Run one operation; `SYSTEM_ERR` if another one is running, or after the end."""
        if self._busy or self._ended or (flags & _PASSES and operation is _CHAUTHTOK):
            return ReturnCode.SYSTEM_ERR
        self._busy = True
        if self._former is None:
            self._first_run = len(self.runs)
        try:
            if operation is _AUTHENTICATE or operation is _CHAUTHTOK:
                code = await self._with_tokens(operation, flags)
            elif operation is _SETCRED:
                code = await self._dispatch(operation, flags or _ESTABLISH)
            else:
                code = await self._dispatch(operation, flags)
        finally:
            self._busy = False
        if code is not _SUCCESS or audit.log.isEnabledFor(logging.INFO):
            audit.record(self.attempt, operation, code, self._last_runs)
        return code

    async def _with_tokens(self, operation: Operation, flags: int) -> ReturnCode:
        """Run an operation that begins and ends without tokens, and may be delayed."""
        attempt = self.attempt
        self.delayed = 0.0
        if not self._resuming:
            attempt.forget_tokens()
        if operation is _AUTHENTICATE:
            code = await self._dispatch(operation, flags)
        else:
            code = await self._both_passes(flags)
        if code is not _INCOMPLETE:
            attempt.forget_tokens()
            if attempt.delay or attempt.delay_report is not None:
                await self._delay(code)
        return code

    async def _both_passes(self, flags: int) -> ReturnCode:
        """Change a password: every module checks, then every module writes."""
        if not self._resuming:
            self._updating = False
        if not self._updating:
            code = await self._dispatch(_CHAUTHTOK, flags | Flag.PRELIM_CHECK)
            if code is not _SUCCESS:
                return code
            self._updating = True
        return await self._dispatch(_CHAUTHTOK, flags | Flag.UPDATE_AUTHTOK)

    @property
    def _resuming(self) -> bool:
        """Whether an operation was interrupted, and can go on: the service is still the same."""
        return self._former is not None and self._service is not None

    async def _delay(self, code: ReturnCode) -> None:
        """Delay what failed, or tell the application (pam_fail_delay(3)).

        The delay varies by up to a half, so that it tells nothing.
        """
        attempt = self.attempt
        seconds = attempt.delay * (0.5 + sum(_random.random() for _ in range(3)) / 3)
        attempt.delay = self.delayed = 0.0
        if attempt.delay_report is not None:
            attempt.delay_report(code, int(seconds * 1_000_000))
        elif code is not _SUCCESS:
            self.delayed = seconds
            await Sleep(seconds)

    # One walk over one stack

    async def _dispatch(  # noqa: C901 - one walk, with every way it can end
        self, operation: Operation, flags: int
    ) -> ReturnCode:
        try:
            service = self._service or self._reload()
        except ConfigurationError as error:
            log.error("service %r: %s", self.attempt.service, error)  # noqa: TRY400 - no bug
            return ReturnCode.ABORT
        suspended = None
        if self._former is not None:
            former, suspended = self._former
            if former is not operation:
                return ReturnCode.ABORT
        number = operation.number
        stack = service.serving[number]
        if not stack:
            return ReturnCode.PERM_DENIED
        twin = _TWIN[number]
        memory = self._memory.get(twin)
        if memory is None:
            memory = self._memory[twin] = [None] * len(stack)
        frozen = self._frozen if _FROZEN[number] else None
        run = Run(operation, stack, memory if frozen is None else memory.copy(), frozen, suspended)
        self.runs.append(run)
        attempt = self.attempt
        attempt.operation = operation
        attempt.flags = flags
        if attempt.deadline is not None or not attempt.at_once:
            # Something may have changed meanwhile.
            attempt.forget_record()
        attempt.deadline = None
        attempt.remark_sink = run.remark
        walk = evaluate(stack, memory, frozen=frozen, suspended=suspended)
        codes = run.codes
        send = walk.send
        try:
            entry = next(walk)
            while True:
                try:
                    code = entry.methods[number](attempt)
                    if type(code) is not ReturnCode:
                        code = _checked(await cast("Awaitable[object]", code))
                except (Exception, SystemExit) as error:  # noqa: BLE001 - a module's bug refuses
                    code = self._fault(entry, run, error)
                codes.append(code)
                entry = send(code)
        except StopIteration as stop:
            verdict = stop.value
        self._former = None
        if verdict.suspended is not None:
            self._former = operation, verdict.suspended
        run.verdict = verdict.code
        return run.verdict

    def _fault(self, entry: Entry, run: Run, error: BaseException) -> ReturnCode:
        """Return what an entry answers whose module raised `error`."""
        match error:
            case Refusal(code=ReturnCode() as code):
                return code
            case TimeoutError():
                code, reason = ReturnCode.AUTHINFO_UNAVAIL, "did not answer in time"
            case StoreError():
                code, reason = ReturnCode.AUTHINFO_UNAVAIL, str(error)
            case _:
                # Not the text of the exception: it may repeat what the person typed.
                code, reason = ReturnCode.SYSTEM_ERR, f"raised {type(error).__name__}"
        run.remark(reason)
        place = _innermost(error)
        log.error("%s: %s (%s): %s%s", entry.source, entry.module, run.operation, reason, place)
        return code

    def _reload(self) -> Service:
        self._service = self._load(self.attempt.service)
        self._memory = {}
        self._former = None
        return self._service

    # What the application may see and set

    def could_not_check(self, code: ReturnCode) -> bool:
        """Return whether `code`, the answer of the last operation, is for want of checking.

        Some entry could not check, or makes no sense: a refusal then says
        nothing about the person.
        """
        if code is _SUCCESS:
            return False
        if code is _INCOMPLETE or code in UNCHECKED:
            return True
        return any(run.unchecked() for run in self._last_runs)

    @property
    def _last_runs(self) -> list[Run]:
        """The runs of the last operation."""
        return self.runs[self._first_run :]

    def get_item(self, item: Item) -> tuple[ReturnCode, Any]:
        """Return `SUCCESS` and the item; `BAD_ITEM` for tokens and unknown items."""
        if item not in _APPLICATION_ITEMS:
            return ReturnCode.BAD_ITEM, None
        return _SUCCESS, self.attempt.get_item(Item(item))

    def set_item(self, item: Item, value: Any) -> ReturnCode:  # noqa: ANN401 - many types
        """Set an item; `BAD_ITEM` for tokens, unknown items and wrong types."""
        if item not in _APPLICATION_ITEMS:
            return ReturnCode.BAD_ITEM
        if item is Item.SERVICE and isinstance(value, str):
            # pam_set_item(3): the next operation reads the files of the new service.
            value = ascii_lower(value)
            self._service = None
        return self.attempt.set_item(Item(item), value)

    @property
    def trace(self) -> list[TraceStep]:
        """Every entry asked so far, in order."""
        return [step for run in self.runs for step in run.steps()]

    def end(self, status: int) -> None:
        """End the transaction: later operations answer `SYSTEM_ERR` (pam_end(3))."""
        if not self._ended:
            self._ended = True
            self.attempt.end(status)


_APPLICATION_ITEMS = frozenset(Item) - {Item.AUTHTOK, Item.OLDAUTHTOK}


def _checked(answer: object) -> ReturnCode:
    """Return a module's answer, if it is one: `False` and 0 are not `SUCCESS`."""
    if type(answer) is not ReturnCode:
        raise TypeError("a module answered something that is not a ReturnCode")
    return answer


def _innermost(error: BaseException) -> str:
    """Return where an exception was raised, as ` (file:line)`."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return ""
    return f" ({traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno})"
