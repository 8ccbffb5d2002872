"""Hours of the week at which a user may log in: `Mo-Fr 08:00-18:00`.

    hours = days blank time "-" time
    days  = day ["-" day] *("," day ["-" day])
    day   = "Mo" / "Tu" / "We" / "Th" / "Fr" / "Sa" / "Su", in any case
    time  = hour ":" minute, from 00:00 to 24:00

The end does not belong to it. Hours that end before they begin end on the next
day: `Fr 22:00-06:00` ends on Saturday. Days may wrap, too: `Sa-Mo`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from ualauth.text.dataclass import dataclass
from ualauth.text.lazy_pattern import lazy_pattern

DAYS = ("mo", "tu", "we", "th", "fr", "sa", "su")

_DAY = 24 * 60
_WEEK = 7 * _DAY
_HOURS = lazy_pattern(r"\s*(\S+)\s+(\d\d?):(\d\d)-(\d\d?):(\d\d)\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the week, in minutes since Monday; `end` may lie in the next week."""

    start: int
    end: int


def read_hours(text: str) -> tuple[Span, ...]:
    """Return the spans that `text` names, one for each day.

    Raises:
        ValueError: if it does not have the form above.

    """
    match = _HOURS.fullmatch(text)
    if match is None:
        raise _wrong(text)
    days = _days(match[1], text)
    start, end = (_minute(match[at], match[at + 1], text) for at in (2, 4))
    if start == end:
        raise _wrong(text)
    length = (end - start) % _DAY or _DAY
    return tuple(Span(day * _DAY + start, day * _DAY + start + length) for day in days)


def is_within(spans: Iterable[Span], moment: datetime) -> bool:
    """Return whether `moment`, on the clock of its own zone, is in one of the spans."""
    minute = moment.weekday() * _DAY + moment.hour * 60 + moment.minute
    return any(
        span.start <= minute < span.end or span.start <= minute + _WEEK < span.end for span in spans
    )


def _days(text: str, hours: str) -> list[int]:
    days: list[int] = []
    for part in text.lower().split(","):
        first, dash, last = part.partition("-")
        if first not in DAYS or (dash and last not in DAYS):
            raise _wrong(hours)
        start = DAYS.index(first)
        count = (DAYS.index(last) - start) % len(DAYS) if dash else 0
        days += [(start + step) % len(DAYS) for step in range(count + 1)]
    return list(dict.fromkeys(days))


def _minute(hour: str, minute: str, hours: str) -> int:
    value = int(hour) * 60 + int(minute)
    if int(minute) > 59 or value > _DAY:
        raise _wrong(hours)
    return value


def _wrong(text: str) -> ValueError:
    return ValueError(f"{text!r} is not like Mo-Fr 08:00-18:00")
