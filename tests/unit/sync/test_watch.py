"""Following agreements: when a run begins, and when none does."""

from __future__ import annotations

import dataclasses
import queue
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.machine import patience
from tests.unit.sync.conftest import ACME, AGREEMENT, Synchronized, entry, remote
from ualauth.errors import UalauthError
from ualauth.sync import store as agreements
from ualauth.sync import watch
from ualauth.sync.agreement import Agreement, Source
from ualauth.sync.failures import SyncRefused, SyncUnavailable
from ualauth.sync.lease import Lease
from ualauth.sync.run import Outcome, run
from ualauth.sync.sources.fetched import Fetched
from ualauth.sync.watch import Watch
from ualauth.userlist.store import UserStore

SECONDS = patience(30)
HOUR = 3600
FOLLOWED = dataclasses.replace(AGREEMENT, source=Source.SYNCREPL, interval=HOUR)


class Following:
    """A watch, and a directory that tells of changes when a test says so."""

    def __init__(self, store: UserStore, **settings: Any) -> None:
        self.store = store
        self.stop = threading.Event()
        self.results: queue.Queue[Outcome | UalauthError] = queue.Queue()
        self.changes: queue.Queue[Exception | None] = queue.Queue()
        self.waits: queue.Queue[str] = queue.Queue()
        self.users = [remote("ann")]
        self.fault: Exception | None = None
        self.watch = Watch(
            store,
            self.stop,
            run_one=self._run,
            wait=self._wait,
            tell=lambda _, result: self.results.put(result),
            **settings,
        )

    def _run(self, store: UserStore, name: str, **arguments: Any) -> Outcome:
        def fetch(*_: object) -> Fetched:
            if self.fault is not None:
                raise self.fault
            return Fetched(self.users, gone=None, state={"users": "cookie"})

        return run(store, name, fetch=fetch, **arguments)

    def _wait(self, _: Agreement, cookie: str, __: float, is_over: Callable[[], bool]) -> bool:
        self.waits.put(cookie)
        while not is_over():
            try:
                fault = self.changes.get(timeout=0.05)
            except queue.Empty:
                continue
            if fault is not None:
                raise fault
            return True
        return False

    def result(self) -> Outcome | UalauthError:
        return self.results.get(timeout=SECONDS)


@pytest.fixture
def following(store: UserStore) -> Iterator[Following]:
    """A watch of one agreement that a server tells of."""
    Synchronized(store, FOLLOWED)
    following = Following(store)
    assert following.watch.look()
    yield following
    following.stop.set()
    assert following.watch.finish(SECONDS)


def test_it_is_run_at_once_and_at_each_change(following: Following) -> None:
    first = following.result()
    assert isinstance(first, Outcome)
    assert first.plan.counts()["add"] == 1
    assert following.waits.get(timeout=SECONDS) == "cookie"
    following.users = [remote("ann"), remote("ben")]
    following.changes.put(None)
    second = following.result()
    assert isinstance(second, Outcome)
    assert second.plan.counts()["add"] == 1
    assert following.results.empty()


def test_a_plan_that_is_held_back_is_not_tried_again_and_again(following: Following) -> None:
    following.result()
    following.waits.get(timeout=SECONDS)
    following.users = []
    following.changes.put(None)
    held = following.result()
    assert isinstance(held, Outcome)
    assert not held.applied
    # It waits for its time, and no longer for a change.
    following.changes.put(None)
    following.stop.set()
    assert following.watch.finish(SECONDS)
    assert following.waits.empty()
    assert following.results.empty()


def test_a_run_that_failed_is_told_and_waits_for_its_time(following: Following) -> None:
    following.result()
    following.waits.get(timeout=SECONDS)
    following.fault = SyncUnavailable("the connection ended")
    following.changes.put(None)
    assert isinstance(following.result(), SyncUnavailable)


