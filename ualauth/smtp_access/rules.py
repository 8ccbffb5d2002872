"""What `smtpd.cfg` says: frozen rules, and where they are looked up."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ualauth.contract.identity import Person
from ualauth.smtp_access.events import Action, Event
from ualauth.smtp_access.host_index import NONE, HostIndex
from ualauth.smtp_access.host_patterns import BelowDomain, HostName, HostPattern, HostWildcard
from ualauth.smtp_access.hosts import Host
from ualauth.smtp_access.mailbox_index import MailboxIndex
from ualauth.smtp_access.mailbox_patterns import MailboxPattern
from ualauth.smtp_access.mailboxes import Mailbox
from ualauth.sources.problem import Source
from ualauth.text.folding import fold

EVERY_USER = "*"
"""Whom a DELEGATE line names that holds for every user who is authenticated."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; `text` is the pattern as written, `source` says where."""

    event: Event
    action: Action
    text: str
    source: Source
    pattern: HostPattern | MailboxPattern = field(repr=False)

    def __str__(self) -> str:
        """Return the rule as a line of the file."""
        return f"{self.event.value} {self.action} {self.text}"


@dataclass(frozen=True, slots=True)
class Delegation:
    """A user who may send as others; `user` is an authid as compared, or `EVERY_USER`."""

    user: str
    pattern: MailboxPattern
    source: Source


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules, in the order of the file; `filters` is `SMTPFILTER=TRUE`.

    `groups` and `companies` are the sections of groups and of hosted companies, by their folded
    names: what those say of an authenticated user comes before all else, groups first.
    """

    rules: tuple[Rule, ...] = ()
    delegations: tuple[Delegation, ...] = ()
    filters: bool = False
    companies: Mapping[str, Rules] = field(default_factory=dict, hash=False)
    groups: Mapping[str, Rules] = field(default_factory=dict, hash=False)
    wants_names: bool = field(init=False, repr=False, compare=False)
    """Whether a name of the client's host could change anything."""
    _hosts: Mapping[Event, HostIndex] = field(init=False, repr=False, compare=False)
    _mailboxes: Mapping[Event, MailboxIndex] = field(init=False, repr=False, compare=False)
    _delegated: Mapping[str, MailboxIndex] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Build the indexes."""
        patterns: dict[Event, list[tuple[int, Any]]] = {event: [] for event in Event}
        for number, rule in enumerate(self.rules):
            patterns[rule.event].append((number, rule.pattern))
        delegated: dict[str, list[tuple[int, MailboxPattern]]] = {}
        for number, each in enumerate(self.delegations):
            delegated.setdefault(each.user, []).append((number, each.pattern))
        derived = {
            "wants_names": any(map(_wants_names, self.every_rule())),
            "_hosts": {
                event: HostIndex(patterns[event]) for event in Event if not event.takes_address
            },
            "_mailboxes": {
                event: MailboxIndex(patterns[event]) for event in Event if event.takes_address
            },
            "_delegated": {user: MailboxIndex(each) for user, each in delegated.items()},
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    def every_rule(self) -> Iterator[Rule]:
        """Yield all rules, those of groups and companies too."""
        yield from self.rules
        for section in (*self.companies.values(), *self.groups.values()):
            yield from section.rules

    def sections(self, person: Person | None, groups: Collection[str] = ()) -> Iterator[Rules]:
        """Yield the rules that hold for a user.

        Those of the user's `groups`, by their folded names, are first, in the order of the file;
        then come those of the company.
        """
        if person is not None:
            yield from (own for name, own in self.groups.items() if name in groups)
            if company := self.companies.get(fold(person.company)):
                yield company
        yield self

    def about_host(self, event: Event, host: Host, other: Host | None = None) -> Rule | None:
        """Return the first rule of `event` that matches the host, or the other one."""
        index = self._hosts[event]
        number = index.first(host)
        return self._rule(number if other is None else min(number, index.first(other)))

    def about_mailbox(self, event: Event, mailbox: Mailbox) -> Rule | None:
        """Return the first rule of `event` that matches the address."""
        return self._rule(self._mailboxes[event].first(mailbox))

    def delegation(self, authid: str, mailbox: Mailbox) -> Delegation | None:
        """Return the first line by which the user may send as `mailbox`."""
        numbers = [
            self._delegated[user].first(mailbox)
            for user in (fold(authid), EVERY_USER)
            if user in self._delegated
        ]
        number = min(numbers, default=NONE)
        return None if number == NONE else self.delegations[number]

    def delegates(self, mailbox: Mailbox) -> tuple[str, ...]:
        """Return the users whom lines let send as `mailbox`: authids as compared, `EVERY_USER`.

        A section's hold for users of the company only, and are not among them.
        """
        return tuple(
            user for user, index in self._delegated.items() if index.first(mailbox) != NONE
        )

    def _rule(self, number: int) -> Rule | None:
        return None if number == NONE else self.rules[number]


def _wants_names(rule: Rule) -> bool:
    """Return whether a name of the client's host may match, or stands in the header."""
    if rule.event.takes_address:
        return False
    by_name = isinstance(rule.pattern, HostName | BelowDomain | HostWildcard)
    shown = rule.action is Action.HEADER and rule.event in {Event.SUBMIT, Event.ANONYMOUS}
    return by_name or shown


NO_RULES = Rules()
