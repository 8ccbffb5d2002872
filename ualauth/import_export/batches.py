"""Lines become batches of rows that are ready for the database.

Whatever two lines of one file both claim is found here, with both numbers. What
was seen is kept in a database without a name, which SQLite moves to the disk
when it grows and which goes with the process: memory stays flat.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ualauth.import_export.line import BadLine, Line, UserLine
from ualauth.userlist.bulk import CURES, Rows, Taken, rows_of
from ualauth.userlist.database.rows import microseconds


@dataclass(frozen=True, slots=True)
class Batch:
    """Some lines: the users among them as rows, and the bad ones.

    `users` stands beside `rows` where whole users are wanted, and is empty
    otherwise. `numbers` are those of the lines of `rows`; `position` is how
    much of the file was read.
    """

    numbers: list[int]
    rows: list[Rows]
    users: list[UserLine]
    bad: list[BadLine]
    position: int
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Why lines are of no user -> how many, besides those that never are."""


def batches(
    lines: Iterable[Line],
    position: Callable[[], int],
    *,
    size: int,
    with_users: bool,
    left_out: Counter[str] | None = None,
) -> Generator[Batch]:
    """Return batches of `size` lines; `with_users` puts users beside their rows.

    What was counted in `left_out` goes into the batches. Who takes not all of them closes it.
    """
    users: list[UserLine] = []
    bad: list[BadLine] = []
    now = microseconds(datetime.now(UTC)) or 0

    def batch(seen: _Seen) -> Batch:
        rows = [rows_of(line.user, line.secrets, now, line.history) for line in users]
        duplicates = seen.duplicates([line.number for line in users], rows)
        unique = [index for index in range(len(rows)) if index not in duplicates]
        return Batch(
            [users[index].number for index in unique],
            [rows[index] for index in unique],
            [users[index] for index in unique] if with_users else [],
            sorted([*bad, *duplicates.values()], key=lambda line: line.number),
            position(),
            _taken(left_out),
        )

    with closing(_Seen()) as seen:
        for line in lines:
            if isinstance(line, BadLine):
                bad.append(line)
            else:
                users.append(line)
            if len(users) + len(bad) >= size:
                yield batch(seen)
                users, bad = [], []
        yield batch(seen)


def _taken(counter: Counter[str] | None) -> Mapping[str, int]:
    if not counter:
        return {}
    counts = dict(counter)
    counter.clear()
    return counts


class _Seen:
    """Claims of the lines so far."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("CREATE TABLE seen (key TEXT PRIMARY KEY, line INT) WITHOUT ROWID")

    def close(self) -> None:
        """Forget them."""
        self._database.close()

    def duplicates(self, numbers: list[int], rows: list[Rows]) -> dict[int, BadLine]:
        """Return index -> why not, for users that claim what an earlier line does."""
        values = [
            (_key(claim), number)
            for number, each in zip(numbers, rows, strict=True)
            for claim in each.claims()
        ]
        values.sort()
        before = self._database.total_changes
        self._database.execute("BEGIN")
        # Sorted: of two lines in `values`, the earlier one is first.
        self._database.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?)", values)
        self._database.execute("COMMIT")
        if self._database.total_changes - before == len(values):
            return {}
        duplicates: dict[int, BadLine] = {}
        for index, (number, each) in enumerate(zip(numbers, rows, strict=True)):
            for claim in each.claims():
                first = self._first(claim)
                if first != number:
                    duplicates[index] = BadLine(
                        number,
                        f"{Taken(claim, is_existing=False).what}, which line {first} has too"
                        f"{CURES.get(claim[0], '')}",
                    )
                    break
        return duplicates

    def _first(self, claim: tuple[str, str]) -> int:
        key = (_key(claim),)
        row = self._database.execute("SELECT line FROM seen WHERE key = ?", key).fetchone()
        return int(row[0])


def _key(claim: tuple[str, str]) -> str:
    return claim[0][0] + claim[1]
