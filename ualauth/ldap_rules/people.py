"""What of an entry is the person's, for the identity that a server gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ualauth.directory.values import Entry
from ualauth.identity import MailboxClass, Person
from ualauth.ldap_rules.finding import DEFAULT_ATTRIBUTES

_TRUE = frozenset({"true", "yes", "1"})


def canonical(user: str, entry: Entry, attribute: str) -> str:
    """Return the user as the directory writes it, where that is clear.

    The directory takes `JSmith` for `jsmith`; a mail server might not.
    """
    given = [each for each in entry.texts(attribute) if each]
    same = [each for each in given if each.casefold() == user.casefold()]
    if len(given) == 1:
        return given[0]
    return same[0] if len(same) == 1 else user


def person(user: str, known: Person | None, entry: Entry, fields: Mapping[str, str]) -> Person:
    """Return whom to vouch for.

    `fields` are the file's `attribute` lines. Whom the USERLIST knows is who it
    says, but for what they name.
    """
    told: dict[str, Any] = {}
    for attribute, field in (fields or ({} if known is not None else DEFAULT_ATTRIBUTES)).items():
        texts = [each for each in entry.texts(attribute) if each]
        if texts:
            value = _READ[field](texts)
            told[field] = told.get(field, ()) + value if field == "addresses" else value
    if "addresses" in told:
        told["addresses"] = tuple(dict.fromkeys(told["addresses"]))
    base = {} if known is None else {each: getattr(known, each) for each in _READ}
    return Person(**({"authid": user} | base | told))


def _addresses(texts: Sequence[str]) -> tuple[str, ...]:
    """Return addresses; Active Directory's proxyAddresses has the primary one in capitals."""
    first = [each[5:] for each in texts if each.startswith("SMTP:")]
    others = [each[5:] for each in texts if each.startswith("smtp:")]
    plain = [each for each in texts if ":" not in each]
    return tuple(first + others + plain)


def _mailbox_class(texts: Sequence[str]) -> MailboxClass:
    # A word that is not known limits.
    return MailboxClass.FULL if texts[0].lower() == "full" else MailboxClass.LIMITED


def _flag(texts: Sequence[str]) -> bool:
    return texts[0].lower() in _TRUE


def _text(texts: Sequence[str]) -> str:
    return texts[0]


_READ: Mapping[str, Callable[[Sequence[str]], Any]] = {
    "authid": _text,
    "name": _text,
    "mail_node": _text,
    "addresses": _addresses,
    "administrator": _flag,
    "mailbox_administrator": _flag,
    "mailbox_class": _mailbox_class,
    "language": _text,
}
