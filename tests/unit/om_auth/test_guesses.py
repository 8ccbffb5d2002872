"""Every guess counts, whatever its client does: it hangs up, or sends hundreds at once."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.machine import patience
from tests.unit.om_auth.gated import (
    HERE,
    PASSWORD,
    THERE,
    GatedHasher,
    GatedPlace,
    outcome_of,
    until,
)
from tests.unit.sasl.clients import cram_md5, scram
from ualauth import AsyncAuthenticator, ReturnCode
from ualauth.errors import AuthenticationError, AuthenticationFailed, TemporaryFailure
from ualauth.identity import Identity
from ualauth.system.networks import sources_of
from ualauth.userlist.account.lockout import Failures, Keys
from ualauth.userlist.account.reservation import places_of, reserve
from ualauth.userlist.guess import Guess
from ualauth.userlist.guesses import GuessLimiter
from ualauth.userlist.policy import LockoutRules

MOST = 5
SETTINGS = f"""
    [lockout]
    failures = {MOST}
    [sasl]
    mechanisms = ["SCRAM-SHA-256", "CRAM-MD5", "PLAIN"]
    [stack]
    fail_delay = false
    """
IMPATIENT = f"{SETTINGS}[userlist]\n    timeout = {patience(0.2)}\n"
MECHANISMS = ("SCRAM-SHA-256", "CRAM-MD5")


class Place(GatedPlace):
    """Two users, with secrets for each mechanism."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, SETTINGS, ("jsmith", "ann"), GatedHasher(MECHANISMS))

    def failures(self, name: str = "jsmith", source: str = HERE) -> int:
        return super().failures(name, source)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    new_place = Place(tmp_path)
    yield new_place
    new_place.close()


async def login(
    auth: AsyncAuthenticator, password: str, name: str = "jsmith", rhost: str = HERE
) -> str:
    """Return how a login ended, in a word."""
    return await outcome_of(auth.authenticate("pop3", name, password, rhost=rhost, tls=True))


def limiter_of(auth: AsyncAuthenticator) -> GuessLimiter:
    return auth._base._guesses


async def hang_up(auth: AsyncAuthenticator, password: str, *, at: Callable[[], object]) -> None:
    """Begin a login, and cut it off when `at` returns."""
    task = asyncio.create_task(login(auth, password))
    await asyncio.sleep(0)
    await asyncio.to_thread(at)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("remembered", [False, True])
def test_guesses_of_a_client_that_hangs_up_while_they_are_hashed_count(
    place: Place, *, remembered: bool
) -> None:
    async def run() -> None:
        auth = place.authenticator()
        if remembered:
            assert await login(auth, PASSWORD) == "granted"
            while place.hasher.begun.acquire(blocking=False):
                pass
        for number in range(MOST):
            place.hasher.gate.clear()
            await hang_up(auth, f"wrong {number}", at=place.hasher.begun.acquire)
            place.hasher.gate.set()
            await until(lambda: limiter_of(auth).is_quiet)
        assert place.failures() == MOST
        assert await login(auth, PASSWORD) == "locked"
        assert await login(auth, PASSWORD, rhost=THERE) == "granted"

    asyncio.run(run())


def test_guesses_that_a_remembered_password_would_have_outrun_count(place: Place) -> None:
    """They wait behind others for their hash, and the client knows: the right one does not."""

    async def run() -> None:
        auth = place.authenticator()
        assert await login(auth, PASSWORD) == "granted"
        place.hasher.gate.clear()
        others = [
            asyncio.create_task(login(auth, "x", name="ann", rhost=f"203.0.113.{number}"))
            for number in range(4)
        ]
        await asyncio.to_thread(place.hasher.begun.acquire)
        for number in range(3 * MOST):
            await hang_up(auth, f"wrong {number}", at=lambda: time.sleep(0.02))
        place.hasher.gate.set()
        await asyncio.gather(*others)
        await until(lambda: limiter_of(auth).is_quiet)
        assert place.failures() >= MOST
        assert await login(auth, PASSWORD) == "locked"

    asyncio.run(run())


