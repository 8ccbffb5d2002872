"""Logins without a bind: a server has taken this password before, and the entry is unchanged.

The search is that of every login, so whose entry it is, and everything that is judged, is as
fresh as ever. Only the bind is left out, and only if all of this holds:

* the server that took the password is the one that answers, and it is the entry of then, in
  the version of then (`MARKERS`); which that was, was read before the bind;
* the same password was taken twice, so that one-time passwords are never remembered;
* nothing is there that the server would look at in a bind, and that changes without a new
  version or by time alone (`unchanged`). Filters ask for that: they match no entry
  where the service may not see it;
* of OpenLDAP's ppolicy, the policy can be read, and lets no password expire.

Whatever else is so, the login binds, and the server decides; a wrong password always does.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

from ualauth.codes import ReturnCode
from ualauth.contract.judgement import Judgement
from ualauth.contract.resources import Resources
from ualauth.ldap.client.faults import DirectoryFault
from ualauth.ldap.client.interface import DirectoryOperations
from ualauth.ldap.client.values import Answer, LdapEntry, Policy, Requester, Search
from ualauth.ldap.config.configuration import Configuration, Remembering
from ualauth.ldap.rules.products import Product
from ualauth.ldap.rules.server_facts import Facts, ServerFacts, Unknown
from ualauth.ldap.rules.unchanged import (
    MARKERS,
    SUBENTRY,
    changing_filter,
    is_unrestricted,
    marker_of,
    steady_filter,
)
from ualauth.system.forks import new_lock, renew_after_fork
from ualauth.userlist.verified_passwords import VerifiedPasswords

REMEMBERED = Judgement(
    ReturnCode.SUCCESS, "password verified by the directory before, and the entry is unchanged"
)
_NOTHING = Policy()


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
    facts: Facts

    def is_of(self, entry: LdapEntry) -> bool:
        """Return whether an entry is that of then, in the version of then."""
        server, dn, marker = self.revision
        return entry.dn == dn and entry.server == server and marker_of(entry, self.names) == marker


class RememberedLogin(NamedTuple):
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
        self._single = VerifiedPasswords(rules.users, rules.lifetime)
        self._repeated = VerifiedPasswords(rules.users, rules.lifetime)
        self._records: dict[str, RememberedLogin] = {}
        self._facts = ServerFacts()

    def __len__(self) -> int:
        """Return how many names are remembered."""
        return len(self._records)

    def known(self, text: str) -> RememberedLogin | None:
        """Return the login whose search has this filter, if it is remembered."""
        return self._records.get(text)

    async def verify(
        self,
        operations: DirectoryOperations,
        requester: Requester,
        known: RememberedLogin,
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
            and self._repeated.knows(record, known.prefix, password)
            and is_unrestricted(entry, record.facts.server.product)
        ):
            return False
        try:
            facts = await self._facts.of(operations, requester, entry.server, record.policy)
        except Unknown:
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
                except Unknown:
                    return
                except DirectoryFault:
                    # The login was let in, and no fault of this refuses it.
                    record = None
        if record is None:
            self.forget(text)
            return
        prefix = self._single.prefix(record)
        with self._lock:
            if not self._single.knows(record, prefix, password):
                self._single.remember(record, prefix, password)
                return
            self._repeated.remember(record, prefix, password)
            self._records.pop(text, None)
            self._records[text] = RememberedLogin(record, prefix)
            while len(self._records) > self._rules.users:
                del self._records[next(iter(self._records))]

    def forget(self, text: str) -> None:
        """Forget a login, by the filter that finds it."""
        with self._lock:
            self._records.pop(text, None)
            self._single.forget(text)
            self._repeated.forget(text)

    async def _record(
        self, operations: DirectoryOperations, requester: Requester, text: str, entry: LdapEntry
    ) -> _Record | None:
        """Return what to remember of an entry, or `None` if its login always needs a bind."""
        facts, policy = await self._facts.of(operations, requester, entry.server, ""), ""
        if facts is None or not is_unrestricted(entry, facts.server.product):
            return None
        of = facts.server.product
        names = MARKERS.get(of, ())
        marker = marker_of(entry, names)
        if not (marker and all(marker)):
            return None
        # OpenLDAP without the overlay does not know its attributes.
        by_filter = of is Product.DS389 or (of is Product.OPENLDAP and facts.server.policies)
        if by_filter and of is Product.OPENLDAP:
            policy = entry.text(SUBENTRY) or self._rules.policy
            facts = await self._facts.of(operations, requester, entry.server, policy)
            if not policy or facts is None or not facts.eternal:
                return None
        condition = ""
        if by_filter:
            search = Search(entry.dn, filter_text=steady_filter(of, entry, policy))
            entries = await operations.search(requester, search)
            if not entries or entries[0].server != entry.server:
                return None
            condition = changing_filter(of, marker)
        version = entry.server, entry.dn, marker
        return _Record(text, version, "of the directory", names, condition, policy, facts)


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
