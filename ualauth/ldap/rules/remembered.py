"""Logins without a bind: a server has taken this password before, and the entry is unchanged.

The search is that of every login, so whose entry it is, and everything that is judged, is as
fresh as ever. Only the bind is left out, and only if all of this holds:

* the server that took the password is the one that answers, and it is the entry of then, in
  the version of then (`_MARKERS`); which that was, was read before the bind;
* the same password was taken twice, so that one-time passwords are never remembered;
* nothing is there that the server would look at in a bind, and that changes without a new
  version or by time alone (`_CHANGING`, `_STEADY`). Filters ask for that: they match no entry
  where the service may not see it;
* of OpenLDAP's ppolicy, the policy can be read, and lets no password expire.

Whatever else is so, the login binds, and the server decides; a wrong password always does.
"""

from __future__ import annotations

import math
import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Self

from ualauth.codes import ReturnCode
from ualauth.contract.judgement import Judgement
from ualauth.contract.resources import Resources
from ualauth.ldap.client.faults import DirectoryFault
from ualauth.ldap.client.filters import escape
from ualauth.ldap.client.interface import DirectoryOperations
from ualauth.ldap.client.values import Answer, LdapEntry, Policy, Requester, Search
from ualauth.ldap.config.configuration import Configuration, Remembering
from ualauth.ldap.rules import locks
from ualauth.ldap.rules.active_directory import time_of
from ualauth.ldap.rules.products import (
    BIND_ATTRIBUTES,
    Product,
    asks_others,
    has_policies,
    product,
)
from ualauth.system.forks import new_lock, renew_after_fork
from ualauth.userlist.verified_passwords import VerifiedPasswords

REMEMBERED = Judgement(
    ReturnCode.SUCCESS, "password verified by the directory before, and the entry is unchanged"
)
_FRESH = 1.0
"""Seconds for which it holds what a server says of itself, and of a policy."""
_NOTHING = Policy()
_SUBENTRY = "pwdPolicySubentry"

_MARKERS: Mapping[Product, Sequence[str]] = {
    Product.OPENLDAP: ("entryCSN",),
    # Of its plugin for USNs. They count in one server: behind one address there may be several.
    Product.DS389: ("entryUSN", "modifyTimestamp", "nsUniqueId"),
    Product.ACTIVE_DIRECTORY: ("uSNChanged", "whenChanged", "objectGUID"),
}
"""What is another one after each change of an entry; of a product that is not here, none is."""


def _without(*names: str) -> str:
    return "".join(f"(!({name}=*))" for name in names)


_CHANGING: Mapping[Product, str] = {
    # What failures have left behind: a bind that succeeds takes it away.
    Product.OPENLDAP: "(!(|(pwdAccountLockedTime=*)(pwdAccountTmpLockoutEnd=*)(pwdFailureTime=*)))",
    Product.DS389: (
        "(!(accountUnlockTime=*))(|(!(passwordRetryCount=*))(passwordRetryCount=0))"
        # It may be of a role, or of a class of service, which are other entries.
        "(!(nsAccountLock=TRUE))"
    ),
}
"""What each login's search asks for, as it may become another one in the same version."""
_STEADY: Mapping[Product, str] = {
    Product.OPENLDAP: _without("pwdStartTime", "pwdEndTime"),
    Product.DS389: (
        # The plugin Account Policy looks at it, and writes it at each bind.
        f"{_without('lastLoginTime')}(!(pwdTPRReset=TRUE))"
        # FreeIPA counts failures, and asks other servers, in its own ways.
        "(!(objectClass=ipaObject))(!(objectClass=ipaUser))(!(objectClass=krbPrincipalAux))"
        # The time itself is judged: it has to be one that may be seen.
        "(|(!(passwordExpirationTime=*))(passwordExpirationTime=*))"
    ),
}
"""What is asked for once, as it changes with the version alone."""
_ZERO = (b"0",)
_SETTLED = timedelta(hours=25)
"""For how long Active Directory may take the former password, too: OldPasswordAllowedPeriod is a
day at most, and clocks differ."""
_ALWAYS = b"\xff" * 21
"""logonHours of all hours of a week ([MS-SAMR], section 2.2.6.5)."""
# That Active Directory shows them is shown by those of the same property sets that all have.
_SHOWN = ("msDS-User-Account-Control-Computed", "userAccountControl", "pwdLastSet", "logonCount")
_COUNTED = "badPwdCount"
_LIMITS = ("logonHours", "userWorkstations")
_NAMES: Mapping[Product, Sequence[str]] = {
    Product.OPENLDAP: (*_MARKERS[Product.OPENLDAP], _SUBENTRY),
    Product.DS389: _MARKERS[Product.DS389],
    Product.ACTIVE_DIRECTORY: (
        *_MARKERS[Product.ACTIVE_DIRECTORY],
        *_SHOWN,
        _COUNTED,
        *_LIMITS,
    ),
}
"""What is read beside the attributes of locks and ages."""
_ALL_NAMES = tuple(name for names in _NAMES.values() for name in names)