def test_right_passwords_of_a_client_that_hangs_up_do_not_lock_out(place: Place) -> None:
    async def run() -> None:
        auth = place.authenticator()
        for _ in range(2 * MOST):
            place.hasher.gate.clear()
            await hang_up(auth, PASSWORD, at=place.hasher.begun.acquire)
            place.hasher.gate.set()
            await until(lambda: limiter_of(auth).is_quiet)
        assert place.failures() == 0
        assert await login(auth, PASSWORD) == "granted"

    asyncio.run(run())


def test_guesses_that_were_never_begun_do_not_lock_out(place: Place) -> None:
    """Where nothing is remembered, the right one would have waited as long."""

    async def run() -> None:
        auth = place.authenticator()
        place.hasher.gate.clear()
        others = [
            asyncio.create_task(login(auth, "x", name="ann", rhost=f"203.0.113.{number}"))
            for number in range(4)
        ]
        await asyncio.to_thread(place.hasher.begun.acquire)
        for _ in range(2 * MOST):
            await hang_up(auth, PASSWORD, at=lambda: time.sleep(0.02))
        place.hasher.gate.set()
        await asyncio.gather(*others)
        await until(lambda: limiter_of(auth).is_quiet)
        assert place.failures() == 0
        assert await login(auth, PASSWORD) == "granted"

    asyncio.run(run())


@pytest.mark.parametrize("remembered", [False, True])
def test_of_many_guesses_at_once_no_more_are_checked_than_may_fail(
    place: Place, *, remembered: bool
) -> None:
    async def run() -> None:
        auth = place.authenticator()
        if remembered:
            assert await login(auth, PASSWORD) == "granted"
        guesses = [f"wrong {number}" for number in range(60)]
        outcomes = Counter(
            await asyncio.gather(*(login(auth, each) for each in [*guesses, PASSWORD]))
        )
        assert outcomes["granted"] == 0
        assert outcomes["refused"] == MOST
        assert await login(auth, PASSWORD) == "locked"
        assert await login(auth, PASSWORD, rhost=THERE) == "granted"

    asyncio.run(run())


def test_right_passwords_at_once_are_all_granted(place: Place) -> None:
    async def run() -> None:
        auth = place.authenticator()
        outcomes = Counter(await asyncio.gather(*(login(auth, PASSWORD) for _ in range(60))))
        assert outcomes == {"granted": 60}
        assert place.failures() == 0

    asyncio.run(run())


