"""The tree: which names entries have, and where in the USERLIST a name leads.

    dc=example,dc=com                                   the suffix
    ou=ny,dc=example,dc=com                             the mail node ny
    ou=hq,ou=ny,dc=example,dc=com                       the mail node ny,hq
    uid=jsmith,ou=hq,ou=ny,dc=example,dc=com            a user of it
    ou=groups,ou=hq,ou=ny,dc=example,dc=com             where its groups are
    cn=staff,ou=groups,ou=hq,ou=ny,dc=example,dc=com    a group

Users and groups without a mail node stand right below the suffix, and below `ou=groups` there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ualauth.ldap.server import dn
from ualauth.ldap.server.dn import Name, Part, escaped
from ualauth.text.folding import fold

if TYPE_CHECKING:
    from ualauth.userlist.group_record import Group, Member
    from ualauth.userlist.names import ORName
    from ualauth.userlist.record import User

GROUPS = "groups"
_MOST_UNITS = 4


@dataclass(frozen=True, slots=True)
class Unit:
    """A mail node, or the suffix with no units; `units` are from the outermost, folded."""

    units: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GroupsOf:
    """Where the groups of a mail node are; it may be a mail node called `groups` besides."""

    units: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UserAt:
    """Where a user would be; `authid` is as it was written."""

    authid: str
    units: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GroupAt:
    """Where a group would be; `name` is as it was written."""

    name: str
    units: tuple[str, ...]


Place = Unit | GroupsOf | UserAt | GroupAt


class Tree:
    """The names below one suffix."""

    def __init__(self, suffix: str) -> None:
        """Read the suffix.

        Raises:
            NotAName: if it is none, or empty.

        """
        self.name = dn.parse(suffix)
        if not self.name:
            raise dn.NotAName
        self._keys = dn.keys_of(self.name)
        self.suffix = dn.printed(self.name)
        self._tails: dict[tuple[str, ...], str] = {}

    def is_below(self, name: Name) -> bool:
        """Return whether a name is the suffix, or below it."""
        count = len(self._keys)
        return len(name) >= count and dn.keys_of(name[-count:]) == self._keys

    def place(self, name: Name) -> Place | None:  # noqa: PLR0911 - a case for each kind
        """Return where a name leads; `None` for one that no entry has."""
        if not self.is_below(name):
            return None
        own = name[: len(name) - len(self._keys)]
        if not own:
            return Unit(())
        first, above = own[0], own[1:]
        if any(part.type != "ou" for part in above):
            return None
        units = tuple(fold(part.value) for part in reversed(above))
        match first.type:
            case "ou" if fold(first.value) == GROUPS and len(units) <= _MOST_UNITS:
                return GroupsOf(units)
            case "ou" if len(units) < _MOST_UNITS:
                return Unit((*units, fold(first.value)))
            case "uid" if len(units) <= _MOST_UNITS:
                return UserAt(first.value, units)
            case "cn" if units and units[-1] == GROUPS and len(units) <= _MOST_UNITS + 1:
                return GroupAt(first.value, units[:-1])
        return None

    def of_user(self, user: User) -> str:
        """Return the name of a user's entry."""
        return f"uid={escaped(user.authid)},{self.tail(user.name.units)}"

    def of_authid(self, authid: str, units: tuple[str, ...]) -> str:
        """Return the name of the entry of a user with this authid and mail node."""
        return f"uid={escaped(authid)},{self.tail(units)}"

    def of_group(self, group: Group) -> str:
        """Return the name of a group's entry."""
        return self._of_group(group.name, group.or_name.units)

    def _of_group(self, name: str, units: tuple[str, ...]) -> str:
        return f"cn={escaped(name)},{self.of_groups(units)}"

    def of_member(self, member: Member) -> str:
        """Return the name of the entry of a member of a group."""
        name = self._of_group if member.is_group else self.of_authid
        return name(member.name, member.units)

    def of_groups(self, units: tuple[str, ...]) -> str:
        """Return the name of the entry above the groups of a mail node."""
        return f"ou={GROUPS},{self.tail(units)}"

    def tail(self, units: tuple[str, ...]) -> str:
        """Return the name of a mail node's entry; of no units, the suffix."""
        tail = self._tails.get(units)
        if tail is None:
            parts = [str(Part("ou", unit)) for unit in reversed(units)]
            tail = ",".join([*parts, self.suffix])
            if len(self._tails) < _MOST_TAILS:
                self._tails[units] = tail
        return tail

    def above(self, units: tuple[str, ...]) -> str:
        """Return the name of the entry above a mail node's."""
        return self.tail(units[:-1])


_MOST_TAILS = 10_000


def units_of(name: ORName) -> tuple[str, ...]:
    """Return the folded units of an O/R name."""
    return tuple(fold(unit) for unit in name.units)
