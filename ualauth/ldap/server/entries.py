"""Entries: users, groups, mail nodes and the server's own, as filters and clients see them.

An attribute is asked for by its name in lower case, and has texts for values; they become octets
when an entry is encoded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ualauth.ldap.server import messages as m
from ualauth.ldap.server.attributes import FIELDS, AttributeMap
from ualauth.ldap.server.filters import Filter
from ualauth.ldap.server.matching import split_options
from ualauth.ldap.server.schema import (
    GROUP_CLASSES,
    SUBSCHEMA,
    UNIT_CLASSES,
    USER_CLASSES,
    AttributeType,
    Schema,
)
from ualauth.ldap.server.sources import of_groups, of_users
from ualauth.ldap.server.translation import TRUE, Source, condition_of, constant
from ualauth.ldap.server.tree import GROUPS, Tree

if TYPE_CHECKING:
    from ualauth.userlist.group_record import Group, Member
    from ualauth.userlist.record import User


class Shape(NamedTuple):
    """What all entries are made by: the tree, the schema, the map of attributes."""

    tree: Tree
    schema: Schema
    readers: Mapping[str, Callable[[User], tuple[str, ...]]]
    """Attribute in lower case -> its values of a user."""
    hidden: frozenset[str]
    """Attributes that administrators alone see."""
    uuid: str
    """What the UUIDs of all entries of this USERLIST begin with: 16 hexadecimal digits."""
    fields: Mapping[str, str]
    """Attribute in lower case -> field of the USERLIST."""
    of_users: Mapping[str, Source]
    of_groups: Mapping[str, Source]
    """What filters ask of records, by attributes in lower case (`sources`)."""

    @classmethod
    def of(cls, tree: Tree, attributes: AttributeMap, uuid: str) -> Shape:
        """Return the shape for a map of attributes."""
        fields = {"uid": "authid"}
        fields |= {name.lower(): field for name, field in attributes.fields.items()}
        return cls(
            tree,
            Schema({name: FIELDS[field].syntax for name, field in attributes.fields.items()}),
            {key: FIELDS[field].read for key, field in fields.items()},
            frozenset(key for key, field in fields.items() if not FIELDS[field].is_public),
            uuid,
            fields,
            of_users(
                tree,
                {key: FIELDS[field].source for key, field in fields.items()},
                partial(_id_of, uuid, USER),
            ),
            of_groups(tree, partial(_id_of, uuid, GROUP)),
        )

    def is_visible(self, *, to_administrators: bool) -> Callable[[str], bool]:
        """Return what tells whether a client sees an attribute."""
        return (lambda _: True) if to_administrators else lambda key: key not in self.hidden

    def uuid_of(self, kind: int, number: int) -> str:
        """Return the UUID of a record: of version 8 (RFC 9562), from its id, which stays."""
        return _uuid_of(self.uuid, kind, number)


def _uuid_of(prefix: str, kind: int, number: int) -> str:
    digits = f"{prefix[:12]}8{kind:03x}8{prefix[12:15]}{number:012x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _id_of(prefix: str, kind: int, uuid: str) -> int | None:
    """Return the id of the record with a UUID, `None` if no record of the kind has it."""
    try:
        number = int(uuid[-12:], 16)
    except ValueError:
        return None
    return number if uuid.lower() == _uuid_of(prefix, kind, number) else None


USER, GROUP = 1, 2
"""Kinds of records, as UUIDs tell them apart."""


def _time(moment: datetime) -> tuple[str]:
    return (moment.strftime("%Y%m%d%H%M%SZ"),)


class UserEntry:
    """The entry of a user."""

    __slots__ = ("shape", "user")

    def __init__(self, shape: Shape, user: User) -> None:
        """Hold a record."""
        self.shape = shape
        self.user = user

    @property
    def name(self) -> str:
        """The name of the entry."""
        return self.shape.tree.of_user(self.user)

    def values(self, key: str) -> Sequence[str]:  # noqa: PLR0911 - a case for each attribute
        """Return the values of an attribute by its name in lower case; none if it lacks."""
        reader = self.shape.readers.get(key)
        if reader is not None:
            return reader(self.user)
        match key:
            case "objectclass":
                return USER_CLASSES
            case "structuralobjectclass":
                return ("inetOrgPerson",)
            case "entryuuid":
                return (self.shape.uuid_of(USER, self.user.id),)
            case "createtimestamp":
                return _time(self.user.created)
            case "modifytimestamp":
                return _time(self.user.changed)
            case _:
                return _of_all(self, key)


class GroupEntry:
    """The entry of a group; `members` returns those of its members who are shown."""

    __slots__ = ("_members", "group", "shape")

    def __init__(
        self, shape: Shape, group: Group, members: Callable[[Group], Iterable[Member]]
    ) -> None:
        """Hold a record; the members are read when they are asked for."""
        self.shape = shape
        self.group = group
        self._members = members

    @property
    def name(self) -> str:
        """The name of the entry."""
        return self.shape.tree.of_group(self.group)

    def values(self, key: str) -> Sequence[str]:  # noqa: PLR0911 - a case for each attribute
        """Return the values of an attribute by its name in lower case; none if it lacks."""
        match key:
            case "objectclass":
                return GROUP_CLASSES
            case "structuralobjectclass":
                return ("groupOfNames",)
            case "cn":
                return (self.group.name,)
            case "mail":
                return self.group.addresses
            case "member":
                return tuple(map(self.shape.tree.of_member, self._members(self.group)))
            case "entryuuid":
                return (self.shape.uuid_of(GROUP, self.group.id),)
            case "createtimestamp":
                return _time(self.group.created)
            case "modifytimestamp":
                return _time(self.group.changed)
            case _:
                return _of_all(self, key)


class PlainEntry:
    """An entry whose attributes are all there: a mail node, the root DSE, the schema."""

    __slots__ = ("_values", "name")

    def __init__(self, name: str, attributes: Mapping[str, tuple[str, ...]]) -> None:
        """Hold the attributes."""
        self.name = name
        self._values = {key.lower(): values for key, values in attributes.items()}

    def values(self, key: str) -> Sequence[str]:
        """Return the values of an attribute by its name in lower case; none if it lacks."""
        return self._values.get(key) or _of_all(self, key)

    def encoded(self, number: int, search: m.Search) -> bytes:
        """Return the message with the entry, empty if it is not what a search asks for."""
        if not self.fits(search.filter, _SCHEMA, _all):
            return b""
        return encode(number, self, selection(search.attributes, _SCHEMA, _all), search)

    def fits(self, wanted: Filter, schema: Schema, is_visible: Callable[[str], bool]) -> bool:
        """Return whether a filter holds of the entry."""
        values = {key: self.values(key) for key in ("entrydn", "subschemasubentry")} | self._values
        sources = {key: constant(*texts) for key, texts in values.items()}
        return condition_of(wanted, schema, is_visible, sources) == TRUE


Entry: TypeAlias = UserEntry | GroupEntry | PlainEntry
"""What clients see; `name` is the entry's name, `values` returns those of an attribute."""


