"""A plan applied: exactly its actions, in batches, each one transaction; the state comes last.

A process that is killed leaves whole batches, of users with their links: the next run finds them
done, and goes on with the rest. A user who was changed since the plan was made is left alone.
"""

from __future__ import annotations

import dataclasses
import logging
import secrets
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from itertools import groupby

from sqlalchemy import Connection, bindparam, insert, select, update

from ualauth.errors import NameTaken, UserError
from ualauth.sync.failures import SyncRefused
from ualauth.sync.plan import Action, Conflict, Kind
from ualauth.text.folding import fold
from ualauth.userlist import bulk, user_changes
from ualauth.userlist.database import queries
from ualauth.userlist.database.rows import microseconds
from ualauth.userlist.database.tables import sync_links, users
from ualauth.userlist.names import ORName
from ualauth.userlist.store import UserStore

log = logging.getLogger("ualauth.sync")

BATCH = 500
"""Actions of one transaction: others who write wait for no longer than that."""
_IDS = select(users.c.authid_key, users.c.id).where(
    users.c.authid_key.in_(bindparam("keys", expanding=True))
)


def apply(
    store: UserStore,
    number: int,
    actions: Sequence[Action],
    renew: Callable[[Connection], None],
    tell: Callable[[int], object] = lambda _: None,
) -> list[Conflict]:
    """Do the actions of a plan for the agreement with an id, and return what could not be done.

    `renew` is called first in each transaction; `tell` gets how many actions are over.
    """
    conflicts: list[Conflict] = []
    over = 0
    for work, grouped in groupby(actions, _way_of):
        some = list(grouped)
        # A name that goes round is free for a moment only.
        batches: Iterable[Sequence[Action]] = [some]
        if work is not _exchanged:
            batches = queries.pieces(some, BATCH)
        for batch in batches:
            failed = work(store, number, batch, renew)
            conflicts += failed
            refused = {each.guid for each in failed}
            for action in batch if log.isEnabledFor(logging.INFO) else ():
                if action.guid not in refused:
                    _note(number, action, store.view.company)
            over += len(batch)
            tell(over)
    return conflicts


def _way_of(action: Action) -> Callable[..., list[Conflict]]:
    if action.exchanges:
        return _exchanged
    return _added if action.kind is Kind.ADD else _changed


def _note(number: int, action: Action, company: int | None) -> None:
    log.info(
        "agreement %d%s: %s %r guid=%s %s",
        number,
        "" if company is None else f" of company {company}",
        action.kind.value,
        action.linked.user.authid if action.linked else action.new.authid,
        action.guid,
        ",".join(action.fields) if action.kind is not Kind.ADD else "",
    )


def _added(
    store: UserStore, number: int, batch: Sequence[Action], renew: Callable[[Connection], None]
) -> list[Conflict]:
    """Add users with their links: all at once, or one by one if that fails."""

    def all_at_once(connection: Connection) -> list[Conflict]:
        renew(connection)
        now = microseconds(datetime.now(UTC))
        assert now is not None  # noqa: S101 - a time is given
        bulk.add_all(connection, [bulk.rows_of(each.new, (), now) for each in batch])
        keys = [fold(each.new.authid) for each in batch]
        ids = {row[0]: row[1] for row in connection.execute(_IDS, {"keys": keys})}
        rows = [_row_of(number, each.guid, ids[fold(each.new.authid)]) for each in batch]
        connection.execute(insert(sync_links), rows)
        return []

    try:
        return store.transaction(all_at_once)
    except NameTaken:
        return _changed(store, number, batch, renew)


def _changed(
    store: UserStore, number: int, batch: Sequence[Action], renew: Callable[[Connection], None]
) -> list[Conflict]:
    """Do actions one by one, in one transaction; one that fails hinders no other."""

    def work(connection: Connection) -> list[Conflict]:
        renew(connection)
        conflicts = []
        for action in batch:
            try:
                with connection.begin_nested():
                    _do(connection, number, action)
            except UserError as error:
                conflicts.append(Conflict(action.guid, action.dn, str(error)))
        return conflicts

    return store.transaction(work)


def _exchanged(
    store: UserStore, number: int, batch: Sequence[Action], renew: Callable[[Connection], None]
) -> list[Conflict]:
    """Do actions among which names go round: all of them, or none."""

    def work(connection: Connection) -> list[Conflict]:
        renew(connection)
        freed = []
        for action in batch:
            linked = action.linked
            if linked is not None:
                before = linked.user
                unused, authid = unused_name((action.new.authid, *action.new.addresses))
                name = ORName(unused, **units_of(before.name))
                between = dataclasses.replace(before, authid=authid, name=name, addresses=())
                user = user_changes.change(connection, before, between)
                linked = dataclasses.replace(linked, user=user)
            freed.append(dataclasses.replace(action, linked=linked))
        for action in freed:
            _do(connection, number, action)
        return []

    try:
        return store.transaction(work)
    except SyncRefused:
        # The lease is lost.
        raise
    except UserError as error:
        return [Conflict(action.guid, action.dn, str(error)) for action in batch]


def _do(connection: Connection, number: int, action: Action) -> None:
    if action.linked is None:
        user = user_changes.add(connection, action.new)
        connection.execute(insert(sync_links), _row_of(number, action.guid, user.id))
        return
    before = action.linked.user
    user_changes.change(connection, before, action.new)
    of_user = update(sync_links).where(
        sync_links.c.agreement_id == number, sync_links.c.guid == action.guid
    )
    if action.kind is Kind.DELETE:
        now = microseconds(datetime.now(UTC))
        values = {"deleted": now, "was_locked": before.locked, "was_reason": before.lock_reason}
        connection.execute(of_user, values)
    elif action.kind is Kind.RESTORE:
        connection.execute(of_user, {"deleted": None, "was_locked": False, "was_reason": ""})


def unused_name(names: Iterable[str]) -> tuple[str, str]:
    """Return a name that no record has, and the same with the domain of one of `names`.

    A company takes no other name. Without a domain among `names`, both are the same.
    """
    unused = f"exchanged-{secrets.token_hex(8)}"
    domains = [domain for each in names if (domain := each.partition("@")[2])]
    return unused, f"{unused}@{min(domains, key=len)}" if domains else unused


def units_of(name: ORName) -> dict[str, str]:
    """Return the mail node of a name, as parts of another one."""
    return {f"ou{number}": unit for number, unit in enumerate(name.units, 1)}


def _row_of(number: int, guid: str, user_id: int) -> dict[str, object]:
    return {"agreement_id": number, "guid": guid, "user_id": user_id}
