"""Moments that a wrong clock has written: nothing lasts longer than the rules say."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.userlist.databases import Database
from ualauth.passwords.policy import PasswordRules
from ualauth.userlist.account.lockout import Failures, Keys, microseconds_now
from ualauth.userlist.account.password_age import password_expires, unchangeable
from ualauth.userlist.account.reservation import Ending
from ualauth.userlist.guesses import GuessLimiter
from ualauth.userlist.names import ORName
from ualauth.userlist.policy import LockoutRules
from ualauth.userlist.record import NewUser, User
from ualauth.userlist.store import UserStore

SECOND = 1_000_000
HOUR = 3600 * SECOND
RULES = LockoutRules(failures=3, failure_window=600, lock_duration=900)
HERE = "192.0.2.7"


@pytest.fixture
def jsmith(store: UserStore) -> User:
    return store.add(NewUser(name=ORName("Smith"), authid="jsmith"))


def put(store: UserStore, user: User, failures: Failures) -> None:
    """Write counts as a host with another clock does."""
    limiter = GuessLimiter(RULES, lambda: store)
    guess = limiter.open(Keys.of("jsmith", user.id), HERE, RULES)
    store.change_failures(guess.places, lambda rows: [failures] * len(rows), 0)
    guess.end(Ending.UNCHECKED)


def counts(store: UserStore, user: User) -> Failures:
    return store.all_failures(user)[HERE]


def looked_at(store: UserStore, user: User) -> bool:
    """Return whether the user is locked out; look once more, as every login does."""
    limiter = GuessLimiter(RULES, lambda: store)
    guess = limiter.open(Keys.of("jsmith", user.id), HERE, RULES)
    guess.look()
    locked = guess.is_locked(by_name=True)
    guess.end(Ending.UNCHECKED)
    return locked


@pytest.mark.parametrize("ahead", [48 * HOUR, HOUR, 1000 * SECOND])
def test_a_lock_of_a_host_that_is_ahead_holds_no_longer_than_one_of_now(
    store: UserStore, jsmith: User, ahead: int
) -> None:
    now = microseconds_now()
    put(store, jsmith, Failures((now,), now + ahead + 900 * SECOND))
    assert looked_at(store, jsmith)
    until = counts(store, jsmith).locked_until
    assert now + 900 * SECOND <= until <= microseconds_now() + 900 * SECOND
    # Looking again does not make it longer.
    assert looked_at(store, jsmith)
    assert counts(store, jsmith).locked_until == until


def test_a_lock_of_a_host_with_the_same_time_stays_as_it_is(store: UserStore, jsmith: User) -> None:
    written = Failures((1,), microseconds_now() + 300 * SECOND)
    put(store, jsmith, written)
    assert looked_at(store, jsmith)
    assert counts(store, jsmith) == written


def test_failures_to_come_count_from_now_on_and_as_many_as_they_are(
    store: UserStore, jsmith: User
) -> None:
    now = microseconds_now()
    put(store, jsmith, Failures((now + HOUR, now + 2 * HOUR)))
    assert not looked_at(store, jsmith)
    failures = counts(store, jsmith)
    assert len(failures.moments) == 2
    assert max(failures.moments) <= microseconds_now()
    limiter = GuessLimiter(RULES, lambda: store)
    guess = limiter.open(Keys.of("jsmith", jsmith.id), HERE, RULES)
    assert guess.reserve()
    guess.fail()
    assert looked_at(store, jsmith)
    assert failures.counting(max(failures.moments) + 600 * SECOND, RULES).number == 0


def test_a_guess_of_a_dead_host_that_was_ahead_is_a_failure_of_now(
    store: UserStore, jsmith: User
) -> None:
    now = microseconds_now()
    put(store, jsmith, Failures((), 0, (now + 30 * SECOND, now + HOUR)))
    looked_at(store, jsmith)
    failures = counts(store, jsmith)
    assert failures.reserved == (now + 30 * SECOND,)
    assert len(failures.moments) == 1


def test_a_guess_counts_on_top_of_a_lock_that_is_cut(store: UserStore, jsmith: User) -> None:
    now = microseconds_now()
    put(store, jsmith, Failures((now,), now + 48 * HOUR))
    limiter = GuessLimiter(RULES, lambda: store)
    guess = limiter.open(Keys.of("jsmith", jsmith.id), HERE, RULES)
    guess.reserve()
    guess.fail()
    assert counts(store, jsmith).locked_until <= microseconds_now() + 900 * SECOND


def test_a_row_that_is_cut_down_is_deleted_in_its_time(
    database: Database, store: UserStore, jsmith: User
) -> None:
    """What is cut down is written back, so that the row is deleted in its time."""
    now = microseconds_now()
    put(store, jsmith, Failures((now,), now + 48 * HOUR))
    looked_at(store, jsmith)
    rows = database.execute("SELECT forgotten FROM login_failures")
    assert max(row[0] for row in rows) <= microseconds_now() + 900 * SECOND


NOW = datetime.now(UTC)
AGES = PasswordRules(maximum_age_days=30, minimum_age_days=2)


def user(changed: datetime | None, created: datetime) -> User:
    as_read = User(
        name=ORName("Smith"), authid="jsmith", id=1, revision=1, created=created, changed=created
    )
    return dataclasses.replace(as_read, password_changed=changed)


def test_a_password_that_is_changed_in_times_to_come_is_as_old_as_the_record() -> None:
    long_ago = NOW - timedelta(days=20)
    record = user(NOW + timedelta(days=4000), long_ago)
    assert password_expires(record, AGES) == long_ago + timedelta(days=30)
    assert unchangeable(record, AGES, NOW) is None
    # Clocks differ by some hours where a time zone was wrong: that is no reason.
    soon = user(NOW + timedelta(hours=3), long_ago)
    assert password_expires(soon, AGES) == NOW + timedelta(hours=3, days=30)
    assert unchangeable(soon, AGES, NOW) is not None


def test_a_record_that_is_all_of_times_to_come_has_expired() -> None:
    expires = password_expires(user(None, NOW + timedelta(days=4000)), AGES)
    assert expires is not None
    assert expires < NOW
