"""The plan for groups: which are new, change or are gone, and who is in them. No input or output.

A group whose entry is gone stays as it is until the purge, and so do the memberships of users who
are gone: what returns is as before.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence

from ualauth.errors import InvalidValue
from ualauth.sync import claims
from ualauth.sync.agreement import Agreement
from ualauth.sync.claims import LOGIN_NAME, OR_NAME, Claim
from ualauth.sync.mapping import RemoteGroup
from ualauth.sync.plan import Conflict, GroupAction, Kind, LinkedGroup
from ualauth.userlist.addresses import keys_of
from ualauth.userlist.checks import check_group
from ualauth.userlist.group_record import Group, NewGroup, usual_or_name
from ualauth.userlist.names import ORName, parse_units


class GroupPlanner:
    """Makes the plan; `claims` is what is to be looked up before `plan` is called."""

    def __init__(
        self,
        agreement: Agreement,
        remotes: Sequence[RemoteGroup],
        linked: Iterable[LinkedGroup],
    ) -> None:
        """Compare all groups of a directory, each once, with those of the agreement."""
        units = parse_units(agreement.mail_node) if agreement.mail_node else ()
        self._units = {f"ou{number}": unit for number, unit in enumerate(units, 1)}
        self._links = {each.guid: each for each in linked}
        self._remotes = {each.guid: each for each in remotes}
        self._gone = self._links.keys() - self._remotes.keys()
        self._members: dict[str, frozenset[str]] = {}
        self._conflicts: list[Conflict] = []
        self._wanted: dict[str, NewGroup] = {}
        """Guid -> what the group becomes, of all entries that can be done."""
        for guid, remote in sorted(self._remotes.items()):
            try:
                self._wanted[guid] = self._new(remote)
            except InvalidValue as error:
                self._conflict(guid, str(error))
        self._claimed = {guid: group_claims(new) for guid, new in self._wanted.items()}
        self._present = {guid: group_claims(each.group) for guid, each in self._links.items()}

    def claims(self) -> list[Claim]:
        """Return what is claimed by groups that do not have it yet, sorted."""
        return claims.new_claims(self._claimed, self._present)

    def wanted(self) -> list[tuple[str, NewGroup, Group | None]]:
        """Return the GUID of each entry that can be done, what its group becomes, and was."""
        return [
            (guid, new, self._links[guid].group if guid in self._links else None)
            for guid, new in sorted(self._wanted.items())
        ]

    def refuse(self, guid: str, reason: str) -> None:
        """Do nothing of an entry, for a reason that the USERLIST has."""
        if self._wanted.pop(guid, None) is not None:
            del self._claimed[guid]
            self._conflict(guid, reason)

    def plan(
        self, users: Collection[str], staying: Collection[str], holders: Mapping[Claim, str]
    ) -> tuple[list[GroupAction], list[Conflict]]:
        """Return what is done to groups, and what cannot be.

        `users` are the guids of all users that the agreement will have, `staying` those of them
        who are gone and not purged, `holders` claim -> who has it, of users and of groups that
        the agreement did not make.
        """
        claims.refuse_held(self._claimed, self._present, holders, self.refuse)
        claims.refuse_shared(self._claimed, self._present, self._refuse_shared)
        self._set_members({*users}, {*staying})
        return self._actions(), self._conflicts

    def _refuse_shared(self, claim: Claim, guids: Sequence[str]) -> None:
        for guid in guids:
            other = next(each for each in guids if each != guid)
            text = f"{claims.named(claim)} is claimed by {self._dn(other)}, too"
            if other in self._gone:
                kept_for = f"is kept for the group {self._name(other)!r}, whose entry is gone"
                text = f"{claims.named(claim)} {kept_for}, until ualauth sync purge removes it"
            self.refuse(guid, text)

    def _set_members(self, users: set[str], staying: set[str]) -> None:
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
                    self._conflict(guid, f"{text}: groups cannot be members of each other")
                    members -= {each}
                else:
                    below[guid] = below.get(guid, frozenset()) | {each}
            self._members[guid] = members

    def _actions(self) -> list[GroupAction]:
        order, exchanging = claims.in_order(self._claimed, self._present)
        actions = [
            action for guid in order if (action := self._action(guid, exchanges=guid in exchanging))
        ]
        for guid in sorted(self._gone):
            linked = self._links[guid]
            if linked.deleted is None:
                name = linked.group.name
                actions.append(
                    GroupAction(Kind.DELETE, guid, name, linked.group, linked.members, linked)
                )
        return actions

    def _action(self, guid: str, *, exchanges: bool) -> GroupAction | None:
        new, linked, members = self._wanted[guid], self._links.get(guid), self._members[guid]
        if linked is None:
            kind = Kind.ADD
        elif linked.deleted is not None:
            kind = Kind.RESTORE
        elif new == linked.group and members == linked.members:
            return None
        else:
            kind = Kind.CHANGE if new.name == linked.group.name else Kind.RENAME
        return GroupAction(kind, guid, self._dn(guid), new, members, linked, exchanges)

    def _new(self, remote: RemoteGroup) -> NewGroup:
        """Return what an entry makes of its group; `InvalidValue` if it cannot."""
        if remote.problem:
            raise InvalidValue(remote.problem)
        linked = self._links.get(remote.guid)
        if linked is None:
            or_name = self._usual(remote.name)
            return NewGroup(name=remote.name, or_name=or_name, addresses=remote.addresses)
        group = linked.group
        # One that was given by hand stays.
        is_usual = group.or_name in {self._usual(group.name), usual_or_name(group.name)}
        or_name = self._usual(remote.name) if is_usual else group.or_name
        new = dataclasses.replace(
            group, name=remote.name, or_name=or_name, addresses=remote.addresses
        )
        check_group(new)
        return new

    def _usual(self, name: str) -> ORName:
        """Return the O/R name of a group: it stands in the mail node of the agreement."""
        return dataclasses.replace(usual_or_name(name), **self._units)

    def _name(self, guid: str) -> str:
        return self._remotes[guid].name if guid in self._remotes else self._links[guid].group.name

    def _dn(self, guid: str) -> str:
        return self._remotes[guid].dn if guid in self._remotes else self._name(guid)

    def _conflict(self, guid: str, reason: str) -> None:
        self._conflicts.append(Conflict(guid, self._dn(guid), reason))


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


def group_claims(record: NewGroup) -> frozenset[Claim]:
    """Return what no other group, and no user, may have besides."""
    names = {(LOGIN_NAME, key) for key in keys_of((record.name, *record.addresses))}
    return frozenset(names | {(OR_NAME, record.or_name.key)})
