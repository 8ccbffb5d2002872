"""Counting submissions in the database; each function works in a transaction of its caller."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from ualauth.userlist.account import submitted
from ualauth.userlist.account.submitted import Counted, Place, Submitted
from ualauth.userlist.database.tables import submissions

QUERY = select(submissions.c.counts).where(submissions.c.key == bindparam("key"))
"""The question for what is counted under `:key`."""
_MOST_FORGOTTEN = 100
"""Rows that are deleted when one is added: so there are never many that no longer count."""


def count(connection: Connection, places: Sequence[Place], recipients: int, now: int) -> Counted:
    """Count one message in all of the places.

    They have the same order everywhere, users before sources and these from the narrow to the
    wide: no two transactions wait for each other.
    """
    before = [_begin(connection, place.key) for place in places]
    counted = submitted.count(places, before, recipients, now)
    rows = [
        {"place": place.key, "counts": str(row), "forgotten": row.forgotten}
        for place, row in zip(places, counted.rows, strict=True)
    ]
    connection.execute(_UPDATE, rows)
    if not all(row.pieces for row in before):
        _forget_old(connection, now)
    return counted


def forget(connection: Connection, key: bytes) -> bool:
    """Forget what is counted under a key; return whether anything was."""
    return connection.execute(delete(submissions).where(submissions.c.key == key)).rowcount > 0


def _begin(connection: Connection, key: bytes) -> Submitted:
    """Return what the row says, which is made unless it is there.

    A process that counts the same waits here until this transaction ends.
    """
    values = {"key": key, "counts": "", "forgotten": 0}
    return Submitted.read(connection.execute(_upsert(connection.dialect.name), values).scalar_one())


@functools.cache
def _upsert(dialect: str) -> Any:  # noqa: ANN401 - the two have the same methods, and no class
    # Only the dialect that is used is loaded.
    statement = importlib.import_module(f"sqlalchemy.dialects.{dialect}").insert(submissions)
    return statement.on_conflict_do_update(
        index_elements=[submissions.c.key], set_={"key": statement.excluded.key}
    ).returning(submissions.c.counts)


_UPDATE = update(submissions).where(submissions.c.key == bindparam("place"))


def _forget_old(connection: Connection, now: int) -> None:
    """Delete some rows that no longer count."""
    old = (
        select(submissions.c.key)
        .where(submissions.c.forgotten < now, submissions.c.forgotten > 0)
        .limit(_MOST_FORGOTTEN)
        .with_for_update(skip_locked=True)
    )
    connection.execute(delete(submissions).where(submissions.c.key.in_(old)))
