"""The groups of a USERLIST as servers and administrators use them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Unpack

from sqlalchemy import Connection

from ualauth.errors import GroupUnknown, InvalidValue
from ualauth.text.folding import fold
from ualauth.userlist import group_changes, names
from ualauth.userlist.checks import check_group
from ualauth.userlist.database import group_queries
from ualauth.userlist.database.group_rows import group_of, groups_of
from ualauth.userlist.database.turns import take_turn_for_groups
from ualauth.userlist.group_names import GroupNames, key_of
from ualauth.userlist.group_record import (
    Group,
    GroupChanges,
    Member,
    Members,
    NewGroup,
    usual_or_name,
)

if TYPE_CHECKING:
    from ualauth.userlist.group_import import ExistingGroups, GroupLine, Loaded


class _Undone(Exception):
    """A transaction is to be undone, since all that it was for is known."""

    def __init__(self, loaded: Loaded) -> None:
        self.loaded = loaded


class GroupStore(GroupNames):
    """Groups of users and of other groups; one of a `UserStore` is its `groups`.

    Groups are never members of each other, directly or by others between them.
    """

    def find(self, name: str) -> Group | None:
        """Return the group with this name, address or whole O/R name, or `None`.

        Case does not count, as in names of users.
        """
        key = key_of(name)
        if key is None:
            return None
        rows = self._database.read(group_queries.BY_NAME, {"key": key})
        if not rows and not {"/", "="}.isdisjoint(name):
            try:
                key = names.parse(name).key
            except InvalidValue:
                return None
            rows = self._database.read(group_queries.BY_OR_NAME, {"key": key})
        return group_of(rows) if rows else None

    def get(self, name: str) -> Group:
        """Return the group that `find` finds.

        Raises:
            GroupUnknown: if there is none.

        """
        group = self.find(name)
        if group is None:
            raise GroupUnknown(
                f"{name[:80]!r} is the name of no group in the USERLIST: "
                "ualauth group list shows them all"
            )
        return group

    def all(self) -> Iterator[Group]:
        """Return every group by folded name, reading some hundred at a time."""
        after = ""
        while rows := self._database.read(group_queries.NEXT_PAGE, {"after": after}):
            yield from groups_of([row[1:] for row in rows])
            after = str(rows[-1][0])

    def members(self, group: Group) -> Members:
        """Return the members of a group, without those that its member groups have."""
        return Members(
            self._texts(group_queries.USERS_IN, group.id),
            self._texts(group_queries.GROUPS_IN, group.id),
        )

    def listed(self, group: Group) -> list[Member]:
        """Return the members of a group with their mail nodes: users first, by folded names."""
        rows = self._database.read(group_queries.MEMBERS_IN, {"id": group.id})
        members = (
            Member(bool(is_group), number, name, tuple(filter(None, units)), bool(hidden))
            for is_group, number, name, hidden, *units in rows
        )
        return sorted(members, key=lambda each: (each.is_group, fold(each.name)))

    def users(self, group: Group) -> tuple[str, ...]:
        """Return the authids of all users of a group, by its member groups too, each once."""
        return self._texts(group_queries.ALL_USERS_IN, group.id)

    def above(self, group: Group) -> tuple[str, ...]:
        """Return the names of the groups of which a group is a member, not by others."""
        return self._texts(group_queries.GROUPS_WITH, group.id)

    def add(self, new: NewGroup, members: Sequence[str] = ()) -> Group:
        """Add a group with its members: authids, addresses, names of groups.

        Raises:
            InvalidValue: for a member that is neither a user nor a group.
            NameTaken: if a name, address or O/R name is another group's, or a user's.

        """
        check_group(new)
        return self._database.write(lambda connection: group_changes.add(connection, new, members))

    def update(
        self,
        group: Group,
        *,
        add_members: Sequence[str] = (),
        remove_members: Sequence[str] = (),
        **values: Unpack[GroupChanges],
    ) -> Group:
        """Change fields of a group, add members and remove some, all or nothing.

        A member who is one already is no mistake. With a new name, an O/R name that was made of
        the old one is made of the new one.

        Raises:
            InvalidValue: for a value that its field cannot hold, a member that is neither a user
                nor a group, one to be removed that is none, for groups that would be members of
                each other, and for a group that a directory manages.
            NameTaken: if a name, address or O/R name is another group's, or a user's.
            StaleRecord: if another process changed the group since.
            GroupUnknown: if another process deleted the group.

        """
        if "name" in values and "or_name" not in values:
            check_group(dataclasses.replace(group, name=values["name"]))
            if group.or_name == usual_or_name(group.name):
                values["or_name"] = usual_or_name(values["name"])
        new = dataclasses.replace(group, **values)
        check_group(new)
        from ualauth.userlist.synchronized import refuse_group_changes  # noqa: PLC0415 - for administrators only

        def work(connection: Connection) -> Group:
            refuse_group_changes(connection, group)
            return group_changes.change(connection, group, new, add_members, remove_members)

        return self._database.write(work)

    def delete(self, group: Group) -> None:
        """Delete a group, but none of its members.

        Raises:
            StaleRecord: if another process changed the group since.
            GroupUnknown: if another process deleted the group already.
            InvalidValue: if the group comes from a directory that still has the entry.

        """
        from ualauth.userlist.synchronized import refuse_group_changes  # noqa: PLC0415 - for administrators only

        def work(connection: Connection) -> None:
            refuse_group_changes(connection, group)
            group_changes.remove(connection, group)

        self._database.write(work)

    def load(
        self,
        lines: Sequence[GroupLine],
        existing: ExistingGroups,
        keep: Callable[[Loaded], bool],
        before: Callable[[Connection], object] | None = None,
    ) -> Loaded:
        """Take over the groups of a file in one transaction, and return what became of them.

        It is undone if `keep` says so of the result, and so is what `before` did in it. See
        `group_import.load`.
        """
        from ualauth.userlist import group_import  # noqa: PLC0415 - for administrators only

        def work(connection: Connection) -> Loaded:
            if before is not None:
                take_turn_for_groups(connection)
                before(connection)
            loaded = group_import.load(connection, lines, existing)
            if not keep(loaded):
                raise _Undone(loaded)
            return loaded

        try:
            return self._database.write(work)
        except _Undone as undone:
            return undone.loaded
