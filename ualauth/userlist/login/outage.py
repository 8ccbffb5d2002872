"""Who may come in while no server of another system, that knows the passwords, can be reached.

A verifier (argon2id) of the last password that the other system took is kept in
memory, for people who passed the account stack as well, and forgotten as soon
as that system says anything else about them. Nothing is written anywhere: a
new process knows no user.

The password that was right at last may have been changed by other means since:
until its `lifetime` is over, an outage lets the old one in. That is what this
costs, and why it is off unless it is asked for.
"""

from __future__ import annotations

import time
import weakref
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Self

from ualauth.codes import ReturnCode
from ualauth.contract.attempt import Attempt
from ualauth.contract.identity import Person
from ualauth.contract.resources import Resources
from ualauth.passwords.schemes import PasswordHasher
from ualauth.system.forks import new_lock


@dataclass(frozen=True, kw_only=True, slots=True)
class Outage:
    """Whether a user may come in while no server can be reached; a `lifetime` of 0 is never."""

    lifetime: float
    users: int


# Made at each login, and so not frozen: that takes five times as long.
@dataclass(slots=True)
class Remembered:
    """As whom a user came in, and who it is."""

    user: str
    person: Person


@dataclass(slots=True)
class _Record:
    """One person: the verifier, when it was right, and for which services the account was."""

    verifier: str = field(repr=False)
    moment: float
    who: Remembered
    services: set[str]
    typed: OrderedDict[str, None]
    """The names by which this person was found, the last ones."""


_NAMES = 16
"""Names of one person that are kept; a caller may write one in any number of ways."""


class OutageCache:
    """Verifiers by the user whom the other system confirmed; at most `rules.users` of them."""

    def __init__(self, rules: Outage) -> None:
        """Begin with no user."""
        self._rules = rules
        self._hasher = PasswordHasher("argon2id")
        self._records: OrderedDict[str, _Record] = OrderedDict()
        self._users: dict[str, str] = {}
        """By the user before the other system was asked, who it is."""
        self._lock = new_lock()

    def __len__(self) -> int:
        """Return of how many people something is kept."""
        return len(self._records)

    async def remember(self, attempt: Attempt, user: str, password: str, who: Remembered) -> None:
        """Keep a password that has just been taken."""
        verifier = await attempt.compute(self._hasher.hash, password)
        with self._lock:
            if self._users.get(user, who.user) != who.user:
                # This name is another user's now.
                self._drop(self._users[user])
            last = self._records.pop(who.user, None)
            services = set() if last is None else last.services
            typed = OrderedDict() if last is None else last.typed
            typed[user] = None
            typed.move_to_end(user)
            self._users[user] = who.user
            if len(typed) > _NAMES:
                del self._users[typed.popitem(last=False)[0]]
            self._records[who.user] = _Record(verifier, time.monotonic(), who, services, typed)
            while len(self._records) > self._rules.users:
                self._drop(next(iter(self._records)))

    def allow(self, user: str, service: str, *, allowed: bool) -> None:
        """Keep what the account stack said of a user for a service."""
        with self._lock:
            record = self._records.get(self._users.get(user, user))
            if record is not None:
                (record.services.add if allowed else record.services.discard)(service)

    def forget(self, *users: str) -> None:
        """Forget a user of whom something else is said now, by whatever names."""
        with self._lock:
            for each in users:
                self._drop(self._users.get(each, each))
                self._drop(each)

    async def refuse(self, attempt: Attempt, user: str, password: str, code: ReturnCode) -> None:
        """Forget what does not hold any more.

        A wrong password says nothing about the right one, unless it is the one
        that is kept. Finding that out costs the same for every user.
        """
        matches = await self._matches(attempt, self._fresh(user), password)
        if matches or code is not ReturnCode.AUTH_ERR:
            self.forget(user)

    async def verify(self, attempt: Attempt, user: str, password: str) -> Remembered | None:
        """Return who it is, if the password is the one that is kept."""
        record = self._fresh(user)
        return record.who if await self._matches(attempt, record, password) and record else None

    def has(self, user: str) -> bool:
        """Return whether a password is kept for a user, so that the right one is answered."""
        return self._fresh(user) is not None

    def may(self, user: str, service: str) -> bool:
        """Return whether the account was allowed when it was asked for last."""
        record = self._fresh(user)
        return record is not None and service in record.services

    def _fresh(self, user: str) -> _Record | None:
        """Return what is kept of a user, by a name by which the user was found."""
        with self._lock:
            who = self._users.get(user)
            record = None if who is None else self._records.get(who)
            if record is not None and time.monotonic() - record.moment > self._rules.lifetime:
                self._drop(record.who.user)
                return None
            return record

    def _drop(self, who: str) -> None:
        record = self._records.pop(who, None)
        for each in () if record is None else record.typed:
            del self._users[each]

    async def _matches(self, attempt: Attempt, record: _Record | None, password: str) -> bool:
        if record is None:
            await attempt.compute(self._hasher.dummy_verify, password)
            return False
        return await attempt.compute(self._hasher.verify, password, record.verifier)


class OutageCaches:
    """The caches of an application by their configurations (`Attempt.resource`).

    All entries with the same file share one, and who asks for it keeps it. A file that was
    changed begins anew, since other users may be allowed by it.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = new_lock()
        self._open: weakref.WeakValueDictionary[str, OutageCache] = weakref.WeakValueDictionary()

    @classmethod
    def open(cls, _resources: Resources) -> Self:
        """See `Resource.open`."""
        return cls()

    def of(self, digest: str, rules: Outage) -> OutageCache | None:
        """Return the cache of the configuration with this digest, if it wants one."""
        if not rules.lifetime:
            return None
        with self._lock:
            cache = self._open.get(digest)
            if cache is None:
                cache = self._open[digest] = OutageCache(rules)
            return cache
