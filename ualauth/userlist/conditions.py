"""What a search of the USERLIST asks for: conditions on fields of users and groups.

A condition is true, false, or undefined of a record (RFC 4511, section 4.5.1.7): undefined where
it is about a field that may not be seen, or with a value that its field cannot have; and so is
its negation, so that no answer tells what is in such a field. Texts are compared as names are
(`ualauth.text.folding`).
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from ualauth.errors import InvalidValue
from ualauth.text.folding import fold

MOST_LEVELS = 64
"""Conditions within conditions."""

Value: TypeAlias = str | bool | int | datetime


class Field(enum.Enum):
    """What conditions are about; the value is the type of its values."""

    AUTHID = ("authid", str)
    SURNAME = ("surname", str)
    GIVEN_NAME = ("given name", str)
    INITIALS = ("initials", str)
    GENERATION = ("generation", str)
    COMMON_NAME = ("common name", str)
    PERSONAL_NAME = ("personal name", str)
    """Given name, initials, surname and generation, with a blank between them."""
    GROUP_NAME = ("name of the group", str)
    ADDRESS = ("address", str)
    """Each address, in both spellings of its domain."""
    PRIMARY_ADDRESS = ("primary address", str)
    OR_NAME = ("O/R name", str)
    """As it is printed."""
    OU1 = ("OU1", str)
    OU2 = ("OU2", str)
    OU3 = ("OU3", str)
    OU4 = ("OU4", str)
    MAIL_NODE = ("mail node", str)
    """As it is printed: `ny,hq`."""
    GROUP = ("group", str)
    """The groups of which a user or a group is a member, not by others."""
    MEMBER = ("member", str)
    """The authids of the users in a group, not by others."""
    SHOWN_MEMBER = ("shown member", str)
    """Those of `MEMBER` who are not hidden."""
    MEMBER_GROUP = ("member group", str)
    """The names of the groups in a group."""
    LANGUAGE = ("language", str)
    MAILBOX_CLASS = ("mailbox class", str)
    HIDDEN = ("hidden", bool)
    ADMINISTRATOR = ("administrator", bool)
    MAILBOX_ADMINISTRATOR = ("mailbox administrator", bool)
    LIMIT_OUTBOUND_MAIL = ("limit on outbound mail", bool)
    LIMIT_INBOUND_MAIL = ("limit on inbound mail", bool)
    LIMIT_NOTIFY_USER = ("limit notifies the user", bool)
    ID = ("id", int)
    MAILBOX_LIMIT = ("mailbox limit", int)
    CREATED = ("created", datetime)
    CHANGED = ("changed", datetime)


ALL_FIELDS = frozenset(Field)


@dataclass(frozen=True, slots=True)
class And:
    """All of some conditions; of none, true (RFC 4526)."""

    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Or:
    """One of some conditions at least; of none, false (RFC 4526)."""

    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Not:
    """The contrary of a condition."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class Undefined:
    """A condition that cannot be told of any record, such as one on an unknown field."""


@dataclass(frozen=True, slots=True)
class Present:
    """A field has a value."""

    field: Field


@dataclass(frozen=True, slots=True)
class Equals:
    """A field has this value."""

    field: Field
    value: Value


@dataclass(frozen=True, slots=True)
class Substring:
    """A field has a value with these parts, in this order, that do not overlap."""

    field: Field
    initial: str = ""
    any: tuple[str, ...] = ()
    final: str = ""


@dataclass(frozen=True, slots=True)
class AtLeast:
    """A field has this value, or a greater one."""

    field: Field
    value: Value


@dataclass(frozen=True, slots=True)
class AtMost:
    """A field has this value, or a lesser one."""

    field: Field
    value: Value


Leaf: TypeAlias = Present | Equals | Substring | AtLeast | AtMost
Condition: TypeAlias = And | Or | Not | Undefined | Leaf

ALL = And()
"""Is true of every record."""

