"""Whether an originator is the authenticated user: by address, or by delegation."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from ualauth.contract.identity import Person
from ualauth.smtp_access.address_list import read_addresses
from ualauth.smtp_access.mailboxes import Mailbox, read_mailbox
from ualauth.smtp_access.rules import Rules
from ualauth.text.folding import fold

_MAX_FROM = 4096
"""The most characters of all From: headers and their like; no user is named by more."""
_MAX_MAILBOXES = 100


def own_mailboxes(addresses: Iterable[str]) -> frozenset[tuple[str, str]]:
    """Return a user's addresses as `is_own` compares them; what is no address is left out."""
    return frozenset(key for each in addresses for key in [_key_of(each)] if key is not None)


def may_send_as(
    rules: Rules, person: Person, mailbox: Mailbox, groups: Collection[str] = ()
) -> bool:
    """Return whether a person, in some groups, may be the originator `mailbox`.

    The USERLIST takes addresses that differ in case for the same, so no user
    else has one of them.
    """
    return _key(mailbox) in own_mailboxes(person.addresses) or any(
        section.delegation(person.authid, mailbox) for section in rules.sections(person, groups)
    )


def read_from(values: Sequence[str]) -> tuple[Mailbox, ...] | None:
    """Return the addresses of all From: headers, and of Sender: and the like, folded as they came.

    `None` if one of them is none that all readers read in the same way.
    """
    if sum(map(len, values)) > _MAX_FROM:
        return None
    try:
        addresses = [each for value in values for each in read_addresses(value)]
        if len(addresses) > _MAX_MAILBOXES:
            return None
        return tuple(map(read_mailbox, addresses))
    except ValueError:
        return None


def _key_of(address: str) -> tuple[str, str] | None:
    try:
        return _key(read_mailbox(address))
    except ValueError:
        return None


def _key(mailbox: Mailbox) -> tuple[str, str]:
    return fold(mailbox.local), mailbox.domain
