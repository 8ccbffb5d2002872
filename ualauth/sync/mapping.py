"""Entries become users and groups: how values of attributes are read.

What a directory says of a field replaces what the USERLIST has: an attribute that is gone empties
the field. Fields without an attribute are the administrator's here.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from ualauth.contract.identity import MailboxClass
from ualauth.errors import InvalidValue
from ualauth.ldap.client import filters
from ualauth.ldap.client.values import LdapEntry
from ualauth.sync.products import GROUP_FIELDS, IDENTITY, Product
from ualauth.userlist.addresses import address_key


class Unreadable(Exception):
    """Why a value is none that a field can take."""


# [MS-ADTS], section 2.2.16, and [MS-ADA1], section 2.1.
_DISABLED = 0x2
_NEVER = (0, 2**63 - 1)
_WINDOWS_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
DISABLED = "disabled in the directory"
"""The reason of a lock that a directory asks for."""


def check_mapping(mapping: Mapping[str, str]) -> None:
    """Refuse a mapping of fields that no directory has.

    Raises:
        InvalidValue: which names those that there are.

    """
    fields = sorted((*_READERS, *GROUP_FIELDS))
    if unknown := sorted(mapping.keys() - set(fields)):
        known = ", ".join(fields)
        raise InvalidValue(f"mapping: {unknown[0]!r} is none of {known}")
    if "" in (mapping.get("authid"), mapping.get("group_name")):
        raise InvalidValue("mapping: an authid, or the name of a group, is needed")


def guid_of(entry: LdapEntry, product: Product) -> str | None:
    """Return what an entry keeps for ever, as text; `None` if it does not show it."""
    values = entry.attributes.of(IDENTITY[product])
    if len(values) != 1 or not values[0]:
        return None
    if product is Product.ACTIVE_DIRECTORY:
        # The first three fields are little-endian ([MS-DTYP], section 2.3.4.2).
        return str(uuid.UUID(bytes_le=values[0])) if len(values[0]) == 16 else None
    return values[0].decode(errors="backslashreplace").lower()


def guid_filter(product: Product, guids: Sequence[str]) -> str:
    """Return the filter of entries with these identities."""
    attribute = IDENTITY[product]
    binary = product is Product.ACTIVE_DIRECTORY
    values = (filters.escape(uuid.UUID(guid).bytes_le if binary else guid) for guid in guids)
    return "(|" + "".join(f"({attribute}={value})" for value in values) + ")"


def read_group(entry: LdapEntry, attributes: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """Return the name and the addresses of a group's entry.

    Raises:
        Unreadable: with a sentence that names the attribute.

    """
    values: dict[str, Any] = {}
    for field, read in (("group_name", _name), ("group_addresses", _addresses)):
        attribute = attributes.get(field, "")
        try:
            values[field] = read([each.decode() for each in entry.attributes.of(attribute)])
        except UnicodeDecodeError:
            raise Unreadable(f"{attribute} is no UTF-8") from None
    if not values["group_name"]:
        raise Unreadable(f"{attributes['group_name']} has no value")
    return values["group_name"], values["group_addresses"]


def read_fields(entry: LdapEntry, attributes: Mapping[str, str]) -> dict[str, Any]:
    """Return field -> value of an entry, for all that are mapped.

    Raises:
        Unreadable: with a sentence that names the attribute.

    """
    fields: dict[str, Any] = {}
    for field, attribute in attributes.items():
        try:
            texts = [value.decode() for value in entry.attributes.of(attribute)]
        except UnicodeDecodeError:
            raise Unreadable(f"{attribute} is no UTF-8") from None
        try:
            fields[field] = _READERS[field](texts)
        except (ValueError, OverflowError):
            raise Unreadable(f"{attribute} has a value that cannot be read") from None
        except Unreadable as error:
            raise Unreadable(f"{attribute} {error}") from None
    if "locked" in fields:
        fields["lock_reason"] = DISABLED if fields["locked"] else ""
    return fields


def _one(texts: Sequence[str]) -> str:
    if len(texts) > 1:
        raise Unreadable("has several values, and one is needed")
    return texts[0].strip() if texts else ""


def _authid(texts: Sequence[str]) -> str:
    if not _one(texts):
        raise Unreadable("has no value: is the bind DN allowed to read it?")
    return _one(texts)


def _name(texts: Sequence[str]) -> str:
    if len(texts) == 1:
        return texts[0].strip()
    # Values have no order (RFC 4511, section 4.1.7): the same one is taken each time.
    return min((text.strip() for text in texts), default="")


def _addresses(texts: Sequence[str]) -> tuple[str, ...]:
    if len(texts) == 1:
        return (texts[0].strip(),)
    addresses = {address_key(text.strip()): text.strip() for text in reversed(texts)}
    return tuple(reversed(addresses.values()))


def _flag(texts: Sequence[str]) -> bool:
    match _one(texts).lower():
        case "" | "false":
            return False
        case "true":
            return True
    raise Unreadable("is neither TRUE nor FALSE")


def _locked(texts: Sequence[str]) -> bool:
    """Read `userAccountControl`, which is a number, and `nsAccountLock`, which is none."""
    text = _one(texts)
    return bool(int(text) & _DISABLED) if text.lstrip("-").isdecimal() else _flag(texts)


def _expires(texts: Sequence[str]) -> datetime | None:
    number = int(_one(texts) or 0)
    if number in _NEVER:
        return None
    return _WINDOWS_EPOCH + timedelta(microseconds=number // 10)


def _mailbox_class(texts: Sequence[str]) -> MailboxClass:
    text = _one(texts).lower()
    return MailboxClass(text) if text else MailboxClass.FULL


def _number(texts: Sequence[str]) -> int:
    return int(_one(texts) or 0)


_READERS: Mapping[str, Callable[[Sequence[str]], Any]] = {
    "authid": _authid,
    "surname": _name,
    "given_name": _name,
    "initials": _name,
    "generation": _name,
    "common_name": _name,
    "mail_node": _one,
    "addresses": _addresses,
    "locked": _locked,
    "account_expires": _expires,
    "administrator": _flag,
    "mailbox_administrator": _flag,
    "language": _one,
    "mailbox_class": _mailbox_class,
    "mailbox_limit": _number,
    "limit_outbound_mail": _flag,
    "limit_inbound_mail": _flag,
    "limit_notify_user": _flag,
    "hidden": _flag,
}
"""Field -> what reads the values of its attribute."""


@dataclasses.dataclass(frozen=True, slots=True)
class RemoteUser:
    """An entry as the planner sees it: `problem` is why its fields cannot be used, or empty."""

    guid: str
    dn: str
    fields: Mapping[str, Any]
    problem: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class RemoteGroup:
    """The entry of a group; `members` are the guids of users and groups that were listed, too."""

    guid: str
    dn: str
    name: str
    addresses: tuple[str, ...] = ()
    members: frozenset[str] = frozenset()
    problem: str = ""
