"""A new USERLIST in SQLite gets the statements that the migrations came to the first time.

Alembic reads its scripts and compiles their tables anew for each database, which was a third of
the time of all unit tests.
"""

from __future__ import annotations

import secrets
from functools import cache
from typing import Any

from sqlalchemy import Connection, create_engine, event, inspect

from ualauth.userlist.database import schema

_migrate = schema._migrate
_READING = ("PRAGMA", "SELECT")


def migrate_as_before(connection: Connection) -> None:
    """Do what `schema._migrate` does: repeated, if this is SQLite, and there is no table yet."""
    if connection.dialect.name != "sqlite" or inspect(connection).get_table_names():
        _migrate(connection)
        return
    for statement, parameters in _statements():
        connection.exec_driver_sql(statement, tuple(map(_anew, parameters)))


def _anew(value: Any) -> Any:
    """Return a parameter; the octets that the migrations put in are random."""
    return secrets.token_bytes(len(value)) if isinstance(value, bytes | memoryview) else value


@cache
def _statements() -> list[tuple[str, tuple[Any, ...]]]:
    """Return the statements that change anything, with their parameters."""
    statements = []

    def listen(_connection: object, _cursor: object, text: str, values: Any, *_: object) -> None:
        if not text.lstrip().upper().startswith(_READING):
            statements.append((text, tuple(values)))

    engine = create_engine("sqlite://")
    event.listen(engine, "before_cursor_execute", listen)
    with engine.begin() as connection:
        _migrate(connection)
    engine.dispose()
    return statements
