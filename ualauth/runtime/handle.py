"""The driver of a transaction: the six operations as coroutines over the service's stacks.

`Handle` holds the state; the blocking and the asyncio runtime carry out what
its coroutines request. Linux-PAM's pam_dispatch.c, pam_auth.c and
pam_password.c are the reference.

Only `SUCCESS` grants.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Coroutine
from typing import Any

from ualauth.codes import UNCHECKED, Flag, Item, Operation, ReturnCode
from ualauth.contract.attempt import Abort
from ualauth.contract.credentials import Exchange, NameKind
from ualauth.contract.requests import Send, Sleep
from ualauth.errors import ConfigurationError, StoreError
from ualauth.runtime import audit
from ualauth.runtime.attempt import RunningAttempt
from ualauth.runtime.dispatch import SHARED_WITH, begin_operation, dispatch, forget_nested
from ualauth.runtime.trace import Run, TraceStep
from ualauth.stack.control import ascii_lower
from ualauth.stack.engine import Frozen
from ualauth.stack.model import Service

log = logging.getLogger("ualauth.login")

Load = Callable[[str], Service]

# Looking a member up in its enumeration takes longer than anything else here does.
_SUCCESS = ReturnCode.SUCCESS
_INCOMPLETE = ReturnCode.INCOMPLETE
_AUTHENTICATE = Operation.AUTHENTICATE
_SETCRED = Operation.SETCRED
_CHAUTHTOK = Operation.CHAUTHTOK
_FROZEN = tuple(each in {_SETCRED, Operation.CLOSE_SESSION} for each in Operation)
"""Operation -> whether its walk repeats the path of an earlier one."""
_USUAL = tuple(int(Flag.ESTABLISH_CRED) if each is _SETCRED else 0 for each in Operation)
"""Operation -> the flags of an application that gives none (pam_setcred(3))."""
_UPDATE = int(Flag.UPDATE_AUTHTOK)
_PASSES = int(Flag.PRELIM_CHECK) | _UPDATE
_random = random.SystemRandom()


class Handle:
    """A transaction: its attempt, the service's stacks, and the runs so far."""

    # Defaults stand on the class: most logins never set them.
    delayed: float = 0.0
    """Seconds that the last operation was delayed, or would have been."""
    deadline: float | None = None
    """When the modules' time is up (time.monotonic); set by the driver at the first request."""
    at_once: bool = False
    """Whether the next operation is part of the same login as the last one."""
    stepping: bool = False
    """Whether the driver hands challenges to the client of a SASL exchange."""
    _last_run: Run | None = None
    """The last walk over the service as it is; it was interrupted if it has a rest."""
    _updating: bool = False
    _busy: bool = False
    _ended: bool = False
    _first_run: int = 0
    """Where the runs of the last operation begin, what came before an interruption included."""

    def __init__(
        self, service: Service, attempt: RunningAttempt, load: Load, frozen: Frozen
    ) -> None:
        """Begin with nothing asked; `load` serves a later change of the service."""
        self.attempt = attempt
        self.items = attempt.items
        self.runs: list[Run] = []
        self._service: Service | None = service
        self._load = load
        self._frozen = frozen
        self._cached_codes: dict[int, list[ReturnCode | None]] = {}
        if not service.takes_passwords:
            attempt.takes_passwords = False

    def go_by_steps(self) -> None:
        """Let the driver hand the challenges of a SASL exchange to the client, step by step."""
        self.stepping = True
        self.attempt.client = Send

    # Operations

    async def perform(  # noqa: C901, PLR0912 - one operation, as fast as it can be
        self, operation: Operation, flags: int = 0
    ) -> ReturnCode:
        """Run one operation; `SYSTEM_ERR` if another one is running, or after the end."""
        if self._busy or self._ended or (flags & _PASSES and operation is _CHAUTHTOK):
            return ReturnCode.SYSTEM_ERR
        self._busy = True
        attempt, items = self.attempt, self.items
        last = self._last_run
        interrupted = last is not None and last.rest is not None
        if not interrupted:
            self._first_run = len(self.runs)
        try:
            if operation is _AUTHENTICATE or operation is _CHAUTHTOK:
                # Both begin and end without tokens, and may be delayed.
                self.delayed = 0.0
                # No module has set one before the first run.
                if self.runs and not (interrupted and self._resuming):
                    items.forget_tokens()
                if operation is _CHAUTHTOK:
                    code = await self._both_passes(flags)
                else:
                    code = await self._dispatch(operation, flags)
                    exchange = items.exchange
                    if exchange is not None and (code is not _SUCCESS or not self._proved()):
                        code = await self._judged(exchange, code)
                if attempt.guess is not None:
                    await attempt.end_guess(code)
                if code is not _INCOMPLETE:
                    items.forget_tokens()
                    if items.delay or items.delay_report is not None:
                        await self._delay(code)
            else:
                code = await self._dispatch(operation, flags or _USUAL[operation.number])
        finally:
            self._busy = False
            if attempt.guess is not None:
                attempt.abandon_guess()
        if code is not _SUCCESS or audit.log.isEnabledFor(logging.INFO):
            audit.record(attempt, operation, code, self._last_runs)
        return code

    async def _judged(self, exchange: Exchange, code: ReturnCode) -> ReturnCode:
        """Return what the auth stack's refusal of a SASL exchange amounts to.

        What no module verified is one, too; and what no module took looks as if
        one had.
        """
        if code is _SUCCESS:
            log.error("%s: no module verified %s", self.items.service, exchange.mechanism)
            code = ReturnCode.CRED_UNAVAIL
        if self.could_not_check(code):
            return code
        try:
            await exchange.mock(self.attempt)
            if exchange.afterwards is not None and not exchange.verified:
                code = await exchange.afterwards()
        except Abort as abort:
            return abort.code
        except (StoreError, TimeoutError) as error:
            log.error("%s: %s", self.items.service, error)  # noqa: TRY400 - no bug
            return ReturnCode.AUTHINFO_UNAVAIL
        # Nothing that comes after the stack lets a client in.
        return ReturnCode.AUTH_ERR if code is _SUCCESS else code

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

    def _proved(self) -> bool:
        """Return whether an entry that succeeded has verified the exchange."""
        return self._last_run is not None and self._last_run.proved

    @property
    def _resuming(self) -> bool:
        """Whether an operation was interrupted, and can go on: the service is still the same."""
        last = self._last_run
        return last is not None and last.rest is not None and self._service is not None

    async def _delay(self, code: ReturnCode) -> None:
        """Delay what failed, or tell the application (pam_fail_delay(3)).

        The delay varies by up to a half, so that it tells nothing.
        """
        items = self.items
        seconds = items.delay * (0.5 + sum(_random.random() for _ in range(3)) / 3)
        items.delay = self.delayed = 0.0
        if items.delay_report is not None:
            items.delay_report(code, int(seconds * 1_000_000))
        elif code is not _SUCCESS:
            self.delayed = seconds
            await Sleep(seconds)

    # One walk over one stack

    def _dispatch(self, operation: Operation, flags: int) -> Coroutine[Any, Any, ReturnCode]:
        """Prepare a walk, and return the coroutine that carries it out."""
        try:
            service = self._service or self._reload()
        except ConfigurationError as error:
            log.error("service %r: %s", self.items.service, error)  # noqa: TRY400 - no bug
            return _at_once(ReturnCode.ABORT)
        last = self._last_run
        suspended = None
        if last is not None and last.rest is not None:
            if last.operation is not operation:
                return _at_once(ReturnCode.ABORT)
            suspended = last.rest
        number = operation.number
        stack = service.serving[number]
        if not stack:
            return _at_once(ReturnCode.PERM_DENIED)
        shared_with = SHARED_WITH[number]
        cached_codes = self._cached_codes.get(shared_with)
        if cached_codes is None:
            cached_codes = self._cached_codes[shared_with] = [None] * len(stack)
        frozen = self._frozen if _FROZEN[number] else None
        attempt = self.attempt
        if attempt.paths and suspended is None and frozen is None and not flags & _UPDATE:
            forget_nested(attempt, shared_with)
        said = attempt.name_tests or (operation is _AUTHENTICATE and attempt.vouches)
        if said and suspended is None and not flags & _UPDATE:
            begin_operation(attempt, operation)
        run = Run(
            operation,
            stack,
            cached_codes if frozen is None else cached_codes.copy(),
            frozen,
            suspended,
        )
        self.runs.append(run)
        if suspended is not None and last is not None:
            run.rest = suspended
            last.resumed = run
        self._last_run = run
        attempt.operation = operation
        attempt.flags = flags
        if self.deadline is not None or not self.at_once:
            # Something may have changed meanwhile.
            attempt.forget_record()
        self.deadline = None
        return dispatch(attempt, run, cached_codes)

    def _reload(self) -> Service:
        self._service = self._load(self.items.service)
        self.attempt.takes_passwords = self._service.takes_passwords
        self._cached_codes = {}
        self._last_run = None
        self.attempt.paths = None
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
        return any(run.reason.unchecked for run in self._last_runs)

    @property
    def _last_runs(self) -> list[Run]:
        """The runs of the last operation."""
        return self.runs[self._first_run :]

    def get_item(self, item: Item) -> tuple[ReturnCode, Any]:
        """Return `SUCCESS` and the item; `BAD_ITEM` for tokens and unknown items."""
        if item not in _APPLICATION_ITEMS:
            return ReturnCode.BAD_ITEM, None
        return _SUCCESS, self.items.get_item(Item(item))

    def set_item(self, item: Item, value: Any) -> ReturnCode:  # noqa: ANN401 - many types
        """Set an item; `BAD_ITEM` for tokens, unknown items and wrong types."""
        if item not in _APPLICATION_ITEMS:
            return ReturnCode.BAD_ITEM
        if item is Item.USER and isinstance(value, str | None):
            attempt = self.attempt
            self.items.login_name = self.items.user = value
            self.items.name_kind = NameKind.TYPED
            attempt.name_tests, attempt.unconfirmed, attempt.vouches = (), None, ()
        if item is Item.SERVICE and isinstance(value, str):
            # pam_set_item(3): the next operation reads the files of the new service.
            value = ascii_lower(value)
            self._service = None
        return self.items.set_item(Item(item), value)

    @property
    def trace(self) -> list[TraceStep]:
        """Every entry asked so far, in order."""
        return [step for run in self.runs for step in run.steps()]

    def end(self, status: int) -> None:
        """End the transaction: later operations answer `SYSTEM_ERR` (pam_end(3))."""
        if not self._ended:
            self._ended = True
            self.items.end(status)


_APPLICATION_ITEMS = frozenset(Item) - {Item.AUTHTOK, Item.OLDAUTHTOK}


async def _at_once(code: ReturnCode) -> ReturnCode:
    """Answer without asking a module."""
    return code
