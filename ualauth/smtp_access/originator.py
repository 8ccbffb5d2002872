"""Whether an originator is the authenticated user: by address, or by delegation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from email.errors import (
    MessageError,
    NonASCIILocalPartDefect,
    ObsoleteHeaderDefect,
    UndecodableBytesDefect,
)
from email.headerregistry import AddressHeader, HeaderRegistry
from typing import cast

from ualauth.identity import Person
from ualauth.smtp_access.mailboxes import Mailbox, read_mailbox
from ualauth.smtp_access.rules import Rules
from ualauth.userlist.folding import fold

_MAX_FROM = 4096
"""The most characters of a From: header that is read; a longer one is nobody's."""
_MAX_MAILBOXES = 100
_HARMLESS = (NonASCIILocalPartDefect, ObsoleteHeaderDefect, UndecodableBytesDefect)
"""Defects of a header whose addresses are clear all the same."""

_registry = HeaderRegistry()


def own_mailboxes(addresses: Iterable[str]) -> frozenset[tuple[str, str]]:
    """Return a user's addresses as `is_own` compares them; what is no address is left out."""
    return frozenset(key for each in addresses for key in [_key_of(each)] if key is not None)


def may_send_as(rules: Rules, person: Person, mailbox: Mailbox) -> bool:
    """Return whether a person may be the originator `mailbox`.

    The USERLIST takes addresses that differ in case for the same, so nobody
    else has one of them.
    """
    return (
        _key(mailbox) in own_mailboxes(person.addresses)
        or rules.delegation(person.authid, mailbox) is not None
    )


def read_from(values: Sequence[str]) -> tuple[Mailbox, ...] | None:
    """Return the addresses of all From: headers, or `None` if one of them cannot be read."""
    found: list[Mailbox] = []
    for value in values:
        mailboxes = _read_one(value)
        if mailboxes is None:
            return None
        found += mailboxes
    return tuple(found)


def _read_one(value: str) -> list[Mailbox] | None:
    if len(value) > _MAX_FROM:
        return None
    unfolded = value.replace("\r\n", "").replace("\n", "")
    try:
        header = cast("AddressHeader", _registry("From", unfolded))
        defects = getattr(header, "defects", ())
        if not all(isinstance(defect, _HARMLESS) for defect in defects):
            return None
        mailboxes = [read_mailbox(address.addr_spec) for address in header.addresses]
    except (MessageError, ValueError, LookupError, AttributeError, RecursionError, TypeError):
        # The library stumbles over some of what strangers write.
        return None
    return mailboxes if 0 < len(mailboxes) <= _MAX_MAILBOXES else None


def _key_of(address: str) -> tuple[str, str] | None:
    try:
        return _key(read_mailbox(address))
    except ValueError:
        return None


def _key(mailbox: Mailbox) -> tuple[str, str]:
    return fold(mailbox.local), mailbox.domain
