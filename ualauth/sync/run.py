"""One run of an agreement: fetch, plan, guard, apply."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection

from ualauth.sync import apply
from ualauth.sync import store as agreements
from ualauth.sync.agreement import Agreement
from ualauth.sync.failures import SyncRefused, SyncUnavailable
from ualauth.sync.mapping import RemoteUser
from ualauth.sync.plan import Conflict, Plan, Planner
from ualauth.sync.sources.full import fetch
from ualauth.sync.store import StoredAgreement, leased
from ualauth.userlist.store import UserStore

Fetch = Callable[[Agreement], Sequence[RemoteUser]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to; without `applied`, the plan is only shown, or waits for its digest."""

    plan: Plan
    applied: bool
    conflicts: tuple[Conflict, ...]


def first_plan(store: UserStore, agreement: Agreement, fetch: Fetch = fetch) -> Plan:
    """Return what a first run of an agreement would do that is not there yet."""
    return _plan(store, agreement, None, fetch(agreement))


def run(  # noqa: PLR0913 - what a run may be told
    store: UserStore,
    name: str,
    *,
    dry_run: bool = False,
    confirmed: str = "",
    fetch: Fetch = fetch,
    tell: Callable[[int], object] = lambda _: None,
) -> Outcome:
    """Run an agreement; blocks. `confirmed` is the digest of a plan that the guard held back.

    Raises:
        SyncRefused: if there is no such agreement, it runs already, or the plan is another one
            than was confirmed.
        SyncUnavailable: if the directory was not read to its end; nothing is changed then.

    """
    stored = store.transaction(lambda connection: agreements.get(connection, name))
    if dry_run:
        plan = _plan(store, stored.agreement, stored.id, fetch(stored.agreement))
        return Outcome(plan, applied=False, conflicts=plan.conflicts)
    with leased(store, stored.id) as renew:
        # As it is now that no other run changes it.
        stored = store.transaction(lambda connection: agreements.get(connection, name))
        try:
            plan = _plan(store, stored.agreement, stored.id, fetch(stored.agreement))
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
        late = apply.apply(store, stored.id, plan.actions, renew, tell)
        conflicts = (*plan.conflicts, *late)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        counts = plan.counts() | {"conflict": len(conflicts)}
        _note(store, stored, {"error": "", "success": now, "counts": counts}, renew)
        return Outcome(plan, applied=True, conflicts=conflicts)


def _plan(
    store: UserStore, agreement: Agreement, number: int | None, remotes: Sequence[RemoteUser]
) -> Plan:
    def work(connection: Connection) -> Plan:
        known = 0 if number is None else number
        linked = agreements.linked_users(connection, known)
        planner = Planner(agreement, remotes, linked, datetime.now(UTC))
        return planner.plan(agreements.holders_of(connection, known, planner.claims()))

    return store.transaction(work)


def _note(
    store: UserStore,
    stored: StoredAgreement,
    news: dict[str, object],
    renew: Callable[[Connection], None],
) -> None:
    state = stored.state | {"run": datetime.now(UTC).isoformat(timespec="seconds")} | news

    def work(connection: Connection) -> None:
        renew(connection)
        agreements.note(connection, stored.id, state)

    store.transaction(work)
