"""Records that were read lately, and are still what the database has.

A record is used again only if the database says that nothing changed since it
was read: a changed password, a lock or a deletion holds for the very next
login, whoever made it. Where the database cannot say so (`freshness`), each
login reads the record, and only the verification of its password is spared.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from typing import Any

from ualauth.contract.credentials import NameKind
from ualauth.contract.identity import Person
from ualauth.errors import InvalidValue, StoreError
from ualauth.passwords.scram import ScramSecret
from ualauth.userlist.database.change_detector import Mark
from ualauth.userlist.guesses import GuessLimiter
from ualauth.userlist.policy import CacheSettings, Policy
from ualauth.userlist.record import User
from ualauth.userlist.store import UserStore
from ualauth.userlist.verified_passwords import Memo

_MOST_SOURCES = 64
"""Names of one user, each with a source, that are known to have failed at nothing."""
_MOST_POLICIES = 1000
_TYPED = NameKind.TYPED

_Key = str | tuple[NameKind, str]
"""A name that was typed, or one of another kind: neither finds whom the other one found."""


class Known:
    """A user as the database has it, and what was made of the record.

    `stale` is whether the database could not be asked: then only a password
    that is remembered may be believed.
    """

    __slots__ = (
        "always",
        "clear",
        "confirmed",
        "mark",
        "person",
        "policy",
        "proved",
        "seal",
        "secrets",
        "stale",
        "user",
    )

    def __init__(self, user: User, person: Person, policy: Policy, seal: Any) -> None:  # noqa: ANN401 - of the memo
        """Begin with a record that was just read."""
        self.user = user
        self.person = person
        self.policy = policy
        self.seal = seal
        self.mark: Mark | None = None
        self.confirmed = 0.0
        self.clear: frozenset[tuple[str | None, str]] = frozenset()
        self.proved: frozenset[str] = frozenset()
        self.secrets: dict[str, ScramSecret] = {}
        self.stale = False
        self.always: bool | None = None
        """Whether the account is unremarkable at any time; `None` until somebody looks."""


class UserCache:
    """The USERLIST, read through what is remembered of it."""

    def __init__(
        self,
        store: UserStore,
        policy: Policy | None = None,
        settings: CacheSettings | None = None,
        guesses: GuessLimiter | None = None,
    ) -> None:
        """Begin with nothing remembered; `policy` is that of users without their own."""
        self.store = store
        self._settings = settings or CacheSettings()
        self._policy = policy or Policy()
        self._policies: dict[str, Policy] = {}
        self._freshness = store.freshness()
        self._memo = Memo(self._settings.size, self._settings.lifetime)
        self._known: dict[_Key, Known] = {}
        self._latest: dict[int, Known] = {}
        self._lock = threading.Lock()
        rules = self._policy.lockout
        self.guesses = guesses or GuessLimiter(rules, lambda: self.store, self.version)
        _caches.add(self)

    def version(self) -> Mark | None:
        """Return what tells two states of the database apart, or `None`; never waits."""
        return self._freshness.mark()

    def __repr__(self) -> str:
        """Show how much is remembered."""
        return f"{type(self).__name__}({len(self._known)} names)"

    def recall(self, name: str, kind: NameKind = _TYPED) -> Known | None:
        """Return who has a name of that kind, if that is known for sure; never waits."""
        known = self._known.get(name if kind is _TYPED else (kind, name))
        if known is None or known.mark is None or known.mark != self._freshness.mark():
            return None
        known.confirmed = time.monotonic()
        return known

    def read(self, name: str, kind: NameKind = _TYPED) -> Known | None:
        """Return who has a name of that kind, or `None` if nobody has it; blocks.

        Raises:
            StoreError: if the database cannot be read, and the record was not
                true within the outage grace; or if the record makes no sense.

        """
        # Whatever changes while the record is read makes the mark an old one.
        mark = self._freshness.mark()
        key = name if kind is _TYPED else (kind, name)
        try:
            user = self.store.lookup(kind)(name)
        except StoreError:
            known = self._known.get(key)
            if known is None or not self._bridges(known):
                raise
            return _stale(known)
        if user is None:
            self._drop(key)
            return None
        try:
            known = self._renewed(key, user)
        except InvalidValue as error:
            raise StoreError(f"user {user.id} has no usable {error}") from error
        known.confirmed = time.monotonic()
        known.mark = mark
        self._keep(key, known)
        return known

    def policy_of(self, user: User) -> Policy:
        """Return the policy for a user.

        Raises:
            InvalidValue: if the record's own makes no sense.

        """
        policy = self._policies.get(user.policy)
        if policy is None:
            policy = self._policy.with_own(user.policy)
            if len(self._policies) >= _MOST_POLICIES:
                self._policies.clear()
            self._policies[user.policy] = policy
        return policy

    @property
    def policy(self) -> Policy:
        """The policy for somebody whom the USERLIST does not know."""
        return self._policy

    # Passwords

    def knows(self, known: Known, password: str) -> bool:
        """Return whether this password of this very record was verified lately."""
        return self._memo.knows(known.user, known.seal, password)

    def remembers(self, known: Known) -> bool:
        """Return whether some password was verified lately, of this record or an older one."""
        return self._memo.has(known.user)

    def remember(self, known: Known, password: str) -> None:
        """Note that a password was verified; it was that of this very record."""
        self._memo.remember(known.user, known.seal, password)

    # Failures

    @staticmethod
    def is_clear(known: Known, name: str | None, source: str) -> bool:
        """Return whether neither user nor name, as typed, failed from `source`, for sure."""
        return (name, source) in known.clear

    @staticmethod
    def note_clear(known: Known, name: str | None, source: str) -> None:
        """Note that the database has no failure of the user, nor of the name, from `source`.

        It holds as long as the record: any change ends both.
        """
        if known.mark is not None:
            some = known.clear if len(known.clear) < _MOST_SOURCES else frozenset()
            known.clear = some | {(name, source)}

    # SASL secrets

    def read_secrets(self, known: Known) -> None:
        """Read the user's SASL secrets as they are now into the record; blocks.

        Raises:
            StoreError: if the database cannot be read.

        """
        known.secrets = {each.mechanism: each for each in self.store.secrets(known.user)}

    @staticmethod
    def is_at_home(known: Known, source: str) -> bool:
        """Return whether the user logged in from `source` since this process began."""
        return source in known.proved

    @staticmethod
    def note_at_home(known: Known, source: str) -> None:
        """Note that the user logged in from `source`."""
        if source in known.proved:
            return
        some = known.proved if len(known.proved) < _MOST_SOURCES else frozenset()
        known.proved = some | {source}

    def close(self) -> None:
        """Forget everything; the store stays open."""
        self._freshness.close()
        with self._lock:
            self._known.clear()
            self._latest.clear()

    def forget_lock(self) -> None:
        """Start with a free lock in a child process."""
        self._lock = threading.Lock()

    def _renewed(self, key: _Key, user: User) -> Known:
        """Return a new `Known`, with what was made of an equal record before."""
        old = self._known.get(key) or self._known.get(user.authid)
        if old is not None and old.user == user:
            known = Known(old.user, old.person, old.policy, old.seal)
            # A secret that is there goes with the revision; one that is not is looked for.
            known.secrets, known.proved = old.secrets, old.proved
            return known
        return Known(user, user.person(), self.policy_of(user), self._memo.seal(user))

    def _keep(self, key: _Key, known: Known) -> None:
        with self._lock:
            latest = self._latest.get(known.user.id)
            if latest and latest.mark and known.mark and latest.mark > known.mark:
                # Another thread has read a newer one meanwhile.
                return
            # The name that modules see is the authid.
            authid = known.user.authid
            for each in {key, authid if isinstance(key, str) else (key[0], authid)}:
                self._known.pop(each, None)
                self._known[each] = known
            self._latest.pop(known.user.id, None)
            self._latest[known.user.id] = known
            while len(self._known) > 2 * self._settings.size:
                del self._known[next(iter(self._known))]
            while len(self._latest) > self._settings.size:
                del self._latest[next(iter(self._latest))]

    def _drop(self, key: _Key) -> None:
        """Forget a name that nobody has now, and whoever had it."""
        with self._lock:
            known = self._known.pop(key, None)
            if known is not None:
                self._latest.pop(known.user.id, None)

    def _bridges(self, known: Known) -> bool:
        """Return whether the record may be used although it cannot be read now.

        By another name a newer one may have been read.
        """
        latest = self._latest.get(known.user.id)
        if latest is None or latest.user != known.user:
            return False
        return time.monotonic() - known.confirmed < self._settings.outage_grace


def _stale(known: Known) -> Known:
    made = Known(known.user, known.person, known.policy, known.seal)
    made.confirmed = known.confirmed
    made.stale = True
    return made


_caches: weakref.WeakSet[UserCache] = weakref.WeakSet()


def _free_locks() -> None:
    for cache in list(_caches):
        cache.forget_lock()


os.register_at_fork(after_in_child=_free_locks)