class _Server(NamedTuple):
    """What a server says of itself."""

    product: Product
    policies: bool


class _Facts(NamedTuple):
    """What must not have become another one: the server, and whether its policy ends passwords."""

    server: _Server
    eternal: bool


class _Record(NamedTuple):
    """An entry, as it was when a server took its password; a `Versioned`."""

    id: str
    """The filter that found it: the name as it was typed, and how it is looked for."""
    revision: tuple[str, str, list[bytes]]
    """The server, the DN, and the marker."""
    password: str
    names: Sequence[str]
    """Of the attributes of the marker."""
    condition: str
    """A filter for entries that are not of this version, or need no bind; or empty."""
    policy: str
    """The DN of the policy, or empty where there is none."""
    facts: _Facts

    def is_of(self, entry: LdapEntry) -> bool:
        """Return whether an entry is that of then, in the version of then."""
        server, dn, marker = self.revision
        return entry.dn == dn and entry.server == server and _marker(entry, self.names) == marker


class Known(NamedTuple):
    """A login that was remembered when its search began."""

    record: _Record
    prefix: Any

    def searches(self, searches: Sequence[Sequence[Search]]) -> Sequence[Sequence[Search]]:
        """Return the searches of this login in place of the usual ones.

        They find what the others find, but for the entry if it is unchanged and does not show
        that it may do without a bind.
        """
        condition = self.record.condition
        if not condition:
            return searches
        return [
            [Search(each.base, each.scope, f"(&{each.filter_text}{condition})") for each in step]
            for step in searches
        ]

    @property
    def product(self) -> Product:
        """The product of its server."""
        return self.record.facts.server.product


def with_versions(attributes: Sequence[str], of: Product | None = None) -> Sequence[str]:
    """Return what to read beside some attributes, of a server of this product, or of any."""
    return list(dict.fromkeys([*attributes, *(_NAMES.get(of, ()) if of else _ALL_NAMES)]))


class _Unknown(Exception):
    """Another login asks at this moment."""


@dataclass(slots=True)
class _Told:
    """What was told, and when it was asked for."""

    facts: _Facts | None = None
    moment: float = -math.inf
    asked: float = -math.inf
    """When it was asked for last, whether there is an answer or not."""


