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
        self._logins: dict[bytes, tuple[float, FinishedLogin]] = {}
        """The oldest first."""

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._logins)

    def add(self, cookie: bytes, login: FinishedLogin) -> None:
        """Keep a login that was granted just now."""
        now = self._clock()
        while self._logins:
            oldest, (until, _) = next(iter(self._logins.items()))
            if until > now and len(self._logins) < _MOST:
                break
            del self._logins[oldest]
        self._logins[self._place(cookie, login.number)] = (now + self._lifetime, login)

    def take(self, cookie: bytes, number: int) -> FinishedLogin | None:
        """Return a login, once; `None` if there is none."""
        until, login = self._logins.pop(self._place(cookie, number), (0.0, None))
        return login if login is not None and self._clock() < until else None

    def _place(self, cookie: bytes, number: int) -> bytes:
        # How long a search takes says nothing of a cookie: no client can choose these bytes.
        keyed = self._keyed.copy()
        keyed.update(cookie)
        keyed.update(number.to_bytes(8, "big"))
        digest: bytes = keyed.digest()
        return digest
