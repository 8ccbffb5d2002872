"""Which entries of two services ask the same, and which answers to it come to the same.

Two entries ask the same if they ask the same module with the same options for the same
operation. A question that is asked again may be answered otherwise: the answers to the first,
second ... time that it is asked in a login are each a variable of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ualauth.codes import UNCHECKED, Operation, ReturnCode
from ualauth.stack.analysis.answers import codes_of, order_shown, runs_stack
from ualauth.stack.analysis.walks import TooManyWays
from ualauth.stack.control import Table
from ualauth.stack.model import Entry, Stack

Judge = Callable[[Operation, ReturnCode, bool], Hashable]
"""The verdict of an operation, and whether some entry could not check -> what it amounts to."""

KindOf = Callable[[Entry], Hashable]
"""An entry -> what is the same for entries that ask the same module."""


MOST_ASKED = 200
"""Entries that can be asked in a login, in both services together; what has more is given up."""


class Asking(NamedTuple):
    """A question, and the how manieth time that it is asked in a login, from 0."""

    question: int
    time: int


@dataclass(slots=True)
class Question:
    """What entries ask: `classes` has the codes that come to the same in all of them."""

    operation: Operation
    entry: Entry
    """One of them."""
    tables: dict[tuple[Table, ...], None] = field(default_factory=dict)
    """The controls of the entries, each with those of the entries that run its stack."""
    classes: tuple[tuple[ReturnCode, ...], ...] = ()


class Questions:
    """The questions of two services."""

    def __init__(self, judge: Judge, kind_of: KindOf) -> None:
        """Begin without any."""
        self.questions: list[Question] = []
        self.order: list[Asking] = []
        """In which order they are asked, mostly."""
        self.places: dict[Asking, int] = {}
        """The place of each in this order, once all is taken up."""
        self._judge = judge
        self._kind_of = kind_of
        self._numbers: dict[tuple[int, Operation], int | None] = {}
        self._entries: list[Entry] = []

    def add(self, stacks: Sequence[tuple[Operation, Stack]]) -> dict[int, int]:
        """Take up the stacks of a service; return how often each question stands there.

        Raises:
            TooManyWays: if there are more than can be followed.

        """
        times: dict[int, int] = {}
        place = 0
        for operation, stack in stacks:
            for entry, outer in _with_outer(stack, ()):
                number = self.number(entry, operation)
                if number is None:
                    continue
                self.questions[number].tables.setdefault((entry.table, *outer))
                asking = Asking(number, times.get(number, 0))
                times[number] = asking.time + 1
                if len(self.order) >= MOST_ASKED:
                    raise TooManyWays
                if asking in self.order:
                    place = self.order.index(asking) + 1
                else:
                    self.order.insert(place, asking)
                    place += 1
        return times

    def finish(self) -> None:
        """Divide the codes into classes, once all is taken up."""
        self.places = {asking: place for place, asking in enumerate(self.order)}
        for question in self.questions:
            classes: dict[Hashable, list[ReturnCode]] = {}
            for code in sorted(_codes(question.entry, question.operation), key=order_shown):
                actions = [table[code] for tables in question.tables for table in tables]
                special = code if code in _SPECIAL else code in UNCHECKED
                judged = self._judge(question.operation, code, False)  # noqa: FBT003 - as it is
                classes.setdefault((special, judged, *actions), []).append(code)
            question.classes = tuple(map(tuple, classes.values()))

    def number(self, entry: Entry, operation: Operation) -> int | None:
        """Return the number of what an entry asks; `None` if it has one answer alone."""
        key = id(entry), operation
        if key not in self._numbers:
            # An entry is known by its place in memory: it has to stay there.
            self._entries.append(entry)
            self._numbers[key] = self._find(entry, operation)
        return self._numbers[key]

    def _find(self, entry: Entry, operation: Operation) -> int | None:
        if len(_codes(entry, operation)) == 1:
            return None
        for number, each in enumerate(self.questions):
            if each.operation is operation and self._asks_same(each.entry, entry):
                return number
        self.questions.append(Question(operation, entry))
        return len(self.questions) - 1

    def _asks_same(self, one: Entry, other: Entry) -> bool:
        if self._kind_of(one) != self._kind_of(other):
            return False
        # What an entry does once its conditions hold is no part of the question.
        arguments = _own_arguments(one), _own_arguments(other)
        if arguments[0] == arguments[1]:
            return True
        nested = any(each.instance.nested_service() for each in (one, other) if each.instance)
        options = _options(one), _options(other)
        return not nested and options[0] is not None and options[0] == options[1]


_SPECIAL = frozenset({ReturnCode.SUCCESS, ReturnCode.IGNORE})
"""Codes that the engine itself looks at."""


def kind_of_module(entry: Entry) -> Hashable:
    """Return the class of an entry's module by name: each configuration may load it anew."""
    kind = type(entry.instance)
    return kind.__module__, kind.__qualname__


def fixed_code(entry: Entry, operation: Operation) -> ReturnCode:
    """Return the answer of an entry that has one alone."""
    (code,) = _codes(entry, operation)
    return code


def _codes(entry: Entry, operation: Operation) -> frozenset[ReturnCode]:
    """Return what an entry may answer; `SUCCESS` stands for the stack that it may run."""
    codes = codes_of(entry, operation)
    if runs_stack(entry, operation):
        codes |= {ReturnCode.SUCCESS}
    return codes or frozenset({ReturnCode.SYSTEM_ERR})


def _own_arguments(entry: Entry) -> tuple[str, ...]:
    nested = None if entry.instance is None else entry.instance.nested_service()
    return tuple(each for each in entry.arguments if nested is None or each != f"stack={nested}")


def _options(entry: Entry) -> Any:  # noqa: ANN401 - of any module
    return getattr(entry.instance, "options", None)


def _with_outer(
    stack: Stack, outer: tuple[Table, ...]
) -> Iterator[tuple[Entry, tuple[Table, ...]]]:
    """Yield the entries that are asked, each with the controls of those that run its stack."""
    for entry in stack:
        if entry.asked:
            yield entry, outer
            yield from _with_outer(entry.nested, (entry.table, *outer))
