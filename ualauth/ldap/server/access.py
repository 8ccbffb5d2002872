"""Who sees and who changes what in the directory: one place for all of it.

A client that has not said who it is sees the root DSE and the schema alone. Every user sees the
entries of the own company that are not hidden, and of them the attributes of an address book;
administrators see all entries, and what the USERLIST says of a mailbox. Passwords, locks and
failed logins are no attributes (`attributes.FIELDS`), for any client.

What a client may not see is not there for it: an entry does not exist, and an attribute is not
known, in filters too. The USERLIST is asked through `View.store` alone, which has only what is
the client's company's (`ualauth.userlist.database.view`); there is no view without one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ualauth.userlist.database.view import NOTHING

if TYPE_CHECKING:
    from ualauth.userlist.group_record import Group, Member
    from ualauth.userlist.record import User
    from ualauth.userlist.store import UserStore


@dataclass(frozen=True, slots=True)
class View:
    """What one client sees of the directory, and what it may change."""

    store: UserStore
    """The USERLIST as the client's company sees it, or the server's administrator."""
    top: tuple[str, ...] = ()
    """The units above all that the client sees, folded: the OU1 of its company, if it has one."""
    user: User | None = None
    """Who has logged in, as the USERLIST has the record; `None` for a user it does not have."""

    @property
    def is_empty(self) -> bool:
        """Whether no entry is there for the client."""
        return self.store.view == NOTHING

    @property
    def is_administrator(self) -> bool:
        """Whether entries may be added, changed and deleted."""
        return self.user is not None and self.user.administrator

    @property
    def scope(self) -> tuple[object, ...]:
        """What is equal for two views of the same client that show it the same."""
        return self.user and self.user.id, self.store.view, self.top, self.is_administrator

    @property
    def sees_hidden(self) -> bool:
        """Whether hidden users are there."""
        return self.is_administrator

    def sees(self, user: User | Member) -> bool:
        """Return whether the entry of a user, whom the store has, is there for the client."""
        if self.user is not None and user.id == self.user.id:
            return True
        return self.sees_hidden or not user.hidden

    def sees_member(self, member: Member) -> bool:
        """Return whether a member of a group, a user or a group, is there for the client."""
        return member.is_group or self.sees(member)

    def sees_group(self, group: Group) -> bool:  # noqa: ARG002 - a group has nothing to hide yet
        """Return whether the entry of a group, which the store has, is there for the client."""
        return True

    def sees_units(self, units: tuple[str, ...]) -> bool:
        """Return whether a place in the tree is the client's, by its folded units."""
        return not self.is_empty and units[: len(self.top)] == self.top

    def is_own(self, user: User) -> bool:
        """Return whether an entry is that of the client's user."""
        return self.user is not None and user.id == self.user.id

    def may_change(self, user: User) -> bool:
        """Return whether any field of an entry may be changed, its password too."""
        return self.is_administrator and self.sees(user)
