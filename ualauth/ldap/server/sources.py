"""Which attributes the entries of each kind have, and what a filter about them asks of records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from ualauth.ldap.server import dn
from ualauth.ldap.server.schema import GROUP_CLASSES, SUBSCHEMA, UNIT_CLASSES, USER_CLASSES
from ualauth.ldap.server.translation import (
    FALSE,
    Source,
    all_of,
    constant,
    moment,
    named,
    texts,
)
from ualauth.ldap.server.tree import GroupAt, Place, Tree, UserAt
from ualauth.userlist import conditions as c

_UNITS = (c.Field.OU1, c.Field.OU2, c.Field.OU3, c.Field.OU4)

OF_UNITS: Mapping[str, Source] = {
    "objectclass": constant(*UNIT_CLASSES),
    "structuralobjectclass": constant("organizationalUnit"),
    "hassubordinates": constant("TRUE"),
    "subschemasubentry": constant(SUBSCHEMA),
    "ou": texts(c.Field.OU1),
    "entrydn": named(lambda _: c.Present(c.Field.OU1)),
}
"""Of mail nodes: what it leaves open is looked at in each of them."""


def of_users(
    tree: Tree, fields: Mapping[str, Source], id_of: Callable[[str], int | None]
) -> dict[str, Source]:
    """Return the sources of users, with those of the fields that `ldap.attribs` has."""

    def at(place: Place | None) -> c.Condition:
        if not isinstance(place, UserAt):
            return FALSE
        return all_of((c.Equals(c.Field.AUTHID, place.authid), *_at(place.units)))

    return {
        **fields,
        "objectclass": constant(*USER_CLASSES),
        "structuralobjectclass": constant("inetOrgPerson"),
        **_of_records(tree, at, id_of),
    }


def of_groups(tree: Tree, id_of: Callable[[str], int | None]) -> dict[str, Source]:
    """Return the sources of groups, without that of their members, which is of each client."""

    def at(place: Place | None) -> c.Condition:
        if not isinstance(place, GroupAt):
            return FALSE
        return all_of((c.Equals(c.Field.GROUP_NAME, place.name), *_at(place.units)))

    return {
        "objectclass": constant(*GROUP_CLASSES),
        "structuralobjectclass": constant("groupOfNames"),
        "cn": texts(c.Field.GROUP_NAME),
        "mail": texts(c.Field.ADDRESS),
        **_of_records(tree, at, id_of),
    }


def _of_records(
    tree: Tree, at: Callable[[Place | None], c.Condition], id_of: Callable[[str], int | None]
) -> dict[str, Source]:
    def by_uuid(uuid: str) -> c.Condition:
        number = id_of(uuid)
        return FALSE if number is None else c.Equals(c.Field.ID, number)

    return {
        "entryuuid": named(by_uuid),
        "entrydn": named(lambda name: at(tree.place(dn.parse(name)))),
        "createtimestamp": moment(c.Field.CREATED),
        "modifytimestamp": moment(c.Field.CHANGED),
        "hassubordinates": constant("FALSE"),
        "subschemasubentry": constant(SUBSCHEMA),
    }


def _at(units: Iterable[str]) -> Iterator[c.Condition]:
    """Yield the conditions that a record is at a mail node."""
    names = [*units, "", "", "", ""]
    for field, name in zip(_UNITS, names, strict=False):
        yield c.Equals(field, name) if name else c.Not(c.Present(field))
