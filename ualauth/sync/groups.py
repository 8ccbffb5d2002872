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
    staying: Collection[str],
    holders: Mapping[str, str],
) -> tuple[list[GroupAction], list[Conflict]]:
    """Return what is done to groups, and what cannot be.

    `staying` are the guids of users who are gone and not purged, `holders` folded name -> who has
    it, of users and of groups that the agreement did not make.
    """
    links = {each.guid: each for each in linked}
    present = {remote.guid for remote in remotes}
    # Also groups that are gone, as long as they are there.
    kept = {*staying, *(links.keys() - present)}
    owners: dict[str, list[str]] = {}
    for remote in remotes:
        for key in _keys(remote):
            owners.setdefault(key, []).append(remote.dn)
    actions, conflicts = [], []
    for remote in sorted(remotes, key=lambda each: each.guid):
        try:
            _refuse_taken(remote, owners, holders)
            action = _action(remote, links.get(remote.guid), kept)
        except InvalidValue as error:
            conflicts.append(Conflict(remote.guid, remote.dn, str(error)))
            continue
        if action is not None:
            actions.append(action)
    for guid, link in sorted(links.items()):
        if guid not in present and link.deleted is None:
            name = link.group.name
            actions.append(GroupAction(Kind.DELETE, guid, name, link.group, link.members, link))
    return actions, conflicts


def _action(
    remote: RemoteGroup, link: LinkedGroup | None, kept: Collection[str]
) -> GroupAction | None:
    if remote.problem:
        raise InvalidValue(remote.problem)
    if link is None:
        new = NewGroup(
            name=remote.name, or_name=usual_or_name(remote.name), addresses=remote.addresses
        )
        return GroupAction(Kind.ADD, remote.guid, remote.dn, new, remote.members)
    new = _changed(link.group, remote)
    members = remote.members | link.members.intersection(kept)
    if link.deleted is not None:
        return GroupAction(Kind.RESTORE, remote.guid, remote.dn, new, members, link)
    if new == link.group and members == link.members:
        return None
    kind = Kind.CHANGE if new.name == link.group.name else Kind.RENAME
    return GroupAction(kind, remote.guid, remote.dn, new, members, link)


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
