"""A walk carried out: every entry asked, also in the stacks that modules run themselves.

Whatever goes wrong in a module becomes a code that does not grant: an
exception is `SYSTEM_ERR`, running out of time or of the USERLIST is
`AUTHINFO_UNAVAIL`. Nothing is taken from an entry but its answer: whom it
vouched for, who it said the user is, and that it verified a SASL exchange
counts with `SUCCESS` only. Linux-PAM's pam_dispatch.c is the reference.
"""

from __future__ import annotations

import logging
from typing import Any, cast

from ualauth.codes import LEGAL, Operation, ReturnCode
from ualauth.contract.attempt import Abort, answer_of
from ualauth.contract.credentials import Exchange
from ualauth.contract.module import Module
from ualauth.errors import StoreError, UnsteadyFile, UnusableFile
from ualauth.reasons import ReasonCode
from ualauth.runtime.inner import InnerAttempt
from ualauth.runtime.path import CachedCodes, Path
from ualauth.runtime.trace import Run
from ualauth.stack.engine import Verdict, evaluate, resume_after
from ualauth.stack.model import Entry, Stack
from ualauth.system.shortage import shortage_of

log = logging.getLogger("ualauth.login")

SHARED_WITH = (0, 0, 2, 3, 3, 5)
"""Operation -> the number of the one whose codes its walk shares."""
_SUCCESS = ReturnCode.SUCCESS
_INCOMPLETE = ReturnCode.INCOMPLETE
_CONV_AGAIN = ReturnCode.CONV_AGAIN
_CONFIRMING = (_SUCCESS, ReturnCode.NEW_AUTHTOK_REQD)
"""Answers of an entry with which it says who the user is: the password was right."""
_LEGAL = tuple(
    tuple(code in LEGAL[operation] or code is ReturnCode.MODULE_UNKNOWN for code in ReturnCode)
    for operation in Operation
)
"""Operation, code -> whether PAM allows it; MODULE_UNKNOWN is the engine's own."""
_UNASKED: object = object()
_NO_CODE = "a module answered something that is not a ReturnCode"
_MAX_DEPTH = 16
"""Stacks run by entries of each other: more cannot be compiled, only made by a module's mistake."""


def path_of(attempt: InnerAttempt, module: Module[Any]) -> Path:
    """Return the path of a module's entry, a blank one if there is none."""
    if attempt.paths is None:
        attempt.paths = {}
    return attempt.paths.setdefault((module, SHARED_WITH[attempt.operation]), Path())


def forget_nested(attempt: InnerAttempt, shared_with: int) -> None:
    """Forget what entries decided when their operation was asked before."""
    for (_, number), path in (attempt.paths or {}).items():
        if number == shared_with:
            path.decided = path.suspended = None


def begin_operation(attempt: InnerAttempt, operation: Operation) -> None:
    """Forget what entries said when the operation was asked before."""
    if operation is Operation.AUTHENTICATE:
        # Who was vouched for may have been another user.
        attempt.vouches, attempt.proved_passwords = (), ()
    attempt.name_tests = tuple(
        each for each in attempt.name_tests if each.operation is not operation
    )


def ask_simple(
    attempt: InnerAttempt, run: Run, cached_codes: CachedCodes, answer: object = _UNASKED
) -> object:
    """Ask the `simple` entries of a run while they answer SUCCESS at once; most logins are no more.

    The engine would do the same with them, and take twice as long. Returns SUCCESS at
    the stack's end, which is the verdict; otherwise `ask_others` has to follow, with what the
    entry at which it stopped has answered. `answer` is that entry's, when it was awaited.
    """
    stack, codes, operation = run.stack, run.codes, run.operation
    exchange = attempt.items.exchange
    if answer is _UNASKED:
        attempt.run = run
        run.proved = exchange is not None and exchange.verified
        if run.suspended is not None or run.frozen is not None or not stack:
            return _UNASKED
    place, end = len(codes), len(stack)
    while place < end:
        if answer is _UNASKED:
            entry = stack[place]
            if not entry.simple:
                return _UNASKED
            try:
                answer = entry.methods[operation](attempt)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - a module's bug refuses
                answer = _code_of_exception(attempt, entry, run, error)
        if answer is not _SUCCESS:
            return answer
        if exchange is not None:
            run.proved = _still_verified(exchange, run.proved, attempt)
        codes.append(_SUCCESS)
        cached_codes[place] = _SUCCESS
        place += 1
        answer = _UNASKED
    run.verdict = _SUCCESS
    return _SUCCESS


