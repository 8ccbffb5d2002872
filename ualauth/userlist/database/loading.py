"""Putting many rows into a table, as fast as each kind of database takes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Table

from ualauth.userlist.database import row_security
from ualauth.userlist.database.view import CHECKED, check_rows

# Names are spread over all pages of their indexes, 300 MB for a million users: pages
# that do not fit are read and written many times over. 2 MB is SQLite's default; 256 MB
# would save one microsecond a user of 25.
_CACHE_KIB = 64 * 1024
# In pages of 4 KiB: what several transactions change goes to the database once.
_CHECKPOINT_PAGES = 60_000
_IN_A_COPY = 5000
"""Rows of one COPY."""
# From about this many rows on, to write triggers anew takes less time than what they do.
_MANY = 200

_NOTED = "UPDATE changes SET mark = randomblob(16) WHERE number = 0;"
"""What the triggers do that note a change which decides about logins (migrations 0005, 0006)."""

_KNOWN = {CHECKED: True}
"""Rows were looked at (`check_rows`), and triggers are of no company."""
_LITERALS: Mapping[object, str] = {None: "NULL", False: "0", True: "1", "": "''"}
"""What most fields of most users are -> SQL for it. The driver looks long for what `None` and
flags might be adapted to."""


def insert_rows(
    connection: Connection,
    table: Table,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
) -> None:
    """Insert rows by the driver: `Connection.execute` takes as long as SQLite itself."""
    values = list(rows)
    if not values:
        return
    check_rows(connection, table, columns, values)
    if connection.dialect.name != "sqlite":
        # The time for an answer is that of one statement, however slow the server.
        for start in range(0, len(values), _IN_A_COPY):
            copy_rows(connection, table, columns, values[start : start + _IN_A_COPY])
        return
    with noted_once(connection, table, len(values)):
        text, parameters = _insertion(table, columns, values)
        connection.exec_driver_sql(text, parameters, execution_options=_KNOWN)


def _insertion(
    table: Table, columns: Sequence[str], values: Sequence[Sequence[Any]]
) -> tuple[str, list[tuple[Any, ...]]]:
    """Return a statement of SQLite and its parameters; what is the same in all rows is no one."""
    by_column = list(zip(*values, strict=True))
    alike = [column.count(column[0]) == len(column) for column in by_column]
    literals = [
        _LITERALS.get(column[0]) if is_same else None
        for column, is_same in zip(by_column, alike, strict=True)
    ]
    # One at least is left: a statement without any would be executed once.
    if all(literals):
        literals[0] = None
    marks = ", ".join(literal or "?" for literal in literals)
    varying = [
        column for column, literal in zip(by_column, literals, strict=True) if literal is None
    ]
    text = f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 - our own names
    return text, list(zip(*varying, strict=True))


@contextmanager
def noted_once(connection: Connection, table: Table, rows: int) -> Iterator[None]:
    """Let a change be noted once, in place of once for each of many rows that are inserted.

    The trigger of the table that does so is away meanwhile: for each statement that has one,
    SQLite also keeps a journal of all pages that it changes. Other programs do not write in
    this transaction, and never see the table without its trigger: it is there again at the
    end, or else the transaction fails, and is undone with all of it. Other triggers stay.
    """
    name = f"decided_{table.name}_insert"
    trigger = f"CREATE TRIGGER {name} AFTER INSERT ON {table.name} BEGIN {_NOTED} END"
    if rows < _MANY or connection.dialect.name != "sqlite" or not _has(connection, trigger):
        yield
        return
    connection.exec_driver_sql(f"DROP TRIGGER {name}", execution_options=_KNOWN)
    yield
    connection.exec_driver_sql(trigger, execution_options=_KNOWN)
    connection.exec_driver_sql(_NOTED, execution_options=_KNOWN)


def _has(connection: Connection, trigger: str) -> bool:
    statement = "SELECT 1 FROM sqlite_master WHERE type = 'trigger' AND sql = ?"
    return connection.exec_driver_sql(statement, (trigger,)).first() is not None


def copy_rows(
    connection: Connection,
    table: Table,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
) -> None:
    """Insert rows into a table of PostgreSQL by COPY, at a fifth of what INSERT takes.

    COPY goes into no table with row-level security: rows go through a temporary one then.
    """
    driver: Any = connection.connection.dbapi_connection
    names = ", ".join(columns)
    with driver.cursor() as cursor:
        passes = row_security.is_possible(connection) and row_security.is_active(cursor, table)
        target = f"loaded_{table.name}" if passes else table.name
        if passes:
            cursor.execute(
                f"CREATE TEMPORARY TABLE {target} AS SELECT {names} FROM {table.name} "  # noqa: S608 - our own names
                "WITH NO DATA"
            )
        with cursor.copy(f"COPY {target} ({names}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        if passes:
            cursor.execute(f"INSERT INTO {table.name} ({names}) SELECT {names} FROM {target}")  # noqa: S608 - as above
            cursor.execute(f"DROP TABLE {target}")


def make_room(connection: Connection) -> None:
    """Let a connection keep more of a database in memory, as long as it lives."""
    if connection.dialect.name != "sqlite" or "room" in connection.info:
        return
    connection.exec_driver_sql(f"PRAGMA cache_size = -{_CACHE_KIB}")
    connection.exec_driver_sql(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    connection.info["room"] = True
