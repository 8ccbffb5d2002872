"""What a search asks for (RFC 4511, section 4.5.1.7): decoded in one loop, within bounds.

The whole filter is three-valued: an item that a client may not ask about, or that means nothing,
is Undefined, and so is its negation (`ualauth.ldap.server.matching`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

from ualauth.ldap.server.ber import Malformed, Reader, header

MOST_ITEMS = 256
MOST_LEVELS = 32
_AND, _OR, _NOT = 0xA0, 0xA1, 0xA2
_EQUALITY, _SUBSTRINGS, _AT_LEAST, _AT_MOST = 0xA3, 0xA4, 0xA5, 0xA6
_PRESENT, _APPROXIMATE, _EXTENSIBLE = 0x87, 0xA8, 0xA9
_INITIAL, _ANY, _FINAL = 0x80, 0x81, 0x82


class And(NamedTuple):
    """All of them; with none, true (RFC 4526)."""

    items: tuple[Filter, ...]


class Or(NamedTuple):
    """One of them; with none, false (RFC 4526)."""

    items: tuple[Filter, ...]


class Not(NamedTuple):
    """Not this."""

    item: Filter


class Equality(NamedTuple):
    """An attribute has this value; `~=` is taken for the same."""

    attribute: str
    value: bytes


class Substrings(NamedTuple):
    """A value of an attribute has these parts, in their order."""

    attribute: str
    initial: bytes | None
    middle: tuple[bytes, ...]
    final: bytes | None


class AtLeast(NamedTuple):
    """An attribute has a value of this or more."""

    attribute: str
    value: bytes


class AtMost(NamedTuple):
    """An attribute has a value of this or less."""

    attribute: str
    value: bytes


class Present(NamedTuple):
    """An attribute is there."""

    attribute: str


class Extensible(NamedTuple):
    """A matching rule holds (RFC 4511, section 4.5.1.7.7)."""

    rule: str
    attribute: str
    value: bytes
    names_too: bool


Filter: TypeAlias = And | Or | Not | Equality | Substrings | AtLeast | AtMost | Present | Extensible


class TooComplex(Exception):
    """A filter has more items or levels than are looked at."""


class _Open(NamedTuple):
    """A set of filters that is being read."""

    tag: int
    end: int
    items: list[Filter]


def decode(data: bytes, position: int, end: int) -> tuple[Filter, int]:
    """Return the filter that begins at `position`, and where it ends.

    Raises:
        Malformed: if it is none.
        TooComplex: if it has too many items or levels.

    """
    stack: list[_Open] = []
    count = 0
    while True:
        bound = stack[-1].end if stack else end
        tag, begin, stop = header(data, position, bound)
        count += 1
        if count > MOST_ITEMS or len(stack) >= MOST_LEVELS:
            raise TooComplex
        if tag in {_AND, _OR, _NOT} and begin < stop:
            stack.append(_Open(tag, stop, []))
            position = begin
            continue
        complete = _leaf(data, tag, begin, stop)
        position = stop
        # What ends here may end the sets around it, too.
        while stack:
            stack[-1].items.append(complete)
            if position < stack[-1].end:
                break
            ended = stack.pop()
            complete = _closed(ended.tag, ended.items)
        else:
            return complete, position


def _closed(tag: int, items: list[Filter]) -> Filter:
    if tag == _NOT:
        if len(items) != 1:
            raise Malformed("a negation of more than one filter")
        return Not(items[0])
    return And(tuple(items)) if tag == _AND else Or(tuple(items))


def _leaf(data: bytes, tag: int, begin: int, end: int) -> Filter:
    reader = Reader(data, begin, end)
    match tag:
        case 0xA0 | 0xA1:
            return _closed(tag, [])
        case 0x87:
            return Present(_name(data[begin:end]))
        case 0xA4:
            return _substrings(reader)
        case 0xA9:
            return _extensible(reader)
        case 0xA3 | 0xA5 | 0xA6 | 0xA8:
            attribute, value = _name(reader.octets()), reader.octets()
            comparison: Filter = _COMPARISONS[tag](attribute, value)
            return comparison
    raise Malformed("a filter of an unknown kind")


_COMPARISONS: Mapping[int, Callable[[str, bytes], Filter]] = {
    _EQUALITY: Equality,
    _AT_LEAST: AtLeast,
    _AT_MOST: AtMost,
    _APPROXIMATE: Equality,
}


def _substrings(reader: Reader) -> Substrings:
    attribute, parts = _name(reader.octets()), reader.inner()
    initial = final = None
    middle: list[bytes] = []
    if not parts:
        raise Malformed("substrings without any")
    while parts:
        tag, value = parts.take()
        if final is not None or (tag == _INITIAL and (initial is not None or middle)):
            raise Malformed("substrings in no order")
        match tag:
            case 0x80:
                initial = value
            case 0x81:
                middle.append(value)
            case 0x82:
                final = value
            case _:
                raise Malformed("substrings of an unknown kind")
    return Substrings(attribute, initial, tuple(middle), final)


def _extensible(reader: Reader) -> Extensible:
    rule = attribute = ""
    value = b""
    names_too = has_value = False
    while reader:
        tag, content = reader.take()
        match tag:
            case 0x81:
                rule = _name(content)
            case 0x82:
                attribute = _name(content)
            case 0x83:
                value, has_value = content, True
            case 0x84:
                names_too = content not in {b"", b"\0"}
            case _:
                raise Malformed("an extensible match of an unknown kind")
    if not has_value:
        raise Malformed("an extensible match without a value")
    return Extensible(rule, attribute, value, names_too)


def _name(octets: bytes) -> str:
    """Return the name of an attribute; one that is not ASCII is the name of none."""
    return octets.decode("ascii", errors="replace")
