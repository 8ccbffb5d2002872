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
from collections.abc import Callable
from typing import Any

from ualauth import audit
from ualauth.attempt import LiveAttempt
from ualauth.codes import Flag, Item, Operation, ReturnCode
from ualauth.errors import ConfigurationError, StoreError
from ualauth.module import Refusal, Sleep
from ualauth.stack.dialect import Dialect
from ualauth.stack.engine import Frozen, Suspended, evaluate
from ualauth.stack.model import Entry, Service
from ualauth.trace import Run, TraceStep

log = logging.getLogger("ualauth.visit")

Load = Callable[[str], Service]

_FROZEN = (Operation.SETCRED, Operation.CLOSE_SESSION)
_TWIN = (
    Operation.AUTHENTICATE,
    Operation.AUTHENTICATE,
    Operation.ACCT_MGMT,
    Operation.OPEN_SESSION,
    Operation.OPEN_SESSION,
    Operation.CHAUTHTOK,
)
"""Operation -> the one whose codes its walk shares."""
_PASSES = int(Flag.PRELIM_CHECK | Flag.UPDATE_AUTHTOK)
_UPDATE = int(Flag.UPDATE_AUTHTOK)
_PRELIM = int(Flag.PRELIM_CHECK)
_random = random.SystemRandom()


class Visit:
    """A transaction: its attempt, the service's stacks, and the runs so far."""

    def __init__(self, service: Service, attempt: LiveAttempt, load: Load, dialect: Dialect) -> None:
        """Begin with nothing asked; `load` serves a later change of the service."""
        self.attempt = attempt
        self.runs: list[Run] = []
        self.delayed = 0.0
        """Seconds that the last operation was delayed, or would have been."""
        self._service: Service | None = service
        self._load = load
        self._frozen = Frozen(dialect.jump_counts_when_frozen)
        self._memory: dict[Operation, list[ReturnCode | None]] = {}
        self._former: tuple[Operation, Suspended] | None = None
        self._updating = False
        self._busy = False
        self._ended = False

    # Operations

    async def perform(self, operation: Operation, flags: int = 0) -> ReturnCode:
        """Run one operation; `SYSTEM_ERR` if another one is running, or after the end."""
        if self._busy or self._ended:
            return ReturnCode.SYSTEM_ERR
        self._busy = True
        try:
            if operation is Operation.AUTHENTICATE:
                code = await self._authenticate(flags)
            elif operation is Operation.CHAUTHTOK:
                code = await self._chauthtok(flags)
            elif operation is Operation.SETCRED:
                code = await self._dispatch(operation, flags or Flag.ESTABLISH_CRED)
            else:
                code = await self._dispatch(operation, flags)
        finally:
            self._busy = False
        audit.record(self.attempt, operation, code, self.runs)
        return code

    async def _authenticate(self, flags: int) -> ReturnCode:
        if self._former is None:
            self.attempt.forget_tokens()
        code = await self._dispatch(Operation.AUTHENTICATE, flags)
        if code is not ReturnCode.INCOMPLETE:
            await self._finish(code)
        return code

    async def _chauthtok(self, flags: int) -> ReturnCode:
        if flags & _PASSES:
            return ReturnCode.SYSTEM_ERR
        if self._former is None:
            self.attempt.forget_tokens()
            self._updating = False
        code = ReturnCode.SUCCESS
        if not self._updating:
            code = await self._dispatch(Operation.CHAUTHTOK, flags | _PRELIM)
        if code is ReturnCode.SUCCESS:
            self._updating = True
            code = await self._dispatch(Operation.CHAUTHTOK, flags | _UPDATE)
        if code is not ReturnCode.INCOMPLETE:
            self._updating = False
            await self._finish(code)
        return code

    async def _finish(self, code: ReturnCode) -> None:
        """Forget the tokens, and delay what failed if a module asked for it."""
        attempt = self.attempt
        attempt.forget_tokens()
        # pam_fail_delay(3): the delay varies by up to a half, so that it tells nothing.
        seconds = 0.0
        if attempt.delay:
            seconds = attempt.delay * (0.5 + sum(_random.random() for _ in range(3)) / 3)
            attempt.delay = 0.0
        self.delayed = 0.0
        if attempt.delay_report is not None:
            attempt.delay_report(code, int(seconds * 1_000_000))
        elif seconds and code is not ReturnCode.SUCCESS:
            self.delayed = seconds
            await Sleep(seconds)

    # One walk over one stack

    async def _dispatch(self, operation: Operation, flags: int) -> ReturnCode:
        try:
            service = self._service or self._reload()
        except ConfigurationError as error:
            log.error("service %r: %s", self.attempt.service, error)
            return ReturnCode.ABORT
        suspended = None
        if self._former is not None:
            former, suspended = self._former
            if former is not operation:
                return ReturnCode.ABORT
        stack = service.serving[operation]
        if not stack:
            return ReturnCode.PERM_DENIED
        memory = self._memory.setdefault(_TWIN[operation], [None] * len(stack))
        frozen = self._frozen if operation in _FROZEN else None
        run = Run(operation, stack, memory if frozen is None else memory.copy(), frozen, suspended)
        self.runs.append(run)
        attempt = self.attempt
        attempt.operation = operation
        attempt.flags = flags
        attempt.deadline = None
        attempt.remark_sink = run.remark
        walk = evaluate(stack, memory, frozen=frozen, suspended=suspended)
        codes = run.codes
        try:
            entry = next(walk)
            while True:
                try:
                    code = await entry.methods[operation](attempt)
                except (Exception, SystemExit) as error:  # noqa: BLE001 - a module's bug refuses
                    code = self._fault(entry, run, error)
                if code.__class__ is not ReturnCode:
                    code = self._fault(entry, run, TypeError("it did not answer a ReturnCode"))
                codes.append(code)
                entry = walk.send(code)
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

    def get_item(self, item: Item) -> tuple[ReturnCode, Any]:
        """Return `SUCCESS` and the item; `BAD_ITEM` for tokens and unknown items."""
        if item not in _APPLICATION_ITEMS:
            return ReturnCode.BAD_ITEM, None
        return ReturnCode.SUCCESS, self.attempt.get_item(Item(item))

    def set_item(self, item: Item, value: Any) -> ReturnCode:  # noqa: ANN401 - many types
        """Set an item; `BAD_ITEM` for tokens, unknown items and wrong types."""
        if item not in _APPLICATION_ITEMS:
            return ReturnCode.BAD_ITEM
        code = self.attempt.set_item(Item(item), value)
        if item is Item.SERVICE and code is ReturnCode.SUCCESS:
            # pam_set_item(3): the next operation reads the files of the new service.
            self._service = None
        return code

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


def _innermost(error: BaseException) -> str:
    """Return where an exception was raised, as ` (file:line)`."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return ""
    return f" ({traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno})"
