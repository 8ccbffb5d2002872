"""What a service makes of all answers of its entries, as a decision diagram.

Every step is the engine's own `evaluate`; walks that stand at the same entry in the same state go
on alike, and are followed once.
"""

from __future__ import annotations

from typing import NamedTuple, cast

from ualauth.codes import MODULE_TYPE, UNCHECKED, Operation, ReturnCode
from ualauth.stack.analysis.answers import runs_stack
from ualauth.stack.analysis.diagrams import Diagram, Diagrams
from ualauth.stack.analysis.questions import Asking, Judge, Questions, fixed_code
from ualauth.stack.analysis.walks import Moves
from ualauth.stack.engine import Suspended
from ualauth.stack.model import Entry, Kind, Service, Stack


class _Seen(NamedTuple):
    """What matters of the entries that were asked."""

    unchecked: bool
    """Whether some entry could not check."""
    times: tuple[int, ...]
    """How often each question was asked that stands in the service more than once.

    What cannot be asked again is 0: walks that differ in that alone go on alike.
    """


class _Result(NamedTuple):
    """What a walk comes to."""

    code: ReturnCode
    seen: _Seen


class _Walk(NamedTuple):
    """A stack that is followed; `later` has which of `times` may be asked after it."""

    stack: Stack
    operation: Operation
    later: frozenset[int]


def is_unchecked(entry: Entry, code: ReturnCode) -> bool:
    """Return whether an answer says nothing about the user: the login is unavailable then."""
    return code in UNCHECKED or entry.kind is Kind.MUST_FAIL or entry.control.mistake != ""


class Meaning:
    """A service as a function of the answers of its entries."""

    def __init__(
        self,
        service: Service,
        diagrams: Diagrams,
        questions: Questions,
        times: dict[int, int],
        judge: Judge,
    ) -> None:
        """`times` is how often each question stands in the service."""
        self._service = service
        self._diagrams = diagrams
        self._questions = questions
        self._judge = judge
        repeated = [number for number, count in times.items() if count > 1]
        self._repeated = {number: place for place, number in enumerate(repeated)}
        self._nothing_seen = _Seen(unchecked=False, times=(0,) * len(repeated))
        self._moves: dict[int, Moves] = {}
        self._ahead: dict[tuple[int, Operation], list[frozenset[int]]] = {}
        self._walked: dict[tuple[object, ...], Diagram] = {}

    def of(self, *operations: Operation) -> Diagram:
        """Return what operations come to, one after the other, until one does not succeed."""
        operation, *rest = operations

        def concluded(value: object) -> Diagram:
            code, seen = cast("_Result", value)
            if code is ReturnCode.SUCCESS:
                if rest:
                    return self.of(*rest)
                return self._diagrams.value(self._judge(operation, code, False))  # noqa: FBT003 - granted
            unchecked = seen.unchecked or code in UNCHECKED
            return self._diagrams.value(self._judge(operation, code, unchecked))

        stack = self._service.stacks[MODULE_TYPE[operation]]
        return self._diagrams.replace(
            self._stack(_Walk(stack, operation, frozenset()), self._nothing_seen), concluded, {}
        )

    def _stack(self, walk: _Walk, seen: _Seen) -> Diagram:
        """Return what a stack comes to, as `_Result`."""
        moves = self._moves.setdefault(id(walk.stack), Moves(walk.stack))
        return self._from(walk, moves, moves.begin(), seen)

    def _from(self, walk: _Walk, moves: Moves, at: Suspended | ReturnCode, seen: _Seen) -> Diagram:
        """Return what a walk comes to from where it stands."""
        place = len(walk.stack) if isinstance(at, ReturnCode) else at.place
        ahead = walk.later | self._asked_from(walk.stack, walk.operation)[place]
        times = [time if number in ahead else 0 for number, time in enumerate(seen.times)]
        seen = seen._replace(times=tuple(times))
        if isinstance(at, ReturnCode):
            return self._diagrams.value(_Result(at, seen))
        key = id(moves), walk.operation, walk.later, at, seen
        walked = self._walked.get(key)
        if walked is None:
            walked = self._walked[key] = self._ask(walk, moves, at, seen)
        return walked

    def _ask(self, walk: _Walk, moves: Moves, at: Suspended, seen: _Seen) -> Diagram:
        entry, operation = walk.stack[at.place], walk.operation

        def continued(code: ReturnCode, seen: _Seen) -> Diagram:
            seen = seen._replace(unchecked=seen.unchecked or is_unchecked(entry, code))
            return self._from(walk, moves, moves.next(at, code), seen)

        def answered(code: ReturnCode, seen: _Seen) -> Diagram:
            if code is not ReturnCode.SUCCESS or not runs_stack(entry, operation):
                return continued(code, seen)
            ahead = self._asked_from(walk.stack, operation)[at.place + 1]
            inner = self._stack(_Walk(entry.nested, operation, walk.later | ahead), seen)
            return self._diagrams.replace(
                inner, lambda value: continued(*cast("_Result", value)), {}
            )

        number = self._questions.number(entry, operation)
        if number is None:
            return answered(fixed_code(entry, operation), seen)
        time, place = 0, self._repeated.get(number)
        if place is not None:
            time = seen.times[place]
            times = (*seen.times[:place], time + 1, *seen.times[place + 1 :])
            seen = seen._replace(times=times)
        classes = self._questions.questions[number].classes
        ways = tuple([answered(codes[0], seen) for codes in classes])
        return self._diagrams.choose(self._questions.places[Asking(number, time)], ways)

    def _asked_from(self, stack: Stack, operation: Operation) -> list[frozenset[int]]:
        """Return for each place of a stack, and its end, which of `times` may be asked from it."""
        key = id(stack), operation
        if key not in self._ahead:
            later = frozenset[int]()
            self._ahead[key] = ahead = [later]
            for entry in reversed(stack):
                if entry.asked:
                    number = self._questions.number(entry, operation)
                    own = {self._repeated[number]} if number in self._repeated else ()
                    later = later.union(self._asked_from(entry.nested, operation)[0], own)
                ahead.insert(0, later)
        return self._ahead[key]
