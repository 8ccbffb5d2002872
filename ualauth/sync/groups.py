"""The plan for groups: which are new, change or are gone, and who is in them. No input or output.

A group whose entry is gone stays as it is until the purge, and so do the memberships of users who
are gone: what returns is as before.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence

from ualauth.errors import InvalidValue
from ualauth.sync.mapping import RemoteGroup
from ualauth.sync.plan import Conflict, GroupAction, Kind, LinkedGroup
from ualauth.userlist.addresses import keys_of
from ualauth.userlist.checks import check_group
from ualauth.userlist.group_record import Group, NewGroup, usual_or_name


def group_keys(remotes: Iterable[RemoteGroup]) -> list[str]:
    """Return the folded names and addresses of groups, sorted: what may be another's already."""
    return sorted({key for each in remotes for key in _keys(each)})


def plan_groups(
    remotes: Sequence[RemoteGroup],
    linked: Iterable[LinkedGroup],
    users: Collection[str],
    staying: Collection[str],
    holders: Mapping[str, str],
) -> tuple[list[GroupAction], list[Conflict]]:
    """Return what is done to groups, and what cannot be.

    `users` are the guids of all users that the agreement will have, `staying` those of them who
    are gone and not purged, `holders` folded name -> who has it, of users and of groups that the
    agreement did not make.
    """
    planning = _Planning({each.guid: each for each in linked}, remotes)
    planning.refuse_names(holders)
    planning.set_members({*users}, {*staying})
    return planning.actions(), planning.conflicts


class _Planning:
    """The groups of a plan, as they become known."""

    def __init__(self, links: Mapping[str, LinkedGroup], remotes: Sequence[RemoteGroup]) -> None:
        """Take what there is, and what came."""
        self._links = links
        self._remotes = {each.guid: each for each in remotes}
        self._gone = links.keys() - self._remotes.keys()
        self._wanted = sorted(self._remotes)
        self._members: dict[str, frozenset[str]] = {}
        self.conflicts: list[Conflict] = []

    def refuse_names(self, holders: Mapping[str, str]) -> None:
        """Leave out groups with a name that cannot be theirs."""
        owners: dict[str, list[str]] = {}
        for remote in self._remotes.values():
            for key in _keys(remote):
                owners.setdefault(key, []).append(remote.dn)
        wanted = []
        for guid in self._wanted:
            remote = self._remotes[guid]
            try:
                _refuse_taken(remote, owners, holders)
                self._new(remote)
            except InvalidValue as error:
                self._refuse(remote, str(error))
            else:
                wanted.append(guid)
        self._wanted = wanted

    def set_members(self, users: set[str], staying: set[str]) -> None:
        """Take as members those who are here, and no group that has the group as a member."""
        groups = {*self._wanted, *self._links}
        below = {guid: self._links[guid].members & groups for guid in self._gone}
        # Those that keep what they have.
        below |= {
            guid: self._links[guid].members & groups
            for guid in self._links.keys() - self._gone - set(self._wanted)
        }
        remaining = {*staying, *self._gone}
        for guid in self._wanted:
            remote = self._remotes[guid]
            present = self._links[guid].members if guid in self._links else frozenset()
            members = (remote.members & (users | groups)) | (present & remaining)
            for each in sorted(members & groups):
                if each == guid or _reaches(below, each, guid):
                    name = self._name(each)
                    text = f"members: the group {name!r} has this one as a member, or is it"
                    self._refuse(remote, f"{text}: groups cannot be members of each other")
                    members -= {each}
                else:
                    below[guid] = below.get(guid, frozenset()) | {each}
            self._members[guid] = members

    def actions(self) -> list[GroupAction]:
        """Return what is done."""
        actions = [action for guid in self._wanted if (action := self._action(guid))]
        for guid in sorted(self._gone):
            linked = self._links[guid]
            if linked.deleted is None:
                name = linked.group.name
                actions.append(
                    GroupAction(Kind.DELETE, guid, name, linked.group, linked.members, linked)
                )
        return actions

    def _action(self, guid: str) -> GroupAction | None:
        remote, linked, members = self._remotes[guid], self._links.get(guid), self._members[guid]
        new = self._new(remote)
        if linked is None:
            return GroupAction(Kind.ADD, guid, remote.dn, new, members)
        if linked.deleted is not None:
            return GroupAction(Kind.RESTORE, guid, remote.dn, new, members, linked)
        if new == linked.group and members == linked.members:
            return None
        kind = Kind.CHANGE if new.name == linked.group.name else Kind.RENAME
        return GroupAction(kind, guid, remote.dn, new, members, linked)

    def _new(self, remote: RemoteGroup) -> NewGroup:
        if remote.problem:
            raise InvalidValue(remote.problem)
        linked = self._links.get(remote.guid)
        if linked is not None:
            return _changed(linked.group, remote)
        return NewGroup(
            name=remote.name, or_name=usual_or_name(remote.name), addresses=remote.addresses
        )

    def _name(self, guid: str) -> str:
        return self._remotes[guid].name if guid in self._remotes else self._links[guid].group.name

    def _refuse(self, remote: RemoteGroup, reason: str) -> None:
        self.conflicts.append(Conflict(remote.guid, remote.dn, reason))


def _reaches(below: Mapping[str, frozenset[str]], start: str, end: str) -> bool:
    """Return whether a group is a member of another one, directly or by others."""
    seen, waiting = {start}, [start]
    while waiting:
        for each in below.get(waiting.pop(), ()):
            if each == end:
                return True
            if each not in seen:
                seen.add(each)
                waiting.append(each)
    return False


def _changed(group: Group, remote: RemoteGroup) -> Group:
    or_name = group.or_name
    if remote.name != group.name and or_name == usual_or_name(group.name):
        or_name = usual_or_name(remote.name)
    new = dataclasses.replace(group, name=remote.name, or_name=or_name, addresses=remote.addresses)
    check_group(new)
    return new


def _refuse_taken(
    remote: RemoteGroup, owners: Mapping[str, Sequence[str]], holders: Mapping[str, str]
) -> None:
    for key in sorted(_keys(remote)):
        if key in holders:
            raise InvalidValue(f"the name {key!r} is that of {holders[key]}")
        if others := [each for each in owners[key] if each != remote.dn]:
            raise InvalidValue(f"the name {key!r} is claimed by {others[0]}, too")


def _keys(remote: RemoteGroup) -> set[str]:
    names = (remote.name, *remote.addresses)
    return set(keys_of([name for name in names if name]))
