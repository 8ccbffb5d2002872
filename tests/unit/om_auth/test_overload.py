"""More logins than can be hashed: what is done is of use, and no source or user starves another."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.om_auth.gated import (
    HERE,
    PASSWORD,
    THERE,
    A,
    GatedHasher,
    GatedPlace,
    outcome_of,
    until,
)
from ualauth import AsyncAuthenticator
from ualauth.contract.computation import Computation
from ualauth.errors import AuthenticationFailed
from ualauth.userlist.cache import UserCache

USERS = [f"user{number}" for number in range(8)]
SETTINGS = """
    [lockout]
    failures = 5
    [sasl]
    mechanisms = ["PLAIN"]
    [stack]
    fail_delay = false
    """


class CountingHasher(GatedHasher):
    """Counts what it computes, also for names that no user has."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()
        self.computed = self.now = self.most = 0

    def _count(self, by: int) -> None:
        with self.lock:
            self.now += by
            self.computed += by > 0
            self.most = max(self.most, self.now)

    def verify(self, password: str, stored: str) -> bool:
        self._count(1)
        try:
            return super().verify(password, stored)
        finally:
            self._count(-1)

    def dummy_verify(self, password: str) -> None:
        self._count(1)
        self.pass_gate()
        super().dummy_verify(password)
        self._count(-1)


class Place(GatedPlace):
    """Eight users, and two computations at a time."""

    hasher: CountingHasher

    def __init__(self, path: Path) -> None:
        super().__init__(path, SETTINGS, USERS, CountingHasher())

    def prepared(self, authenticator: A) -> A:
        authenticator._computing._size = 2
        return super().prepared(authenticator)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    new_place = Place(tmp_path)
    yield new_place
    new_place.close()


async def login(
    auth: AsyncAuthenticator, name: str, password: str = PASSWORD, rhost: str = HERE
) -> str:
    """Return how a login ended, in a word."""
    return await outcome_of(auth.authenticate("pop3", name, password, rhost=rhost, tls=True))


def forget_begun(place: Place) -> None:
    """Forget which hashes have begun so far."""
    while place.hasher.begun.acquire(blocking=False):
        pass


async def begun(place: Place, number: int = 1) -> None:
    """Wait until so many hashes have begun."""
    for _ in range(number):
        await asyncio.to_thread(place.hasher.begun.acquire)


# The same verification is done once


def test_clients_that_come_back_all_at_once_all_get_in_by_one_hash_for_each_user(
    place: Place,
) -> None:
    async def run() -> None:
        auth = place.authenticator()
        names = [USERS[number % len(USERS)] for number in range(300)]
        outcomes = Counter(await asyncio.gather(*(login(auth, name) for name in names)))
        assert outcomes == {"granted": 300}
        assert place.hasher.computed == len(USERS)
        assert all(place.failures(name) == 0 for name in USERS)

    asyncio.run(run())


def test_threads_that_come_back_all_at_once_share_their_hashes(place: Place) -> None:
    auth = place.blocking()
    granted: list[str] = []

    def work(number: int) -> None:
        name = USERS[number % 2]
        granted.append(auth.authenticate("pop3", name, PASSWORD, rhost=HERE).user)

    place.hasher.gate.clear()
    threads = [threading.Thread(target=work, args=(number,)) for number in range(24)]
    for each in threads:
        each.start()
    for _ in range(2):
        place.hasher.begun.acquire()
    place.hasher.gate.set()
    for each in threads:
        each.join()
    assert Counter(granted) == {USERS[0]: 12, USERS[1]: 12}
    assert place.hasher.computed == 2


@pytest.mark.parametrize("name", ["user0", "a stranger"])
def test_a_wrong_password_that_is_sent_at_once_counts_for_each_login(
    place: Place, name: str
) -> None:
    async def run() -> None:
        auth = place.authenticator()
        forget_begun(place)
        place.hasher.gate.clear()
        tasks = [asyncio.create_task(login(auth, name, "wrong")) for _ in range(20)]
        await begun(place)
        await asyncio.sleep(0.2)
        place.hasher.gate.set()
        outcomes = Counter(await asyncio.gather(*tasks))
        assert outcomes == {"refused": 5, "locked": 15}
        assert place.hasher.computed == 1
        assert await login(auth, name) == "locked"

    asyncio.run(run())


