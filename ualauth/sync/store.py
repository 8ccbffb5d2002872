"""Agreements and links in the USERLIST; functions work in a transaction of their caller."""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from ualauth.errors import StaleRecord
from ualauth.sync.agreement import Agreement
from ualauth.sync.failures import SyncRefused
from ualauth.sync.mapping import attributes_of, managed_fields
from ualauth.sync.plan import Claim, LinkedUser
from ualauth.userlist.database import queries
from ualauth.userlist.database.rows import moment, users_of
from ualauth.userlist.database.tables import (
    group_names,
    groups,
    login_names,
    or_names,
    sync_agreements,
    sync_links,
    users,
)
from ualauth.userlist.store import UserStore

LEASE_SECONDS = 300
"""For which a run has an agreement without saying that it goes on."""


@dataclass(frozen=True, slots=True)
class StoredAgreement:
    """An agreement with its id, and what is known of its runs."""

    id: int
    agreement: Agreement
    state: dict[str, Any]
    active: int
    deleted: int


def add(connection: Connection, agreement: Agreement) -> None:
    """Add an agreement.

    Raises:
        SyncRefused: if there is one of that name.

    """
    name = sync_agreements.c.name
    if connection.scalar(select(name).where(name == agreement.name)) is not None:
        raise SyncRefused(f"there is an agreement {agreement.name!r} already")
    connection.execute(insert(sync_agreements), {"name": agreement.name} | _values(agreement))


def change(connection: Connection, old: StoredAgreement, new: Agreement) -> None:
    """Put `new` in place of the settings of an agreement; its users stay its own.

    Raises:
        StaleRecord: if another process changed it since it was read.

    """
    before = sync_agreements.c.settings == old.agreement.to_json()
    statement = update(sync_agreements).where(sync_agreements.c.id == old.id, before)
    if connection.execute(statement, _values(new)).rowcount == 0:
        raise StaleRecord(f"the agreement {new.name!r} was changed in the meantime")


def remove(connection: Connection, number: int) -> None:
    """Delete an agreement; its users stay, and are the administrator's from now on."""
    connection.execute(delete(sync_agreements).where(sync_agreements.c.id == number))


def _values(agreement: Agreement) -> dict[str, str]:
    attributes = attributes_of(agreement.product, agreement.mapping, scalix=agreement.scalix)
    managed = ",".join(sorted(managed_fields(attributes)))
    return {"settings": agreement.to_json(), "managed": managed}


def all_of(connection: Connection) -> list[StoredAgreement]:
    """Return all agreements by name."""
    columns = (sync_agreements.c.id, sync_agreements.c.settings, sync_agreements.c.state)
    rows = connection.execute(select(*columns).order_by(sync_agreements.c.name)).all()
    return [
        StoredAgreement(
            row.id,
            Agreement.from_json(row.settings),
            json.loads(row.state or "{}"),
            *_numbers(connection, row.id),
        )
        for row in rows
    ]


def get(connection: Connection, name: str) -> StoredAgreement:
    """Return the agreement with a name.

    Raises:
        SyncRefused: if there is none.

    """
    for each in all_of(connection):
        if each.agreement.name == name:
            return each
    raise SyncRefused(f"there is no agreement {name!r}: ualauth sync list shows them all")


def _numbers(connection: Connection, number: int) -> tuple[int, int]:
    statement = select(func.count(), func.count(sync_links.c.deleted)).where(
        sync_links.c.agreement_id == number
    )
    rows, deleted = connection.execute(statement).one()
    return rows - deleted, deleted


def linked_users(connection: Connection, number: int) -> list[LinkedUser]:
    """Return the users of an agreement."""
    rows = connection.execute(select(sync_links).where(sync_links.c.agreement_id == number)).all()
    links = {row.user_id: row for row in rows}
    linked = []
    for some in queries.pieces(sorted(links), queries.PAGE):
        records = connection.execute(queries.by_ids(), queries.some_ids(some)).all()
        for user in users_of([tuple(record) for record in records]):
            row = links[user.id]
            deleted = None if row.deleted is None else moment(row.deleted)
            linked.append(LinkedUser(row.guid, user, deleted, bool(row.was_locked), row.was_reason))
    return linked


