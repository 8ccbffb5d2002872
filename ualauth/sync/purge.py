"""What is deleted for good: users and groups whose entries are long gone."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Row, delete, select

from ualauth.sync.lease import leased
from ualauth.sync.store import StoredAgreement
from ualauth.userlist.database import search_index
from ualauth.userlist.database.rows import microseconds
from ualauth.userlist.database.tables import groups, sync_groups, sync_links, users
from ualauth.userlist.database.turns import take_turn_for_groups
from ualauth.userlist.store import UserStore

log = logging.getLogger("ualauth.sync")


@dataclass(frozen=True, slots=True)
class Purged:
    """The authids of users, and the names of groups, that are deleted."""

    users: list[str]
    groups: list[str]


def gone_of(store: UserStore, stored: StoredAgreement, before: datetime) -> Purged:
    """Return what `purge_all` would delete; changes nothing."""

    def work(connection: Connection) -> Purged:
        return Purged(
            [row.authid for row in _gone_users(connection, stored.id, before)],
            [row.name for row in _gone_groups(connection, stored.id, before)],
        )

    return store.seen_by(stored.view).transaction(work)


def purge_all(store: UserStore, stored: StoredAgreement, before: datetime) -> Purged:
    """Delete the users and groups of an agreement whose entries are gone since a time before.

    Raises:
        SyncBusy: if the agreement is being run: that may restore them.

    """
    store = store.seen_by(stored.view)
    with leased(store, stored.id) as renew:

        def work(connection: Connection) -> Purged:
            renew(connection)
            of_groups = purge_groups(connection, stored.id, before)
            return Purged(purge(connection, stored.id, before), of_groups)

        purged = store.transaction(work)
    company = "" if stored.company_id is None else f" of company {stored.company_id}"
    for what, names in (("", purged.users), ("group ", purged.groups)):
        for name in names:
            log.info("agreement %d%s: purge %s%r", stored.id, company, what, name)
    return purged


def purge(connection: Connection, number: int, before: datetime) -> list[str]:
    """Delete users whose entries are gone since a time before; return their authids.

    Those who became administrators meanwhile stay.
    """
    rows = _gone_users(connection, number, before)
    for row in rows:
        search_index.remove_users(connection, users.c.id == row.id)
        connection.execute(delete(users).where(users.c.id == row.id))
    return [row.authid for row in rows]


def purge_groups(connection: Connection, number: int, before: datetime) -> list[str]:
    """Delete groups whose entries are gone since a time before; return their names."""
    take_turn_for_groups(connection)
    rows = _gone_groups(connection, number, before)
    for row in rows:
        search_index.remove_groups(connection, groups.c.id == row.id)
        connection.execute(delete(groups).where(groups.c.id == row.id))
    return [row.name for row in rows]


def _gone_users(connection: Connection, number: int, before: datetime) -> Sequence[Row[int, str]]:
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
    return connection.execute(statement).all()


def _gone_groups(connection: Connection, number: int, before: datetime) -> Sequence[Row[int, str]]:
    condition = (sync_groups.c.agreement_id == number) & (
        sync_groups.c.deleted <= microseconds(before)
    )
    statement = (
        select(groups.c.id, groups.c.name)
        .join_from(sync_groups, groups)
        .where(condition)
        .order_by(groups.c.name_key)
    )
    return connection.execute(statement).all()