def test_different_passwords_names_and_records_share_nothing(place: Place) -> None:
    async def run() -> None:
        auth = place.authenticator()
        forget_begun(place)
        place.hasher.gate.clear()
        logins = [
            ("user0", "a"),
            ("user0", "b"),
            ("user0@example.com", "a"),
            ("user1", "a"),
            ("no user", "a"),
            ("no other user", "a"),
        ]
        tasks = [asyncio.create_task(login(auth, *each)) for each in logins]
        await begun(place)
        await asyncio.sleep(0.2)
        place.hasher.gate.set()
        assert await asyncio.gather(*tasks) == ["refused"] * len(logins)
        assert place.hasher.computed == len(logins)

    asyncio.run(run())


def test_the_login_that_hashes_for_others_may_go(place: Place) -> None:
    """Before its hash has begun, and while it is computed."""

    async def run(others: int) -> None:
        auth = place.authenticator()
        forget_begun(place)
        place.hasher.gate.clear()
        busy = [asyncio.create_task(login(auth, "a stranger", str(each))) for each in range(others)]
        if others:
            await begun(place, others)
        first = asyncio.create_task(login(auth, "user0"))
        await until(lambda: auth._base.resource(UserCache).verifications._open)
        rest = [asyncio.create_task(login(auth, "user0")) for _ in range(10)]
        await asyncio.sleep(0.2)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await asyncio.sleep(0.05)
        place.hasher.gate.set()
        assert await asyncio.gather(*rest) == ["granted"] * 10
        assert await asyncio.gather(*busy) == ["refused"] * others
        assert place.failures("user0") == 0

    for others in (2, 0):
        before = place.hasher.computed
        asyncio.run(run(others))
        assert place.hasher.computed == before + others + 1


def test_loops_of_several_threads_share_a_hash(place: Place) -> None:
    auth = place.authenticator()
    place.hasher.gate.clear()
    outcomes: list[str] = []
    threads = [
        threading.Thread(target=lambda: outcomes.append(asyncio.run(login(auth, "user0"))))
        for _ in range(4)
    ]
    for each in threads:
        each.start()
    place.hasher.begun.acquire()
    while auth._computing._busy and next(iter(auth._computing._busy)).waiting < len(threads):
        threading.Event().wait(0.01)
    place.hasher.gate.set()
    for each in threads:
        each.join()
    assert outcomes == ["granted"] * 4
    assert place.hasher.computed == 1


# A fair and bounded queue


def test_a_flood_of_one_source_delays_no_other(place: Place) -> None:
    async def run() -> None:
        auth = place.authenticator()
        forget_begun(place)
        place.hasher.gate.clear()
        flood = [asyncio.create_task(login(auth, f"no user {each}", "x")) for each in range(100)]
        await begun(place, 2)
        await until(lambda: len(auth._computing) >= 90)
        other = asyncio.create_task(login(auth, "user0", rhost=THERE))
        await until(lambda: len(auth._computing) >= 99)
        granted: list[list[str]] = []
        grant = auth._computing._grant

        def note(each: Computation) -> None:
            granted.append(each.sources)
            grant(each)

        auth._computing._grant = note
        place.hasher.gate.set()
        assert await other == "granted"
        assert [THERE] in granted[:2]
        for each in flood:
            each.cancel()
        await asyncio.gather(*flood, return_exceptions=True)

    asyncio.run(run())


def test_a_full_queue_refuses_at_once_and_lets_other_sources_in(place: Place) -> None:
    async def run() -> None:
        auth = place.authenticator()
        auth._computing._most_waiting = 20
        forget_begun(place)
        place.hasher.gate.clear()
        flood = [asyncio.create_task(login(auth, f"no user {each}", "x")) for each in range(60)]
        await begun(place, 2)
        await until(lambda: sum(each.done() for each in flood) >= 38)
        assert {await each for each in flood if each.done()} == {"unavailable"}
        assert len(auth._computing) == 20
        assert place.hasher.computed == 2
        # One of the flood gives way.
        other = asyncio.create_task(login(auth, "user0", rhost=THERE))
        await until(lambda: sum(each.done() for each in flood) >= 39)
        assert len(auth._computing) == 20
        place.hasher.gate.set()
        assert await other == "granted"
        assert Counter(await asyncio.gather(*flood)) == {"unavailable": 39, "refused": 21}

    asyncio.run(run())


