"""A group of the USERLIST, as a value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypedDict

from ualauth.userlist.checks import check_group, check_group_name
from ualauth.userlist.names import ORName


def usual_or_name(name: str) -> ORName:
    """Return the O/R name of a group that is given none: `/CN=name`.

    Raises:
        InvalidValue: for a name that no group can have.

    """
    check_group_name(name)
    return ORName(surname="", common_name=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewGroup:
    """A group to be added to the USERLIST; its members are given besides.

    `name` is what service files call it, of at most 64 characters. `addresses` has the primary
    address first. No user, and no other group, has the same name, O/R name or an address of it.

    Raises:
        InvalidValue: for a value that its field cannot hold.

    """

    name: str
    or_name: ORName
    addresses: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be kept."""
        check_group(self)


class GroupChanges(TypedDict, total=False):
    """The fields of a group that can be changed one by one."""

    name: str
    or_name: ORName
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group(NewGroup):
    """A group as the USERLIST has it; times are in UTC.

    `id` is never given to another group. `revision` counts the changes, of members too, but not
    members who are gone with their records.
    """

    id: int
    revision: int
    created: datetime
    changed: datetime

    def __post_init__(self) -> None:
        """Check nothing: the store did when the values went in."""


class Member(NamedTuple):
    """A member of a group as directories show it: a user with an authid, or a group.

    `id` is that of the user or the group, `units` are OU1 to OU4, as many as there are.
    """

    is_group: bool
    id: int
    name: str
    units: tuple[str, ...]
    hidden: bool


class Members(NamedTuple):
    """The members of a group, without those of its member groups: authids, and groups' names.

    Both are in the order of their folded names.
    """

    users: tuple[str, ...]
    groups: tuple[str, ...]
