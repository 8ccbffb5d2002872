"""A stack as the rows of a picture: entries, and what each of their answers leads to."""

from __future__ import annotations

import difflib
import enum
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ualauth.codes import ModuleType, Operation, ReturnCode
from ualauth.stack.analysis.answers import codes_of, order_shown, runs_stack
from ualauth.stack.analysis.walks import Moves
from ualauth.stack.control import ControlAction, action_text, expand
from ualauth.stack.engine import Impression, State, Suspended
from ualauth.stack.model import Entry, Kind, Service, Stack
from ualauth.stack.syntax import print_lines

OPERATIONS = {
    ModuleType.AUTH: Operation.AUTHENTICATE,
    ModuleType.ACCOUNT: Operation.ACCT_MGMT,
    ModuleType.SESSION: Operation.OPEN_SESSION,
    ModuleType.PASSWORD: Operation.CHAUTHTOK,
}
"""Module type -> the operation whose answers are shown."""

_GOOD = State(Impression.POSITIVE, ReturnCode.SUCCESS)
END = "the end"
"""Where a walk over a stack ends."""
_MOST_CODES = 4
"""Codes that are named one by one; what is longer is "any other"."""


class Tone(enum.Enum):
    """What an answer does to a login, as far as it goes: each has its colour, sign and words."""

    GOOD = "good"
    BAD = "bad"
    NEUTRAL = "neutral"
    ODD = "odd"


class Mark(enum.Enum):
    """Whether a row is on both sides of a comparison; the value is its sign."""

    SAME = " "
    REMOVED = "-"
    ADDED = "+"


@dataclass(frozen=True, slots=True)
class Lead:
    """Answers of an entry, and what they lead to; `jump` is where it jumps: a row, or `END`."""

    answers: str
    effect: str
    tone: Tone
    jump: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """An entry; `number` counts them, as `2.1` in a stack that an entry runs itself."""

    number: str
    place: str
    control: str
    module: str
    arguments: str
    depth: int
    kind: Kind
    leads: tuple[Lead, ...]
    mark: Mark = Mark.SAME

    @property
    def key(self) -> tuple[object, ...]:
        """What is the same for rows that mean the same, wherever they stand."""
        leads = tuple((each.answers, each.tone) for each in self.leads)
        return self.module, self.arguments, self.depth, self.kind, self.control, leads


@dataclass(frozen=True, slots=True)
class Picture:
    """The stack of one type."""

    module_type: ModuleType
    rows: tuple[Row, ...]


def pictures_of(service: Service, folder: str) -> tuple[Picture, ...]:
    """Return the stacks of a service; files in `folder` are shown without it."""
    return tuple(
        Picture(each, tuple(_rows(service.stacks[each], OPERATIONS[each], folder)))
        for each in ModuleType
    )


def compared(old: Picture, new: Picture) -> tuple[Picture, Picture]:
    """Return two pictures with the marks of what is in one of them only."""
    matcher = difflib.SequenceMatcher(
        None, [row.key for row in old.rows], [row.key for row in new.rows], autojunk=False
    )
    same = [set[int](), set[int]()]
    for block in matcher.get_matching_blocks():
        same[0] |= set(range(block.a, block.a + block.size))
        same[1] |= set(range(block.b, block.b + block.size))
    marks = Mark.REMOVED, Mark.ADDED
    first, second = (
        Picture(
            picture.module_type,
            tuple(
                row if place in common else replace(row, mark=mark)
                for place, row in enumerate(picture.rows)
            ),
        )
        for picture, common, mark in zip((old, new), same, marks, strict=True)
    )
    return first, second


def side_by_side(old: Picture, new: Picture) -> Iterator[tuple[Row | None, Row | None]]:
    """Yield the rows of two compared pictures, those that are the same beside each other."""
    left, right = list(old.rows), list(new.rows)
    while left or right:
        if left and left[0].mark is Mark.REMOVED:
            added = bool(right) and right[0].mark is Mark.ADDED
            yield left.pop(0), right.pop(0) if added else None
        elif right and right[0].mark is Mark.ADDED:
            yield None, right.pop(0)
        else:
            yield left.pop(0), right.pop(0)


