"""The users of a file whose groups are only checked, as far as they matter to the groups.

Members have to be there, and no name may be a user's and a group's. When a file has both, its
users come first; where nothing is to be written they do so in the transaction of the groups, which
is undone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Self

from sqlalchemy import Connection

from ualauth.text.folding import fold
from ualauth.userlist.addresses import keys_of
from ualauth.userlist.bulk import NO_HISTORY, Rows, add_free
from ualauth.userlist.group_import import GroupLine
from ualauth.userlist.store import UserStore
from ualauth.userlist.update import Revision, revise_all


@dataclass(frozen=True, slots=True)
class ComingUsers:
    """Users who would be added or changed, and have one of the folded `names`.

    Their passwords are left out: they do not matter, and may be in clear text.
    """

    names: frozenset[str]
    new: list[Rows] = field(default_factory=list)
    changed: list[Revision] = field(default_factory=list)

    @classmethod
    def for_groups(cls, lines: Iterable[GroupLine], store: UserStore) -> Self:
        """Return what collects the users who matter to some groups of a file."""
        names: set[str] = set()
        for line in lines:
            group = line.new
            names.update(keys_of((group.name, *group.addresses)))
            names.add(group.or_name.key)
            names.update(fold(member.name) for member in line.members)
            # Who has a name of the group may have another one afterwards.
            for name in (group.name, *group.addresses, str(group.or_name)):
                owner = store.resolve(name)
                if owner is not None:
                    names.add(fold(owner.authid))
        return cls(frozenset(names))

    def add(self, rows: Rows) -> None:
        """Note a user who would be added."""
        if self._matters(rows):
            self.new.append(rows.without_secrets())

    def change(self, rows: Rows, revision: Revision) -> None:
        """Note a user who is there, and would be changed."""
        if self._matters(rows):
            fields = revision.fields - {"password"}
            self.changed.append(replace(revision, fields=fields, secrets=(), history=NO_HISTORY))

    def put(self, connection: Connection) -> None:
        """Add and change them."""
        add_free(connection, self.new)
        revise_all(connection, self.changed)

    def _matters(self, rows: Rows) -> bool:
        return not self.names.isdisjoint((*rows.keys, rows.name_key))
