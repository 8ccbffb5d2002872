"""Whether an entry is what a filter asks for: true, false, or undefined (RFC 4511, 4.5.1.7).

A filter becomes a function once, before the entries are looked at. Values are compared by the
rules of `ualauth.text.folding` where RFC 4518 would prepare them: case and runs of blanks do not
count.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol, TypeAlias

from ualauth.ldap.server import dn
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
from ualauth.ldap.server.schema import ALIASES, CLASSES, RULES, AttributeType, Schema, Syntax
from ualauth.text.folding import fold


class Values(Protocol):
    """An entry, as filters look at it."""

    def values(self, key: str) -> Sequence[str]:
        """Return the values of an attribute by its name in lower case; none if it lacks."""
        ...


Test: TypeAlias = Callable[[Values], bool | None]

_DIGITS = re.compile(r"-?\d{1,18}")
_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?(?:[.,]\d+)?Z")


def split_options(description: str) -> tuple[str, bool]:
    """Return the name in an attribute description, and whether it has options (`cn;lang-de`)."""
    name, semicolon, _ = description.partition(";")
    return name, bool(semicolon)


def type_of(
    description: str, schema: Schema, is_visible: Callable[[str], bool]
) -> AttributeType | None:
    """Return the type that a description names; `None` if the client knows no such type."""
    name, _ = split_options(description)
    known = schema.find(name)
    return known if known is not None and is_visible(known.key) else None


def compiled(  # noqa: PLR0911 - a case for each kind
    wanted: Filter, schema: Schema, is_visible: Callable[[str], bool]
) -> Test:
    """Return what tells of an entry whether a filter holds.

    `is_visible` is whether the client may see an attribute. It recurses no deeper than
    `filters.MOST_LEVELS`.
    """
    match wanted:
        case And(items):
            return _all([compiled(each, schema, is_visible) for each in items])
        case Or(items):
            return _any([compiled(each, schema, is_visible) for each in items])
        case Not(item):
            return _not(compiled(item, schema, is_visible))
        case Extensible(rule, attribute, value, names_too):
            known = type_of(attribute, schema, is_visible) if attribute else None
            name = RULES.get(rule.lower())
            if known is None or names_too or (rule and name != known.syntax.equality):
                return _undefined
            return _item(Equality(attribute, value), known)
        case _:
            known = type_of(wanted.attribute, schema, is_visible)
            if known is None:
                return _undefined
            if split_options(wanted.attribute)[1]:
                # No attribute here has an option.
                return _false
            return _item(wanted, known)


def _undefined(_: Values) -> None:
    return None


def _false(_: Values) -> bool:
    return False


def _all(tests: list[Test]) -> Test:
    def test(entry: Values) -> bool | None:
        result: bool | None = True
        for each in tests:
            outcome = each(entry)
            if outcome is False:
                return False
            if outcome is None:
                result = None
        return result

    return test


def _any(tests: list[Test]) -> Test:
    def test(entry: Values) -> bool | None:
        result: bool | None = False
        for each in tests:
            outcome = each(entry)
            if outcome:
                return True
            if outcome is None:
                result = None
        return result

    return test


def _not(test: Test) -> Test:
    def negated(entry: Values) -> bool | None:
        outcome = test(entry)
        return None if outcome is None else not outcome

    return negated


def _item(  # noqa: PLR0911 - a case for each kind
    wanted: Equality | Substrings | AtLeast | AtMost | Present, known: AttributeType
) -> Test:
    key, syntax = known.key, known.syntax
    match wanted:
        case Present():
            return lambda entry: bool(entry.values(key))
        case Equality(_, value):
            same = normalized(value, syntax)
            if same is None:
                return _undefined
            return lambda entry: any(same == normal(each, syntax) for each in entry.values(key))
        case Substrings(_, initial, middle, final):
            parts = _parts(initial, middle, final) if syntax.substrings else None
            if parts is None:
                return _undefined
            first, inner, last = parts
            return lambda entry: any(
                has_parts(fold(each), first, inner, last) for each in entry.values(key)
            )
        case AtLeast(_, value) | AtMost(_, value):
            bound = normalized(value, syntax) if syntax.ordering else None
            if bound is None:
                return _undefined
            if isinstance(wanted, AtLeast):
                return lambda entry: any(
                    (own := normal(each, syntax)) is not None and own >= bound  # type: ignore[operator]
                    for each in entry.values(key)
                )
            return lambda entry: any(
                (own := normal(each, syntax)) is not None and own <= bound  # type: ignore[operator]
                for each in entry.values(key)
            )


def text_of(value: bytes) -> str | None:
    """Return an asserted value as text, `None` if it is none."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def part_of(value: bytes) -> str | None:
    """Return a part of a value, with one blank where it begins or ends in some."""
    text = text_of(value)
    if text is None or not text.strip():
        return text and " "
    return (" " if text[0].isspace() else "") + fold(text) + (" " if text[-1].isspace() else "")


def _parts(
    initial: bytes | None, middle: Sequence[bytes], final: bytes | None
) -> tuple[str, list[str], str] | None:
    first, last = part_of(initial or b""), part_of(final or b"")
    inner = [part_of(each) for each in middle]
    if first is None or last is None or None in inner:
        return None
    return first.lstrip(), [each for each in inner if each], last.rstrip()


def has_parts(text: str, first: str, inner: Sequence[str], last: str) -> bool:
    """Return whether a folded text begins, goes on and ends as it should, without overlaps."""
    if not text.startswith(first):
        return False
    position = len(first)
    for part in inner:
        index = text.find(part, position)
        if index < 0:
            return False
        position = index + len(part)
    return len(text) - len(last) >= position and text.endswith(last)


def normalized(value: bytes, syntax: Syntax) -> object:
    """Return what an asserted value is compared by, `None` if it is none of its syntax."""
    text = text_of(value)
    return None if text is None else normal(text, syntax)


def normal(text: str, syntax: Syntax) -> object:  # noqa: PLR0911 - a case for each syntax
    """Return what a value is compared by, `None` if it is none of its syntax."""
    match syntax:
        case Syntax.TEXT | Syntax.IA5:
            return fold(text)
        case Syntax.BOOLEAN:
            return text.upper() if text.upper() in {"TRUE", "FALSE"} else None
        case Syntax.INTEGER:
            return int(text) if _DIGITS.fullmatch(text) and text.isascii() else None
        case Syntax.TIME:
            return _time(text)
        case Syntax.NAME:
            try:
                return dn.keys_of(dn.parse(text))
            except dn.NotAName:
                return None
        case Syntax.OID:
            key = text.strip().lower()
            return CLASSES.get(key, ALIASES.get(key, key))
        case Syntax.UUID:
            return text.lower() if re.fullmatch(r"[0-9A-Fa-f-]{36}", text) else None


def _time(text: str) -> datetime | None:
    match = _TIME.fullmatch(text)
    if match is None or not text.isascii():
        return None
    try:
        return datetime(*(int(each or 0) for each in match.groups()), tzinfo=UTC)  # type: ignore[misc,arg-type]
    except ValueError:
        return None
