"""The rules of one event by their e-mail patterns: which is the first that matches an address?

As in `host_index`, only patterns with wildcards that no dictionary takes are tried one by one.
"""

from __future__ import annotations

from collections.abc import Iterable

from ualauth.smtp_access.host_index import NONE, Matcher, first_below
from ualauth.smtp_access.host_patterns import AnyHost, BelowDomain, HostName, HostWildcard
from ualauth.smtp_access.mailbox_patterns import (
    AnyMailbox,
    MailboxPattern,
    NullSender,
    Parts,
    WildcardMailbox,
)
from ualauth.smtp_access.mailboxes import NULL_SENDER, Mailbox
from ualauth.smtp_access.wildcards import WILD, matcher

_ANY_LOCAL_PART = "*"


class MailboxIndex:
    """Patterns and the numbers of their rules; the smallest number is the first rule."""

    def __init__(self, patterns: Iterable[tuple[int, MailboxPattern]]) -> None:
        """Sort the patterns by kind."""
        self._any_mailbox = NONE
        self._null = NONE
        self._exact: dict[tuple[str, str], int] = {}
        self._below: dict[str, int] = {}
        self._locals: dict[str, int] = {}
        self._wild: list[tuple[int, Matcher, Matcher]] = []
        self._wildcards: list[tuple[int, Matcher]] = []
        for number, pattern in sorted(patterns, key=lambda each: each[0]):
            match pattern:
                case AnyMailbox():
                    self._any_mailbox = min(self._any_mailbox, number)
                case NullSender():
                    self._null = min(self._null, number)
                case WildcardMailbox(text):
                    self._wildcards.append((number, matcher(text)))
                case Parts():
                    self._add(number, pattern)

    def _add(self, number: int, pattern: Parts) -> None:
        plain = not WILD.search(pattern.local)
        match pattern.domain:
            case HostName(name) if plain or pattern.local == _ANY_LOCAL_PART:
                self._exact.setdefault((pattern.local, name), number)
            case BelowDomain(name) if pattern.local == _ANY_LOCAL_PART:
                self._below.setdefault(name, number)
            case AnyHost() if plain:
                self._locals.setdefault(pattern.local, number)
            case domain:
                self._wild.append((number, matcher(pattern.local), matcher(_text(domain))))

    def first(self, mailbox: Mailbox) -> int:
        """Return the number of the first rule that matches, or `NONE`."""
        if mailbox == NULL_SENDER:
            return min(self._any_mailbox, self._null)
        local, domain = mailbox.local, mailbox.domain
        exact = self._exact
        best = min(
            self._any_mailbox,
            exact.get((local, domain), NONE),
            exact.get((_ANY_LOCAL_PART, domain), NONE),
            self._locals.get(local, NONE),
        )
        if self._below:
            best = first_below(self._below, domain, best)
        for number, matches_local, matches_domain in self._wild:
            if number >= best:
                break
            if matches_domain(domain) and matches_local(local):
                best = number
        for number, matches in self._wildcards:
            if number >= best:
                break
            if matches(f"{local}@{domain}"):
                best = number
        return best


def _text(domain: AnyHost | HostName | BelowDomain | HostWildcard) -> str:
    """Return a domain's pattern as wildcards."""
    match domain:
        case AnyHost():
            return "*"
        case HostName(name):
            return name
        case BelowDomain(name):
            return f"*.{name}"
        case HostWildcard(text):
            return text
