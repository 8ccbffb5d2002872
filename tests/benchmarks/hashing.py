"""Logins that need a hash, many at once, against raw argon2id; and cached ones beside them."""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher as Argon2

from tests.benchmarks.page import Row
from ualauth import AsyncAuthenticator, AuthenticationFailed, Authenticator
from ualauth.passwords.schemes import PasswordHasher
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

TITLE = "Logins that need a hash"
HOW = """
Passwords are stored as `ualauth.toml` has it by default (argon2id of RFC 9106's second
recommendation). Each of 6 rounds has 32 raw verifications by argon2-cffi, in as many threads as
there are processors, which stand back (`nice`) as ualauth's do; and then 32 logins at once
through a new `AsyncAuthenticator`: half of them with the right password, verified for the first
time, half with a wrong one. The figures are the medians of the rounds, the ratio is the median
of the rounds' ratios. `[stack] fail_delay` is off: what waits does not hash. No SASL secrets are
kept: to make them is no part of a login that has them.

Then such logins go on, 32 at a time, and one login whose password was verified before is due
every 5 ms on the same event loop. Its time counts from the call, and in the last two rows from
when it was due: those have what the loop was late besides, and up to a millisecond by which
asyncio's timers are late anyway. Each failure beside it is a commit, after which the record is
read anew.
"""

ROUNDS, LOGINS = 6, 32
PROBED = 15.0
"""Seconds during which cached logins are measured."""
INTERVAL = 0.005
SETTINGS = (
    '[stack]\nfail_delay = false\n[lockout]\nfailures = 1000\n[sasl]\nmechanisms = ["PLAIN"]\n'
)
PASSWORD = "violet 7 anchor"


def rows() -> list[Row]:
    """Measure both in one run."""
    with tempfile.TemporaryDirectory() as name:
        folder = ConfigFolder(Path(name) / "etc")
        folder.service("mail", "auth required om_auth\naccount required om_auth\n")
        folder.settings(SETTINGS)
        with Authenticator(folder.config()) as authenticator:
            hasher = PasswordHasher(profile=authenticator.config.password.profile)
        stored = hasher.hash(PASSWORD)
        userlist = Userlist.create(folder.path)
        for number in range(LOGINS + 1):
            user = userlist.add(f"user{number}")
            userlist.store.set_password(user, stored, (), changed=user.created, expires=None)
        userlist.close()
        rounds = [(_raw(stored), asyncio.run(_logins(folder))) for _ in range(ROUNDS)]
        beside = asyncio.run(_beside(folder))
    late, answered = (sorted(each) for each in zip(*beside, strict=True))
    raw, own = (statistics.median(each) for each in zip(*rounds, strict=True))
    share = statistics.median(mine / theirs for theirs, mine in rounds)
    return [
        Row(
            "logins at once, half of them with a wrong password",
            f"{own:.1f} a second",
            f"raw argon2id {raw:.1f} a second",
            f"{share:.1%}",
            "95 % or more",
        ),
        Row(
            f"cached logins meanwhile, 99th percentile of {len(answered)}",
            f"{_percentile(answered) * 1e3:.1f} ms",
            target="5 ms or less",
        ),
        Row("the same, median", f"{statistics.median(answered) * 1e3:.2f} ms"),
        Row(
            "counted from when they were due, 99th percentile", f"{_percentile(late) * 1e3:.1f} ms"
        ),
        Row("the same, median", f"{statistics.median(late) * 1e3:.2f} ms"),
    ]


def _percentile(times: list[float]) -> float:
    return times[int(len(times) * 0.99)]


def _raw(stored: str) -> float:
    """Return how many verifications a second all processors make."""
    argon2 = Argon2()
    threads = len(os.sched_getaffinity(0))
    start = time.perf_counter()
    with ThreadPoolExecutor(threads, initializer=_set_nice) as pool:
        list(pool.map(lambda _: argon2.verify(stored, PASSWORD), range(LOGINS)))
    return LOGINS / (time.perf_counter() - start)


def _set_nice() -> None:
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)


async def _logins(folder: ConfigFolder) -> float:
    """Return how many logins a second are answered, by an authenticator that knows nothing yet."""
    async with AsyncAuthenticator(folder.config()) as authenticator:
        await _login(authenticator, LOGINS, right=True)
        start = time.perf_counter()
        await asyncio.gather(*_crowd(authenticator))
        return LOGINS / (time.perf_counter() - start)


def _crowd(authenticator: AsyncAuthenticator) -> list[Coroutine[Any, Any, None]]:
    return [_login(authenticator, number, right=number % 2 == 0) for number in range(LOGINS)]


async def _login(authenticator: AsyncAuthenticator, number: int, *, right: bool) -> None:
    password = PASSWORD if right else "copper 6 lantern"
    try:
        await authenticator.authenticate("mail", f"user{number}", password, rhost="192.0.2.7")
    except AuthenticationFailed:
        granted = False
    else:
        granted = True
    if granted is not right:
        raise RuntimeError(f"user{number} is answered wrongly")


async def _beside(folder: ConfigFolder) -> list[tuple[float, float]]:
    """Return how long cached logins take while hashes run: from when they are due, and called."""
    async with AsyncAuthenticator(folder.config()) as authenticator:
        await _login(authenticator, LOGINS, right=True)
        flood = asyncio.create_task(_flood(authenticator))
        taken = []
        loop = asyncio.get_running_loop()
        end, due = loop.time() + PROBED, loop.time()
        while loop.time() < end:
            due = max(due + INTERVAL, loop.time())
            await asyncio.sleep(due - loop.time())
            called = loop.time()
            await _login(authenticator, LOGINS, right=True)
            taken.append((loop.time() - due, loop.time() - called))
        flood.cancel()
        await asyncio.gather(flood, return_exceptions=True)
    return taken


async def _flood(authenticator: AsyncAuthenticator) -> None:
    """Keep all processors at wrong passwords, which are never remembered."""

    async def worker(number: int) -> None:
        while True:
            await _login(authenticator, number, right=False)

    await asyncio.gather(*map(worker, range(LOGINS)))
