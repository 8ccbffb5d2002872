"""Users of whom something holds, as an administrator looks for them.

They are read a page at a time, in the order of their authids, and what the database can tell is
asked there. Who is locked out by failed logins is kept under digests of ids, which are made of
every id, and so without reading any other record.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from ualauth.errors import InvalidValue
from ualauth.text.folding import REFUSED, fold
from ualauth.userlist.account.lockout import KEY_BYTES, microseconds_now, user_key
from ualauth.userlist.account.password_age import password_expires
from ualauth.userlist.addresses import login_keys
from ualauth.userlist.database import listings, queries
from ualauth.userlist.database.database import Database
from ualauth.userlist.database.rows import microseconds, user_of, users_of
from ualauth.userlist.groups import GroupStore
from ualauth.userlist.noted_logins import last_login_of
from ualauth.userlist.policy import Policy
from ualauth.userlist.record import LastLogin, User

MOST_FITTING = 1000
"""Users with a part of an O/R name that are looked for, in each way to read it."""
_MOST_POLICIES = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class UserFilter:
    """Which users are listed: those of whom all holds that is given.

    They have the `domain` in an address or the authid, and are in the `group`, also by groups in
    it. An address, the authid or the O/R name is
    like `match`, where `*` stands for any text and `?` for one character. They are `locked`;
    their account or password has `expired`; they are `locked_out` by failed logins, from some
    source; they have `never_logged_in`, as far as is known. They have a password, but not
    all SASL secrets of `lacking_mechanisms`.
    """

    domain: str = ""
    group: str = ""
    match: str = ""
    locked: bool = False
    expired: bool = False
    locked_out: bool = False
    never_logged_in: bool = False
    lacking_mechanisms: tuple[str, ...] = ()


ALL = UserFilter()


class Listed(NamedTuple):
    """A user in a list, the last login that was noted, and what follows from failed logins."""

    user: User
    last_login: LastLogin | None
    is_locked_out: bool


class Fitting(NamedTuple):
    """The users whom a login name may mean, by folded authid, and by what they are meant."""

    users: list[User]
    rank: queries.Rank


class Policies:
    """The policies of users, whose own rules are read once, and those of companies, too."""

    def __init__(self, usual: Policy, company_policy: Callable[[User], str]) -> None:
        """Begin with that of users without their own; see `UserStore.company_policy`."""
        self.usual = usual
        self._own: dict[tuple[int | None, str], Policy] = {(None, ""): usual}
        self._company_policy = company_policy

    def of(self, user: User) -> Policy:
        """Return the policy of a user; the usual one if the record's own makes no sense."""
        key = user.company_id, user.policy
        policy = self._own.get(key)
        if policy is None:
            try:
                policy = self.usual.with_own(self._company_policy(user)).with_own(user.policy)
            except InvalidValue:
                policy = self.usual
            if len(self._own) < _MOST_POLICIES:
                self._own[key] = policy
        return policy


def listed(
    database: Database, wanted: UserFilter, policies: Policies, unrestricted: Database
) -> Iterator[Listed]:
    """Yield the users that are wanted, in the order of their folded authids.

    `unrestricted` is the same database, where all is seen: who is locked out is known by digests
    of ids alone.

    Raises:
        InvalidValue: for a domain or pattern with characters that no name has.
        GroupUnknown: if no group has that name.
        StoreError: if the database cannot be used.

    """
    if REFUSED.search(wanted.domain) or REFUSED.search(wanted.match):
        raise InvalidValue("no name has control characters")
    keys = keys_of_locked_out(unrestricted)
    if not wanted.locked_out:
        for user, login in _users(database, wanted, policies):
            yield Listed(user, login, bool(keys) and user_key(user.id) in keys)
        return
    # They are few, and come in the order of their ids.
    users = [
        each
        for some in queries.pieces([number for number, _ in ids_of(database, keys)], queries.PAGE)
        for each in _users(database, wanted, policies, some)
    ]
    for user, login in sorted(users, key=lambda each: fold(each[0].authid)):
        yield Listed(user, login, is_locked_out=True)


def keys_of_locked_out(database: Database) -> frozenset[bytes]:
    """Return the keys of users who are locked out now, from some source."""
    rows = database.read(listings.LOCKED_OUT, {"now": microseconds_now()})
    return frozenset(bytes(row[0]) for row in rows if len(row[0]) == KEY_BYTES)


def ids_of(database: Database, keys: Collection[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield the ids of users whose failures are kept under some keys, each with its key."""
    after = 0
    while keys and (rows := database.read(listings.NEXT_IDS, {"after": after})):
        for (number,) in rows:
            if (key := user_key(number)) in keys:
                yield number, key
        after = rows[-1][0]


def records_of(database: Database, numbers: Sequence[int]) -> Iterator[User]:
    """Yield the users who have some ids, by folded authid as far as a page goes."""
    for some in queries.pieces(numbers, queries.PAGE):
        yield from users_of(database.read(queries.by_ids(), queries.some_ids(some)))


def _users(
    database: Database, wanted: UserFilter, policies: Policies, numbers: Sequence[int] = ()
) -> Iterator[tuple[User, LastLogin | None]]:
    """Yield users as `listed` does, locked out or not; only those with some ids, if given."""
    fields = frozenset(name for name in listings.CONDITIONS if _is_given(getattr(wanted, name)))
    mechanisms = tuple(sorted(wanted.lacking_mechanisms))
    statement = listings.page(fields, mechanisms, some=bool(numbers))
    now, after = datetime.now(UTC), ""
    values = _parameters(wanted, fields, policies, now)
    if "group" in fields:
        values["group"] = GroupStore(database).get(wanted.group).id
    if numbers:
        values |= queries.some_ids(numbers)
    while rows := database.read(statement, {**values, "after": after}):
        for _, group in groupby(rows, key=itemgetter(0)):
            of_user = list(group)
            user = user_of([row[4:] for row in of_user])
            if not wanted.expired or has_expired(user, policies.of(user), now):
                yield user, last_login_of(of_user[0][1:4])
        after = str(rows[-1][0])


def _is_given(value: str | bool) -> bool:  # noqa: FBT001 - of any field
    return bool(value.strip() if isinstance(value, str) else value)


def has_expired(user: User, policy: Policy, now: datetime) -> bool:
    """Return whether the account or the password has expired."""
    ends = (user.account_expires, password_expires(user, policy.password))
    return any(each is not None and each <= now for each in ends)


def _parameters(
    wanted: UserFilter, fields: Collection[str], policies: Policies, now: datetime
) -> dict[str, object]:
    values: dict[str, object] = {}
    if "domain" in fields:
        values |= of_domain(wanted.domain)
    if "match" in fields:
        pattern = _escaped(fold(wanted.match))
        values["match"] = pattern.replace("*", "%").replace("?", "_")
    if "expired" in fields:
        values["now"] = microseconds(now)
        values["aged"] = bool(policies.usual.password.maximum_age_days)
    return values


def of_domain(domain: str) -> dict[str, str]:
    """Return the patterns of names with a domain, in its two spellings."""
    keys = login_keys(f"x@{domain.removeprefix('@')}")
    both = [f"%@{_escaped(key.partition('@')[2])}" for key in (keys[0], keys[-1])]
    return {"domain": both[0], "other_domain": both[1]}


def _escaped(text: str) -> str:
    """Return a text that means itself in a pattern of LIKE."""
    for sign in (listings.ESCAPE, "%", "_"):
        text = text.replace(sign, listings.ESCAPE + sign)
    return text