class RememberedLogins:
    """The logins of one configuration; at most `rules.users` are remembered."""

    def __init__(self, rules: Remembering) -> None:
        """Begin with none."""
        self._rules = rules
        self._lock = new_lock()
        self.begin_in_child()
        renew_after_fork(self)

    def begin_in_child(self) -> None:
        """Begin with none: a child has a key of its own; see `Renewable`."""
        rules = self._rules
        self._once = VerifiedPasswords(rules.users, rules.lifetime)
        self._twice = VerifiedPasswords(rules.users, rules.lifetime)
        self._records: dict[str, Known] = {}
        self._told: dict[tuple[str, str], _Told] = {}

    def __len__(self) -> int:
        """Return how many names are remembered."""
        return len(self._records)

    def known(self, text: str) -> Known | None:
        """Return the login whose search has this filter, if it is remembered."""
        return self._records.get(text)

    async def verify(
        self,
        operations: DirectoryOperations,
        requester: Requester,
        known: Known,
        entry: LdapEntry,
        password: str,
    ) -> bool:
        """Return whether a password needs no bind, of an entry that `known.searches` has found.

        Raises:
            DirectoryFault: if the server does not say what it is, or what its policy is.

        """
        record = known.record
        if not (
            record.is_of(entry)
            and self._twice.knows(record, known.prefix, password)
            and _is_clear(entry, record.facts.server.product)
        ):
            return False
        try:
            facts = await self._facts(operations, requester, entry.server, record.policy)
        except _Unknown:
            return False
        return facts == record.facts

    async def note(  # noqa: PLR0913, PLR0917 - what was asked, and what came of it
        self,
        operations: DirectoryOperations,
        requester: Requester,
        text: str,
        entry: LdapEntry,
        password: str,
        answer: Answer,
    ) -> None:
        """Note what came of a bind as an entry that was read before it."""
        record = None
        if answer.ok and answer.policy == _NOTHING and answer.server == entry.server:
            known = self._records.get(text)
            if known is not None and known.record.is_of(entry):
                # Whether that still does is asked where it is used.
                record = known.record
            else:
                try:
                    record = await self._record(operations, requester, text, entry)
                except _Unknown:
                    return
                except DirectoryFault:
                    # The login was let in, and no fault of this refuses it.
                    record = None
        if record is None:
            self.forget(text)
            return
        prefix = self._once.prefix(record)
        with self._lock:
            if not self._once.knows(record, prefix, password):
                self._once.remember(record, prefix, password)
                return
            self._twice.remember(record, prefix, password)
            self._records.pop(text, None)
            self._records[text] = Known(record, prefix)
            while len(self._records) > self._rules.users:
                del self._records[next(iter(self._records))]

    def forget(self, text: str) -> None:
        """Forget a login, by the filter that finds it."""
        with self._lock:
            self._records.pop(text, None)
            self._once.forget(text)
            self._twice.forget(text)

    async def _record(
        self, operations: DirectoryOperations, requester: Requester, text: str, entry: LdapEntry
    ) -> _Record | None:
        """Return what to remember of an entry, or `None` if its login always needs a bind."""
        facts, policy = await self._facts(operations, requester, entry.server, ""), ""
        if facts is None or not _is_clear(entry, facts.server.product):
            return None
        of = facts.server.product
        names = _MARKERS.get(of, ())
        marker = _marker(entry, names)
        if not (marker and all(marker)):
            return None
        steady, changing = _STEADY.get(of, ""), _CHANGING.get(of, "")
        if of is Product.OPENLDAP and not facts.server.policies:
            # A server without the overlay does not know its attributes.
            steady = changing = ""
        elif of is Product.OPENLDAP:
            own = entry.texts(_SUBENTRY)
            policy = own[0] if own else self._rules.policy
            steady += f"({_SUBENTRY}={escape(policy)})" if own else _without(_SUBENTRY)
            if not policy:
                return None
            facts = await self._facts(operations, requester, entry.server, policy)
        if facts is None or not facts.eternal:
            return None
        if steady:
            search = Search(entry.dn, filter_text=f"(&(objectClass=*){steady})")
            entries = await operations.search(requester, search)
            if not entries or entries[0].server != entry.server:
                return None
        if changing:
            changing = f"(|(!({names[0]}={escape(marker[0])}))(&{changing}))"
        version = entry.server, entry.dn, marker
        return _Record(text, version, "of the directory", names, changing, policy, facts)

    async def _facts(
        self, operations: DirectoryOperations, requester: Requester, server: str, policy: str
    ) -> _Facts | None:
        """Return what the server of this name says of itself, and of a policy if there is one.

        Raises:
            _Unknown: if another login asks at this moment.

        """
        told, asked = self._told_of(server, policy)
        if asked is None:
            return told.facts
        entries = await operations.search(requester, Search("", attributes=BIND_ATTRIBUTES))
        if not entries or entries[0].server != server:
            return None
        itself, eternal = entries[0], True
        if policy:
            # Whether time alone ends a password, as far as OpenLDAP's policy goes.
            search = Search(policy, filter_text=_ETERNAL)
            entries = await operations.search(requester, search)
            eternal = bool(entries) and entries[0].server == server
        kind = Product.OTHER if asks_others(itself) else product(itself)
        told.facts, told.moment = _Facts(_Server(kind, has_policies(itself)), eternal), asked
        return told.facts

    def _told_of(self, server: str, what: str) -> tuple[_Told, float | None]:
        """Return what was told, and `None`, or the time at which the caller begins to ask anew.

        Of many that need it at the same time, one asks; the others take what was told a
        moment before that.

        Raises:
            _Unknown: if that was too long ago.

        """
        now = time.monotonic()
        told = self._told.setdefault((server, what), _Told())
        if now - told.moment < _FRESH:
            return told, None
        if now - told.asked >= _FRESH:
            told.asked = now
            return told, now
        if now - told.moment < 2 * _FRESH:
            return told, None
        raise _Unknown


