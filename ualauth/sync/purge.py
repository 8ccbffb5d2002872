"""What is deleted for good: users and groups whose entries are long gone."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, select

from ualauth.userlist.database import search_index
from ualauth.userlist.database.rows import microseconds
from ualauth.userlist.database.tables import groups, sync_groups, sync_links, users
from ualauth.userlist.database.turns import take_turn_for_groups


def purge(connection: Connection, number: int, before: datetime) -> list[str]:
    """Delete users whose entries are gone since a time before; return their authids.

    Those who became administrators meanwhile stay.
    """
    condition = (sync_links.c.agreement_id == number) & (
        sync_links.c.deleted <= microseconds(before)
    )
    statement = (
        select(users.c.id, users.c.authid)
        .join_from(sync_links, users)
        .where(condition, users.c.administrator.is_(False))
        .where(users.c.mailbox_administrator.is_(False))
        .order_by(users.c.authid_key)
    )
    rows = connection.execute(statement).all()
    for row in rows:
        search_index.remove_users(connection, users.c.id == row.id)
        connection.execute(delete(users).where(users.c.id == row.id))
    return [row.authid for row in rows]


def purge_groups(connection: Connection, number: int, before: datetime) -> list[str]:
    """Delete groups whose entries are gone since a time before; return their names."""
    take_turn_for_groups(connection)
    condition = (sync_groups.c.agreement_id == number) & (
        sync_groups.c.deleted <= microseconds(before)
    )
    statement = (
        select(groups.c.id, groups.c.name)
        .join_from(sync_groups, groups)
        .where(condition)
        .order_by(groups.c.name_key)
    )
    rows = connection.execute(statement).all()
    for row in rows:
        search_index.remove_groups(connection, groups.c.id == row.id)
        connection.execute(delete(groups).where(groups.c.id == row.id))
    return [row.name for row in rows]
