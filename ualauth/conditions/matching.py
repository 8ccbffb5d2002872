"""The items of a condition, read once, become a function that matches what is looked at.

Readers raise `ValueError` with what is wrong; a `ConditionError` also has the cure.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Sequence
from datetime import datetime

from ualauth.contract.credentials import MAX_NAME_BYTES
from ualauth.errors import InvalidValue
from ualauth.system.networks import is_within, read_address, read_network
from ualauth.text.folding import fold
from ualauth.userlist.checks import MAX_GROUP_NAME
from ualauth.userlist.names import parse_units


class ConditionError(ValueError):
    """A condition that makes no sense; `cure` says what to write."""

    def __init__(self, text: str, cure: str) -> None:
        """Keep both."""
        super().__init__(text)
        self.cure = cure


# Names


def patterns(items: Sequence[str]) -> Callable[[Sequence[str]], bool]:
    """Read shell patterns; they match if any of the names matches any of them.

    The regular expressions of `fnmatch` do not backtrack into a `*` that has matched; making
    them takes the square of a length, which is bounded as names are.
    """
    if any(len(item) > MAX_NAME_BYTES for item in items):
        raise ValueError(f"a pattern has more than {MAX_NAME_BYTES} characters")
    expressions = [re.compile(fnmatch.translate(fold(item))).match for item in items]

    def matches(names: Sequence[str]) -> bool:
        return any(match(fold(name)) for name in names for match in expressions)

    return matches


# Groups


def groups(items: Sequence[str]) -> Callable[[frozenset[str]], bool]:
    """Read names of groups; they match if any of a user's groups is one of them."""
    if any(len(item) > MAX_GROUP_NAME for item in items):
        raise ValueError(f"no group has a name of more than {MAX_GROUP_NAME} characters")
    wanted = frozenset(map(fold, items))
    return lambda groups: not wanted.isdisjoint(groups)


# Companies


def companies(items: Sequence[str]) -> Callable[[Sequence[str]], bool]:
    """Read mail nodes (OU1) of companies; they match if the user's company is one of them."""
    for item in items:
        if len(_units(item)) != 1:
            raise ValueError(f"{item[:64]!r} is no mail node of a company, which is one OU1")
    wanted = frozenset(map(fold, items))
    return lambda names: not wanted.isdisjoint(map(fold, names))


# Mail nodes


def nodes(items: Sequence[str]) -> Callable[[Sequence[str]], bool]:
    """Read mail nodes; they match a node that is one of them or below."""
    nodes = [_units(item) for item in items]

    def matches(units: Sequence[str]) -> bool:
        folded = tuple(map(fold, units))
        return any(folded[: len(node)] == node for node in nodes)

    return matches


def _units(item: str) -> tuple[str, ...]:
    try:
        return tuple(map(fold, parse_units(item)))
    except InvalidValue:
        raise ValueError(f"{item[:64]!r} is no mail node") from None


# Addresses


def networks(items: Sequence[str]) -> Callable[[str | None], bool]:
    """Read addresses and networks; a host name is in none of them."""
    networks = [read_network(item) for item in items]
    return lambda rhost: is_within(read_address(rhost), networks)


# Times

_HOURS = re.compile(r"(\d\d?)(?::(\d\d))?-(\d\d?)(?::(\d\d))?", re.ASCII)
_DAY = 24 * 60
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def hours(items: Sequence[str]) -> Callable[[datetime], bool]:
    """Read ranges of the time of day; one that ends before it begins goes over midnight."""
    ranges = [_minutes(item) for item in items]

    def matches(moment: datetime) -> bool:
        now = moment.hour * 60 + moment.minute
        return any(
            start <= now < end if start < end else now >= start or now < end
            for start, end in ranges
        )

    return matches


def _minutes(item: str) -> tuple[int, int]:
    match = _HOURS.fullmatch(item)
    if match is None:
        raise ValueError(f"{item[:64]!r} is no range of hours")
    numbers = [int(number or 0) for number in match.groups()]
    start, end = numbers[0] * 60 + numbers[1], numbers[2] * 60 + numbers[3]
    if not (start < _DAY and end <= _DAY and numbers[1] < 60 and numbers[3] < 60):
        raise ValueError(f"{item!r} is no range of hours: they are 0:00 to 23:59, or 24 at its end")
    if start == end:
        raise ValueError(f"{item!r} ends where it begins; the whole day is 0-24")
    return start, end


def weekdays(items: Sequence[str]) -> Callable[[datetime], bool]:
    """Read days and ranges of days; one may go over the end of the week."""
    days: set[int] = set()
    for item in items:
        first, dash, last = item.partition("-")
        start = _weekday(first)
        count = (_weekday(last) - start) % len(_DAYS) + 1 if dash else 1
        days |= {(start + step) % len(_DAYS) for step in range(count)}
    return lambda moment: moment.weekday() in days


def _weekday(text: str) -> int:
    word = text.strip().lower()
    for number, name in enumerate(_DAYS):
        if word in (name[:2], name[:3], name):
            return number
    raise ValueError(f"{text[:64]!r} is no day of the week")
