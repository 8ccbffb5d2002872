"""A walk carried out: every entry asked, also in the stacks that modules run themselves.

Whatever goes wrong in a module becomes a code that does not grant: an
exception is `SYSTEM_ERR`, running out of time or of the USERLIST is
`AUTHINFO_UNAVAIL`. Linux-PAM's pam_dispatch.c is the reference.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, cast

from ualauth.codes import ReturnCode
from ualauth.errors import StoreError
from ualauth.module import Module, Refusal
from ualauth.stack.engine import Suspended, Verdict, after, evaluate
from ualauth.stack.model import Entry, Stack
from ualauth.trace import Run
from ualauth.visit_state import VisitState

log = logging.getLogger("ualauth.visit")

TWIN = (0, 0, 2, 3, 3, 5)
"""Operation -> the number of the one whose codes its walk shares."""
_SUCCESS = ReturnCode.SUCCESS
_CONFIRMING = (_SUCCESS, ReturnCode.NEW_AUTHTOK_REQD)
"""Answers of an entry with which it says who the user is: the password was right."""
_UNASKED: object = object()
_NO_CODE = "a module answered something that is not a ReturnCode"
_MAX_DEPTH = 16
"""Stacks run by entries of each other: more cannot be compiled, only made by a module's mistake."""

Memory = list[ReturnCode | None]


@dataclass(slots=True)
class Path:
    """What an entry that may run a stack does: for the operations that repeat or resume it."""

    settled: ReturnCode | None = None
    memory: Memory | None = None
    suspended: Suspended | None = None


def path_of(attempt: VisitState, module: Module[Any]) -> Path:
    """Return the path of a module's entry, a blank one if there is none."""
    if attempt.paths is None:
        attempt.paths = {}
    return attempt.paths.setdefault((module, TWIN[attempt.operation]), Path())


def begin_anew(attempt: VisitState, twin: int) -> None:
    """Forget what entries settled when their operation was asked before."""
    for (_, number), path in (attempt.paths or {}).items():
        if number == twin:
            path.settled = path.suspended = None


async def walk(  # noqa: C901, PLR0912 - one walk, one function, as fast as it can be
    attempt: VisitState, run: Run, memory: Memory
) -> ReturnCode:
    """Ask the entries of a run, and return its verdict."""
    attempt.run = run
    number = run.operation.number
    codes = run.codes
    suspended, answer = run.suspended, _UNASKED
    if suspended is None and run.frozen is None:
        # Most logins are `simple` entries that answer SUCCESS. The engine would do the
        # same with them, and take twice as long.
        done = 0
        for entry in run.stack:
            if not entry.simple:
                break
            try:
                answer = entry.methods[number](attempt)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - a module's bug refuses
                answer = _fault(entry, run, error)
            if answer is not _SUCCESS:
                answer = await _code_of(answer, entry, run)
                if answer is not _SUCCESS:
                    break
            codes.append(_SUCCESS)
            memory[done] = _SUCCESS
            done += 1
            answer = _UNASKED
        if done and done == len(run.stack):
            run.verdict = _SUCCESS
            return _SUCCESS
        suspended = after(done)
    engine = evaluate(run.stack, memory, frozen=run.frozen, suspended=suspended)
    send = engine.send
    try:
        entry = next(engine)
        while True:
            try:
                code = entry.methods[number](attempt) if answer is _UNASKED else answer
            except (Exception, SystemExit) as error:  # noqa: BLE001 - a module's bug refuses
                code = _fault(entry, run, error)
            answer = _UNASKED
            if code is not _SUCCESS and type(code) is not ReturnCode:
                code = await _code_of(code, entry, run)
            if code is not _SUCCESS and attempt.unconfirmed and code not in _CONFIRMING:
                attempt.unconfirm(run)
            codes.append(code)
            entry = send(code)
    except StopIteration as stop:
        verdict: Verdict = stop.value
    if verdict.suspended is not run.rest:
        run.rest = verdict.suspended
    run.verdict = verdict.code
    return run.verdict


async def _code_of(answer: object, entry: Entry, run: Run) -> ReturnCode:
    """Return the code of an answer: it is one, it is awaited, or it makes no sense."""
    if type(answer) is ReturnCode:
        return answer
    try:
        code = await answer  # type: ignore[misc]  # or an answer that makes no sense
        if type(code) is not ReturnCode:
            # False and 0 are not SUCCESS.
            raise TypeError(_NO_CODE)  # noqa: TRY301 - a module's bug, as below
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a module's bug refuses
        return _fault(entry, run, error)
    return code


async def walk_nested(attempt: VisitState, module: Module[Any]) -> ReturnCode:
    """Run the stack that was compiled for `module`, as part of the run that asks it."""
    outer = attempt.run
    stack = cast("Stack", module.nested)
    if outer is None or outer.depth >= _MAX_DEPTH:
        return ReturnCode.ABORT
    if not stack:
        return ReturnCode.PERM_DENIED
    path = path_of(attempt, module)
    memory = path.memory
    if memory is None:
        memory = path.memory = [None] * len(stack)
    # As in the visit: what a frozen walk is judged by must not change under its trace.
    kept = memory if outer.frozen is None else memory.copy()
    run = Run(attempt.operation, stack, kept, outer.frozen, path.suspended)
    run.depth = outer.depth + 1
    run.rest = path.suspended
    outer.add(run)
    before = attempt.naming()
    code = ReturnCode.SYSTEM_ERR
    try:
        code = await walk(attempt, run, memory)
    finally:
        attempt.run = outer
        path.suspended = run.rest
        if attempt.user != before.user or attempt.name_kind is not before.name_kind:
            # What an entry of it confirmed is the say of the entry that runs it.
            attempt.unconfirmed = before
            if code not in _CONFIRMING:
                attempt.unconfirm(outer)
    return code


def _fault(entry: Entry, run: Run, error: BaseException) -> ReturnCode:
    """Return what an entry answers whose module raised `error`."""
    match error:
        case Refusal(code=ReturnCode() as code):
            if error.why:
                run.remark(error.why)
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


def _innermost(error: BaseException) -> str:
    """Return where an exception was raised, as ` (file:line)`."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return ""
    return f" ({traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno})"
