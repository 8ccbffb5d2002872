"""Counting failed logins in the database; each function works in a transaction of its caller."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from ualauth.userlist.lockout import Failures
from ualauth.userlist.policy import LockoutRules
from ualauth.userlist.rows import Row
from ualauth.userlist.tables import login_failures

_MOST_FORGOTTEN = 100
"""Rows that are deleted when one is added: so there are never many that no longer count."""


def failures_of(row: Row) -> Failures:
    """Return what a row in the shape of `queries.FAILURES` says."""
    moments, locked_until = row
    return Failures(tuple(map(int, moments.split())), locked_until)


def count(
    connection: Connection,
    name: bytes,
    source: str,
    now: int,
    rules: LockoutRules,
) -> Failures:
    """Count one more failed login, and return all that count."""
    table = login_failures
    here = (table.c.name == name) & (table.c.source == source)
    if _begin(connection, name, source):
        _forget_old(connection, now)
    # Whoever else counts the same waits here until this transaction ends.
    statement = select(table.c.moments, table.c.locked_until).where(here).with_for_update()
    found = failures_of(connection.execute(statement).one()).one_more(now, rules)
    values = {
        "moments": " ".join(map(str, found.moments)),
        "locked_until": found.locked_until,
        "forgotten": found.forgotten(rules),
    }
    connection.execute(update(table).where(here), values)
    return found


def forget(connection: Connection, name: bytes, source: str | None) -> None:
    """Forget the failed logins of a name, from one source or from all."""
    statement = delete(login_failures).where(login_failures.c.name == name)
    if source is not None:
        statement = statement.where(login_failures.c.source == source)
    connection.execute(statement)


def _begin(connection: Connection, name: bytes, source: str) -> bool:
    """Make the row unless it is there; return whether it was made."""
    # The two have the same methods, and no class in common.
    kinds: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
    statement = kinds[connection.dialect.name](login_failures).on_conflict_do_nothing()
    values = {"name": name, "source": source, "moments": "", "locked_until": 0, "forgotten": 0}
    return connection.execute(statement, values).rowcount == 1


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
