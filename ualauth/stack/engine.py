"""The walk over a stack.

`evaluate` does no input or output and knows no modules: it yields the entry to
ask, is sent the return code, and returns the verdict. Linux-PAM's
pam_dispatch.c is the reference.

The walk keeps an impression (undefined, positive or negative) and a status.
The first failure is the one reported; nothing but `reset` takes it back. What
no module vouched for is refused: without a positive impression, the verdict is
never `SUCCESS`.
"""

from __future__ import annotations

import enum
from collections.abc import Generator
from typing import NamedTuple

from ualauth.codes import ReturnCode
from ualauth.stack.control import ControlAction
from ualauth.stack.model import Entry, Stack
from ualauth.text.dataclass import dataclass

_SUCCESS = ReturnCode.SUCCESS
_DENIED = ReturnCode.PERM_DENIED
_IGNORE = ReturnCode.IGNORE
_INCOMPLETE = ReturnCode.INCOMPLETE
# Plain integers: the walk compares them for every entry of every login.
_OK = int(ControlAction.OK)
_DONE = int(ControlAction.DONE)
_DIE = int(ControlAction.DIE)
_GOOD = (_OK, _DONE)
_FATAL = (int(ControlAction.BAD), _DIE)
_RESET = int(ControlAction.RESET)


class Impression(enum.Enum):
    """What the entries asked so far amount to."""

    UNDEFINED = "undefined"
    POSITIVE = "positive"
    NEGATIVE = "negative"

    def __str__(self) -> str:
        """Return the word."""
        return self.value


class State(NamedTuple):
    """Where a walk stands: the verdict if it ended now, before the last check."""

    impression: Impression
    status: ReturnCode


_UNDEFINED = Impression.UNDEFINED
_POSITIVE = Impression.POSITIVE
_NEGATIVE = Impression.NEGATIVE
_START = State(_UNDEFINED, _DENIED)
_GOOD_SO_FAR = State(_POSITIVE, _SUCCESS)


class Suspended(NamedTuple):
    """A walk that a module's `INCOMPLETE` interrupted: the entry to ask again, and the state."""

    place: int
    state: State
    saved: tuple[State, ...]


class Verdict(NamedTuple):
    """What a walk concluded; `suspended` is set if it is to go on later."""

    code: ReturnCode
    suspended: Suspended | None = None


_GRANTED = Verdict(_SUCCESS)


@dataclass(frozen=True, slots=True)
class EngineStep:
    """What one entry did to the walk.

    `judged` is the code that chose the action: the answer itself, or in a
    frozen walk the remembered one.
    """

    entry: Entry
    code: ReturnCode
    judged: ReturnCode
    action: int
    before: State
    after: State


@dataclass(frozen=True, slots=True)
class Frozen:
    """A walk that repeats the path of an earlier one (`setcred`, `close_session`).

    Actions are chosen by the codes of the earlier walk, as far as it went.
    """

    jump_counts: bool
    """A jump counts as `required`; otherwise as ignored."""


def resume_after(successes: int) -> Suspended | None:
    """Return where a walk stands that began with so many `simple` entries answering `SUCCESS`.

    `evaluate` goes on from there as if it had seen them.
    """
    return Suspended(successes, _GOOD_SO_FAR, (_START,)) if successes else None


def evaluate(  # noqa: C901, PLR0912, PLR0915 - one walk, one function, as fast as it can be
    stack: Stack,
    cached_codes: list[ReturnCode | None],
    *,
    frozen: Frozen | None = None,
    suspended: Suspended | None = None,
    steps: list[EngineStep] | None = None,
) -> Generator[Entry, ReturnCode, Verdict]:
    """Walk over `stack`: yields entries, is sent codes, returns the verdict.

    `cached_codes` has a place for each entry: the walk writes the codes there, and a
    frozen walk reads them. With `steps`, everything that happens is appended
    to it.
    """
    impression, status = _START
    saved = [_START]
    index = 0
    if suspended is not None:
        index, (impression, status), earlier = suspended
        saved = list(earlier)
    previous = stack[index - 1].level if index else 0
    end = len(stack)
    plain = frozen is None and steps is None
    while index < end:
        entry = stack[index]
        level = entry.level
        if level != previous:
            if level > previous:
                saved[level:] = [State(impression, status)]
            previous = level
        if not entry.asked:
            index += 1
            continue
        code = judged = yield entry
        if code is _SUCCESS and plain and entry.plain:
            # What most entries of most logins do, told in two lines instead of twenty.
            cached_codes[index] = code
            if impression is _UNDEFINED:
                impression = _POSITIVE
                status = code
            index += 1
            continue
        if code is _INCOMPLETE:
            state = State(impression, status)
            if steps is not None:
                steps.append(EngineStep(entry, code, code, ControlAction.IGNORE, state, state))
            return Verdict(code, Suspended(index, state, tuple(saved)))
        if frozen is None:
            cached_codes[index] = code
        else:
            remembered = cached_codes[index]
            if remembered is not None:
                judged = remembered
        action = entry.table[judged]
        before = impression, status
        jumps = 0
        counts = action in _GOOD or (action > 0 and frozen is not None and frozen.jump_counts)
        if counts:
            # The first failure, or any earlier answer but SUCCESS, is kept.
            fixed = impression is _NEGATIVE or (impression is _POSITIVE and status is not _SUCCESS)
            if not fixed and (code is not _IGNORE or judged is code):
                impression = _POSITIVE
                status = code
            if action == _DONE and impression is _POSITIVE:
                jumps = end
        elif action in _FATAL:
            if impression is not _NEGATIVE:
                impression = _NEGATIVE
                status = _DENIED if code is _IGNORE else code
            if action == _DIE:
                jumps = end
        elif action == _RESET:
            impression, status = saved[level]
        index += 1
        if action > 0:
            jumps = action
        if jumps:
            # One unit is the next entry with all deeper ones that follow it.
            while jumps and index < end and stack[index].level >= level:
                index += 1
                while index < end and stack[index].level > level:
                    index += 1
                jumps -= 1
            if jumps and action > 0:
                impression = _NEGATIVE
                status = _DENIED
        if steps is not None:
            after = State(impression, status)
            steps.append(EngineStep(entry, code, judged, action, State(*before), after))
    if status is _SUCCESS:
        return _GRANTED if impression is _POSITIVE else Verdict(_DENIED)
    return Verdict(status)
