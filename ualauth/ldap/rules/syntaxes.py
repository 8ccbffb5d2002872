"""Values of attributes, as RFC 4517 has them written; anything else raises a `ValueError`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

BEGINNING = datetime.min.replace(tzinfo=UTC)
"""What a time in year 0, which `datetime` does not have, is taken for."""

_YES = frozenset({"true", "yes", "on", "1"})
_NO = frozenset({"false", "no", "off", "0"})
_NUMBER = re.compile(r"-?[0-9]{1,20}")
_TIME = re.compile(
    r"([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})(?:([0-9]{2})([0-9]{2})?)?(?:[.,][0-9]+)?"
    r"(?:Z|([+-])([0-9]{2})([0-9]{2})?)"
)


def truth(value: str) -> bool:
    """Read a BOOLEAN, however a product writes it."""
    word = value.strip().lower()
    if word not in _YES | _NO:
        raise ValueError(value)
    return word in _YES


def number(value: str) -> int:
    """Read an integer of RFC 4517; `int` takes more."""
    if not _NUMBER.fullmatch(value):
        raise ValueError(value)
    return int(value)


def natural(value: str) -> int:
    """Read an integer of 63 bits."""
    integer = number(value)
    if not 0 <= integer <= 0x7FFFFFFFFFFFFFFF:
        raise ValueError(value)
    return integer


def bits_of(value: str) -> int:
    """Read 32 bits; some products write them as a signed number."""
    bits = number(value)
    if not -(2**31) <= bits < 2**32:
        raise ValueError(value)
    return bits


def time(value: str) -> datetime:
    """Read a GeneralizedTime; fractions are of no interest, and a leap second is the one before."""
    match = _TIME.fullmatch(value)
    if match is None:
        raise ValueError(value)
    year, month, day, hour, minute, second = (int(each or 0) for each in match.groups()[:6])
    if year == 0:
        return BEGINNING
    ahead = timedelta(hours=int(match[8] or 0), minutes=int(match[9] or 0))
    zone = timezone(-ahead if match[7] == "-" else ahead)
    return datetime(
        year, month, day, hour, minute, min(second, 59) if second <= 60 else second, tzinfo=zone
    )
