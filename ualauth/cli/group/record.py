"""A group as shown, and members as they are named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ualauth.errors import UserUnknown

if TYPE_CHECKING:
    from ualauth.userlist.group_record import Group, Members
    from ualauth.userlist.store import UserStore


def member_names(store: UserStore, members: Iterable[str]) -> list[str]:
    """Return the names of members as a group takes them: authids, and names of groups.

    Raises:
        UserUnknown: for a name of neither a user nor a group, or of several users.

    """
    return [_member_name(store, member) for member in members]


def _member_name(store: UserStore, member: str) -> str:
    if (group := store.groups.find(member)) is not None:
        return group.name
    if (user := store.resolve(member)) is not None:
        return user.authid
    raise UserUnknown(
        f"{member[:80]!r} is the name of no user and no group in the USERLIST, or of several "
        "users: ualauth user list and ualauth group list show them all"
    )


def group_json(group: Group, members: Members) -> dict[str, Any]:
    """Return a group for JSON, with times in UTC."""
    return {
        "name": group.name,
        "or_name": str(group.or_name),
        "addresses": list(group.addresses),
        "members": {"users": list(members.users), "groups": list(members.groups)},
        "id": group.id,
        "revision": group.revision,
        "created": group.created.isoformat(),
        "changed": group.changed.isoformat(),
    }


def group_rows(
    group: Group, members: Members, above: Iterable[str], users: Iterable[str]
) -> Mapping[str, str]:
    """Return a group for people: label -> text; `users` are all of them, nested ones too."""
    direct = set(members.users)
    nested = [user for user in users if user not in direct]
    return {
        "name": group.name,
        "O/R name": str(group.or_name),
        "addresses": "\n".join(group.addresses) or "none",
        "users": "\n".join(members.users) or "none",
        "groups": "\n".join(members.groups) or "none",
        "users by groups": "\n".join(nested) or "none",
        "member of": "\n".join(above) or "none",
        "created": _local(group.created),
        "changed": _local(group.changed),
    }


def _local(moment: Any) -> str:  # noqa: ANN401 - a datetime
    shown: str = moment.astimezone().strftime("%Y-%m-%d %H:%M %Z")
    return shown