def test_threads_that_guess_at_once_get_no_more_answers_than_may_fail(place: Place) -> None:
    auth = place.blocking()
    auth.authenticate("pop3", "jsmith", PASSWORD, rhost=HERE)
    codes: Counter[object] = Counter()

    def guess(number: int) -> None:
        try:
            auth.authenticate("pop3", "jsmith", f"wrong {number}", rhost=HERE)
        except AuthenticationError as error:
            codes[error.code] += 1

    threads = [threading.Thread(target=guess, args=(number,)) for number in range(24)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert codes[ReturnCode.AUTH_ERR] == MOST
    assert sum(codes.values()) == len(threads)


def test_authenticators_that_share_a_userlist_share_the_limit(place: Place) -> None:
    """As many processes do: they share nothing but the database."""

    async def run() -> None:
        several = [place.authenticator() for _ in range(4)]
        for auth in several:
            assert await login(auth, PASSWORD) == "granted"
        outcomes = Counter(
            await asyncio.gather(
                *(login(auth, f"wrong {number}") for auth in several for number in range(2 * MOST))
            )
        )
        assert outcomes["refused"] <= MOST
        for auth in several:
            assert await login(auth, PASSWORD) == "locked"

    asyncio.run(run())


async def finals(auth: AsyncAuthenticator, mechanism: str, passwords: list[str]) -> list[str]:
    """Hold an exchange for each password before its last step, then take that step of all."""
    held = []
    for password in passwords:
        exchange = auth.sasl("pop3", mechanism, rhost=HERE, tls=True)
        client = (
            cram_md5("jsmith", password)
            if mechanism == "CRAM-MD5"
            else scram(mechanism, "jsmith", password)
        )
        challenge = await exchange.step(next(client))
        assert challenge is not None
        held.append((exchange, client.send(challenge)))

    async def last(exchange: Any, response: bytes | None) -> str:
        try:
            await exchange.step(response)
        except TemporaryFailure:
            return "unavailable"
        except AuthenticationFailed as error:
            return "locked" if error.code is ReturnCode.PERM_DENIED else "refused"
        return "granted"

    return list(await asyncio.gather(*(last(*each) for each in held)))


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_exchanges_that_take_their_last_step_at_once_know_of_each_other(
    place: Place, mechanism: str
) -> None:
    async def run() -> None:
        auth = place.authenticator()
        assert await finals(auth, mechanism, [PASSWORD]) == ["granted"]
        passwords = [f"wrong {number}" for number in range(20)]
        outcomes = Counter(await finals(auth, mechanism, [*passwords, PASSWORD]))
        assert outcomes["granted"] == 0
        assert outcomes["refused"] == MOST
        assert await login(auth, PASSWORD) == "locked"

    asyncio.run(run())


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_proofs_of_a_client_that_hangs_up_count(
    place: Place, monkeypatch: pytest.MonkeyPatch, mechanism: str
) -> None:
    gate, begun = threading.Event(), threading.Semaphore(0)
    reserve = GuessLimiter.reserve

    def reserve_behind_gate(limiter: GuessLimiter, guess: Guess) -> bool:
        begun.release()
        gate.wait(60)
        return reserve(limiter, guess)

    async def run() -> None:
        auth = place.authenticator()
        assert await finals(auth, mechanism, [PASSWORD]) == ["granted"]
        monkeypatch.setattr(GuessLimiter, "reserve", reserve_behind_gate)
        for number in range(MOST):
            gate.clear()
            task = asyncio.create_task(finals(auth, mechanism, [f"wrong {number}"]))
            await asyncio.to_thread(begun.acquire)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            gate.set()
            await until(lambda: limiter_of(auth).is_quiet)
        assert place.failures() == MOST
        assert await login(auth, PASSWORD) == "locked"

    asyncio.run(run())


class Lock:
    """Keep another program's lock for writing on the USERLIST."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, *_: object) -> None:
        self._connection.execute("ROLLBACK")
        self._connection.close()


@contextlib.contextmanager
def full(path: Path) -> Iterator[None]:
    """Let the database have no room for a failed login."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute(
            "CREATE TRIGGER full BEFORE INSERT ON login_failures "
            "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
        )
        database.commit()
    yield
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("DROP TRIGGER full")
        database.commit()


@pytest.mark.parametrize("hinder", [Lock, full])
@pytest.mark.parametrize("remembered", [False, True])
def test_guesses_count_where_the_userlist_takes_no_changes(
    place: Place, hinder: Any, *, remembered: bool
) -> None:
    place.folder.settings(IMPATIENT)

    async def run() -> None:
        auth = place.authenticator()
        if remembered:
            assert await login(auth, PASSWORD) == "granted"
        with hinder(place.folder.path / "userlist.db"):
            for number in range(MOST):
                # A failure that other processes do not know of is not told.
                assert await login(auth, f"wrong {number}") == "unavailable"
            assert await login(auth, PASSWORD) == "locked"
            assert await login(auth, PASSWORD, rhost=THERE) == "granted"
        # It takes changes again: what was counted here is counted for all.
        assert await login(auth, PASSWORD) == "locked"
        assert await login(auth, "wrong", rhost=THERE) == "refused"
        assert await login(place.authenticator(), "wrong") in {"refused", "locked"}

    asyncio.run(run())


