"""Two services compared by what they mean: for which logins the conclusion changes.

What "the same login" is stands in `ualauth.stack.analysis.questions`. Every class of logins that
is told of has a witness, which the engine has played in both services.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from ualauth.codes import MODULE_TYPE, Operation, ReturnCode
from ualauth.stack.analysis.diagrams import Diagrams
from ualauth.stack.analysis.meaning import Meaning
from ualauth.stack.analysis.played import Answering, Conclusion, play
from ualauth.stack.analysis.questions import (
    Asking,
    Judge,
    KindOf,
    Questions,
    fixed_code,
    kind_of_module,
)
from ualauth.stack.analysis.walks import TooManyWays
from ualauth.stack.model import Entry, Service, Stack

LOGIN = (Operation.AUTHENTICATE, Operation.ACCT_MGMT)
COMPARED = (LOGIN, (Operation.CHAUTHTOK,), (Operation.OPEN_SESSION,))
"""What is compared, each by itself: operations that follow each other."""
MOST_WAYS = 500
"""Ways to a change that are played to find which entries decide."""


class Given(NamedTuple):
    """An answer of a witness, and the entry that gives it in each service, if it is asked there.

    `time` is how often the same was asked before.
    """

    code: ReturnCode
    operation: Operation
    before: Entry | None
    after: Entry | None
    time: int


@dataclass(frozen=True, slots=True)
class Change:
    """A class of logins for which the conclusion changes.

    `witness` has all that is asked then; what has one answer alone is left out.
    """

    operations: tuple[Operation, ...]
    before: Conclusion
    after: Conclusion
    witness: tuple[Given, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that changes; not `complete` if further entries may decide in the same way."""

    changes: tuple[Change, ...]
    complete: bool = True


def compare(
    before: Service, after: Service, judge: Judge, kind_of: KindOf = kind_of_module
) -> Comparison:
    """Return for which logins two services come to something else.

    `judge` says what a verdict amounts to: what it makes of two codes alike is no change.

    Raises:
        TooManyWays: if there are more ways than can be followed.

    """
    changes: list[Change] = []
    complete = True
    for operations in COMPARED:
        if not _same(before, after, operations, kind_of):
            told, all_of_them = _compare(before, after, operations, judge, kind_of)
            changes += told
            complete = complete and all_of_them
    return Comparison(tuple(changes), complete)


def _same(
    before: Service, after: Service, operations: tuple[Operation, ...], kind_of: KindOf
) -> bool:
    """Return whether the stacks are the same, line by line: then nothing has to be followed."""
    stacks = (
        (each.stacks[MODULE_TYPE[operation]] for operation in operations)
        for each in (before, after)
    )
    return [_shape(stack, kind_of) for stack in next(stacks)] == [
        _shape(stack, kind_of) for stack in next(stacks)
    ]


def _shape(stack: Stack, kind_of: KindOf) -> list[Hashable]:
    return [
        (
            entry.kind,
            entry.level,
            entry.table,
            entry.control.mistake != "",
            entry.asked and (kind_of(entry) if entry.instance else entry.methods[0](None)),
            entry.asked and entry.arguments,
            tuple(_shape(entry.nested, kind_of)),
        )
        for entry in stack
    ]


def _compare(
    before: Service,
    after: Service,
    operations: tuple[Operation, ...],
    judge: Judge,
    kind_of: KindOf,
) -> tuple[list[Change], bool]:
    questions = Questions(judge, kind_of)
    diagrams = Diagrams()
    services = before, after
    times = [
        questions.add([(each, service.stacks[MODULE_TYPE[each]]) for each in operations])
        for service in services
    ]
    questions.finish()
    try:
        meanings = [
            Meaning(service, diagrams, questions, count, judge).of(*operations)
            for service, count in zip(services, times, strict=True)
        ]
        pairs = diagrams.changes(*meanings)
    except RecursionError:
        raise TooManyWays from None
    # One for each pair of conclusions there is for sure, and then what decides otherwise.
    first = [each for each in diagrams.values(pairs).items() if each[0] is not None]
    changes: dict[Hashable, Change] = {}
    others = (each for each in diagrams.ways(pairs) if each[0] is not None)
    ways = list(islice(others, MOST_WAYS + 1))
    complete = len(ways) <= MOST_WAYS
    for pair, way in [*first, *ways[:MOST_WAYS]]:
        change = _play(questions, services, operations, judge, way)
        if (change.before.outcome, change.after.outcome) != pair:
            raise AssertionError("the engine and the diagram do not come to the same")
        key = (
            change.before.outcome,
            change.after.outcome,
            change.before.deciding[-1:],
            change.after.deciding[-1:],
        )
        known = changes.get(key)
        if known is None or len(change.witness) < len(known.witness):
            changes[key] = change
    return list(changes.values()), complete


def _play(
    questions: Questions,
    services: tuple[Service, Service],
    operations: tuple[Operation, ...],
    judge: Judge,
    way: Mapping[int, int],
) -> Change:
    """Play the answers of a way through both services; what it leaves open is answered alike."""
    answered: list[dict[Asking, tuple[Entry, ReturnCode]]] = []

    def answers() -> Answering:
        times: dict[int, int] = {}
        given: dict[Asking, tuple[Entry, ReturnCode]] = {}
        answered.append(given)

        def answer(entry: Entry, operation: Operation) -> ReturnCode:
            number = questions.number(entry, operation)
            if number is None:
                return fixed_code(entry, operation)
            asking = Asking(number, times.get(number, 0))
            times[number] = asking.time + 1
            classes = questions.questions[number].classes
            code = classes[way.get(questions.places[asking], 0)][0]
            given[asking] = entry, code
            return code

        return answer

    conclusions = [play(service, operations, answers(), judge) for service in services]
    before, after = answered
    witness = []
    for asking in sorted({**before, **after}, key=questions.places.__getitem__):
        _, code = (before | after)[asking]
        operation = questions.questions[asking.question].operation
        entries = [given[asking][0] if asking in given else None for given in answered]
        witness.append(Given(code, operation, entries[0], entries[1], asking.time))
    return Change(operations, conclusions[0], conclusions[1], tuple(witness))
