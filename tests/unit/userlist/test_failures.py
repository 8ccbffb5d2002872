"""Failed logins in the database: counted for a name and its user, and forgotten."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.unit.userlist.failing import count_failure, forget_failures
from ualauth.userlist.account.lockout import Counts, Failures, Keys, microseconds_now
from ualauth.userlist.names import ORName
from ualauth.userlist.policy import LockoutRules
from ualauth.userlist.record import NewUser, User
from ualauth.userlist.store import UserStore

HERE, THERE = "192.0.2.7", "198.51.100.9"
RULES = LockoutRules(failures=1000)
NAMES = ("jsmith", "j@example.org", "Smith")


@pytest.fixture
def jsmith(store: UserStore) -> User:
    return store.add(NewUser(name=ORName("Smith"), authid="jsmith", addresses=("j@example.org",)))


def number(failures: Failures) -> int:
    return len(failures.moments)


def test_a_failure_counts_for_its_name_and_for_its_user(store: UserStore, jsmith: User) -> None:
    now = microseconds_now()
    for name in NAMES:
        count_failure(store, name, jsmith, HERE, now, RULES)
    counts = count_failure(store, "JSmith", jsmith, HERE, now, RULES)
    assert (number(counts.name), number(counts.user)) == (2, 4)
    assert store.failures("jsmith", jsmith, HERE) == counts
    assert store.failures("jsmith", jsmith, THERE) == Counts()
    assert number(store.all_failures(jsmith)[HERE]) == 4


def test_the_same_name_of_no_user_and_of_another_user_counts_apart(
    store: UserStore, jsmith: User
) -> None:
    count_failure(store, "jsmith", jsmith, HERE, microseconds_now(), RULES)
    assert store.failures("jsmith", None, HERE) == Counts()
    store.delete(jsmith)
    again = store.add(NewUser(name=jsmith.name, authid="jsmith"))
    assert store.failures("jsmith", again, HERE) == Counts()


def test_no_two_keys_are_alike() -> None:
    keys = [Keys.of(name, user) for name in ("1", "2", "") for user in (None, 1, 2)]
    everything = {key for each in keys for key in each}
    assert len(everything) == len({each.name for each in keys}) + len({each.user for each in keys})
    assert len({each.name for each in keys}) == len(keys)


def test_success_forgets_one_name_and_unlocking_all(store: UserStore, jsmith: User) -> None:
    now = microseconds_now()
    for source in (HERE, THERE):
        for name in NAMES:
            count_failure(store, name, jsmith, source, now, RULES)
    count_failure(store, "nobody", None, HERE, now, RULES)
    forget_failures(store, "jsmith", jsmith, HERE)
    assert store.failures("jsmith", jsmith, HERE) == Counts()
    left = store.failures("Smith", jsmith, HERE)
    assert (number(left.name), number(left.user)) == (1, 0)
    assert number(store.failures("jsmith", jsmith, THERE).user) == 3
    assert store.forget_all_failures(jsmith)
    assert not store.forget_all_failures(jsmith)
    for name in NAMES:
        for source in (HERE, THERE):
            assert store.failures(name, jsmith, source) == Counts()
    assert number(store.failures("nobody", None, HERE).name) == 1


def test_all_that_fail_at_once_under_several_names_are_counted(
    store: UserStore, jsmith: User
) -> None:
    now = microseconds_now()

    def fail(index: int) -> None:
        count_failure(store, NAMES[index % 3], jsmith, HERE, now + index, RULES)
        if index % 10 == 0:
            forget_failures(store, "another's", jsmith, THERE)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(fail, range(60)))
    for name in NAMES:
        counts = store.failures(name, jsmith, HERE)
        assert (number(counts.name), number(counts.user)) == (20, 60)


def test_what_counts_no_longer_is_deleted_by_and_by(store: UserStore, jsmith: User) -> None:
    rules = LockoutRules(failures=3, failure_window=1, lock_duration=1)
    old = microseconds_now() - 10_000_000
    for name in NAMES:
        count_failure(store, name, jsmith, THERE, old, rules)
    assert number(store.all_failures(jsmith)[THERE]) == 3
    count_failure(store, "nobody", None, HERE, microseconds_now(), rules)
    assert store.all_failures(jsmith) == {}
    assert store.failures("jsmith", jsmith, THERE) == Counts()
