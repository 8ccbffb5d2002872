"""Moments in parameters of tests: written as words, and computed when a test uses them.

What is computed when a file is imported is another moment when its last test runs: the
day may have changed meanwhile, and two processes of one run do not collect the same tests.

    from_now({"account_expires": timedelta(hours=-1)})    a moment for each timedelta
    written("shadowExpire: {days+2}")                      the day after tomorrow, since 1970
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Windows counts hundreds of nanoseconds.
_FILE_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_UNITS = {"d": "days", "h": "hours"}
_FORMS: Mapping[str, Callable[[datetime], str]] = {
    "days": lambda moment: str((moment - _EPOCH).days),
    "seconds": lambda moment: str(int(moment.timestamp())),
    "generalized": lambda moment: f"{moment:%Y%m%d%H%M%SZ}",
    "filetime": lambda moment: str((moment - _FILE_EPOCH) // timedelta(microseconds=1) * 10),
}


def now() -> datetime:
    """Return this moment."""
    return datetime.now(UTC)


def from_now(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values in which each `timedelta` has become the moment that is so far from now."""
    moment = now()
    return {
        name: moment + value if isinstance(value, timedelta) else value
        for name, value in values.items()
    }


def written(text: str) -> str:
    """Return a text with moments for words such as {days-10}, {generalized+1h}, {filetime-40d}."""
    return text.format_map(_Moments())


class _Moments(dict[str, str]):
    """Knows each moment by its word: a form, and how many days or hours from now."""

    def __missing__(self, word: str) -> str:
        sign = "-" if "-" in word else "+"
        form, _, distance = word.partition(sign)
        unit = _UNITS.get(distance[-1:], "days")
        number = int(sign + (distance.rstrip("dh") or "0"))
        return _FORMS[form](now() + timedelta(**{unit: number}))
