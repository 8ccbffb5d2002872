"""A login with given answers, played by the engine: what it comes to, and which entry decides."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import NamedTuple

from ualauth.codes import MODULE_TYPE, UNCHECKED, Operation, ReturnCode
from ualauth.stack.analysis.answers import runs_stack
from ualauth.stack.analysis.meaning import is_unchecked
from ualauth.stack.analysis.questions import Judge
from ualauth.stack.engine import EngineStep, Verdict, evaluate
from ualauth.stack.model import Entry, Service, Stack

Answering = Callable[[Entry, Operation], ReturnCode]
"""An entry that is asked -> its answer; `SUCCESS` of one that runs a stack is that it runs it."""


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What a service comes to: by which operation, and which entry decided.

    `deciding` has that entry, or the entry that runs its stack and then it; it is empty if no
    entry was asked, or all were ignored.
    """

    outcome: Hashable
    operation: Operation
    code: ReturnCode
    deciding: tuple[Entry, ...]


class _Step(NamedTuple):
    entry: Entry
    code: ReturnCode
    within: _Walk | None


class _Walk(NamedTuple):
    """A walk that was played, with those of stacks that entries ran."""

    verdict: ReturnCode
    steps: tuple[_Step, ...]
    engine_steps: tuple[EngineStep, ...]


def play(
    service: Service, operations: tuple[Operation, ...], answer: Answering, judge: Judge
) -> Conclusion:
    """Return what operations come to, one after the other, until one does not succeed."""
    granted: tuple[Entry, ...] = ()
    for operation in operations:
        walk = _walk(service.stacks[MODULE_TYPE[operation]], operation, answer)
        code = walk.verdict
        deciding = _deciding(walk)
        if code is not ReturnCode.SUCCESS:
            unsure = _unchecked(walk)
            if unsure and not (deciding and deciding[-1] in [each[-1] for each in unsure]):
                deciding = unsure[0]
            unchecked = bool(unsure) or code in UNCHECKED
            return Conclusion(judge(operation, code, unchecked), operation, code, deciding)
        # What let a user in is an entry of the first operation; the others only did not refuse.
        granted = granted or deciding
    return Conclusion(judge(operation, code, False), operation, code, granted)  # noqa: FBT003 - granted


def _walk(stack: Stack, operation: Operation, answer: Answering) -> _Walk:
    steps: list[EngineStep] = []
    told: list[_Step] = []
    engine = evaluate(stack, [None] * len(stack), steps=steps)
    try:
        entry = next(engine)
        while True:
            code, within = answer(entry, operation), None
            if code is ReturnCode.SUCCESS and runs_stack(entry, operation):
                within = _walk(entry.nested, operation, answer)
                code = within.verdict
            told.append(_Step(entry, code, within))
            entry = engine.send(code)
    except StopIteration as stop:
        verdict: Verdict = stop.value
    return _Walk(verdict.code, tuple(told), tuple(steps))


def _deciding(walk: _Walk) -> tuple[Entry, ...]:
    """Return the entry that set the status which became the verdict; see `Conclusion.deciding`."""
    end = walk.engine_steps[-1].after if walk.engine_steps else None
    for told, step in zip(reversed(walk.steps), reversed(walk.engine_steps), strict=True):
        if step.after == end and step.before != end:
            within = told.within
            inner = _deciding(within) if within and within.verdict is told.code else ()
            return told.entry, *inner
    return ()


def _unchecked(walk: _Walk) -> list[tuple[Entry, ...]]:
    """Return the entries that could not check, in the order in which they were asked."""
    ways: list[tuple[Entry, ...]] = []
    for entry, code, within in walk.steps:
        if is_unchecked(entry, code):
            ways.append((entry,))
        if within is not None:
            ways += [(entry, *inner) for inner in _unchecked(within)]
    return ways
