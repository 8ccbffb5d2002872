"""The import and export of groups: files, and what becomes of their lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import BinaryIO

from sqlalchemy import Connection

from ualauth.import_export import groups_csv, groups_ldif
from ualauth.import_export.encodings import Text
from ualauth.import_export.line import BadLine, Reading, bad_line
from ualauth.userlist.group_import import ExistingGroups, GroupLine, Loaded
from ualauth.userlist.store import UserStore

GROUP_FORMATS = ("csv", "ldif")

Open = Callable[[], AbstractContextManager[BinaryIO]]
"""Opens a file, each time at its beginning."""


@dataclass(frozen=True, slots=True)
class GroupImport:
    """Groups on their way to a USERLIST: all or none, unless bad lines are left out.

    What is bad of a group that is left in are members that are not there. With `check_only`
    nothing is changed in any case.
    """

    store: UserStore
    existing: ExistingGroups
    skip: bool
    check_only: bool = False
    bad: list[BadLine] = field(default_factory=list)

    def run(self, kind: str, opened: Open, reading: Reading) -> Loaded:
        """Take over the groups of a file; `bad` has what is wrong, in the order of the lines.

        Raises:
            OSError: if it cannot be read.

        """
        return self.load(self.read(kind, opened, reading))

    def read(self, kind: str, opened: Open, reading: Reading) -> list[GroupLine]:
        """Return the groups of a file, for `load`; errors are those of `run`."""
        lines: list[GroupLine] = []
        for line in _read(kind, opened, reading):
            if isinstance(line, BadLine):
                self.bad.append(line)
            else:
                lines.append(line)
        return lines

    def load(
        self, lines: list[GroupLine], before: Callable[[Connection], object] | None = None
    ) -> Loaded:
        """Take over groups that were read, after what `before` does in the same transaction."""
        loaded = self.store.groups.load(lines, self.existing, self._is_wanted, before)
        self.bad.extend(bad_line(number, text) for number, text in loaded.problems)
        self.bad.sort(key=lambda line: line.number)
        return loaded

    def is_done(self) -> bool:
        """Return whether the USERLIST was changed as the file has it, as far as it could be."""
        return not self.check_only and (self.skip or not self.bad)

    def _is_wanted(self, loaded: Loaded) -> bool:
        return not self.check_only and (self.skip or not (self.bad or loaded.problems))


def exported_groups(store: UserStore, kind: str, base: str) -> Iterator[str]:
    """Return all groups as text, piece by piece; `base` is what entries of LDIF stand below."""
    groups = ((group, store.groups.members(group)) for group in store.groups.all())
    return groups_csv.write(groups) if kind == "csv" else groups_ldif.write(groups, base)


def _read(kind: str, opened: Open, reading: Reading) -> Iterator[GroupLine | BadLine]:
    if kind == "csv":
        with opened() as file:
            yield from groups_csv.read(Text(file, 0, reading.encoding).lines(), reading)
        return

    def lines() -> Iterator[str]:
        with opened() as file:
            yield from Text(file, 0, reading.encoding).lines()

    yield from groups_ldif.read(lines, reading)
