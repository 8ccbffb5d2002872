"""The driver of a transaction: the six operations as coroutines over the service's stacks.

`Handle` holds the state; the blocking and the asyncio runtime carry out what
its coroutines request. Linux-PAM's pam_dispatch.c, pam_auth.c and
pam_password.c are the reference.

Only `SUCCESS` grants.
"""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Callable, Coroutine
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from ualauth.codes import MODULE_TYPE, UNCHECKED, Flag, Item, Operation, ReturnCode
from ualauth.contract.attempt import Abort
from ualauth.contract.credentials import Exchange, NameKind
from ualauth.contract.identity import Identity
from ualauth.contract.requests import Send, Sleep
from ualauth.errors import AuthenticationError, ConfigurationError, StoreError
from ualauth.reasons import REASON_OF_CODE, ReasonCode
from ualauth.runtime import audit
from ualauth.runtime.attempt import RunningAttempt
from ualauth.runtime.dispatch import (
    SHARED_WITH,
    ask_others,
    ask_simple,
    begin_operation,
    forget_nested,
)
from ualauth.runtime.outcome import Outcome, outcome_of
from ualauth.runtime.trace import Reason, Run, TraceStep
from ualauth.sources.problem import printable
from ualauth.stack.control import ascii_lower
from ualauth.stack.engine import Frozen
from ualauth.stack.model import Service

if TYPE_CHECKING:
    from ualauth.contract.account import Account

log = logging.getLogger("ualauth.login")

Load = Callable[[str], Service]
Identities = dict[tuple[str, str], Identity]
"""Service and name as typed -> the identity of the last login, which is mostly that of the next."""
Answer = ReturnCode | Coroutine[Any, Any, ReturnCode]
"""What an operation amounts to, or what has to be awaited for it."""

# Looking a member up in its enumeration takes longer than anything else here does.
_SUCCESS = ReturnCode.SUCCESS
_INCOMPLETE = ReturnCode.INCOMPLETE
_AUTHENTICATE = Operation.AUTHENTICATE
_ACCT_MGMT = Operation.ACCT_MGMT
_SETCRED = Operation.SETCRED
_CHAUTHTOK = Operation.CHAUTHTOK
_FROZEN = tuple(each in {_SETCRED, Operation.CLOSE_SESSION} for each in Operation)
"""Operation -> whether its walk repeats the path of an earlier one."""
_USUAL = tuple(int(Flag.ESTABLISH_CRED) if each is _SETCRED else 0 for each in Operation)
"""Operation -> the flags of an application that gives none (pam_setcred(3))."""
_UPDATE = int(Flag.UPDATE_AUTHTOK)
_PASSES = int(Flag.PRELIM_CHECK) | _UPDATE
_NO_DECISION = ReasonCode.NO_DECISION
_GRANTED = Outcome.GRANTED
_random = random.SystemRandom()


class Remembering(Protocol):
    """What keeps the verdict of a login for those that repeat it (`remembered_verdicts`)."""

    def keep(self, handle: Handle, password: str, identity: Identity) -> None:
        """Keep what the login of this handle came to, which was granted just now."""
        ...


