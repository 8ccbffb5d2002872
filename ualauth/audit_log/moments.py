"""Times of a log, and of what is asked for: seconds since 1970."""

from __future__ import annotations

import re
import time
from datetime import datetime

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_AGO = re.compile(r"(\d{1,9})([smhdw])")
_OF_SYSLOG = "%b %d %H:%M:%S"
_DAY = 86400


def read_stamp(text: str) -> float | None:
    """Return when a line was written, by what stands before it; `None` if that is no time.

    A time without a zone is local time, and one without a year is the last such day.
    """
    try:
        return datetime.fromisoformat(text.replace(",", ".")).timestamp()
    except (ValueError, OverflowError, OSError):
        pass
    now = time.time()
    year = time.localtime(now).tm_year
    for each in (year, year - 1):
        try:
            moment = time.mktime(time.strptime(f"{each} {text}", f"%Y {_OF_SYSLOG}"))
        except (ValueError, OverflowError):
            continue
        if moment <= now + _DAY:
            return moment
    return None


def read_moment(text: str, now: float) -> float:
    """Return the moment that is asked for: `2h` or `2h ago`, or a date with or without a time.

    Raises:
        ValueError: for anything else.

    """
    ago = _AGO.fullmatch(text.removesuffix(" ago"))
    if ago is not None:
        return now - int(ago[1]) * _UNITS[ago[2]]
    if text == "now":
        return now
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        raise ValueError(
            f"{text!r} is no time: write 90m, 2h, 7d, 2026-11-29 or 2026-11-29T09:12"
        ) from None


def shown(moment: float | None) -> str:
    """Return a moment in local time, as `read_moment` reads it."""
    if moment is None:
        return "-"
    return datetime.fromtimestamp(moment).astimezone().isoformat(" ", "seconds")