def holders_of(connection: Connection, number: int, claims: Sequence[Claim]) -> dict[Claim, str]:
    """Return claim -> who has it, of users that the agreement did not make, and of groups."""
    own = select(sync_links.c.user_id).where(sync_links.c.agreement_id == number)
    others = users.c.id.not_in(own)
    of_users = (
        ("login name", select(login_names.c.key, users.c.authid).join_from(login_names, users)),
        ("O/R name", select(or_names.c.name_key, users.c.authid).join_from(or_names, users)),
    )
    of_groups = (
        ("login name", select(group_names.c.key, groups.c.name).join_from(group_names, groups)),
        ("O/R name", select(groups.c.or_name_key, groups.c.name)),
    )
    holders: dict[Claim, str] = {}
    for what, statements in (("user", of_users), ("group", of_groups)):
        for kind, statement in statements:
            key = statement.selected_columns[0]
            asked = statement.where(key.in_(bindparam("values", expanding=True)))
            asked = asked.where(others) if what == "user" else asked
            keys = [key for each, key in claims if each == kind]
            for some in queries.pieces(keys, queries.MOST_PARAMETERS):
                for taken, owner in connection.execute(asked, {"values": some}):
                    holders[kind, taken] = f"the {what} {owner!r}, whom this agreement did not make"
    return holders


def note(connection: Connection, number: int, state: dict[str, Any]) -> None:
    """Keep what is known of the last run."""
    statement = update(sync_agreements).where(sync_agreements.c.id == number)
    connection.execute(statement, {"state": json.dumps(state)})


class Lease:
    """The right to run an agreement: one process of all hosts has it at a time."""

    def __init__(self, number: int) -> None:
        """Take no lease yet."""
        self._number = number
        host = socket.gethostname().replace(":", "")
        self._holder = f"{host}:{os.getpid()}:{secrets.token_hex(8)}"

    def take(self, connection: Connection) -> None:
        """Take it.

        Raises:
            SyncRefused: if another run has it.

        """
        columns = (sync_agreements.c.lease_holder, sync_agreements.c.lease_until)
        mine = sync_agreements.c.id == self._number
        row = connection.execute(select(*columns).where(mine)).first()
        if row is None:
            raise SyncRefused("the agreement was deleted in the meantime")
        holder, until = row
        if holder and until > _now() and not self._is_dead(holder):
            raise SyncRefused("another run of this agreement is going on")
        unchanged = (columns[0] == holder) & (columns[1] == until)
        statement = update(sync_agreements).where(mine, unchanged)
        if connection.execute(statement, self._values()).rowcount == 0:
            raise SyncRefused("another run of this agreement has begun")

    def renew(self, connection: Connection) -> None:
        """Go on having it: in the transaction of each change, which is undone otherwise.

        Raises:
            SyncRefused: if another run took it meanwhile.

        """
        mine = sync_agreements.c.lease_holder == self._holder
        statement = update(sync_agreements).where(sync_agreements.c.id == self._number, mine)
        if connection.execute(statement, self._values()).rowcount == 0:
            raise SyncRefused("another run of this agreement has taken over: this one ends")

    def give_back(self, connection: Connection) -> None:
        """Let others have it; nothing happens if they do."""
        mine = sync_agreements.c.lease_holder == self._holder
        statement = update(sync_agreements).where(sync_agreements.c.id == self._number, mine)
        connection.execute(statement, {"lease_holder": "", "lease_until": 0})

    def _values(self) -> dict[str, object]:
        return {"lease_holder": self._holder, "lease_until": _now() + LEASE_SECONDS * 1_000_000}

    def _is_dead(self, holder: str) -> bool:
        """Return whether a process of this very host had it, and is no more."""
        host, number, _ = holder.split(":")
        if host != self._holder.split(":")[0]:
            return False
        try:
            os.kill(int(number), 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        return False


@contextmanager
def leased(store: UserStore, number: int) -> Iterator[Callable[[Connection], None]]:
    """Have the lease of an agreement; yields what each transaction has to call first."""
    lease = Lease(number)
    store.transaction(lease.take)
    try:
        yield lease.renew
    finally:
        store.transaction(lease.give_back)


def _now() -> int:
    return time.time_ns() // 1000
