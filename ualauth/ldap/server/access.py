"""Who sees and who changes what in the directory: one place for all of it.

A client that has not said who it is sees the root DSE and the schema alone. Every user sees the
entries that are not hidden, and of them the attributes of an address book; administrators see
all entries, and what the USERLIST says of a mailbox. Passwords, locks and failed logins are no
attributes (`attributes.FIELDS`), for any client.

What a client may not see is not there for it: an entry does not exist, and an attribute is not
known, in filters too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ualauth.userlist.group_record import Group, Member
    from ualauth.userlist.names import ORName
    from ualauth.userlist.record import User


@dataclass(frozen=True, slots=True)
class View:
    """What one client sees of the directory, and what it may change."""

    user: User | None = None
    """Who has logged in, as the USERLIST has the record; `None` for a user it does not have."""
    is_anonymous: bool = True

    @property
    def is_administrator(self) -> bool:
        """Whether entries may be added, changed and deleted."""
        return self.user is not None and self.user.administrator

    @property
    def scope(self) -> tuple[object, ...]:
        """What is equal for two views of the same client that show it the same."""
        return self.user and self.user.id, self.is_anonymous, self.is_administrator

    @property
    def sees_hidden(self) -> bool:
        """Whether hidden users are there."""
        return self.is_administrator

    def sees(self, user: User | Member) -> bool:
        """Return whether the entry of a user is there for the client."""
        if self.is_anonymous:
            return False
        if self.user is not None and user.id == self.user.id:
            return True
        return self.sees_hidden or not user.hidden

    def sees_member(self, member: Member) -> bool:
        """Return whether a member of a group, a user or a group, is there for the client."""
        return not self.is_anonymous if member.is_group else self.sees(member)

    def sees_group(self, group: Group) -> bool:  # noqa: ARG002 - a group has nothing to hide yet
        """Return whether the entry of a group is there for the client."""
        return not self.is_anonymous

    def sees_units(self, units: tuple[str, ...]) -> bool:  # noqa: ARG002 - nor has a mail node
        """Return whether the entry of a mail node is there, by its folded units."""
        return not self.is_anonymous

    def is_own(self, user: User) -> bool:
        """Return whether an entry is that of the client's user."""
        return self.user is not None and user.id == self.user.id

    def may_change(self, user: User) -> bool:
        """Return whether any field of an entry may be changed, its password too."""
        return self.is_administrator and self.sees(user)

    def may_place(self, name: ORName) -> bool:  # noqa: ARG002 - administrators are for all
        """Return whether an entry with an O/R name may be added, or be moved there."""
        return self.is_administrator


ANONYMOUS = View()
