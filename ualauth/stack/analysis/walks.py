"""Every way through a stack: each answer of each entry, by the engine's own `evaluate`.

A walk stands at an entry in some state, as the engine itself says when an entry answers
`INCOMPLETE`; walks that stand at the same entry in the same state, and have met the same on
their way, go on alike, and are followed once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from typing import NamedTuple, cast

from ualauth.codes import Operation, ReturnCode
from ualauth.stack.analysis.answers import Answer, Step, alike, answers_of
from ualauth.stack.engine import Suspended, Verdict, evaluate
from ualauth.stack.model import Entry, Stack

MOST_PLACES = 50_000
"""Places that are looked at; what needs more is given up."""

PROVED = 1
"""Something met on the way: a credential was proved."""


class TooManyWays(Exception):
    """A stack has more ways through it than can be followed."""


class Place(NamedTuple):
    """Where a walk stands, and what it has met on its way, as bits."""

    at: Suspended
    met: int


class End(NamedTuple):
    """What a walk concluded, and what it has met."""

    code: ReturnCode
    met: int


class Move(NamedTuple):
    """An answer, from the entry that gave it to the next one that is asked.

    `to` is that entry's place in the stack; behind the last one if the walk has ended.
    """

    step: Step
    origin: Suspended
    target: Suspended | ReturnCode
    to: int


Meet = Callable[[Move, int], int]
"""A move, and what was met before -> what has been met after it."""


def meet_credential(move: Move, met: int) -> int:
    """Note whether a credential was proved."""
    return met | PROVED if move.step.answer.proved else met


class Moves:
    """A stack, and where each answer leads."""

    def __init__(self, stack: Stack) -> None:
        """Follow none yet."""
        self.stack = stack
        self._targets: dict[tuple[Suspended, ReturnCode], Suspended | ReturnCode] = {}

    def begin(self) -> Suspended | ReturnCode:
        """Return where a walk stands before the first answer."""
        return _standing(self.stack, evaluate(self.stack, [None] * len(self.stack)))

    def next(self, at: Suspended, code: ReturnCode) -> Suspended | ReturnCode:
        """Return where a walk stands after an answer, or its verdict."""
        target = self._targets.get((at, code))
        if target is None:
            walk = evaluate(self.stack, [None] * len(self.stack), suspended=at)
            next(walk)
            target = self._targets[at, code] = _standing(self.stack, walk, code)
        return target


class Ways(Moves):
    """A stack, what its entries may answer to an operation, and where each answer leads."""

    def __init__(self, stack: Stack, operation: Operation, *, exact: bool = False) -> None:
        """Ask what may be answered; with `exact`, two codes that can be the verdict are two."""
        super().__init__(stack)
        self.answers = [
            alike(answers_of(entry, operation, conclude), entry, exact=exact) if entry.asked else ()
            for entry in stack
        ]


class Walks:
    """All walks over a stack."""

    def __init__(self, ways: Ways, meet: Meet = meet_credential) -> None:
        """Follow them.

        Raises:
            TooManyWays: if there are more than can be followed.

        """
        self.ends: dict[End, tuple[Place | None, Step | None]] = {}
        """How each end was reached first: from where, by which answer."""
        self.asked: set[int] = set()
        """The places of the entries that can be asked."""
        self._before: dict[Place, tuple[Place, Step] | None] = {}
        self._ways = ways
        stack = ways.stack
        begin = ways.begin()
        if isinstance(begin, ReturnCode):
            self.ends[End(begin, 0)] = None, None
            return
        start = Place(begin, 0)
        self._before[start] = None
        queue = deque([start])
        while queue:
            place = queue.popleft()
            number = place.at.place
            self.asked.add(number)
            for answer in ways.answers[number]:
                step = Step(stack[number], answer)
                target = ways.next(place.at, answer.code)
                to = len(stack) if isinstance(target, ReturnCode) else target.place
                met = meet(Move(step, place.at, target, to), place.met)
                if isinstance(target, ReturnCode):
                    self.ends.setdefault(End(target, met), (place, step))
                elif (after := Place(target, met)) not in self._before:
                    self._before[after] = place, step
                    queue.append(after)
            if len(self._before) > MOST_PLACES:
                raise TooManyWays

    @property
    def standing(self) -> frozenset[Suspended]:
        """Where walks stand, each before an entry that is asked."""
        return frozenset(place.at for place in self._before)

    def witness(self, end: End) -> tuple[Step, ...]:
        """Return the answers that lead to an end, as few as possible."""
        place, step = self.ends[end]
        steps = []
        while step is not None:
            steps.append(step)
            before = None if place is None else self._before[place]
            place, step = (None, None) if before is None else before
        return tuple(reversed(steps))

    def moves(self, end: End) -> Iterator[Move]:
        """Yield the answers that lead to an end, each with what it did."""
        at = self._ways.begin()
        for step in self.witness(end):
            at = cast("Suspended", at)
            target = self._ways.next(at, step.answer.code)
            to = len(self._ways.stack) if isinstance(target, ReturnCode) else target.place
            yield Move(step, at, target, to)
            at = target


def conclude(stack: Stack, operation: Operation) -> Iterator[Answer]:
    """Yield the answers to which a stack can come that an entry runs itself."""
    walks = Walks(Ways(stack, operation, exact=True))
    for end in walks.ends:
        yield Answer(end.code, bool(end.met & PROVED), walks.witness(end))


def _standing(
    stack: Stack, walk: Generator[Entry, ReturnCode, Verdict], code: ReturnCode | None = None
) -> Suspended | ReturnCode:
    """Return where a walk stands at the next entry, after `code` if it is given."""
    try:
        if code is None:
            next(walk)
        else:
            walk.send(code)
        walk.send(ReturnCode.INCOMPLETE)
    except StopIteration as stop:
        verdict: Verdict = stop.value
    at = verdict.suspended
    if at is None:
        return verdict.code
    # What was saved for deeper substacks is written anew when the next one begins.
    return Suspended(at.place, at.state, at.saved[: stack[at.place].level + 1])