class Handle:
    """A transaction: its attempt, the service's stacks, and the runs so far."""

    # What each login reads is set for each; of the rest, defaults stand on the class.
    delayed: float = 0.0
    """Seconds that the last operation was delayed, or would have been."""
    begun: bool = False
    """Whether something was computed for this login: it is finished before others begin."""
    started: float = 0.0
    """When the operation began, or the login whose part it is (time.monotonic)."""
    by_itself: bool = True
    """Whether each operation has an audit record of its own: it is no part of a login."""
    own_reason: Reason | None = None
    """Why the last operation did not succeed, where no entry has decided it."""
    transaction: str = ""
    """What all records of this transaction have; see `transaction_id`."""
    remembering: Remembering | None = None
    """What keeps the verdict of this login, if any does."""
    stepping: bool = False
    """Whether the driver hands challenges to the client of a SASL exchange."""
    refusal: AuthenticationError | None = None
    """What a login by SASL is refused by, while the client's last word is awaited."""
    writes: bool = False
    """Whether records are written to a file of the configuration, whatever is logged."""
    hand_over: audit.Listener | None = None
    """Gets the audit records in the place of the log, of a login that is only supposed."""
    _updating: bool = False
    _first_run: int = 0
    """Where the runs of the last operation begin, what came before an interruption included."""

    def __init__(
        self,
        service: Service,
        attempt: RunningAttempt,
        load: Load,
        frozen: Frozen,
        identities: Identities,
    ) -> None:
        """Begin with nothing asked; `load` serves a later change of the service."""
        self.attempt = attempt
        self.items = attempt.items
        self.identities = identities
        self.runs: list[Run] = []
        self._service: Service | None = service
        self._load = load
        self._frozen = frozen
        self._cached_codes: dict[int, list[ReturnCode | None]] = {}
        self.deadline: float | None = None
        """When the modules' time is up (time.monotonic); set by the driver at the first request."""
        self.at_once = False
        """Whether the next operation is part of the same login as the last one."""
        self._last_run: Run | None = None
        """The last walk over the service as it is; it was interrupted if it has a rest."""
        self._busy = False
        self._ended = False
        if not service.takes_passwords:
            attempt.takes_passwords = False

    def go_by_steps(self) -> None:
        """Let the driver hand the challenges of a SASL exchange to the client, step by step."""
        self.stepping = True
        self.attempt.client = Send

    # Operations

    async def perform(self, operation: Operation, flags: int = 0) -> ReturnCode:
        """Run one operation; `SYSTEM_ERR` if another one is running, or after the end."""
        answer = self.begin(operation, flags)
        return answer if isinstance(answer, ReturnCode) else await answer

    def begin(  # noqa: C901, PLR0912 - one operation, as fast as it can be
        self, operation: Operation, flags: int = 0
    ) -> Answer:
        """Run one operation as far as it goes without waiting: most logins have ended then.

        Otherwise it returns what has to be awaited, at once, for the same as `perform`.
        """
        if self._busy or self._ended or (operation is _CHAUTHTOK and flags & _PASSES):
            return ReturnCode.SYSTEM_ERR
        self._busy = True
        attempt, items = self.attempt, self.items
        last = self._last_run
        interrupted = last is not None and last.rest is not None
        if not interrupted:
            self._first_run = len(self.runs)
        if self.by_itself:
            # Else the login has said so.
            self.own_reason = None
            if not interrupted:
                self.started = monotonic()
        try:
            if operation is _AUTHENTICATE or operation is _CHAUTHTOK:
                # Both begin and end without tokens, and may be delayed.
                self.delayed = 0.0
                # No module has set one before the first run.
                if self.runs and not (interrupted and self._resuming):
                    items.forget_tokens()
            if operation is _CHAUTHTOK:
                answer: Answer = self._both_passes(flags)
            else:
                answer = self._dispatch(operation, flags or _USUAL[operation])
            over = answer is _SUCCESS and attempt.guess is None
            if over and operation is _AUTHENTICATE:
                over = items.exchange is None or self._proved()
                over = over and not items.delay and items.delay_report is None
                if over:
                    items.forget_tokens()
            if not over:
                return self._finish(operation, answer)
        except BaseException:
            self._release()
            raise
        self._busy = False
        if operation is _ACCT_MGMT:
            account = attempt.account
            if account is not None and account.login_due <= monotonic():
                self._note_login(account)
        if self.by_itself and (
            audit.listeners or self.writes or audit.log.isEnabledFor(logging.INFO)
        ):
            self.record(audit.OPERATION, operation, _SUCCESS)
        return _SUCCESS

    async def _finish(self, operation: Operation, answer: Answer) -> ReturnCode:
        """Wait for an operation, and for what it takes to end it."""
        attempt, items = self.attempt, self.items
        try:
            code = answer if isinstance(answer, ReturnCode) else await answer
            if operation is _AUTHENTICATE or operation is _CHAUTHTOK:
                exchange = items.exchange if operation is _AUTHENTICATE else None
                if exchange is not None and (code is not _SUCCESS or not self._proved()):
                    code = await self._judged(exchange, code)
                if attempt.guess is not None:
                    await attempt.end_guess(code)
                if code is not _INCOMPLETE:
                    items.forget_tokens()
                    if items.delay or items.delay_report is not None:
                        await self._delay(code)
        finally:
            self._release()
        if code is _SUCCESS and operation is _ACCT_MGMT:
            account = attempt.account
            if account is not None and account.login_due <= monotonic():
                self._note_login(account)
        if self.by_itself:
            self.record(audit.OPERATION, operation, code)
        return code

    def _note_login(self, account: Account) -> None:
        """Have the login noted that ends with this success of the account stack; never waits."""
        attempt, items = self.attempt, self.items
        walks = (run for run in reversed(self.runs) if run.operation is _AUTHENTICATE)
        login = next(walks, None)
        if (
            attempt.delegated
            or login is None
            or login.verdict is not _SUCCESS
            or account.user.authid != items.user
        ):
            return
        from ualauth.userlist.last_logins import LastLogins  # noqa: PLC0415 - once an hour a user

        attempt.resource(LastLogins).note(account, items.service, items.rhost)

    def _release(self) -> None:
        """Let another operation begin, whatever became of this one."""
        self._busy = False
        if self.attempt.guess is not None:
            self.attempt.abandon_guess()

    async def _judged(self, exchange: Exchange, code: ReturnCode) -> ReturnCode:
        """Return what the auth stack's refusal of a SASL exchange amounts to.

        What no module verified is one, too; and what no module took looks as if
        one had.
        """
        if code is _SUCCESS:
            why = f"no module verified {exchange.mechanism}"
            log.error("%s: %s", self.items.service, why)
            self._last_runs[-1].explain(ReasonCode.CREDENTIAL_NOT_JUDGED, why)
            code = ReturnCode.CRED_UNAVAIL
        if self.could_not_check(code):
            return code
        try:
            if not exchange.spent:
                await exchange.mock(self.attempt)
            if exchange.afterwards is not None and not exchange.verified:
                code = await exchange.afterwards()
        except Abort as abort:
            reason = abort.reason or REASON_OF_CODE[abort.code]
            self.own_reason = Reason(reason, remark=printable(abort.why or str(abort.code)))
            return abort.code
        except (StoreError, TimeoutError) as error:
            log.error("%s: %s", self.items.service, error)  # noqa: TRY400 - no bug
            late = isinstance(error, TimeoutError)
            reason = ReasonCode.TIMED_OUT if late else ReasonCode.USERLIST_UNAVAILABLE
            why = "did not answer in time" if late else str(error)
            self.own_reason = Reason(reason, remark=printable(why))
            return ReturnCode.AUTHINFO_UNAVAIL
        # Nothing that comes after the stack lets a client in.
        return ReturnCode.AUTH_ERR if code is _SUCCESS else code

    async def _both_passes(self, flags: int) -> ReturnCode:
        """Change a password: every module checks, then every module writes."""
        if not self._resuming:
            self._updating = False
        if not self._updating:
            answer = self._dispatch(_CHAUTHTOK, flags | Flag.PRELIM_CHECK)
            code = answer if isinstance(answer, ReturnCode) else await answer
            if code is not _SUCCESS:
                return code
            self._updating = True
        answer = self._dispatch(_CHAUTHTOK, flags | Flag.UPDATE_AUTHTOK)
        return answer if isinstance(answer, ReturnCode) else await answer

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

    def _dispatch(  # noqa: C901 - as above
        self, operation: Operation, flags: int
    ) -> Answer:
        """Walk over a stack as far as it goes without waiting; see `begin`."""
        try:
            service = self._service or self._reload()
        except ConfigurationError as error:
            log.error("service %r: %s", self.items.service, error)  # noqa: TRY400 - no bug
            why = "; ".join(str(error).split("\n"))
            self.own_reason = Reason(ReasonCode.MISCONFIGURED, remark=printable(why))
            return ReturnCode.ABORT
        last = self._last_run
        suspended = None
        if last is not None and last.rest is not None:
            if last.operation is not operation:
                why = f"{last.operation} was put off and has to go on first"
                self.own_reason = Reason(ReasonCode.INCOMPLETE, remark=why)
                return ReturnCode.ABORT
            suspended = last.rest
        stack = service.serving[operation]
        if not stack:
            why = f"the service has no {MODULE_TYPE[operation]} entries"
            self.own_reason = Reason(ReasonCode.MISCONFIGURED, remark=why)
            return ReturnCode.PERM_DENIED
        shared_with = SHARED_WITH[operation]
        cached_codes = self._cached_codes.get(shared_with)
        if cached_codes is None:
            cached_codes = self._cached_codes[shared_with] = [None] * len(stack)
        frozen = self._frozen if _FROZEN[operation] else None
        attempt = self.attempt
        if self.runs and suspended is None and not flags & _UPDATE:
            if attempt.paths and frozen is None:
                forget_nested(attempt, shared_with)
            if attempt.name_tests or (
                operation is _AUTHENTICATE and (attempt.vouches or attempt.proved_passwords)
            ):
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
        if attempt.looked_up is not None and (self.deadline is not None or not self.at_once):
            # Something may have changed meanwhile.
            attempt.forget_record()
        self.deadline = None
        answer = ask_simple(attempt, run, cached_codes)
        if answer is _SUCCESS:
            return _SUCCESS
        return ask_others(attempt, run, cached_codes, answer)

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

    def reason(self, code: ReturnCode) -> Reason:
        """Return why the last operation ended with `code`, which is not `SUCCESS`."""
        runs = self._last_runs
        own = self.own_reason
        if own is not None:
            if own.entries or not runs or runs[-1].verdict is _SUCCESS:
                return own
            # What came of the walk before is said, too.
            walked = runs[-1].reason
            return replace(own, entries=walked.entries, others=walked.others)
        if not runs:
            return Reason(REASON_OF_CODE[code], remark=f"no entry was asked: {code}")
        unchecked = (run.reason for run in runs if run.reason.unchecked)
        decided = (run.reason for run in reversed(runs) if run.reason.code is not _NO_DECISION)
        return next(unchecked, None) or next(decided, None) or runs[-1].reason

    def record(
        self,
        event: str,
        operation: Operation,
        code: ReturnCode,
        *,
        outcome: Outcome | None = None,
        acts_for: str | None = None,
    ) -> None:
        """Make the audit record of what the last operation, or the whole login, came to.

        `outcome` is what the runtime makes of the code, if that is not the usual.
        """
        granted = code is _SUCCESS
        if granted:
            outcome = outcome or _GRANTED
        elif outcome is None:
            outcome = outcome_of(operation, code, could_not_check=self.could_not_check(code))
        hand_over = self.hand_over
        wanted = audit.listeners or self.writes or hand_over is not None
        if wanted or audit.is_wanted(outcome, event):
            audit.record(
                self.attempt,
                event,
                operation,
                code,
                outcome,
                None if granted else self.reason(code),
                audit.answers_of(self._last_runs if self.by_itself else self.runs),
                self.transaction_id,
                self.started or monotonic(),
                acts_for,
                hand_over,
            )

    @property
    def transaction_id(self) -> str:
        """16 hexadecimal digits that no other transaction has."""
        if not self.transaction:
            self.transaction = os.urandom(8).hex()
        return self.transaction

    @property
    def service(self) -> Service | None:
        """The compiled service that is asked; `None` if the next operation looks for another."""
        return self._service

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