_ETERNAL = "(&(objectClass=*)(!(pwdMaxIdle=*))(|(!(pwdMaxAge=*))(pwdMaxAge=0)))"
"""Matches a policy of OpenLDAP that lets no password expire, if all of that may be seen."""


def _marker(entry: LdapEntry, names: Sequence[str]) -> list[bytes]:
    """Return the values of a marker; one that the entry does not have, or has twice, is empty."""
    values = [entry.attributes.of(name) for name in names]
    return [each[0] if len(each) == 1 else b"" for each in values]


def _is_clear(entry: LdapEntry, of: Product) -> bool:
    """Return whether nothing that is read says that a bind might be refused."""
    if of is not Product.ACTIVE_DIRECTORY and locks.tells_nothing(entry):
        return True
    moment = locks.Moment(datetime.now(UTC), bound=False)
    if locks.restriction(entry, moment) is not None or locks.age(entry, moment) is not None:
        return False
    if of is not Product.ACTIVE_DIRECTORY:
        return True
    attributes = entry.attributes
    return (
        all(name in attributes for name in _SHOWN)
        and _is_settled(entry, moment.now)
        and attributes.of(_COUNTED) == _ZERO
        and attributes.of("logonHours") in {(), (_ALWAYS,)}
        and "userWorkstations" not in attributes
    )


def _is_settled(entry: LdapEntry, now: datetime) -> bool:
    """Return whether the password is the only one that Active Directory takes."""
    text = entry.text("pwdLastSet") or ""
    changed = time_of(int(text)) if text.isdecimal() else None
    return changed is not None and changed + _SETTLED < now


class RememberedLoginsOf:
    """The remembered logins of an application by their configurations (`Attempt.resource`).

    All entries with the same file share them; a file that was changed begins anew.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = new_lock()
        self._open: weakref.WeakValueDictionary[str, RememberedLogins] = (
            weakref.WeakValueDictionary()
        )

    @classmethod
    def open(cls, _resources: Resources) -> Self:
        """See `Resource.open`."""
        return cls()

    def of(self, configuration: Configuration) -> RememberedLogins | None:
        """Return those of a configuration, if it wants any."""
        if not configuration.remembers:
            return None
        with self._lock:
            logins = self._open.get(configuration.digest)
            if logins is None:
                rules = configuration.remembering
                logins = self._open[configuration.digest] = RememberedLogins(rules)
            return logins