def _all(_: str) -> bool:
    return True


_SCHEMA = Schema()


def _of_all(entry: Entry, key: str) -> tuple[str, ...]:
    match key:
        case "entrydn":
            return (entry.name,)
        case "subschemasubentry":
            return (SUBSCHEMA,)
        case "hassubordinates" if isinstance(entry, UserEntry | GroupEntry):
            return ("FALSE",)
        case _:
            return ()


def unit_entry(tree: Tree, units: tuple[str, ...]) -> PlainEntry:
    """Return the entry of a mail node; of no units, of the suffix."""
    if units:
        return _unit(tree.tail(units), units[-1])
    first = tree.name[0]
    classes = {"dc": "domain", "o": "organization", "ou": "organizationalUnit"}.get(first.type)
    attributes: dict[str, tuple[str, ...]] = {"objectClass": ("top",)}
    if classes is not None:
        attributes = {"objectClass": ("top", classes), first.type: (first.value,)}
        attributes["structuralObjectClass"] = (classes,)
    return PlainEntry(tree.suffix, attributes | {"hasSubordinates": ("TRUE",)})


def groups_entry(tree: Tree, units: tuple[str, ...]) -> PlainEntry:
    """Return the entry above the groups of a mail node."""
    return _unit(tree.of_groups(units), GROUPS)


def _unit(name: str, value: str) -> PlainEntry:
    attributes = {
        "objectClass": UNIT_CLASSES,
        "structuralObjectClass": ("organizationalUnit",),
        "ou": (value,),
        "hasSubordinates": ("TRUE",),
    }
    return PlainEntry(name, attributes)


def selection(
    names: Iterable[str], schema: Schema, is_visible: Callable[[str], bool]
) -> tuple[AttributeType, ...]:
    """Return the types that a client asks for, each once; `*` and none are all of a user.

    `+` is all that are operational, and `1.1` none (RFC 4511, section 4.5.1.8).
    """
    asked = list(names) or ["*"]
    types: dict[str, AttributeType] = {}
    for name in asked:
        if name in {"*", "+"}:
            wanted = [each for each in schema.types.values() if each.operational == (name == "+")]
        else:
            plain, has_options = split_options(name)
            known = None if has_options else schema.find(plain)
            wanted = [] if known is None else [known]
        types |= {each.key: each for each in wanted if is_visible(each.key)}
    return tuple(types.values())


def encode(number: int, entry: Entry, types: Iterable[AttributeType], search: m.Search) -> bytes:
    """Return the message with an entry, and of its attributes those of some types."""
    attributes = [
        (each.name, [] if search.types_only else [value.encode() for value in values])
        for each in types
        if (values := entry.values(each.key))
    ]
    return m.encode_entry(number, entry.name, attributes)
