"""What of an entry is the person's, for the identity that a server gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ualauth.contract.identity import MailboxClass, Person
from ualauth.ldap.client.dn import first_value
from ualauth.ldap.client.values import LdapEntry, ascii_lower
from ualauth.ldap.rules.search import DEFAULT_ATTRIBUTES

_TRUE = frozenset({"true", "yes", "1"})


def canonical(entry: LdapEntry, attributes: Sequence[str]) -> str | None:
    """Return the name of the person whose entry it is, or `None` if it has none.

    It is the first value of the first of `attributes` that the entry has, in
    lower case if it is an address: one entry has one name, however it was typed.
    """
    for attribute in attributes:
        for text in entry.texts(attribute):
            if text:
                return written(text)
        named = first_value(entry.dn, attribute)
        if named:
            return written(named)
    return None


def written(name: str) -> str:
    """Return a name as it is written everywhere: an address is in lower case, as in Dovecot."""
    return ascii_lower(name) if "@" in name else name


def user_of(entry: LdapEntry, name: str | None, authid: str, attribute: str) -> str | None:
    """Return as whom to vouch for a person whom the USERLIST knows by an authid.

    That is whom the USERLIST says; but where the entry has that authid beside
    another name that comes first, two users of the USERLIST would be one entry.
    """
    folded = [ascii_lower(each) for each in entry.texts(attribute) if each]
    return (
        name if ascii_lower(authid) in folded[1:] and ascii_lower(authid) != folded[0] else authid
    )


def person(user: str, known: Person | None, entry: LdapEntry, fields: Mapping[str, str]) -> Person:
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
    if known is not None and not told:
        return known
    if "addresses" in told:
        told["addresses"] = tuple(dict.fromkeys(told["addresses"]))
    base: dict[str, Any] = {}
    if known is not None:
        base = {each: getattr(known, each) for each in (*_READ, "state")}
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


def _authid(texts: Sequence[str]) -> str:
    return written(texts[0])


def _text(texts: Sequence[str]) -> str:
    return texts[0]


_READ: Mapping[str, Callable[[Sequence[str]], Any]] = {
    "authid": _authid,
    "name": _text,
    "mail_node": _text,
    "addresses": _addresses,
    "administrator": _flag,
    "mailbox_administrator": _flag,
    "mailbox_class": _mailbox_class,
    "language": _text,
}
