"""How the values of keywords are read, in files of lines `keyword value`.

A reader takes the text and returns the value, or raises a `ValueError` whose
text says what is wrong and, after a line feed, the cure.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ualauth.sources.values import hint

Read = Callable[[str], Any]
E = TypeVar("E", bound=enum.Enum)

_MOST_SECONDS = 86400
_YES = {"yes": True, "on": True, "true": True, "no": False, "off": False, "false": False}


def text(value: str) -> str:
    """Read anything."""
    return value


def path(value: str) -> str:
    """Read the path of a file."""
    return without_quotes(value)


def folder(value: str) -> str:
    """Read the path of a folder."""
    without_quotes(value)
    if not value.startswith("/"):
        raise ValueError(f"{value!r} could be anywhere\nwrite the whole path")
    return value


def words(value: str) -> tuple[str, ...]:
    """Read words with blanks between them."""
    return tuple(value.split())


def yes_no(value: str) -> bool:
    """Read a yes or no."""
    if value.lower() not in _YES:
        raise ValueError(f"{value!r} is neither yes nor no\nwrite yes or no")
    return _YES[value.lower()]


def seconds(value: str) -> float:
    """Read a time of more than no seconds."""
    number = _number(value)
    if number == 0:
        raise ValueError(
            f"{value!r} is no time: there always is a limit"
            f"\nremove the line, or write seconds up to {_MOST_SECONDS}"
        )
    if not 0 < number <= _MOST_SECONDS:
        raise ValueError(
            f"{value!r} is no time\nwrite seconds, from more than 0 to {_MOST_SECONDS}"
        )
    return number


def seconds_or_never(value: str) -> float:
    """Read a time; 0 is never."""
    return 0.0 if _number(value) == 0 else seconds(value)


def count(least: int, most: int) -> Read:
    """Return a reader of whole numbers."""

    def read(value: str) -> int:
        if not value.isdecimal() or not least <= int(value[:10]) <= most:
            raise ValueError(f"{value!r} does not do\nwrite a number from {least} to {most}")
        return int(value)

    return read


def one_of(choices: Mapping[str, E]) -> Callable[[str], E]:
    """Return a reader of certain words."""

    def read(value: str) -> E:
        choice = choices.get(value.lower())
        if choice is None:
            raise ValueError(f"{value!r} is not known\n{hint(value.lower(), choices)}")
        return choice

    return read


def choice(kind: type[E]) -> Callable[[str], E]:
    """Return a reader of an enumeration's values."""
    return one_of({str(each.value): each for each in kind})


def in_quotes(value: str) -> bool:
    """Return whether a value has quotes around it."""
    return len(value) > 1 and value[0] == value[-1] == '"'


def without_quotes(value: str) -> str:
    """Return a value that is not in quotes.

    Raises:
        ValueError: if it is.

    """
    if in_quotes(value):
        raise ValueError(
            f"{value!r} is in quotes, which would be a part of it\nwrite it without quotes"
        )
    return value


def is_zero(value: str) -> bool:
    """Return whether a time is none."""
    return _number(value) == 0


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise ValueError(f"{value!r} is no number\nwrite seconds") from None
