"""What the values of columns mean, of whatever type a database gives them.

A reader returns the value, or raises a `ValueError` whose text never shows it: it may be a hash.
`None` (NULL) never comes here: it says nothing.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal
from typing import Any

from ualauth.system.networks import Network, read_network

LOCAL = "local"
"""Among networks: a client on this host, whose address is not known (as for Dovecot)."""
NEVER = datetime.max.replace(tzinfo=UTC)

_FLAGS = {
    **dict.fromkeys(("1", "t", "true", "y", "yes", "on", "enabled", "active"), True),
    **dict.fromkeys(("0", "f", "false", "n", "no", "off", "disabled", "inactive"), False),
}
_MOST_SECONDS = 253_402_300_799
"""The last second of the year 9999, in seconds since 1970."""


def text(value: Any) -> str:  # noqa: ANN401 - any column
    """Return a text; numbers are none, as what was before them is lost."""
    if isinstance(value, bytearray | memoryview):
        value = bytes(value)
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError:
            raise ValueError("it is no UTF-8") from None
    if not isinstance(value, str):
        raise ValueError(f"it is no text, but of type {type(value).__name__}")  # noqa: TRY004
    if "\0" in value:
        raise ValueError("it has octets that are no text")
    return value


def flag(value: Any) -> bool:  # noqa: ANN401 - any column
    """Return a yes or no: a boolean, 1 and 0, a bit, or one of some words."""
    if isinstance(value, bytes) and value in {b"\0", b"\1"}:
        # MySQL's BIT(1).
        return value == b"\1"
    if isinstance(value, int | Decimal | float) and value in {0, 1}:
        return value == 1
    word = text(value).strip().lower() if isinstance(value, str | bytes) else ""
    if word not in _FLAGS:
        raise ValueError("it is neither yes nor no, as 1 and 0, true and false, Y and N are")
    return _FLAGS[word]


def lock(value: Any) -> str | None:  # noqa: ANN401 - any column
    """Return why a user may not log in, which may be empty; `None` if the user may.

    Dovecot's `nologin` has an effect whatever its value is: only what says no has none.
    """
    try:
        return "" if flag(value) else None
    except ValueError:
        return text(value) if isinstance(value, str | bytes) else ""


def moment(value: Any, zone: tzinfo) -> datetime:  # noqa: ANN401 - any column
    """Return a time; `zone` is that of values without one. A day is its beginning."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=zone)
    if isinstance(value, date):
        return datetime.combine(value, time(), zone)
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return _since_1970(float(value))
    written = text(value).strip()
    if re.fullmatch(r"\d{1,12}(?:\.\d{1,9})?", written):
        return _since_1970(float(written))
    if written.lower() in {"infinity", "-infinity"}:
        # PostgreSQL's.
        return NEVER if written[0] != "-" else datetime.min.replace(tzinfo=UTC)
    try:
        read = datetime.fromisoformat(written)
    except ValueError:
        raise ValueError("it is no time, as 2030-12-31 23:59:59 is") from None
    return read if read.tzinfo else read.replace(tzinfo=zone)


def _since_1970(seconds: float) -> datetime:
    if not math.isfinite(seconds) or not 0 <= seconds <= _MOST_SECONDS:
        raise ValueError("it is no time in seconds since 1970")
    return datetime.fromtimestamp(seconds, UTC)


def networks(value: Any) -> tuple[tuple[Network, ...], bool]:  # noqa: ANN401 - any column
    """Return networks, and whether `local` is one of them; bits behind a prefix do not count."""
    read: list[Network] = []
    is_local = False
    for each in listed(value):
        if each.lower() == LOCAL:
            is_local = True
            continue
        try:
            read.append(_network(each.strip("[]")))
        except ValueError:
            raise ValueError("it has something that is no network, as 192.0.2.0/24 is") from None
    return tuple(read), is_local


def _network(written: str) -> Network:
    try:
        return read_network(written)
    except ValueError:
        return ipaddress.ip_network(written, strict=False)


def listed(value: Any) -> list[str]:  # noqa: ANN401 - any column
    """Return a list: an array, or a text with commas or blanks between."""
    if isinstance(value, list | tuple):
        parts: Sequence[Any] = [each for each in value if each is not None]
        return [each if isinstance(each, str) else _plain(each) for each in parts]
    return [each for each in re.split(r"[,\s]+", _plain(value)) if each]


def _plain(value: Any) -> str:  # noqa: ANN401 - any column
    """Return a text, or an address or a network as one."""
    if isinstance(
        value,
        ipaddress.IPv4Address
        | ipaddress.IPv6Address
        | ipaddress.IPv4Network
        | ipaddress.IPv6Network
        | ipaddress.IPv4Interface
        | ipaddress.IPv6Interface,
    ):
        return str(value)
    return text(value)
