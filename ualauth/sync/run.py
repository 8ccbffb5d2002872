"""One run of an agreement: fetch, plan, guard, apply."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from ualauth.sync import apply, apply_groups
from ualauth.sync import store as agreements
from ualauth.sync.agreement import Agreement
from ualauth.sync.failures import SyncBusy, SyncRefused, SyncUnavailable
from ualauth.sync.lease import leased
from ualauth.sync.plan import Conflict, Plan
from ualauth.sync.planning import plan_of
from ualauth.sync.sources.every import fetch
from ualauth.sync.sources.fetched import Fetched, LastRun
from ualauth.sync.store import StoredAgreement
from ualauth.system.collecting import seldom_collected
from ualauth.userlist.database.view import SERVER_WIDE, View
from ualauth.userlist.store import UserStore

Fetch = Callable[[Agreement, LastRun], Fetched]

_DAY = timedelta(days=1)
_MOST_PENDING = 1000
"""Entries in conflict that are looked at again one by one; with more of them, all are read."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to; without `applied`, the plan is only shown, or waits for its digest."""

    plan: Plan
    applied: bool
    conflicts: tuple[Conflict, ...]


def first_plan(store: UserStore, agreement: Agreement, fetch: Fetch = fetch) -> Plan:
    """Return what a first run of an agreement would do that is not there yet.

    Raises:
        InvalidValue: if the mail node is no company's while companies are hosted.
        SyncUnavailable: if the directory was not read to its end.

    """
    company = store.transaction(lambda connection: agreements.company_of(connection, agreement))
    seen = store.seen_by(SERVER_WIDE if company is None else View.of(company))
    return plan_of(seen, agreement, None, fetch(agreement, LastRun()))


def run(  # noqa: PLR0913 - what a run may be told
    store: UserStore,
    name: str,
    *,
    dry_run: bool = False,
    confirmed: str = "",
    read_all: bool = False,
    after: str | None = None,
    fetch: Fetch = fetch,
    tell: Callable[[int, int], object] = lambda _over, _all: None,
) -> Outcome:
    """Run an agreement; blocks. `confirmed` is the digest of a plan that the guard held back.

    It sees and changes what the company of its mail node has.

    With `read_all`, everything is read, whatever the last run left. `after` says that a schedule
    has it run, and that it is no use if another process just has: it is the time of the last run,
    as the state has it. The guard then counts whom runs by schedule locked in a day, too.
    `tell` gets how many actions are over, and of how many.

    Raises:
        SyncBusy: if it runs already, or just has.
        SyncRefused: if there is no such agreement, its company is deleted, or the plan is another
            one than was confirmed.
        SyncUnavailable: if the directory was not read to its end; nothing is changed then.

    """
    stored = store.transaction(lambda connection: agreements.get(connection, name))
    if stored.is_company_deleted:
        raise SyncRefused(f"the company {stored.company!r} was deleted: {name!r} does not run")
    store, company = store.seen_by(stored.view), stored.company_id
    if dry_run:
        fetched = fetch(stored.agreement, _last_run(store, stored, read_all=read_all))
        plan = plan_of(store, stored.agreement, stored.id, fetched)
        return Outcome(plan, applied=False, conflicts=plan.conflicts)
    with seldom_collected(), leased(store, stored.id) as renew:
        # As it is now that no other run changes it.
        stored = store.transaction(lambda connection: agreements.get(connection, name))
        if stored.company_id != company:
            raise SyncRefused(f"{name!r} was made another company's in the meantime: run it again")
        if after is not None and stored.state.get("run", "") != after:
            raise SyncBusy("another process has just run it")
        try:
            fetched = fetch(stored.agreement, _last_run(store, stored, read_all=read_all))
            plan = plan_of(store, stored.agreement, stored.id, fetched)
            recent = _recent_locks(stored) if after is not None else []
            plan = dataclasses.replace(plan, locked_before=sum(number for _, number in recent))
        except (SyncUnavailable, SyncRefused) as error:
            _note(store, stored, {"error": str(error)}, renew)
            raise
        if confirmed and confirmed != plan.digest:
            raise SyncRefused(
                f"the plan is no longer the one that was confirmed: it is {plan.digest} now"
            )
        if plan.guard and not confirmed:
            _note(store, stored, {"error": f"held back: {plan.guard}"}, renew)
            return Outcome(plan, applied=False, conflicts=plan.conflicts)
        late = apply.apply(
            store, stored.id, plan.actions, renew, lambda over: tell(over, plan.size)
        )
        late += apply_groups.apply(store, stored.id, plan.groups, renew)
        tell(plan.size, plan.size)
        conflicts = (*plan.conflicts, *late)
        news = _success(stored.agreement, plan, conflicts, fetched)
        # An administrator who has it run sees how many it locks: it is counted anew then.
        news["locks"] = [*recent, (_now(), plan.locks)] if after is not None else []
        _note(store, stored, news, renew)
        return Outcome(plan, applied=True, conflicts=conflicts)


def _success(
    agreement: Agreement, plan: Plan, conflicts: tuple[Conflict, ...], fetched: Fetched
) -> dict[str, object]:
    """Return what is known after a run: last of all, what the next one may build upon."""
    pending = sorted({conflict.guid for conflict in conflicts})
    source: dict[str, object] = {}
    if fetched.state and len(pending) <= _MOST_PENDING:
        source = {
            "contract": agreement.contract,
            "values": dict(fetched.state),
            "pending": pending,
        }
    return {
        "error": "",
        "success": _now(),
        "counts": plan.counts() | {"conflict": len(conflicts)},
        "source": source,
    }


def _recent_locks(stored: StoredAgreement) -> list[tuple[str, int]]:
    """Return when runs by schedule locked users in the last day, and how many."""
    oldest = datetime.now(UTC) - _DAY
    return [
        (text, number)
        for text, number in stored.state.get("locks", ())
        if number and datetime.fromisoformat(text) > oldest
    ]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _last_run(store: UserStore, stored: StoredAgreement, *, read_all: bool) -> LastRun:
    source = stored.state.get("source", {})
    if read_all or source.get("contract") != stored.agreement.contract:
        return LastRun()
    linked = store.transaction(lambda connection: agreements.active_guids(connection, stored.id))
    return LastRun(source["values"], frozenset(source["pending"]), linked)


def _note(
    store: UserStore,
    stored: StoredAgreement,
    news: dict[str, object],
    renew: Callable[[Connection], None],
) -> None:
    state = stored.state | {"run": _now()} | news

    def work(connection: Connection) -> None:
        renew(connection)
        agreements.note(connection, stored.id, state)

    store.transaction(work)
