"""Which groups a user is in, and which names are those of groups: what logins ask."""

from __future__ import annotations

from collections.abc import Collection

from ualauth.text.folding import REFUSED, fold
from ualauth.userlist.checks import MAX_LOGIN_NAME
from ualauth.userlist.database import membership_queries
from ualauth.userlist.database.database import Database
from ualauth.userlist.record import User

_FEW = 16
"""Names that are looked up one by one: for more of them, the names of all groups are read."""


class GroupNames:
    """The names of groups.

    Every method blocks, may be called by any thread, and raises `StoreError` if the database
    cannot be used.
    """

    def __init__(self, database: Database) -> None:
        """Use the database of a store."""
        self._database = database

    def is_named(self, name: str) -> bool:
        """Return whether a group has this very name, which is no address and no O/R name."""
        key = key_of(name)
        question = membership_queries.is_named()
        return key is not None and bool(self._database.read(question, {"key": key}))

    def named(self, keys: Collection[str]) -> frozenset[str]:
        """Return which of some folded names are those of groups."""
        if len(keys) <= _FEW:
            return frozenset(filter(self.is_named, keys))
        rows = self._database.read(membership_queries.names(), {})
        return frozenset(str(row[0]) for row in rows).intersection(keys)

    def of(self, user: User, *, nested: bool = True) -> tuple[str, ...]:
        """Return the names of the groups of which a user is a member.

        With `nested` also of those by which the user is a member of others.
        """
        question = membership_queries.all_groups_of() if nested else membership_queries.groups_of()
        return self._texts(question, user.id)

    def _texts(self, question: membership_queries.Question, number: int) -> tuple[str, ...]:
        return tuple(str(row[0]) for row in self._database.read(question, {"id": number}))


def key_of(name: str) -> str | None:
    """Return what a group is looked up by, or `None` for what no group's name can be."""
    if len(name) > MAX_LOGIN_NAME or REFUSED.search(name):
        return None
    return fold(name) or None
