"""Groups of a file become groups of the USERLIST, in one transaction.

Members are looked for when all groups are there, as groups of a file may be members of each
other in any order.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection

from ualauth.errors import InvalidValue, UserError
from ualauth.text.folding import fold
from ualauth.userlist import group_changes
from ualauth.userlist.database import membership_queries
from ualauth.userlist.database.turns import take_turn_for_groups
from ualauth.userlist.group_changes import MemberIds
from ualauth.userlist.group_record import Group, NewGroup
from ualauth.userlist.synchronized import refuse_group_changes


class Kind(enum.Enum):
    """What a name of a member may be of."""

    USER = enum.auto()
    GROUP = enum.auto()
    EITHER = enum.auto()
    NEITHER = enum.auto()
    """Of something that the file names, and that is not there."""


@dataclass(frozen=True, slots=True)
class Member:
    """A member as a file names it."""

    name: str
    kind: Kind = Kind.EITHER


@dataclass(frozen=True, slots=True)
class GroupLine:
    """A group of a file: the line where it begins, and which fields the file gives.

    `fields` are of `Changes`, and `members`; what is not among them stays as it is in a group
    that is there.
    """

    number: int
    new: NewGroup
    fields: frozenset[str]
    members: tuple[Member, ...] = ()


class ExistingGroups(enum.Enum):
    """What becomes of a group that is there already."""

    SKIP = "skip"
    REFUSE = "refuse"
    UPDATE = "update"


@dataclass(slots=True)
class Loaded:
    """What became of the groups of a file; `problems` are the numbers of lines, and why."""

    added: int = 0
    changed: int = 0
    existing: int = 0
    problems: list[tuple[int, str]] = field(default_factory=list)


def load(connection: Connection, lines: Sequence[GroupLine], existing: ExistingGroups) -> Loaded:
    """Add groups, and do with those that are there what is asked.

    What is wrong is told, and left out: a group whose name is taken, and of any other one the
    members that are not there. The caller undoes all of it where that is not wanted.
    """
    take_turn_for_groups(connection)
    loading = _Loading(connection, existing)
    for line in _without_duplicates(lines, loading.told):
        loading.put(line)
    loading.put_members()
    return loading.told


@dataclass(slots=True)
class _Loading:
    connection: Connection
    existing: ExistingGroups
    told: Loaded = field(default_factory=Loaded)
    present: list[tuple[GroupLine, Group]] = field(default_factory=list)
    """The groups that are there now, and the lines that say who is in them."""
    changed: set[int] = field(default_factory=set)
    """The ids of groups that were there, and are others now."""
    added: set[int] = field(default_factory=set)

    def put(self, line: GroupLine) -> None:
        """Add a group, or change its fields; members come later."""
        key = {"key": fold(line.new.name)}
        number: Any = self.connection.scalar(membership_queries.is_named(), key)
        if number is not None:
            self._meet(line, group_changes.read(self.connection, number))
            return
        with self._telling(line):
            group = group_changes.add(self.connection, line.new, ())
            self.told.added += 1
            self.added.add(group.id)
            self.present.append((line, group))

    def put_members(self) -> None:
        """Make members of those whom the lines name: first all that go, then all that come."""
        named = [(line, group, self._ids(line)) for line, group in self.present]
        wanted = [each for each in named if self._may_change(*each)]
        if self.existing is not ExistingGroups.REFUSE:
            for _, group, ids in wanted:
                if group_changes.keep_only(self.connection, group, ids):
                    self.changed.add(group.id)
        for line, group, ids in wanted:
            self._put_members_of(line, group, ids)
        self.told.changed = len(self.changed - self.added)
        self.told.existing -= self.told.changed

    def _meet(self, line: GroupLine, group: Group) -> None:
        self.told.existing += 1
        if self.existing is ExistingGroups.SKIP:
            return
        values = {
            name: getattr(line.new, name)
            for name in line.fields - {"members"}
            if getattr(line.new, name) != getattr(group, name)
        }
        if values and self.existing is ExistingGroups.REFUSE:
            self._refuse_different(line)
            return
        with self._telling(line):
            if values:
                refuse_group_changes(self.connection, group)
                group = self._change(group, values)
            if "members" in line.fields:
                self.present.append((line, group))

    def _may_change(self, line: GroupLine, group: Group, ids: MemberIds) -> bool:
        """Return whether the members may become these; tell it where a directory has the say."""
        if group.id in self.added or group_changes.member_ids(self.connection, group.id) == ids:
            return True
        problems = len(self.told.problems)
        with self._telling(line):
            refuse_group_changes(self.connection, group)
        return len(self.told.problems) == problems

    def _change(self, group: Group, values: dict[str, Any]) -> Group:
        with self.connection.begin_nested():
            new = replace(group, **values)
            changed = group_changes.change(self.connection, group, new)
        self.changed.add(group.id)
        return changed

    def _put_members_of(self, line: GroupLine, group: Group, ids: MemberIds) -> None:
        is_new = group.id in self.added
        if self.existing is ExistingGroups.REFUSE and not is_new:
            if group_changes.member_ids(self.connection, group.id) != ids:
                self._refuse_different(line)
            return
        with self._telling(line):
            if group_changes.add_ids(self.connection, group, MemberIds(ids.users, frozenset())):
                self.changed.add(group.id)
        for each in sorted(ids.groups):
            with self._telling(line):
                one = MemberIds(frozenset(), frozenset({each}))
                if group_changes.add_ids(self.connection, group, one):
                    self.changed.add(group.id)

    def _refuse_different(self, line: GroupLine) -> None:
        self.told.existing -= 1
        self.told.problems.append(
            (line.number, f"the group {line.new.name!r} is there, and differs")
        )

    def _ids(self, line: GroupLine) -> MemberIds:
        """Return whom a line names; tell of each who is not there."""
        users: set[int] = set()
        groups: set[int] = set()
        names = [member.name for member in line.members]
        known_users, known_groups = group_changes.find_all(self.connection, names)
        for member in line.members:
            key = fold(member.name)
            user, group = known_users.get(key), known_groups.get(key)
            if user is not None and member.kind in {Kind.USER, Kind.EITHER}:
                users.add(user)
            elif group is not None and member.kind in {Kind.GROUP, Kind.EITHER}:
                groups.add(group)
            else:
                with self._telling(line):
                    raise InvalidValue(_missing(member))
        return MemberIds(frozenset(users), frozenset(groups))

    @contextmanager
    def _telling(self, line: GroupLine) -> Iterator[None]:
        try:
            yield
        except UserError as error:
            self.told.problems.append((line.number, f"group {line.new.name!r}: {error}"))


def _missing(member: Member) -> str:
    name = repr(member.name[:80])
    return {
        Kind.USER: f"members: {name} is no user in the USERLIST",
        Kind.GROUP: f"members: {name} is no group in the USERLIST",
        Kind.EITHER: f"members: {name} is neither a user nor a group in the USERLIST",
        Kind.NEITHER: f"members: {name} is no user's or group's entry in this file",
    }[member.kind]


def _without_duplicates(lines: Sequence[GroupLine], told: Loaded) -> Iterator[GroupLine]:
    first: dict[str, int] = {}
    for line in lines:
        number = first.setdefault(fold(line.new.name), line.number)
        if number == line.number:
            yield line
        else:
            text = f"the group {line.new.name!r} is there on line {number}, too"
            told.problems.append((line.number, text))
