"""What an entry may answer, and what each answer proves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, cast

from ualauth.codes import UNCHECKED, Operation, ReturnCode
from ualauth.contract.evidence import Evidence
from ualauth.contract.tokens import TokenOptions
from ualauth.stack.control import ControlAction
from ualauth.stack.model import Entry, Stack

_ALWAYS_POSSIBLE = frozenset({ReturnCode.AUTHINFO_UNAVAIL, ReturnCode.SYSTEM_ERR})
"""What every entry may come to that has something to do: no time is left, or an exception."""
_PROVING = frozenset({ReturnCode.SUCCESS, ReturnCode.NEW_AUTHTOK_REQD})
"""The password was right."""
_VISIBLE = frozenset(
    int(action)
    for action in (ControlAction.OK, ControlAction.DONE, ControlAction.BAD, ControlAction.DIE)
)
"""Actions by which a code may become the verdict."""
_SHOWN_FIRST = (
    ReturnCode.SUCCESS,
    ReturnCode.AUTH_ERR,
    ReturnCode.PERM_DENIED,
    ReturnCode.ACCT_EXPIRED,
    ReturnCode.USER_UNKNOWN,
    ReturnCode.AUTHINFO_UNAVAIL,
)
"""Of codes that come to the same, the one that a witness shows."""


class Answer(NamedTuple):
    """A code, whether a credential was proved with it, and what a stack of its own answered."""

    code: ReturnCode
    proved: bool = False
    within: tuple[Step, ...] = ()


class Step(NamedTuple):
    """An entry, and what it answers."""

    entry: Entry
    answer: Answer

    def __str__(self) -> str:
        """Return `module (file:line) code`, with what its own stack answered."""
        inner = f" [{told(self.answer.within)}]" if self.answer.within else ""
        file = self.entry.source.file.rpartition("/")[2]
        return f"{self.entry.module} ({file}:{self.entry.source.line}){inner} {self.answer.code}"


Conclude = Callable[[Stack, Operation], Iterator[Answer]]
"""A stack that an entry runs itself -> the answers to which it can come."""


def told(steps: Sequence[Step]) -> str:
    """Return what entries answer, one after the other."""
    return ", ".join(map(str, steps))


def evidence_of(entry: Entry) -> Evidence:
    """Return what the `SUCCESS` of an entry proves."""
    module = entry.instance
    if module is None:
        return Evidence.NOTHING
    if module.proves is not None:
        return module.proves
    return Evidence.CREDENTIAL if module.verifies else Evidence.NOTHING


def needs_password(entry: Entry) -> bool:
    """Return whether an entry can only use a password for which another one has asked."""
    options = getattr(entry.instance, "options", None)
    return isinstance(options, TokenOptions) and options.never_asks


def asks_password(entry: Entry) -> bool:
    """Return whether an entry asks for the password, if there is none."""
    return evidence_of(entry) is Evidence.CREDENTIAL and not needs_password(entry)


def learns_password(entry: Entry) -> bool:
    """Return whether an entry stores a password that another one proves."""
    options = getattr(entry.instance, "options", None)
    return getattr(options, "learn", False) is True


def proves_password(entry: Entry) -> bool:
    """Return whether an entry may say that another system has verified the password."""
    return entry.instance is not None and entry.instance.proves_password


def answers_of(entry: Entry, operation: Operation, conclude: Conclude) -> tuple[Answer, ...]:
    """Return what an entry may answer to an operation."""
    return tuple(_answers_of(entry, operation, conclude))


def runs_stack(entry: Entry, operation: Operation) -> bool:
    """Return whether an entry may run a stack of its own for an operation."""
    module = entry.instance
    has_method = getattr(module, operation.method, None) is not None
    return module is not None and has_method and module.nested_service() is not None


def codes_of(entry: Entry, operation: Operation) -> frozenset[ReturnCode]:
    """Return the codes that an entry may answer, without those of a stack that it runs itself."""
    module = entry.instance
    if module is None or getattr(module, operation.method, None) is None:
        # Methods that `ualauth.stack.bind` made: each answers one code.
        return frozenset({cast("ReturnCode", entry.methods[operation](None))})
    own = frozenset(module.answers(operation))
    if len(own) > 1:
        own |= _ALWAYS_POSSIBLE
    if runs_stack(entry, operation):
        own -= _PROVING
    return own - {ReturnCode.INCOMPLETE}


def _answers_of(entry: Entry, operation: Operation, conclude: Conclude) -> Iterator[Answer]:
    if runs_stack(entry, operation):
        yield from conclude(entry.nested, operation)
    credential = operation is Operation.AUTHENTICATE and evidence_of(entry) is Evidence.CREDENTIAL
    for code in sorted(codes_of(entry, operation), key=order_shown):
        yield Answer(code, credential and code in _PROVING)


def alike(answers: Sequence[Answer], entry: Entry, *, exact: bool) -> tuple[Answer, ...]:
    """Return one answer of all that do the same to a walk.

    With `exact`, two codes that may become the verdict are never the same.
    """
    chosen: dict[object, Answer] = {}
    for answer in answers:
        action = entry.table[answer.code]
        distinct = exact and action in _VISIBLE
        kind = answer.code if distinct else _kind(answer.code)
        chosen.setdefault((action, kind, answer.proved), answer)
    return tuple(chosen.values())


def _kind(code: ReturnCode) -> object:
    if code in {ReturnCode.SUCCESS, ReturnCode.IGNORE}:
        return code
    return code in UNCHECKED


def order_shown(code: ReturnCode) -> tuple[int, int]:
    """Return by what codes are sorted that come to the same: the first one is shown."""
    shown = _SHOWN_FIRST.index(code) if code in _SHOWN_FIRST else len(_SHOWN_FIRST)
    return shown, int(code)