Values: TypeAlias = Callable[[Field], Sequence[Value]]
"""Field -> its values in a record, texts folded."""


def check_levels(condition: Condition) -> None:
    """Raise `InvalidValue` for conditions within conditions that are too many levels deep."""
    level: list[Condition] = [condition]
    for _ in range(MOST_LEVELS):
        level = [inner for each in level for inner in _inside(each)]
        if not level:
            return
    raise InvalidValue(f"a condition has more than {MOST_LEVELS} levels")


def _inside(condition: Condition) -> tuple[Condition, ...]:
    if isinstance(condition, And | Or):
        return condition.conditions
    return (condition.condition,) if isinstance(condition, Not) else ()


def evaluate(condition: Condition, values: Values, visible: frozenset[Field]) -> bool | None:
    """Return whether a condition holds of a record; `None` is undefined."""
    match condition:
        case And(conditions):
            return _first(conditions, values, visible, decisive=False)
        case Or(conditions):
            return _first(conditions, values, visible, decisive=True)
        case Not(inner):
            outcome = evaluate(inner, values, visible)
            return None if outcome is None else not outcome
        case _ if is_undefined(condition, visible):
            return None
        case _:
            return _holds(condition, values)


def _first(
    conditions: Sequence[Condition], values: Values, visible: frozenset[Field], *, decisive: bool
) -> bool | None:
    """Return the outcome that decides, if there is it; else whether all others are known."""
    result: bool | None = not decisive
    for each in conditions:
        outcome = evaluate(each, values, visible)
        if outcome is decisive:
            return decisive
        if outcome is None:
            result = None
    return result


def is_undefined(condition: Condition, visible: frozenset[Field]) -> bool:
    """Return whether a condition without others in it is undefined of every record."""
    match condition:
        case Undefined():
            return True
        case Present(field):
            return field not in visible
        case Equals(field, value):
            return field not in visible or not _fits(field, value)
        case AtLeast(field, value) | AtMost(field, value):
            return field not in visible or field.value[1] is bool or not _fits(field, value)
        case Substring(field):
            return field not in visible or field.value[1] is not str
        case _:
            return False


def _fits(field: Field, value: Value) -> bool:
    kind = field.value[1]
    if kind is datetime:
        return isinstance(value, datetime) and value.tzinfo is not None
    return type(value) is kind


def _holds(condition: Condition, values: Values) -> bool:
    match condition:
        case Present(field):
            return bool(values(field))
        case Equals(field, value):
            return comparable(value) in values(field)
        case Substring(field):
            parts = parts_of(condition)
            return any(_has_parts(str(each), parts) for each in values(field))
        case AtLeast(field, value):
            bound = comparable(value)
            return any(each >= bound for each in values(field))  # type: ignore[operator]
        case AtMost(field, value):
            bound = comparable(value)
            return any(each <= bound for each in values(field))  # type: ignore[operator]
    raise TypeError(f"{type(condition).__name__} is no condition")


def comparable(value: Value) -> Value:
    """Return what a value is compared by."""
    return fold(value) if isinstance(value, str) else value


def parts_of(condition: Substring) -> tuple[str, tuple[str, ...], str]:
    """Return the parts folded; a blank at the end of one stays where a value may have it."""
    middle = tuple(part for each in condition.any if (part := _part(each)))
    return _part(condition.initial).lstrip(), middle, _part(condition.final).rstrip()


def _part(text: str) -> str:
    folded = fold(text)
    if not folded:
        return " " if text else ""
    return f"{' ' * text[0].isspace()}{folded}{' ' * text[-1].isspace()}"


def _has_parts(text: str, parts: tuple[str, tuple[str, ...], str]) -> bool:
    initial, middle, final = parts
    if not text.startswith(initial):
        return False
    position = len(initial)
    for part in middle:
        index = text.find(part, position)
        if index < 0:
            return False
        position = index + len(part)
    return len(text) - len(final) >= position and text.endswith(final)
