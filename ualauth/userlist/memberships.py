"""The groups of users, as long as they are still what the database has.

They are kept with the user's record, which is used again only while nothing has changed: what
is read after the record was is as new, or newer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from ualauth.contract.account import Memberships
from ualauth.text.folding import fold
from ualauth.userlist.database.change_detector import Version
from ualauth.userlist.record import User
from ualauth.userlist.store import UserStore


class Member(Protocol):
    """A user's record and what is kept with it: an `Account` of the cache."""

    user: User
    version: Version | None
    stale: bool
    groups: frozenset[str] | None


class KnownMemberships:
    """What was read of groups; see `UserCache.recall_groups`."""

    def __init__(self, store: UserStore) -> None:
        """Begin with nothing known."""
        self._groups = store.group_names
        self._names: tuple[Version | None, dict[str, bool]] = (None, {})
        """A state of the database, and folded name -> whether a group had it then."""

    def recall(self, member: Member | None, names: Iterable[str]) -> Memberships | None:
        """Return the groups of a user if they are known; never waits."""
        if member is None or member.groups is None:
            return None
        is_named = self._names_for(member)
        others = frozenset(map(fold, names)) - member.groups
        if not others <= is_named.keys():
            return None
        return Memberships(member.groups, frozenset(key for key in others if not is_named[key]))

    def read(self, member: Member | None, names: Iterable[str]) -> Memberships:
        """Return the groups of a user as they are now, who may be none of the USERLIST's; blocks.

        Raises:
            StoreError: if the database cannot be read.

        """
        groups = frozenset[str]()
        if member is not None and member.groups is not None:
            groups = member.groups
        elif member is not None:
            groups = frozenset(map(fold, self._groups.of(member.user)))
        others = frozenset(map(fold, names)) - groups
        is_named = self._names_for(member)
        missing = others - is_named.keys()
        present = self._groups.named(missing)
        is_named |= {key: key in present for key in missing}
        if member is not None:
            member.groups = groups
        return Memberships(groups, frozenset(key for key in others if not is_named[key]))

    def _names_for(self, member: Member | None) -> dict[str, bool]:
        """Return what is known of names in the state that a record is of."""
        version, is_named = self._names
        if member is not None and (member.stale or version is member.version is not None):
            return is_named
        is_named = {}
        if member is not None and member.version is not None:
            self._names = member.version, is_named
        return is_named
