"""Values of the attributes by which directories restrict users.

Whatever cannot be read raises `ValueError`: what is made of it is for the caller to say.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from ualauth.userlist.hours import DAYS

_TRUE = frozenset({"true", "yes", "1", "on", "t", "y", "enabled", "ok"})
_FALSE = frozenset({"false", "no", "0", "off", "f", "n", "disabled"})
_NUMBER = re.compile(r"-?[0-9]{1,20}")
_GENERALIZED = re.compile(
    r"([0-9]{10})(?:([0-9]{2})([0-9]{2})?)?"
    r"(?:[.,]([0-9]+))?(?:Z|([+-])([0-9]{2})([0-9]{2})?)",
)
_FILE_TIME_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FILE_TIME_NEVER = frozenset({0, 0x7FFFFFFFFFFFFFFF})
"""What Active Directory writes for "never" ([MS-ADTS], section 3.1.1.4)."""
_UNIX_NEVER = frozenset({-1, 0, 2**31 - 1, 2**32 - 1, 2**63 - 1})
"""What the versions of Samba write for "never": the largest times of their days."""
_UNIX_END = 253_402_300_800
"""The first second of the year 10000."""
_HOURS_OF_A_WEEK = 7 * 24


def flag(text: str) -> bool:
    """Read a boolean, in any case and in the words that are usual."""
    word = text.strip().lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise ValueError("must be true or false")


def number(text: str) -> int:
    """Read a whole number."""
    if not _NUMBER.fullmatch(text.strip()):
        raise ValueError("must be a number")
    return int(text)


def generalized_time(text: str) -> datetime:
    """Read a GeneralizedTime (RFC 4517, section 3.3.13), in UTC."""
    match = _GENERALIZED.fullmatch(text.strip())
    try:
        if match is not None:
            return _moment(match)
    except (ValueError, OverflowError):
        pass
    raise ValueError("must be a time like 20301231180000Z")


def kerberos_time(text: str) -> datetime | None:
    """Read a GeneralizedTime; MIT's KDC takes 0 for never, and writes it as the epoch."""
    moment = generalized_time(text)
    return None if moment == _UNIX_EPOCH else moment


def _moment(match: re.Match[str]) -> datetime:
    start, minute, second, fraction, sign, *offset = match.groups(default="")
    moment = datetime.strptime(f"{start}{minute or '00'}", "%Y%m%d%H%M").replace(tzinfo=UTC)
    seconds, hours, minutes = (int(part or 0) for part in (second, *offset))
    # 60 is a leap second.
    if seconds > 60 or hours > 23 or minutes > 59:
        raise ValueError(start)
    # A fraction is one of the last part that is there.
    unit = 1 if second else 60 if minute else 3600
    moment += timedelta(seconds=seconds, microseconds=int(fraction[:6].ljust(6, "0")) * unit)
    shift = timedelta(hours=hours, minutes=minutes)
    return moment + shift if sign == "-" else moment - shift


def file_time(text: str) -> datetime | None:
    """Read a time in units of 100 ns since 1601; `None` for those that mean never."""
    value = number(text)
    if value in _FILE_TIME_NEVER:
        return None
    if value < 0:
        raise ValueError("must be a time in 100 ns since 1601")
    try:
        return _FILE_TIME_EPOCH + timedelta(microseconds=value // 10)
    except OverflowError:
        raise ValueError("must be a time before the year 10000") from None


def unix_time(text: str) -> datetime | None:
    """Read a time in seconds since 1970; `None` for those that mean never."""
    value = number(text)
    if value in _UNIX_NEVER:
        return None
    if not 0 < value < _UNIX_END:
        raise ValueError("must be a time in seconds since 1970")
    return _UNIX_EPOCH + timedelta(seconds=value)


def hours_of_week(bits: bytes) -> list[str] | None:
    """Read 21 octets with a bit an hour, the first one that of Sunday 0:00 UTC, lowest first.

    Returns what a policy has for it; `None` if each hour is allowed.
    """
    if len(bits) * 8 != _HOURS_OF_A_WEEK:
        raise ValueError("must be 21 octets")
    allowed = [bool(bits[hour // 8] >> hour % 8 & 1) for hour in range(_HOURS_OF_A_WEEK)]
    if all(allowed):
        return None
    spans = []
    for day, name in enumerate((DAYS[-1], *DAYS[:-1])):
        start = None
        for hour, is_allowed in enumerate([*allowed[day * 24 : day * 24 + 24], False]):
            if is_allowed and start is None:
                start = hour
            elif not is_allowed and start is not None:
                spans.append(f"{name.capitalize()} {start:02}:00-{hour:02}:00")
                start = None
    return spans


def octets(text: str) -> bytes:
    """Return the octets of a value that was read as text."""
    return text.encode(errors="surrogateescape")