def test_agreements_without_a_schedule_are_left_alone(store: UserStore) -> None:
    Synchronized(store)
    following = Following(store)
    assert not following.watch.look()
    named = Following(store, names=["staff"], interval=HOUR)
    assert named.watch.look()
    assert isinstance(named.result(), Outcome)
    named.stop.set()
    assert named.watch.finish(SECONDS)
    others = Following(store, names=["others"], interval=HOUR)
    assert not others.watch.look()


def test_of_two_that_are_due_at_once_the_second_leaves_it(store: UserStore) -> None:
    staff = Synchronized(store)
    state = staff.run([remote("ann")])
    assert state.applied
    with pytest.raises(SyncRefused, match="has just run it"):
        staff.run([remote("ann")], after="")


def test_a_lease_of_another_process_is_respected(store: UserStore) -> None:
    Synchronized(store, FOLLOWED)
    other = Lease(1)
    store.transaction(other.take)
    following = Following(store)
    following.watch.look()
    assert isinstance(following.result(), SyncRefused)
    assert list(store.users()) == []
    following.stop.set()
    assert following.watch.finish(SECONDS)


def test_who_goes_one_after_the_other_is_held_back_as_well(following: Following) -> None:
    following.users = entries = [remote(f"user{number}") for number in range(20)]
    following.result()
    following.waits.get(timeout=SECONDS)
    following.changes.put(None)
    following.result()
    for left in (19, 18, 17):
        following.waits.get(timeout=SECONDS)
        following.users = entries[:left]
        following.changes.put(None)
        outcome = following.result()
        assert isinstance(outcome, Outcome)
        assert outcome.applied is (left > 17)
    assert isinstance(outcome, Outcome)
    assert outcome.plan.guard == (
        "1 of 18 users would be locked, and 2 were by schedule in 24 hours: more than 10 percent"
    )
    # An administrator who looks has it done, and the count begins anew.
    arguments: dict[str, Any] = {"fetch": lambda *_: Fetched(following.users)}
    assert run(following.store, "staff", **arguments).applied
    state = following.store.transaction(agreements.all_of)[0].state
    following.users = entries[:16]
    assert run(following.store, "staff", after=state["run"], **arguments).applied


def test_the_agreement_of_a_deleted_company_is_not_followed(
    hosted: UserStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "_STAND_BACK", 0.0)
    acme = dataclasses.replace(ACME, source=Source.SYNCREPL, interval=HOUR)
    Synchronized(hosted, acme)
    following = Following(hosted)
    following.users = [entry("1", "jo@acme.example")]
    assert following.watch.look()
    following.result()
    companies = hosted.companies
    companies.delete(companies.get("acme"), with_users=True)
    assert not Following(hosted).watch.look()
    # It ends by itself, and tries nothing.
    following.waits.get(timeout=SECONDS)
    following.changes.put(None)
    assert isinstance(following.result(), SyncRefused)
    following.changes.put(None)
    assert following.watch.finish(SECONDS)
    assert following.results.empty()
    companies.restore(companies.get("acme"))
    assert following.watch.look()
    following.stop.set()
    assert following.watch.finish(SECONDS)


@pytest.mark.parametrize(("ahead", "runs"), [(86_400, True), (60, False)])
def test_a_clock_that_was_wrong_puts_nothing_off(
    store: UserStore, ahead: int, *, runs: bool
) -> None:
    Synchronized(store, FOLLOWED)
    run(store, "staff", fetch=lambda *_: Fetched([], state={"users": "cookie"}))
    stored = store.transaction(agreements.all_of)[0]
    later = (datetime.now(UTC) + timedelta(seconds=ahead)).isoformat(timespec="seconds")
    state = stored.state | {"run": later}
    store.transaction(lambda connection: agreements.note(connection, stored.id, state))
    following = Following(store)
    following.watch.look()
    if runs:
        assert isinstance(following.result(), Outcome)
    assert following.waits.get(timeout=SECONDS) == "cookie"
    following.stop.set()
    assert following.watch.finish(SECONDS)
    assert following.results.empty()