def _rows(
    stack: Stack, operation: Operation, folder: str, prefix: str = "", depth: int = 0
) -> Iterator[Row]:
    moves = Moves(stack)
    numbers = [f"{prefix}{place}" for place in range(1, len(stack) + 1)]
    # Behind the last one; of a stack that an entry runs, it is the answer of that entry.
    numbers.append(f"the end of the stack of {prefix[:-1]}" if prefix else END)
    for place, entry in enumerate(stack):
        level = depth + entry.level
        where = f"{entry.source.file.removeprefix(f'{folder}/')}:{entry.source.line}"
        leads = tuple(_leads(moves, place, operation, numbers)) if entry.asked else ()
        yield Row(
            numbers[place],
            where,
            _control(entry),
            entry.module or "nothing",
            print_lines([entry.arguments]).rstrip("\n") if entry.arguments else "",
            level,
            entry.kind,
            leads,
        )
        yield from _rows(entry.nested, operation, folder, f"{numbers[place]}.", level + 1)


def _control(entry: Entry) -> str:
    text = entry.control.text
    if len(text) > 200:
        # What has no end in any picture is told by its meaning.
        return expand(entry.control.table)
    return f"[{text}]" if "=" in text else text


def _leads(
    moves: Moves, place: int, operation: Operation, numbers: Sequence[str]
) -> Iterator[Lead]:
    """Yield what each answer leads to that an entry may give; those that do the same together."""
    entry = moves.stack[place]
    codes = set(codes_of(entry, operation))
    nested = runs_stack(entry, operation)
    if nested:
        # What its stack comes to.
        codes |= set(ReturnCode) - {ReturnCode.INCOMPLETE}
    groups: dict[int, list[ReturnCode]] = {}
    for code in sorted(codes, key=order_shown):
        groups.setdefault(entry.table[code], []).append(code)
    largest = max(groups.values(), key=len, default=[])
    rest = len(groups) > 1 and len(largest) > _MOST_CODES
    for action, members in sorted(groups.items(), key=lambda each: rest and each[1] is largest):
        if rest and members is largest:
            answers = "any other"
        elif len(groups) == 1 and len(members) > _MOST_CODES:
            answers = "any answer"
        else:
            answers = ", ".join(map(str, members[:_MOST_CODES]))
            more = len(members) - _MOST_CODES
            answers += f" and {more} more" if more > 0 else ""
        at = Suspended(place, _GOOD, (_GOOD,) * (entry.level + 1))
        yield _lead(answers, action, moves.next(at, members[0]), numbers)


def _lead(
    answers: str, action: int, target: Suspended | ReturnCode, numbers: Sequence[str]
) -> Lead:
    if isinstance(target, ReturnCode):
        to = numbers[-1]
        beyond = action > 0 and target is not ReturnCode.SUCCESS
    else:
        to, beyond = numbers[target.place], False
    if action > 0:
        if beyond:
            return Lead(answers, f"jumps {action}, beyond the end: refuses", Tone.BAD)
        return Lead(answers, f"jumps {action}, to {to}", Tone.ODD, to)
    effect, tone = _EFFECTS[ControlAction(action)]
    return Lead(answers, f"{action_text(action)}: {effect.format(to=to)}", tone)


_EFFECTS = {
    ControlAction.IGNORE: ("goes on to {to}", Tone.NEUTRAL),
    ControlAction.OK: ("counts, goes on to {to}", Tone.GOOD),
    ControlAction.DONE: ("counts; unless refused, goes to {to}", Tone.GOOD),
    ControlAction.BAD: ("refuses, but goes on to {to}", Tone.BAD),
    ControlAction.DIE: ("refuses, goes to {to}", Tone.BAD),
    ControlAction.RESET: ("takes back what came before, goes on to {to}", Tone.ODD),
}
