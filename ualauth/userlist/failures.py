"""Counting failed logins in the database; each function works in a transaction of its caller."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Collection, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, or_, select, tuple_, update

from ualauth.userlist.account.lockout import KEY_BYTES, Counts, Failures, Keys
from ualauth.userlist.account.reservation import Place
from ualauth.userlist.database.rows import Row
from ualauth.userlist.database.tables import login_failures

_MOST_FORGOTTEN = 100
"""Rows that are deleted when one is added: so there are never many that no longer count."""


def failures_of(row: Row) -> Failures:
    """Return what a row in the shape of `queries.failures` says.

    A guess that is being checked stands among the moments with a minus.
    """
    text, locked_until = row
    numbers = [int(each) for each in text.split()]
    moments = tuple(each for each in numbers if each >= 0)
    return Failures(moments, locked_until, tuple(-each for each in numbers if each < 0))


def _text_of(failures: Failures) -> str:
    return " ".join(map(str, (*failures.moments, *(-each for each in failures.reserved))))


def counts_of(rows: Sequence[Row], keys: Keys) -> Counts:
    """Return what rows in the shape of `queries.failures` say."""
    failures = {bytes(row[0]): failures_of(row[1:]) for row in rows}
    return Counts(*(failures.get(key, Failures()) for key in keys))


def change(
    connection: Connection,
    places: Sequence[Place],
    work: Callable[[list[Failures]], list[Failures]],
    now: int,
) -> list[Failures]:
    """Return what `work` makes of the failures in some places, which are kept so.

    `places` have the same order everywhere, so that no two transactions wait for
    each other.
    """
    before = [_begin(connection, place.key, place.source) for place in places]
    after = work(before)
    table, rows = login_failures, []
    for place, failures in zip(places, after, strict=True):
        if failures == Failures():
            here = (table.c.name == place.key) & (table.c.source == place.source)
            connection.execute(delete(table).where(here))
            continue
        rows.append(
            {
                "key": place.key,
                "here": place.source,
                "moments": _text_of(failures),
                "locked_until": failures.locked_until,
                "forgotten": failures.forgotten(place.rules),
            }
        )
    if rows:
        connection.execute(_UPDATE, rows)
    if any(each.number == 1 for each in after):
        _forget_old(connection, now)
    return after


def clear(connection: Connection, keys: Collection[bytes] | None, source: str | None) -> int:
    """Forget failures under some keys from a source, or all; return how many counts of users."""
    name = login_failures.c.name
    where = [] if source is None else [login_failures.c.source == source]
    if keys is not None:
        ranges = [name.between(key, key + b"\xff" * KEY_BYTES) for key in sorted(keys)]
        where.append(or_(*ranges))
    rows = connection.execute(
        delete(login_failures).where(*where).returning(login_failures.c.name)
    ).all()
    return sum(len(row[0]) == KEY_BYTES for row in rows)


def try_counting(connection: Connection) -> None:
    """Count something that is no user's and no name's; the caller undoes it."""
    _begin(connection, b"", "")


def forget_all(connection: Connection, user: bytes) -> bool:
    """Forget the failed logins of a user, under every name; return whether there were any."""
    name = login_failures.c.name
    last = user + b"\xff" * KEY_BYTES
    result = connection.execute(delete(login_failures).where(name >= user, name <= last))
    return result.rowcount > 0


def _begin(connection: Connection, name: bytes, source: str) -> Failures:
    """Return what the row says, which is made unless it is there.

    A process that counts the same waits here until this transaction ends.
    """
    values = {"name": name, "source": source, "moments": "", "locked_until": 0, "forgotten": 0}
    return failures_of(connection.execute(_upsert(connection.dialect.name), values).one())


@functools.cache
def _upsert(dialect: str) -> Any:  # noqa: ANN401 - the two have the same methods, and no class
    # Only the dialect that is used is loaded: PostgreSQL's is a tenth of a first login.
    table = login_failures
    statement = importlib.import_module(f"sqlalchemy.dialects.{dialect}").insert(table)
    return statement.on_conflict_do_update(
        index_elements=[table.c.name, table.c.source],
        set_={"name": statement.excluded.name},
    ).returning(table.c.moments, table.c.locked_until)


_UPDATE = update(login_failures).where(
    login_failures.c.name == bindparam("key"),
    login_failures.c.source == bindparam("here"),
)


def _forget_old(connection: Connection, now: int) -> None:
    """Delete some rows that no longer count; the one just made counts from now on."""
    table = login_failures
    key = tuple_(table.c.name, table.c.source)
    old = (
        select(table.c.name, table.c.source)
        .where(table.c.forgotten < now, table.c.forgotten > 0)
        .limit(_MOST_FORGOTTEN)
        .with_for_update(skip_locked=True)
    )
    connection.execute(delete(table).where(key.in_(old)))
