"""What a filter of LDAP asks of records: a condition of `ualauth.userlist.conditions`.

What is known without looking at a record is decided here: an attribute that no entry of the kind
has, one that has the same values in all of them, one that the client may not ask about. So a
condition is `TRUE`, `FALSE` or `UNDEFINED` where no entry has to be looked at.

Values are compared by the rules of `ualauth.text.folding` where RFC 4518 would prepare them: case
and runs of blanks do not count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import TypeAlias

from ualauth.ldap.server.filters import (
    And,
    AtLeast,
    AtMost,
    Equality,
    Extensible,
    Filter,
    Not,
    Or,
    Present,
    Substrings,
)
from ualauth.ldap.server.matching import normal, normalized, split_options, text_of, type_of
from ualauth.ldap.server.schema import RULES, AttributeType, Schema
from ualauth.text.folding import fold
from ualauth.userlist import conditions as c

Item: TypeAlias = Equality | Substrings | AtLeast | AtMost | Present
Source: TypeAlias = Callable[[Item, AttributeType], c.Condition]
"""Returns what an item about an attribute asks of records, by the type of the attribute."""

TRUE, FALSE, UNDEFINED = c.ALL, c.Or(), c.Undefined()

_MOMENT = timedelta(microseconds=999_999)
"""How much later a time may be than it is shown, in whole seconds."""


def condition_of(
    wanted: Filter,
    schema: Schema,
    is_visible: Callable[[str], bool],
    sources: Mapping[str, Source],
) -> c.Condition:
    """Return what a filter asks of entries of one kind.

    `is_visible` is whether the client may see an attribute; `sources` are those of the attributes
    that the entries may have, by their names in lower case. It recurses no deeper than
    `filters.MOST_LEVELS`.
    """
    match wanted:
        case And(items):
            return all_of(condition_of(each, schema, is_visible, sources) for each in items)
        case Or(items):
            return any_of(condition_of(each, schema, is_visible, sources) for each in items)
        case Not(item):
            return _negated(condition_of(item, schema, is_visible, sources))
        case _:
            return _of_item(wanted, schema, is_visible, sources)


def _of_item(
    wanted: Item | Extensible,
    schema: Schema,
    is_visible: Callable[[str], bool],
    sources: Mapping[str, Source],
) -> c.Condition:
    known = type_of(wanted.attribute, schema, is_visible) if wanted.attribute else None
    if known is None:
        return UNDEFINED
    if isinstance(wanted, Extensible):
        rule = RULES.get(wanted.rule.lower())
        if wanted.names_too or (wanted.rule and rule != known.syntax.equality):
            return UNDEFINED
        wanted = Equality(wanted.attribute, wanted.value)
    if not _has_meaning(wanted, known):
        return UNDEFINED
    source = sources.get(known.key)
    # No attribute here has an option.
    if source is None or split_options(wanted.attribute)[1]:
        return FALSE
    return source(wanted, known)


def _has_meaning(wanted: Item, known: AttributeType) -> bool:
    """Return whether the type has the rule that an item needs, and the value is of its syntax."""
    match wanted:
        case Present():
            return True
        case Substrings(_, initial, middle, final):
            parts = (initial or b"", *middle, final or b"")
            return bool(known.syntax.substrings) and None not in map(text_of, parts)
        case AtLeast(_, value) | AtMost(_, value) if not known.syntax.ordering:
            return False
        case Equality(_, value) | AtLeast(_, value) | AtMost(_, value):
            return normalized(value, known.syntax) is not None


# Sets of conditions


def all_of(conditions: Iterable[c.Condition]) -> c.Condition:
    """Return the condition that all of some hold."""
    some = [each for each in conditions if each != TRUE]
    if FALSE in some:
        return FALSE
    return some[0] if len(some) == 1 or set(some) == {UNDEFINED} else c.And(tuple(some))


def any_of(conditions: Iterable[c.Condition]) -> c.Condition:
    """Return the condition that one of some holds."""
    some = [each for each in conditions if each != FALSE]
    if TRUE in some:
        return TRUE
    return some[0] if len(some) == 1 or set(some) == {UNDEFINED} else c.Or(tuple(some))


def _negated(condition: c.Condition) -> c.Condition:
    opposites: dict[c.Condition, c.Condition] = {TRUE: FALSE, FALSE: TRUE, UNDEFINED: UNDEFINED}
    return opposites.get(condition) or c.Not(condition)


# Sources


def constant(*values: str) -> Source:
    """Return the source of an attribute that has the same values in all entries."""

    def source(wanted: Item, known: AttributeType) -> c.Condition:
        return TRUE if _is_true(wanted, known, values) else FALSE

    return source


def _is_true(wanted: Item, known: AttributeType, values: tuple[str, ...]) -> bool:
    match wanted:
        case Present():
            return bool(values)
        case Equality(_, value):
            same = normalized(value, known.syntax)
            return any(same == normal(each, known.syntax) for each in values)
        case AtLeast(_, value) | AtMost(_, value):
            own = [order for each in values if (order := normal(each, known.syntax)) is not None]
            bound = normalized(value, known.syntax)
            if isinstance(wanted, AtLeast):
                return any(each >= bound for each in own)  # type: ignore[operator]
            return any(each <= bound for each in own)  # type: ignore[operator]
        case Substrings():
            folded = [fold(each) for each in values]
            condition = _of_text(wanted, c.Field.COMMON_NAME)
            return c.evaluate(condition, lambda _: folded, c.ALL_FIELDS) is True


def texts(*fields: c.Field) -> Source:
    """Return the source of an attribute whose values are those of some fields of text."""
    return lambda wanted, _: any_of(_of_text(wanted, field) for field in fields)


def first_of(first: c.Field, second: c.Field) -> Source:
    """Return the source of an attribute that has one field of text, or another in its absence."""

    def source(wanted: Item, _: AttributeType) -> c.Condition:
        lacks = c.Not(c.Present(first))
        return any_of((_of_text(wanted, first), all_of((lacks, _of_text(wanted, second)))))

    return source


def _of_text(wanted: Item, field: c.Field) -> c.Condition:
    match wanted:
        case Present():
            return c.Present(field)
        case Substrings(_, initial, middle, final):
            inner = tuple(text_of(each) or "" for each in middle)
            first, last = text_of(initial or b"") or "", text_of(final or b"") or ""
            return c.Substring(field, first, inner, last)
        case Equality(_, value):
            return c.Equals(field, text_of(value) or "")
        case _:
            return UNDEFINED


def flag(field: c.Field) -> Source:
    """Return the source of an attribute that is TRUE or FALSE in each entry."""

    def source(wanted: Item, known: AttributeType) -> c.Condition:
        if isinstance(wanted, Present):
            return TRUE
        return any_of(
            c.Equals(field, value)
            for value in (True, False)
            if _is_true(wanted, known, (str(value).upper(),))
        )

    return source


def number(field: c.Field) -> Source:
    """Return the source of an attribute that is a number, and lacks where that is 0."""

    def source(wanted: Item, known: AttributeType) -> c.Condition:
        return all_of((c.AtLeast(field, 1), _of_order(wanted, known, field, 0)))

    return source


def moment(field: c.Field) -> Source:
    """Return the source of an attribute that is a time, shown in whole seconds."""
    return lambda wanted, known: _of_order(wanted, known, field, _MOMENT)


def _of_order(
    wanted: Item, known: AttributeType, field: c.Field, within: timedelta | int
) -> c.Condition:
    """Return a condition on a field whose values are shown as at most `within` less than so."""
    if isinstance(wanted, Present):
        return c.Present(field)
    if isinstance(wanted, Substrings):
        return UNDEFINED
    least = normalized(wanted.value, known.syntax)
    if not isinstance(least, int | datetime):
        return UNDEFINED
    most = least + within  # type: ignore[operator]
    match wanted:
        case AtLeast():
            return c.AtLeast(field, least)
        case AtMost():
            return c.AtMost(field, most)
        case Equality():
            return all_of((c.AtLeast(field, least), c.AtMost(field, most)))


def named(find: Callable[[str], c.Condition], presence: c.Condition = TRUE) -> Source:
    """Return the source of an attribute that has names: `find` says what one of them asks."""

    def source(wanted: Item, _: AttributeType) -> c.Condition:
        match wanted:
            case Present():
                return presence
            case Equality(_, value):
                return find(text_of(value) or "")
            case _:
                return UNDEFINED

    return source
