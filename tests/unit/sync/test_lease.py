"""The lease of an agreement: who has it, for how long, and who takes it over."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from tests.machine import patience
from tests.unit.sync.conftest import Synchronized, remote
from ualauth.sync import store as agreements
from ualauth.sync.failures import SyncBusy, SyncRefused
from ualauth.sync.lease import LEASE_SECONDS, Lease, leased
from ualauth.sync.purge import purge_all
from ualauth.userlist.database.tables import sync_agreements
from ualauth.userlist.store import UserStore

HOUR = 3600


def held_until(store: UserStore) -> int:
    """Return until when the lease is held, in microseconds since the epoch."""
    statement = select(sync_agreements.c.lease_until)
    return store.transaction(lambda connection: int(connection.scalar(statement) or 0))


def hold(store: UserStore, holder: str, seconds: int) -> None:
    values = {"lease_holder": holder, "lease_until": time.time_ns() // 1000 + seconds * 1_000_000}
    store.transaction(lambda connection: connection.execute(sync_agreements.update(), values))


@pytest.mark.parametrize(
    ("seconds", "is_free"),
    [(-1, True), (LEASE_SECONDS, False), (LEASE_SECONDS + HOUR // 2, False), (25 * HOUR, True)],
)
def test_a_lease_ends_by_itself_and_never_lasts_for_years(
    staff: Synchronized, seconds: int, *, is_free: bool
) -> None:
    hold(staff.store, "another-host:1:x", seconds)
    if is_free:
        assert staff.run([]).applied
    else:
        with pytest.raises(SyncBusy):
            staff.run([])


def test_a_run_that_reads_for_long_keeps_its_lease(staff: Synchronized) -> None:
    store = staff.store
    with leased(store, 1, renewals=0.01):
        first = held_until(store)
        deadline = time.monotonic() + patience(30)
        while held_until(store) == first:
            assert time.monotonic() < deadline
        with pytest.raises(SyncBusy):
            store.transaction(Lease(1).take)
    store.transaction(Lease(1).take)


def test_one_that_lost_it_does_not_take_it_back(staff: Synchronized) -> None:
    store = staff.store
    with leased(store, 1, renewals=0.01) as renew:
        hold(store, "another-host:1:x", LEASE_SECONDS)
        with pytest.raises(SyncRefused, match="has taken over"):
            store.transaction(renew)
    with pytest.raises(SyncBusy):
        store.transaction(Lease(1).take)


def test_no_purge_takes_whom_a_run_may_restore(staff: Synchronized) -> None:
    users = [remote(f"user{number}") for number in range(20)]
    staff.run(users)
    staff.run(users[1:])
    store, later = staff.store, datetime.now(UTC) + timedelta(days=1)
    stored = store.transaction(agreements.all_of)[0]
    with leased(store, stored.id), pytest.raises(SyncBusy):
        purge_all(store, stored, later)
    assert purge_all(store, stored, later).users == ["user0"]
