"""Turns of those who write names: no user's name becomes a group's at the same moment.

Names of users and of groups stand in tables of their own, and no constraint holds over both. Who
writes names of users waits for who writes groups, and the other way round; those who write users
do not wait for each other. The turn ends with the transaction.

SQLite needs none of it: one process writes at a time, from the start of its transaction.
"""

from __future__ import annotations

from sqlalchemy import Connection

# Any number that no other program uses, and not that of creation: the octets of "groups".
_GROUPS = int.from_bytes(b"groups", "big")


def take_turn_for_users(connection: Connection) -> None:
    """Wait for those who write groups, and let those wait who want to."""
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock_shared({_GROUPS})")


def take_turn_for_groups(connection: Connection) -> None:
    """Wait for all who write groups or names of users, and let them wait."""
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_GROUPS})")
