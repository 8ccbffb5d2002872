"""Logins that were granted, until the mail process that they are for asks whose they are.

A login process of Dovecot has a user let in, and hands the client over to a mail process, which
asks with the cookie of the first connection and the number of its request. Each is told once.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from time import monotonic

from ualauth.daemon.requests import FinishedLogin

_MOST = 65_536
"""Logins that wait at a time; the oldest goes first."""


class FinishedLogins:
    """Those of one process, by the cookie of their connection and their number."""

    def __init__(self, lifetime: float, clock: Callable[[], float] = monotonic) -> None:
        """Keep each for `lifetime` seconds at most."""
        self._lifetime = lifetime
        self._clock = clock
        self._keyed = hashlib.blake2b(key=secrets.token_bytes(32), digest_size=32)
        self._last = b"", b""
        """The last cookie and what stands for it: many logins of one connection come at once."""
        self._logins: dict[tuple[bytes, int], tuple[float, FinishedLogin]] = {}
        """The oldest first."""

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._logins)

    def add(self, cookie: bytes, login: FinishedLogin) -> None:
        """Keep a login that was granted just now."""
        now, logins = self._clock(), self._logins
        while logins:
            oldest = next(iter(logins))
            if logins[oldest][0] > now and len(logins) < _MOST:
                break
            del logins[oldest]
        logins[self._place(cookie), login.number] = (now + self._lifetime, login)

    def take(self, cookie: bytes, number: int) -> FinishedLogin | None:
        """Return a login, once; `None` if there is none."""
        until, login = self._logins.pop((self._place(cookie), number), (0.0, None))
        return login if login is not None and self._clock() < until else None

    def _place(self, cookie: bytes) -> bytes:
        # How long a search takes says nothing of a cookie: no client can choose these bytes.
        last, place = self._last
        if cookie is not last:
            keyed = self._keyed.copy()
            keyed.update(cookie)
            place = keyed.digest()
            self._last = cookie, place
        return place