def test_what_was_counted_in_this_process_is_counted_for_all_later(place: Place) -> None:
    place.folder.settings(IMPATIENT)

    async def run() -> None:
        auth, other = place.authenticator(), place.authenticator()
        with Lock(place.folder.path / "userlist.db"):
            for number in range(MOST - 1):
                assert await login(auth, f"wrong {number}") == "unavailable"
        assert place.failures() == 0
        assert await login(auth, "wrong again") == "refused"
        assert place.failures() == MOST
        assert await login(other, PASSWORD) == "locked"

    asyncio.run(run())


def test_a_right_guess_is_given_back_when_the_userlist_takes_changes_again(place: Place) -> None:
    place.folder.settings(IMPATIENT)

    async def run() -> None:
        auth = place.authenticator()
        place.hasher.gate.clear()
        task = asyncio.create_task(login(auth, PASSWORD))
        await asyncio.to_thread(place.hasher.begun.acquire)
        with Lock(place.folder.path / "userlist.db"):
            place.hasher.gate.set()
            assert await task == "granted"
        assert place.failures() == 1
        assert await login(auth, "wrong", rhost=THERE) == "refused"
        assert place.failures() == 0

    asyncio.run(run())


def test_neighbours_in_an_ipv6_site_share_a_higher_limit(place: Place) -> None:
    async def run() -> None:
        auth = place.authenticator()
        outcomes: Counter[str] = Counter()
        for network in range(8):
            for number in range(MOST - 1):
                rhost = f"2001:db8:7:{network:x}::{number + 1}"
                outcomes[await login(auth, f"wrong {network} {number}", rhost=rhost)] += 1
        assert outcomes == {"refused": 4 * MOST, "locked": 8 * (MOST - 1) - 4 * MOST}
        assert await login(auth, PASSWORD, rhost="2001:db8:7:ffff::1") == "locked"
        assert await login(auth, PASSWORD, rhost="2001:db8:8::1") == "granted"

    asyncio.run(run())


def test_a_guess_shows_nothing_of_what_was_guessed(place: Place) -> None:
    async def run() -> None:
        auth = place.authenticator()
        place.hasher.gate.clear()
        task = asyncio.create_task(login(auth, "my secret guess"))
        await asyncio.to_thread(place.hasher.begun.acquire)
        (queue,) = limiter_of(auth)._open.values()
        assert "secret" not in repr(queue)
        place.hasher.gate.set()
        await task

    asyncio.run(run())


def test_an_identity_is_of_whom_was_checked_whatever_is_remembered(place: Place) -> None:
    """Users with one password, from one source, one after another and at once."""

    async def run() -> None:
        auth = place.authenticator()

        async def who(name: str) -> Identity:
            return await auth.authenticate("pop3", name, PASSWORD, rhost=HERE, tls=True)

        for _ in range(3):
            names = ["jsmith", "ann", "ann@example.com", "jsmith@example.com"] * 3
            identities = await asyncio.gather(*(who(name) for name in names))
            assert [each.authid for each in identities] == [
                name.partition("@")[0] for name in names
            ]

    asyncio.run(run())


def test_one_wrong_guess_among_many_right_ones_locks_out_no_login(place: Place) -> None:
    async def run() -> None:
        auth = place.authenticator()
        passwords = [PASSWORD if number % 4 else "wrong" for number in range(3 * MOST)]
        rounds = [await asyncio.gather(*(login(auth, each) for each in passwords))]
        wrong = passwords.count("wrong")
        assert wrong < MOST
        assert Counter(rounds[0]) == {"granted": len(passwords) - wrong, "refused": wrong}

    asyncio.run(run())


def test_a_process_that_died_leaves_its_guesses_behind_as_failures() -> None:
    second, rules = 1_000_000, LockoutRules(failures=2, failure_window=900, lock_duration=900)
    places = places_of(Keys.of("jsmith", 1), sources_of(HERE), rules)
    rows = [Failures()] * len(places)
    for now in (1_000 * second, 1_001 * second):
        rows, free = reserve(rows, places, now)
        assert free
    rows, free = reserve(rows, places, 1_010 * second)
    assert not free
    rows, free = reserve(rows, places, 1_100 * second)
    assert free
    assert all(row.is_locked(1_100 * second) for row in rows)
