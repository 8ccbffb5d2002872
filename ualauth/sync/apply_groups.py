"""The actions of a plan for groups, applied: first all groups, then who is in them.

Both are done in batches, each one transaction. A membership that cannot be is a conflict, and the
rest goes on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, Table, bindparam, insert, select, update

from ualauth.errors import UserError
from ualauth.sync.apply import BATCH, log, units_of, unused_name
from ualauth.sync.plan import Conflict, GroupAction, Kind
from ualauth.userlist import group_changes
from ualauth.userlist.database import queries
from ualauth.userlist.database.rows import microseconds
from ualauth.userlist.database.tables import sync_groups, sync_links
from ualauth.userlist.database.turns import take_turn_for_groups
from ualauth.userlist.group_changes import MemberIds
from ualauth.userlist.names import ORName
from ualauth.userlist.store import UserStore

Renew = Callable[[Connection], None]


def apply(
    store: UserStore, number: int, actions: Sequence[GroupAction], renew: Renew
) -> list[Conflict]:
    """Do the actions for the agreement with an id, and return what could not be done."""
    conflicts: list[Conflict] = []
    # A name that goes round is free for a moment only.
    exchanged = [action for action in actions if action.exchanges]
    others = [action for action in actions if not action.exchanges]
    for step, some, size in (
        (_put, others, BATCH),
        (_exchange, exchanged, max(1, len(exchanged))),
        (_put_members, actions, BATCH),
    ):
        for batch in queries.pieces(some, size):
            conflicts += _at_once(store, number, batch, renew, step)
    refused = {conflict.guid for conflict in conflicts}
    for action in actions:
        if action.guid not in refused:
            log.info(
                "agreement %d%s: %s group %r guid=%s",
                number,
                "" if store.view.company is None else f" of company {store.view.company}",
                action.kind.value,
                action.new.name,
                action.guid,
            )
    return conflicts


def _at_once(
    store: UserStore,
    number: int,
    batch: Sequence[GroupAction],
    renew: Renew,
    step: Callable[[Connection, int, Sequence[GroupAction]], list[Conflict]],
) -> list[Conflict]:
    def work(connection: Connection) -> list[Conflict]:
        renew(connection)
        take_turn_for_groups(connection)
        return step(connection, number, batch)

    return store.transaction(work)


def _put(connection: Connection, number: int, batch: Sequence[GroupAction]) -> list[Conflict]:
    conflicts = []
    for action in batch:
        try:
            with connection.begin_nested():
                _put_one(connection, number, action)
        except UserError as error:
            conflicts.append(Conflict(action.guid, action.dn, str(error)))
    return conflicts


def _exchange(connection: Connection, number: int, batch: Sequence[GroupAction]) -> list[Conflict]:
    """Change groups among which names go round: all of them, or none."""
    try:
        with connection.begin_nested():
            freed = []
            for action in batch:
                linked = action.linked
                if linked is not None:
                    unused, name = unused_name((action.new.name, *action.new.addresses))
                    or_name = ORName("", common_name=unused, **units_of(linked.group.or_name))
                    between = dataclasses.replace(
                        linked.group, name=name, or_name=or_name, addresses=()
                    )
                    group = group_changes.change(connection, linked.group, between)
                    linked = dataclasses.replace(linked, group=group)
                freed.append(dataclasses.replace(action, linked=linked))
            for action in freed:
                _put_one(connection, number, action)
    except UserError as error:
        return [Conflict(action.guid, action.dn, str(error)) for action in batch]
    return []


def _put_one(connection: Connection, number: int, action: GroupAction) -> None:
    if action.linked is None:
        group = group_changes.add(connection, action.new, ())
        row = {"agreement_id": number, "guid": action.guid, "group_id": group.id}
        connection.execute(insert(sync_groups), row)
        return
    mine = (sync_groups.c.agreement_id == number) & (sync_groups.c.guid == action.guid)
    if action.kind is Kind.DELETE:
        now = microseconds(datetime.now(UTC))
        connection.execute(update(sync_groups).where(mine), {"deleted": now})
        return
    group_changes.change(connection, action.linked.group, action.new)
    connection.execute(update(sync_groups).where(mine), {"deleted": None})


def _put_members(
    connection: Connection, number: int, batch: Sequence[GroupAction]
) -> list[Conflict]:
    conflicts = []
    wanted = []
    for action in batch:
        if action.kind is Kind.DELETE:
            continue
        group_ids = _ids(connection, sync_groups, "group_id", number, [action.guid])
        if not group_ids:
            # It could not be added, which was told.
            continue
        group = group_changes.read(connection, next(iter(group_ids)))
        ids = MemberIds(
            _ids(connection, sync_links, "user_id", number, action.members),
            _ids(connection, sync_groups, "group_id", number, action.members),
        )
        wanted.append((action, group, ids))
    # Who goes makes room for those who would be members of each other.
    for _, group, ids in wanted:
        group_changes.keep_only(connection, group, ids)
    for action, group, ids in wanted:
        users = MemberIds(ids.users, frozenset())
        each_group = [MemberIds(frozenset(), frozenset({each})) for each in sorted(ids.groups)]
        for some in (users, *each_group):
            try:
                with connection.begin_nested():
                    group_changes.add_ids(connection, group, some)
            except UserError as error:
                conflicts.append(Conflict(action.guid, action.dn, str(error)))
    return conflicts


def _ids(
    connection: Connection, table: Table, column: str, number: int, guids: Collection[str]
) -> frozenset[int]:
    """Return the ids of users, or groups, with these guids."""
    columns = table.c
    is_among = columns.guid.in_(bindparam("guids", expanding=True))
    statement = select(columns[column]).where(columns.agreement_id == number, is_among)
    ids: set[int] = set()
    for some in queries.pieces(sorted(guids), queries.MOST_PARAMETERS):
        ids.update(connection.scalars(statement, {"guids": some}))
    return frozenset(ids)