async def ask_others(  # noqa: C901, PLR0912 - one walk, one function, as fast as it can be
    attempt: InnerAttempt, run: Run, cached_codes: CachedCodes, answer: object
) -> ReturnCode:
    """Ask the entries that `ask_simple` left, after what it returned; return the verdict."""
    codes, operation, exchange = run.codes, run.operation, attempt.items.exchange
    while answer is not _UNASKED:
        answer = await _code_of(attempt, answer, run.stack[len(codes)], run)
        if answer is not _SUCCESS:
            break
        answer = ask_simple(attempt, run, cached_codes, answer)
        if answer is _SUCCESS:
            return _SUCCESS
    suspended, proved = run.suspended, run.proved
    if suspended is None and run.frozen is None:
        suspended = resume_after(len(codes))
    legal = _LEGAL[operation]
    engine = evaluate(run.stack, cached_codes, frozen=run.frozen, suspended=suspended)
    send = engine.send
    try:
        entry = next(engine)
        while True:
            try:
                code = entry.methods[operation](attempt) if answer is _UNASKED else answer
            except (Exception, SystemExit) as error:  # noqa: BLE001 - a module's bug refuses
                code = _code_of_exception(attempt, entry, run, error)
            answer = _UNASKED
            if code is not _SUCCESS and type(code) is not ReturnCode:
                code = await _code_of(attempt, code, entry, run)
            if code is not _SUCCESS:
                if code is _CONV_AGAIN and _is_put_off(attempt, run):
                    code = _INCOMPLETE
                if not legal[code]:
                    _report(entry, operation, code)
                if attempt.unconfirmed is not None and code not in _CONFIRMING:
                    attempt.unconfirm(run)
                if exchange is not None:
                    exchange.verified = proved
            elif exchange is not None:
                proved = _still_verified(exchange, proved, attempt)
            codes.append(code)
            entry = send(code)
    except StopIteration as stop:
        verdict: Verdict = stop.value
    if verdict.suspended is not run.rest:
        run.rest = verdict.suspended
    run.verdict, run.proved = verdict.code, proved
    return run.verdict


def _is_put_off(attempt: InnerAttempt, run: Run) -> bool:
    """Return whether the application has put off the last question of the entry that is asked.

    Linux-PAM leaves it to each module to answer `INCOMPLETE` then; one that forgets would
    end the login for good.
    """
    put_off = attempt.put_off
    return put_off is not None and put_off[0] is run and put_off[1] == len(run.codes)


def _still_verified(exchange: Exchange, proved: bool, attempt: InnerAttempt) -> bool:  # noqa: FBT001 - as it was
    """Return whether an exchange is verified after an entry that succeeded.

    When a module has run out of time, a thread of it may say so while another is asked.
    """
    if not proved and attempt.late:
        exchange.verified = False
    return exchange.verified


def _report(entry: Entry, operation: Operation, code: ReturnCode) -> None:
    """Log an answer that PAM does not allow, once for each entry."""
    if (operation, code) not in entry.reported:
        entry.reported.add((operation, code))
        place = f"{entry.source}: {entry.module}"
        log.warning("%s: answers %s to %s, which PAM does not allow", place, code, operation)


async def _code_of(attempt: InnerAttempt, answer: object, entry: Entry, run: Run) -> ReturnCode:
    """Return the code of an answer: it is one, it is awaited, or it makes no sense."""
    if type(answer) is ReturnCode:
        return answer
    try:
        code = await answer  # type: ignore[misc]  # or an answer that makes no sense
        if type(code) is not ReturnCode:
            # False and 0 are not SUCCESS.
            raise TypeError(_NO_CODE)  # noqa: TRY301 - a module's bug, as below
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a module's bug refuses
        return _code_of_exception(attempt, entry, run, error)
    return code


