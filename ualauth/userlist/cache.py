"""Records that were read lately, and are still what the database has.

A record is used again only if the database says that nothing changed since it
was read: a changed password, a lock or a deletion holds for the very next
login, by any process. Where the database cannot say so (`change_detector`), each
login reads the record, and only the verification of its password is spared.

It is longer than others since all that is remembered of users is asked of one object.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any, Self

from ualauth.contract.account import Memberships
from ualauth.contract.credentials import NameKind
from ualauth.contract.identity import Person
from ualauth.contract.resources import Resources
from ualauth.errors import InvalidValue, StoreError
from ualauth.passwords.scram import ScramSecret
from ualauth.system.forks import new_lock
from ualauth.userlist.account.lockout import user_key
from ualauth.userlist.database.change_detector import Version
from ualauth.userlist.guesses import GuessLimiter
from ualauth.userlist.memberships import KnownMemberships
from ualauth.userlist.policy import CacheSettings, Policy
from ualauth.userlist.record import User
from ualauth.userlist.schemes_in_use import SchemesInUse
from ualauth.userlist.store import UserStore
from ualauth.userlist.verifications import Verifications
from ualauth.userlist.verified_passwords import VerifiedPasswords

_MOST_SOURCES = 64
"""Names of one user, each with a source, that are known to have failed at nothing."""
_MOST_POLICIES = 1000
_TYPED = NameKind.TYPED

_Key = str | tuple[NameKind, str]
"""A name that was typed, or one of another kind: neither finds whom the other one found."""


NoFailures = tuple[frozenset[tuple[str | None, str]], int]
"""Names, each with a source, under which a user failed at nothing, and the change detector's
`noted` at which it was so of all of them. It is replaced as a whole: threads look at it."""
_NOTHING_KNOWN: NoFailures = (frozenset(), -1)


class Account:
    """A user as the database has it, and what was made of the record.

    `stale` is whether the database could not be asked: then only a password
    that is remembered may be trusted.
    """

    __slots__ = (
        "always",
        "clear",
        "confirmed",
        "groups",
        "login_due",
        "person",
        "policy",
        "prefix",
        "proved",
        "secrets",
        "stale",
        "user",
        "version",
    )

    def __init__(self, user: User, person: Person, policy: Policy, prefix: Any) -> None:  # noqa: ANN401 - of the verified password
        """Begin with a record that was just read."""
        self.user = user
        self.person = person
        self.policy = policy
        self.prefix = prefix
        self.version: Version | None = None
        self.confirmed = 0.0
        self.login_due = 0.0
        """When the next login is to be noted (`time.monotonic`)."""
        self.clear = _NOTHING_KNOWN
        self.proved: frozenset[str] = frozenset()
        self.secrets: dict[str, ScramSecret] = {}
        self.stale = False
        self.groups: frozenset[str] | None = None
        """The folded names of the user's groups, once a module has looked for one."""
        self.always: bool | None = None
        """Whether the account is unremarkable at any time; `None` until a module looks."""

    def is_trusted_source(self, source: str) -> bool:
        """Return whether the user logged in from `source` since this process began."""
        return source in self.proved

    def note_trusted_source(self, source: str) -> None:
        """Note that the user logged in from `source`."""
        if source in self.proved:
            return
        some = self.proved if len(self.proved) < _MOST_SOURCES else frozenset()
        self.proved = some | {source}


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
        self.bridges_outages = self._settings.outage_grace > 0
        """Whether a record counts for a while when the database is away."""
        self._policy = policy or Policy()
        self._policies: dict[str, Policy] = {}
        self._change_detector = store.change_detector()
        self.version = self._change_detector.version
        """Returns what tells two states of the database apart, or `None`; never waits."""
        self._verified = VerifiedPasswords(self._settings.size, self._settings.lifetime)
        self.verifications = Verifications()
        """The passwords that are being compared."""
        self.in_use = SchemesInUse(_Users(store))
        """The costs of the passwords that are stored."""
        self._known: dict[_Key, Account] = {}
        self._latest: dict[int, Account] = {}
        self._memberships = KnownMemberships(store)
        self._lock = new_lock()
        rules = self._policy.lockout
        self.guesses = guesses or GuessLimiter(rules, lambda: self.store, lambda: self)

    @classmethod
    def open(cls, resources: Resources) -> Self:
        """See `Resource.open`."""
        store, config = resources.resource(UserStore), resources.config
        return cls(store, config.policy, config.cache, resources.resource(GuessLimiter))

    def __repr__(self) -> str:
        """Show how much is remembered."""
        return f"{type(self).__name__}({len(self._known)} names)"

    def recall(self, name: str, kind: NameKind = _TYPED) -> Account | None:
        """Return who has a name of that kind, if that is known for sure; never waits."""
        account = self._known.get(name if kind is _TYPED else (kind, name))
        if (
            account is None
            or account.version is None
            # The detector makes a new one of each state.
            or account.version is not self._change_detector.version()
        ):
            return None
        if self.bridges_outages:
            account.confirmed = time.monotonic()
        return account

    def read(self, name: str, kind: NameKind = _TYPED) -> Account | None:
        """Return the user who has a name of that kind, or `None` if there is none; blocks.

        Raises:
            StoreError: if the database cannot be read, and the record was not
                true within the outage grace; or if the record makes no sense.

        """
        # Whatever changes while the record is read makes the version an old one.
        version = self._change_detector.version()
        key = name if kind is _TYPED else (kind, name)
        try:
            user = self.store.lookup(kind)(name)
        except StoreError:
            account = self._known.get(key)
            if account is None or not self._bridges(account):
                raise
            return _stale(account)
        if user is None:
            self._drop(key)
            return None
        try:
            account = self._renewed(key, user)
        except InvalidValue as error:
            raise StoreError(f"user {user.id} has no usable {error}") from error
        account.confirmed = time.monotonic()
        account.version = version
        self._keep(key, account)
        return account

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
        """The policy for a user whom the USERLIST does not know."""
        return self._policy

    # Passwords

    def knows(self, account: Account, password: str) -> bool:
        """Return whether this password of this very record was verified lately."""
        return self._verified.knows(account.user, account.prefix, password)

    def verified_until(self, account: Account, password: str) -> float | None:
        """Return until when this password of this very record is remembered, if it is."""
        return self._verified.until(account.user, account.prefix, password)

    def confirm(self, name: str) -> None:
        """Note that who was recalled by a name is still true."""
        account = self._known.get(name)
        if account is not None:
            account.confirmed = time.monotonic()

    # For those who count: a login was granted as one before it, without the calls of that one

    def note_recalled(self, times: int) -> None:
        """Do nothing: so often a record was recalled."""

    def note_repeated(self) -> None:
        """Do nothing: a password was known."""

    def remembers(self, account: Account) -> bool:
        """Return whether some password was verified lately, of this record or an older one."""
        return self._verified.has(account.user)

    def remember(self, account: Account, password: str) -> None:
        """Note that a password was verified; it was that of this very record."""
        self._verified.remember(account.user, account.prefix, password)

    # Failures

    def has_no_failures(self, account: Account, name: str | None, source: str) -> bool:
        """Return whether neither user nor name, as typed, failed from `source`, for sure.

        It is so as of the moment at which the record was recalled, or later.
        """
        names, as_of = account.clear
        return (name, source) in names and (
            as_of == self._change_detector.noted or self._is_still_clear(account)
        )

    def note_no_failures(
        self, account: Account, name: str | None, source: str, as_of: int | None
    ) -> None:
        """Note that the database has no failure of the user, nor of the name, from `source`.

        It was so when `noted` was `as_of`, and is until a failure of the user is noted.
        """
        if account.version is None or as_of is None:
            return
        detector, key = self._change_detector, user_key(account.user.id)
        # Before the questions: their answers hold for this moment, too.
        now = detector.noted
        if not detector.is_unchanged(key, as_of):
            return
        names, before = account.clear
        if len(names) >= _MOST_SOURCES or not detector.is_unchanged(key, before):
            names = frozenset()
        account.clear = names | {(name, source)}, now

    def _is_still_clear(self, account: Account) -> bool:
        """Return whether no failure of the user was noted since it was last looked at."""
        now, (names, as_of) = self._change_detector.noted, account.clear
        if not self._change_detector.is_unchanged(user_key(account.user.id), as_of):
            account.clear = _NOTHING_KNOWN
            return False
        account.clear = names, now
        return True

    def noted(self) -> int | None:
        """Look for changes; return what tells two states of the failures apart, or `None`."""
        return None if self.version() is None else self._change_detector.noted

    def is_unchanged(self, key: bytes, since: int) -> bool:
        """Return whether the failures kept under a user's key are as they were at `since`."""
        return self._change_detector.is_unchanged(key, since)

    # Groups

    def recall_groups(self, account: Account | None, names: Iterable[str]) -> Memberships | None:
        """Return the groups of a user if they are known for sure; never waits.

        `account` is what `recall` or `read` has just returned, and `names` are of groups that
        are looked for.
        """
        return self._memberships.recall(account, names)

    def read_groups(self, account: Account | None, names: Iterable[str]) -> Memberships:
        """Return the groups of a user as they are now; blocks.

        Raises:
            StoreError: if the database cannot be read.

        """
        return self._memberships.read(account, names)

    def names_of_groups(self, account: Account) -> tuple[str, ...]:
        """Return the names of a user's groups as they are written; blocks."""
        return self.store.group_names.of(account.user)

    # SASL secrets

    def read_secrets(self, account: Account) -> None:
        """Read the user's SASL secrets as they are now into the record; blocks.

        Raises:
            StoreError: if the database cannot be read.

        """
        account.secrets = {each.mechanism: each for each in self.store.secrets(account.user)}

    def close(self) -> None:
        """Forget everything; the store stays open."""
        self._change_detector.close()
        self.forget_all()

    def forget_all(self) -> None:
        """Read every record anew when it is asked for next, and verify every password."""
        self._verified.forget_all()
        with self._lock:
            self._known.clear()
            self._latest.clear()

    def _renewed(self, key: _Key, user: User) -> Account:
        """Return a new `Account`, with what was made of an equal record before."""
        old = self._known.get(key) or self._known.get(user.authid)
        if old is not None and old.user == user:
            account = Account(old.user, old.person, old.policy, old.prefix)
            # A secret that is there goes with the revision; one that is not is looked for.
            account.secrets, account.proved = old.secrets, old.proved
        else:
            if old is not None and old.version is not None:
                self._change_detector.note_difference(old.version)
            prefix = self._verified.prefix(user)
            account = Account(user, user.person(), self.policy_of(user), prefix)
        if old is not None and old.user.id == user.id:
            account.login_due = old.login_due
        return account

    def _keep(self, key: _Key, account: Account) -> None:
        with self._lock:
            latest = self._latest.get(account.user.id)
            if latest and latest.version and account.version and latest.version > account.version:
                # Another thread has read a newer one meanwhile.
                return
            # The name that modules see is the authid.
            authid = account.user.authid
            for each in {key, authid if isinstance(key, str) else (key[0], authid)}:
                self._known.pop(each, None)
                self._known[each] = account
            self._latest.pop(account.user.id, None)
            self._latest[account.user.id] = account
            while len(self._known) > 2 * self._settings.size:
                del self._known[next(iter(self._known))]
            while len(self._latest) > self._settings.size:
                del self._latest[next(iter(self._latest))]

    def _drop(self, key: _Key) -> None:
        """Forget a name that no user has now, and the user who had it."""
        with self._lock:
            account = self._known.pop(key, None)
            if account is not None:
                self._latest.pop(account.user.id, None)

    def _bridges(self, account: Account) -> bool:
        """Return whether the record may be used although it cannot be read now.

        By another name a newer one may have been read.
        """
        latest = self._latest.get(account.user.id)
        if latest is None or latest.user != account.user:
            return False
        return time.monotonic() - account.confirmed < self._settings.outage_grace


class _Users:
    """The users of a store, in the order in which it reads them."""

    def __init__(self, store: UserStore) -> None:
        self._store = store

    def __iter__(self) -> Iterator[User]:
        return self._store.users()


def _stale(account: Account) -> Account:
    copy = Account(account.user, account.person, account.policy, account.prefix)
    copy.confirmed = account.confirmed
    copy.login_due = account.login_due
    copy.stale = True
    copy.groups = account.groups
    return copy
