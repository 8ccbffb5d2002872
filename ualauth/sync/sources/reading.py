"""Entries of users and groups, read by ordinary searches.

A search that ends early, for whatever reason, gives no entries at all: an error is never taken
for an empty directory.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ualauth.ldap.client import dn
from ualauth.ldap.client.blocking import BLOCKING
from ualauth.ldap.client.operations import Operations
from ualauth.ldap.client.values import LdapEntry, Scope, Search
from ualauth.sync.agreement import Agreement
from ualauth.sync.failures import SyncUnavailable
from ualauth.sync.mapping import (
    RemoteGroup,
    RemoteUser,
    Unreadable,
    guid_filter,
    guid_of,
    read_fields,
    read_group,
)
from ualauth.sync.products import (
    FILTERS,
    GROUP_FILTERS,
    IDENTITY,
    attributes_of,
    group_attributes_of,
)
from ualauth.text.folding import fold
from ualauth.userlist.database.queries import pieces

_ALL = 2**31 - 1
"""More entries than a directory has: the client then asks for pages."""
_AT_ONCE = 50
"""Identities in one filter: servers refuse long ones."""


@dataclass(slots=True)
class Names:
    """What members of groups are called -> their guids."""

    by_dn: dict[str, str] = field(default_factory=dict)
    by_authid: dict[str, str] = field(default_factory=dict)

    def add(self, guid: str, name: str, authid: str = "") -> None:
        """Take an entry."""
        self.by_dn[dn.key(name)] = guid
        if authid:
            self.by_authid[fold(authid)] = guid

    def guid(self, value: str) -> str | None:
        """Return whom a value means: a DN, or a login name (RFC 2307's memberUid)."""
        return self.by_dn.get(dn.key(value)) if "=" in value else self.by_authid.get(fold(value))


def user_search(agreement: Agreement) -> Search:
    """Return the search for all users, with all that is taken of them."""
    attributes = user_attributes(agreement)
    return Search(
        agreement.base,
        Scope.SUBTREE,
        agreement.filter_text or FILTERS[agreement.product],
        sorted({*attributes.values(), IDENTITY[agreement.product]}),
        _ALL,
    )


def group_search(agreement: Agreement) -> Search:
    """Return the search for all groups, with all that is taken of them."""
    attributes = group_attributes(agreement)
    return Search(
        agreement.group_base,
        Scope.SUBTREE,
        agreement.group_filter or GROUP_FILTERS[agreement.product],
        sorted({*attributes.values(), IDENTITY[agreement.product]}),
        _ALL,
    )


def user_attributes(agreement: Agreement) -> Mapping[str, str]:
    """Return field -> attribute."""
    return attributes_of(agreement.product, agreement.mapping, scalix=agreement.scalix)


def group_attributes(agreement: Agreement) -> Mapping[str, str]:
    """Return field -> attribute."""
    return group_attributes_of(agreement.product, agreement.mapping, scalix=agreement.scalix)


async def list_users(on: Operations, agreement: Agreement) -> list[RemoteUser]:
    """Return all users."""
    return users_of(agreement, await on.search(BLOCKING, user_search(agreement)))


async def read_users(
    on: Operations, agreement: Agreement, guids: Collection[str]
) -> list[RemoteUser]:
    """Return those of some users who are there."""
    search = user_search(agreement)
    entries: list[LdapEntry] = []
    for some in pieces(sorted(guids), _AT_ONCE):
        text = f"(&{search.filter_text}{guid_filter(agreement.product, some)})"
        entries += await on.search(BLOCKING, search._replace(filter_text=text))
    return users_of(agreement, entries)


async def list_identities(on: Operations, agreement: Agreement) -> tuple[frozenset[str], Names]:
    """Return the guids of all users who are there, and their names."""
    authid = user_attributes(agreement)["authid"]
    search = user_search(agreement)._replace(attributes=[IDENTITY[agreement.product], authid])
    names = Names()
    guids = set()
    for entry in await on.search(BLOCKING, search):
        guid = _guid(agreement, entry)
        guids.add(guid)
        names.add(guid, entry.dn, next(iter(entry.texts(authid)), ""))
    return frozenset(guids), names


def names_of(users: Iterable[RemoteUser]) -> Names:
    """Return the names of users."""
    names = Names()
    for user in users:
        names.add(user.guid, user.dn, user.fields.get("authid", ""))
    return names


def users_of(agreement: Agreement, entries: Sequence[LdapEntry]) -> list[RemoteUser]:
    """Return the users of entries.

    Raises:
        SyncUnavailable: if one of them shows no identity, or two the same.

    """
    attributes = user_attributes(agreement)
    users = [_user(entry, _guid(agreement, entry), attributes) for entry in entries]
    if len({user.guid for user in users}) != len(users):
        raise SyncUnavailable("two entries came with the same identity: try again")
    return users


def _guid(agreement: Agreement, entry: LdapEntry) -> str:
    guid = guid_of(entry, agreement.product)
    if guid is None:
        # Without it, the entry's user would be taken for one whose entry is gone.
        raise SyncUnavailable(
            f"{entry.dn} shows no {IDENTITY[agreement.product]}: let "
            f"{agreement.bind_dn or 'anonymous clients'} read it"
        )
    return guid


def _user(entry: LdapEntry, guid: str, attributes: Mapping[str, str]) -> RemoteUser:
    try:
        return RemoteUser(guid, entry.dn, read_fields(entry, attributes))
    except Unreadable as error:
        problem = str(error)
    # Whom the directory disables is locked, whatever else of the entry is wrong.
    lock = {field: name for field, name in attributes.items() if field == "locked"}
    try:
        return RemoteUser(guid, entry.dn, read_fields(entry, lock), problem)
    except Unreadable:
        return RemoteUser(guid, entry.dn, {}, problem)


async def list_groups(on: Operations, agreement: Agreement, names: Names) -> list[RemoteGroup]:
    """Return all groups, with those of their members that are users or groups taken, too."""
    attributes = group_attributes(agreement)
    entries = await on.search(BLOCKING, group_search(agreement))
    guids = [_guid(agreement, entry) for entry in entries]
    for guid, entry in zip(guids, entries, strict=True):
        names.add(guid, entry.dn)
    groups = []
    for guid, entry in zip(guids, entries, strict=True):
        try:
            name, addresses = read_group(entry, attributes)
        except Unreadable as error:
            groups.append(RemoteGroup(guid, entry.dn, "", problem=str(error)))
            continue
        values = await _all_values(on, entry, attributes.get("members", ""))
        known = (names.guid(value.decode(errors="replace")) for value in values)
        members = frozenset(member for member in known if member is not None)
        groups.append(RemoteGroup(guid, entry.dn, name, addresses, members))
    return groups


async def _all_values(on: Operations, entry: LdapEntry, attribute: str) -> Sequence[bytes]:
    """Return the values of an attribute, though the server gives a part of them at a time.

    Active Directory cuts lists of more than 1,500 values ([MS-ADTS], section 3.1.1.3.1.3.3).
    """
    attribute = attribute.partition(";")[0].lower()
    values = list(entry.attributes.of(attribute))
    part = _range_of(entry, attribute)
    while part is not None:
        name, last = part
        values += entry.attributes.of(name)
        if last is None:
            break
        asked = f"{attribute};range={last + 1}-*"
        rest = await on.search(BLOCKING, Search(entry.dn, attributes=[asked]))
        following = _range_of(rest[0], attribute) if rest else None
        if following is None or following[0].partition("=")[2].partition("-")[0] != str(last + 1):
            raise SyncUnavailable(f"the members of {entry.dn} changed while they were read")
        entry, part = rest[0], following
    return values


def _range_of(entry: LdapEntry, attribute: str) -> tuple[str, int | None] | None:
    """Return the name of the part of an attribute that came, and its last place unless all came."""
    for name in entry.attributes:
        if name.startswith(f"{attribute};range="):
            last = name.rpartition("-")[2]
            return name, None if last == "*" else int(last)
    return None
