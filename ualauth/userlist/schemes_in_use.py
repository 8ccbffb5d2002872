"""The costs of stored passwords that are in use besides today's scheme.

A refusal costs one verification of each of them, whose password it was and whether a user has
the name: what a hash costs tells nothing (decision 0048). They are learned from the first
records of the USERLIST, and from those that logins meet.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice

from ualauth.errors import PasswordError, StoreError
from ualauth.passwords.costs import COSTS, argon2_settings
from ualauth.passwords.schemes import PasswordHasher
from ualauth.passwords.stored import Stored, read
from ualauth.system.forks import new_lock
from ualauth.userlist.record import User

_LOOKED_AT = 1000
"""Records that are read to begin with."""
_EVERY = 600.0
"""Seconds after which they are read again."""
_MOST = 8
"""Costs that are levelled: the highest."""

_Kind = tuple[str, float, tuple[int, ...]]
"""The name of a scheme, its cost, and what the cost is made of where that is several numbers."""


class SchemesInUse:
    """Those of one USERLIST; `users` reads its records, and blocks."""

    def __init__(self, users: Iterable[User]) -> None:
        """Begin with none; `users` may be iterated again and again."""
        self._users = users
        self._examples: dict[_Kind, str] = {}
        self._next = 0.0
        self._lock = new_lock()

    def __repr__(self) -> str:
        """Show how many there are, and no hash."""
        return f"{type(self).__name__}({len(self._examples)})"

    def level(self, hasher: PasswordHasher, password: str, own: str | None) -> None:
        """Spend one verification of each cost that is in use, but for that of `own`."""
        self._look(hasher)
        kind = None
        if own is not None:
            with suppress(PasswordError):
                kind = self._note(hasher, own)
        for each, stored in list(self._examples.items()):
            if each != kind:
                with suppress(PasswordError):
                    hasher.verify(password, stored)

    def _look(self, hasher: PasswordHasher) -> None:
        with self._lock:
            now = time.monotonic()
            if now < self._next:
                return
            self._next = now + _EVERY
        # A database that cannot be read has none that a login could meet.
        with suppress(StoreError):
            for user in islice(self._users, _LOOKED_AT):
                if user.password:
                    with suppress(PasswordError):
                        self._note(hasher, user.password)

    def _note(self, hasher: PasswordHasher, stored: str) -> _Kind | None:
        """Return what a stored password is that costs something else than today's."""
        stored_password = read(stored)
        kind = _kind(stored_password)
        if kind is None or kind[1] > 1 or not hasher.needs_rehash(stored):
            return None
        with self._lock:
            self._examples.setdefault(kind, stored)
            while len(self._examples) > _MOST:
                del self._examples[min(self._examples, key=lambda each: each[1])]
        return kind


def _kind(stored_password: Stored) -> _Kind | None:
    name, data = stored_password.scheme.name, stored_password.data
    cost = COSTS.get(name)
    try:
        return (
            None
            if cost is None
            else (name, cost(data), argon2_settings(data) if "argon2" in name else ())
        )
    except (ValueError, IndexError):
        return None