async def dispatch_nested(attempt: InnerAttempt, module: Module[Any]) -> ReturnCode:
    """Run the stack that was compiled for `module`, as part of the run that asks it."""
    outer = attempt.run
    stack = cast("Stack", module.nested)
    if outer is None or outer.depth >= _MAX_DEPTH:
        attempt.explain(ReasonCode.MISCONFIGURED, "stacks run each other without an end")
        return ReturnCode.ABORT
    if not stack:
        why = "the service that it names has no entries for this"
        attempt.explain(ReasonCode.MISCONFIGURED, why)
        return ReturnCode.PERM_DENIED
    path = path_of(attempt, module)
    cached_codes = path.cached_codes
    if cached_codes is None:
        cached_codes = path.cached_codes = [None] * len(stack)
    # As in the login: what a frozen walk is judged by must not change under its trace.
    run_codes = cached_codes if outer.frozen is None else cached_codes.copy()
    run = Run(attempt.operation, stack, run_codes, outer.frozen, path.suspended)
    run.depth = outer.depth + 1
    run.outer = outer, len(outer.codes)
    if path.suspended is not None and path.run is not None:
        path.run.resumed = run
    path.run = run
    run.rest = path.suspended
    outer.add(run)
    before = attempt.naming()
    exchange = attempt.items.exchange
    proved = exchange is not None and exchange.verified
    code = ReturnCode.SYSTEM_ERR
    try:
        answer = ask_simple(attempt, run, cached_codes)
        if answer is _SUCCESS:
            code = _SUCCESS
        else:
            code = await ask_others(attempt, run, cached_codes, answer)
    finally:
        attempt.run = outer
        path.suspended = run.rest
        if attempt.items.user != before.user or attempt.items.name_kind is not before.name_kind:
            # What an entry of it confirmed is the say of the entry that runs it.
            attempt.unconfirmed = before
            if code not in _CONFIRMING:
                attempt.unconfirm(outer)
        if exchange is not None and code is not _SUCCESS:
            exchange.verified = proved
    return code


def _code_of_exception(
    attempt: InnerAttempt, entry: Entry, run: Run, error: BaseException
) -> ReturnCode:
    """Return what an entry answers whose module raised `error`, and note why."""
    code, reason, why = code_of_exception(error)
    if isinstance(error, Abort) and code is not ReturnCode.SYSTEM_ERR:
        if reason is not None:
            run.explain(reason, why)
        elif why:
            run.remark(why)
        return code
    if isinstance(error, TimeoutError):
        attempt.late = True
    run.explain(reason or ReasonCode.MODULE_FAILED, why)
    place = _innermost(error)
    log.error("%s: %s (%s): %s%s", entry.source, entry.module, run.operation, why, place)
    return code


def code_of_exception(  # noqa: PLR0911 - a case for each kind of exception
    error: BaseException,
) -> tuple[ReturnCode, ReasonCode | None, str]:
    """Return what an entry answers whose module raised `error`, and why: as a code and in words."""
    match error:
        case Abort(code=code) if code is not ReturnCode.SYSTEM_ERR:
            return answer_of(error), error.reason, error.why
        case Abort():
            # Also one that would have granted, or has no code.
            why = error.why or f"raised {type(error).__name__}"
            return ReturnCode.SYSTEM_ERR, error.reason or ReasonCode.MODULE_FAILED, why
        case TimeoutError():
            code, reason = ReturnCode.AUTHINFO_UNAVAIL, ReasonCode.TIMED_OUT
            return code, reason, "did not answer in time"
        case StoreError():
            why = "; ".join(str(error).split("\n"))
            return ReturnCode.AUTHINFO_UNAVAIL, ReasonCode.USERLIST_UNAVAILABLE, why
        case UnusableFile() | UnsteadyFile():
            why = "; ".join(str(error).split("\n"))
            return ReturnCode.AUTHINFO_UNAVAIL, ReasonCode.FILE_UNUSABLE, why
        case _ if (shortage := shortage_of(error)) is not None:
            return ReturnCode.AUTHINFO_UNAVAIL, ReasonCode.SHORTAGE, shortage
        case _:
            # Not the text of the exception: it may repeat what the person typed.
            why = f"raised {type(error).__name__}"
            return ReturnCode.SYSTEM_ERR, ReasonCode.MODULE_FAILED, why


def _innermost(error: BaseException) -> str:
    """Return where an exception was raised, as ` (file:line)`."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return ""
    return f" ({traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno})"
