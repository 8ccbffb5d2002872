"""Putting many rows into a table, as fast as each kind of database takes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Table, insert

# Names are spread over all pages of their indexes, 300 MB for a million users: pages
# that do not fit are read and written many times over. 2 MB is SQLite's default; 256 MB
# would save one microsecond a user of 25.
_CACHE_KIB = 64 * 1024
# In pages of 4 KiB: what several transactions change goes to the database once.
_CHECKPOINT_PAGES = 60_000


def insert_rows(
    connection: Connection,
    table: Table,
    columns: Sequence[str],
    rows: Iterable[tuple[Any, ...]],
) -> None:
    """Insert rows by the driver: `Connection.execute` takes as long as SQLite itself."""
    values = list(rows)
    if not values:
        return
    compiled = insert(table).compile(dialect=connection.dialect, column_keys=list(columns))
    if not compiled.positional:
        copy_rows(connection, table, columns, values)
        return
    places = [columns.index(name) for name in compiled.positiontup or ()]
    if places != list(range(len(columns))):
        values = [tuple([row[place] for place in places]) for row in values]
    connection.exec_driver_sql(str(compiled), values)


def copy_rows(
    connection: Connection,
    table: Table,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
) -> None:
    """Insert rows into a table of PostgreSQL by COPY, at a fifth of what INSERT takes."""
    driver: Any = connection.connection.dbapi_connection
    text = f"COPY {table.name} ({', '.join(columns)}) FROM STDIN"
    with driver.cursor() as cursor, cursor.copy(text) as copy:
        for row in rows:
            copy.write_row(row)


def make_room(connection: Connection) -> None:
    """Let a connection keep more of a database in memory, as long as it lives."""
    if connection.dialect.name != "sqlite" or "room" in connection.info:
        return
    connection.exec_driver_sql(f"PRAGMA cache_size = -{_CACHE_KIB}")
    connection.exec_driver_sql(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    connection.info["room"] = True