def test_what_cannot_be_done_in_time_is_refused_before_anything_is_written(place: Place) -> None:
    async def run() -> None:
        auth = place.authenticator()
        # Each takes nearly all of the time that a login has.
        auth._computing._seconds.extend([25.0] * 64)
        forget_begun(place)
        place.hasher.gate.clear()
        busy = [asyncio.create_task(login(auth, "user7", str(each))) for each in range(2)]
        await begun(place, 2)
        outcomes = await asyncio.gather(
            *(login(auth, "user0", str(each), rhost=f"203.0.113.{each}") for each in range(4)),
            return_exceptions=True,
        )
        assert outcomes == ["unavailable"] * 4
        assert all(place.failures("user0", f"203.0.113.{each}") == 0 for each in range(4))
        place.hasher.gate.set()
        await asyncio.gather(*busy)
        # What is idle is used, however long it is thought to take.
        assert await login(auth, "user0") == "granted"

    asyncio.run(run())


def test_remembered_users_get_in_whatever_waits(place: Place) -> None:
    async def run() -> None:
        auth = place.authenticator()
        assert await login(auth, "user0") == "granted"
        auth._computing._most_waiting = 5
        forget_begun(place)
        place.hasher.gate.clear()
        flood = [asyncio.create_task(login(auth, f"no user {each}", "x")) for each in range(40)]
        await begun(place, 2)
        for _ in range(20):
            assert await login(auth, "user0") == "granted"
        place.hasher.gate.set()
        await asyncio.gather(*flood)

    asyncio.run(run())


def test_guesses_that_are_refused_for_want_of_time_count_where_the_right_one_is_remembered(
    place: Place,
) -> None:
    async def run() -> None:
        auth = place.authenticator()
        assert await login(auth, "user0") == "granted"
        auth._computing._most_waiting = 0
        forget_begun(place)
        place.hasher.gate.clear()
        busy = [asyncio.create_task(login(auth, f"no user {each}", "x")) for each in range(2)]
        await begun(place, 2)
        for number in range(5):
            assert await login(auth, "user0", f"wrong {number}") == "unavailable"
        place.hasher.gate.set()
        await asyncio.gather(*busy)
        assert await login(auth, "user0") == "locked"

    asyncio.run(run())


def test_no_more_threads_hash_at_once_than_there_are_processors(place: Place) -> None:
    auth = place.blocking()

    def work(number: int) -> None:
        with pytest.raises(AuthenticationFailed):
            auth.authenticate("pop3", f"no user {number}", "x", rhost=HERE)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(24)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert place.hasher.computed == 24
    assert place.hasher.most <= 2


def test_clients_that_hang_up_have_no_more_hashed_at_once(place: Place) -> None:
    async def run() -> None:
        auth = place.authenticator()
        forget_begun(place)
        place.hasher.gate.clear()
        for number in range(12):
            task = asyncio.create_task(login(auth, f"no user {number}", "x"))
            await asyncio.sleep(0.05)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert place.hasher.computed == 2
        place.hasher.gate.set()
        assert await login(auth, "user0") == "granted"

    asyncio.run(run())


# Locked out


@pytest.mark.parametrize("name", ["user0", "a stranger"])
@pytest.mark.parametrize("remembered", [False, True])
def test_a_login_that_is_locked_out_costs_no_hash(
    place: Place, name: str, *, remembered: bool
) -> None:
    async def run() -> None:
        auth = place.authenticator()
        if remembered:
            await login(auth, name)
        for number in range(5):
            await login(auth, name, f"wrong {number}")
        before = place.hasher.computed
        for password in ("wrong", "another", PASSWORD):
            assert await login(auth, name, password) == "locked"
        assert place.hasher.computed == before

    asyncio.run(run())


def test_a_user_who_is_locked_out_under_another_name_costs_no_hash(place: Place) -> None:
    async def run() -> None:
        auth = place.authenticator()
        assert await login(auth, "user0") == "granted"
        for number in range(5):
            await login(auth, "user0", f"wrong {number}")
        before = place.hasher.computed
        for password in ("wrong", PASSWORD):
            assert await login(auth, "user0@example.com", password) == "refused"
        assert place.hasher.computed == before

    asyncio.run(run())


def test_a_lock_under_overload_tells_no_right_password_from_a_wrong_one(place: Place) -> None:
    async def run() -> None:
        auth = place.authenticator()
        assert await login(auth, "user0") == "granted"
        for number in range(5):
            await login(auth, "user0", f"wrong {number}")
        auth._computing._most_waiting = 0
        forget_begun(place)
        place.hasher.gate.clear()
        busy = [asyncio.create_task(login(auth, f"no user {each}", "x")) for each in range(2)]
        await begun(place, 2)
        for name in ("user0", "user0@example.com"):
            for password in ("wrong", PASSWORD):
                assert await login(auth, name, password) == "unavailable"
        place.hasher.gate.set()
        await asyncio.gather(*busy)

    asyncio.run(run())
