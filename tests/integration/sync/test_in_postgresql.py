"""Synchronization into a USERLIST in PostgreSQL: users, groups, exchanges, the lease, the purge."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.postgresql import Server
from tests.unit.sync.conftest import Synchronized, group, remote
from tests.unit.sync.test_groups import follow, members
from ualauth.errors import InvalidValue
from ualauth.sync.failures import SyncRefused
from ualauth.sync.lease import Lease
from ualauth.sync.purge import purge, purge_groups
from ualauth.userlist.store import UserStore

MANY = [remote(f"user{number}") for number in range(20)]
_numbers = itertools.count()


@pytest.fixture
def staff(postgresql: Server) -> Iterator[Synchronized]:
    """A USERLIST with an agreement."""
    name = f"sync_{next(_numbers)}"
    postgresql.create(name)
    with UserStore(postgresql.url(name)) as store:
        store.create()
        yield Synchronized(store)
    postgresql.drop(name)


def test_users_and_groups_follow(staff: Synchronized) -> None:
    follow(staff, group("a", "user0", "b"), group("b", "user1"), users=MANY)
    before = {authid: user.id for authid, user in staff.users().items()}
    changed = [
        *MANY[2:],
        remote("user0", "user1"),
        remote("user1", "user0"),
        remote("ann"),
    ]
    outcome = follow(staff, group("b", "user1", "a"), group("a", "ann"), users=changed)
    assert outcome.conflicts == ()
    after = {authid: user.id for authid, user in staff.users().items()}
    assert (after["user1"], after["user0"]) == (before["user0"], before["user1"])
    assert members(staff) == {"a": ("ann",), "b": ("user0", "a")}
    assert follow(staff, group("b", "user1", "a"), group("a", "ann"), users=changed).plan.size == 0
    with pytest.raises(InvalidValue, match="'staff' manages it"):
        staff.store.groups.delete(staff.store.groups.get("a"))


def test_who_is_gone_is_purged(staff: Synchronized) -> None:
    follow(staff, group("a", "user0"), group("b", "user1"), users=MANY)
    follow(staff, group("b", "user1"), users=MANY[1:])
    assert staff.users()["user0"].locked
    later = datetime.now(UTC) + timedelta(days=1)
    store = staff.store
    assert store.transaction(lambda connection: purge_groups(connection, 1, later)) == ["a"]
    assert store.transaction(lambda connection: purge(connection, 1, later)) == ["user0"]
    assert members(staff) == {"b": ("user1",)}


def test_one_run_at_a_time(staff: Synchronized) -> None:
    other = Lease(1)
    staff.store.transaction(other.take)
    with pytest.raises(SyncRefused, match="going on"):
        staff.run(MANY)
    staff.store.transaction(other.give_back)
    assert staff.run(MANY).applied
