"""What filters ask of the members of groups: those are there whom the client sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ualauth.ldap.server import dn
from ualauth.ldap.server.translation import FALSE, Source, any_of, named
from ualauth.ldap.server.tree import GroupAt, UserAt
from ualauth.userlist import conditions as c

if TYPE_CHECKING:
    from ualauth.ldap.server.access import View
    from ualauth.ldap.server.lookup import Lookup


def members(directory: Lookup, view: View) -> Source:
    """Return the source of `member` for a client."""

    def find(name: str) -> c.Condition:
        match directory.tree.place(dn.parse(name)):
            case UserAt() as place:
                user = directory.user_at(view, place)
                if user is not None and view.sees(user):
                    return c.Equals(c.Field.MEMBER, user.authid)
            case GroupAt() as place:
                group = directory.group_at(view, place)
                if group is not None and view.sees_group(group):
                    return c.Equals(c.Field.MEMBER_GROUP, group.name)
        return FALSE

    return named(find, any_of(_presence(view)))


def _presence(view: View) -> list[c.Condition]:
    """Return the conditions of which one holds of a group with a member whom the client sees."""
    groups = c.Present(c.Field.MEMBER_GROUP)
    if view.sees_hidden:
        return [groups, c.Present(c.Field.MEMBER)]
    # A hidden user is there for itself.
    own = [] if view.user is None else [c.Equals(c.Field.MEMBER, view.user.authid)]
    return [groups, c.Present(c.Field.SHOWN_MEMBER), *own]
