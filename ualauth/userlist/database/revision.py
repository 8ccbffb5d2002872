"""The version of the tables: which one this library needs, and which one a database has."""

from __future__ import annotations

from sqlalchemy import Connection

from ualauth.errors import StoreError

REVISION = "0012"
"""The revision of the newest migration; revisions are numbers that grow."""


def check_revision(connection: Connection, name: str) -> None:
    """Refuse a database of another version; `name` is what it is called.

    Raises:
        StoreError: with the cure; and the driver's errors.

    """
    revision = read_revision(connection)
    if revision == REVISION:
        return
    if revision > REVISION:
        raise StoreError(
            f"{name}: was made by a newer version of ualauth (revision {revision!r}, "
            f"this one knows {REVISION!r}): upgrade ualauth",
        )
    raise StoreError(
        f"{name}: was made by an older version of ualauth (revision {revision!r}, "
        f"this one needs {REVISION!r}): upgrade it with `ualauth init`",
    )


def read_revision(connection: Connection) -> str:
    """Return the revision of a database that has one, or an empty text."""
    cursor = connection.connection.cursor()
    cursor.execute("SELECT version_num FROM alembic_version")
    rows = cursor.fetchall()
    return str(rows[0][0]) if rows else ""
