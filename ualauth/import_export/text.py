"""Values of fields as text, and back, by the type of the field."""

from __future__ import annotations

import enum
import re
import types
import typing
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from ualauth.errors import InvalidValue
from ualauth.text.language import language_tag
from ualauth.userlist.names import ORName, parse
from ualauth.userlist.record import NewUser

# Days come first where dots stand between; where slashes do, days or months.
_DOTTED = re.compile(r"^([0-9]{2})\.([0-9]{2})\.([0-9]{4})(?![0-9])")
_TRUE = frozenset({"true", "yes", "1"})
_FALSE = frozenset({"false", "no", "0"})

Reader = Callable[[str], Any]
Writer = Callable[[Any], str]


def _read_flag(text: str) -> bool:
    word = text.lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise InvalidValue("must be true or false")


def read_number(text: str) -> int:
    """Read a whole number; `InvalidValue` if it is none."""
    # int() would take blanks, underscores and digits of every script, too.
    if not (text.isascii() and text.isdigit()):
        raise InvalidValue("must be a number")
    return int(text[:20])


def read_time(text: str) -> datetime:
    """Read a date or time in ISO 8601, or as in 31.12.2030; without a zone it is this host's.

    Raises:
        InvalidValue: if it is none.

    """
    try:
        time = datetime.fromisoformat(_DOTTED.sub(r"\3-\2-\1", text))
        return time.astimezone() if time.tzinfo is None else time
    except (ValueError, OverflowError, OSError):
        raise InvalidValue("must be a date like 2030-12-31 or 2030-12-31T18:00+01:00") from None


def write_time(time: datetime) -> str:
    """Return a time in ISO 8601, in UTC."""
    return time.astimezone(UTC).isoformat()


def _read_list(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_KINDS: Mapping[object, tuple[Reader, Writer]] = {
    str: (str, str),
    bool: (_read_flag, lambda value: "true" if value else "false"),
    int: (read_number, str),
    datetime: (read_time, write_time),
    tuple: (_read_list, " ".join),
    ORName: (parse, str),
}
"""Type of a field -> how its text is read and written."""


@cache
def converters() -> Mapping[str, tuple[Reader, Writer]]:
    """Return field of a new user -> how its text is read and written, in their order."""
    kinds = typing.get_type_hints(NewUser)
    return {name: _converter(kind) for name, kind in kinds.items()} | {
        "language": (language_tag, str)
    }


def _converter(kind: Any) -> tuple[Reader, Writer]:  # noqa: ANN401 - any annotation
    if isinstance(kind, types.UnionType):
        (kind,) = [each for each in typing.get_args(kind) if each is not type(None)]
    kind = typing.get_origin(kind) or kind
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return _choice(kind), lambda value: str(value.value)
    return _KINDS[kind]


def _choice(kind: type[enum.Enum]) -> Reader:
    choices = {str(each.value): each for each in kind}

    def read(text: str) -> enum.Enum:
        if text not in choices:
            raise InvalidValue(f"must be one of {', '.join(choices)}")
        return choices[text]

    return read
