"""More logins than can be hashed: how many are let in, against Dovecot's auth service."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from argon2 import PasswordHasher as Argon2

from tests.benchmarks import dovecot
from tests.benchmarks.page import Row
from ualauth import AsyncAuthenticator, AuthenticationError, Authenticator
from ualauth.passwords.schemes import PasswordHasher
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

TITLE = "Under overload"
HOW = """
What can be hashed is measured first: raw verifications by argon2-cffi, in as many threads as there
are processors. Then logins arrive evenly for 8 seconds, 1, 4 and 16 times as many as that, each of
another user and with the right password, which none remembers; a client waits for 8 seconds, and
hangs up. The figures are the logins that were let in, for each second of arrivals. Passwords are
stored as argon2id with one lane (64 MiB, 3 passes), as Dovecot verifies no other.

After a restart, 1,500 clients of 8 users come back at the same moment with the right passwords,
and wait for 30 seconds.

ualauth's side is `AsyncAuthenticator.authenticate` in the measuring process, with a USERLIST in
SQLite; `[stack] timeout` is what clients wait for. Dovecot's side is its own auth service
(`passdb passwd-file`, no cache), which hashes in one process, asked over its socket. A client that
hangs up cannot tell it so: it goes on with what the client asked.
"""

PATIENCE = 8.0
"""Seconds that a client waits, and that logins arrive for."""
RESTART_PATIENCE = 30.0
CLIENTS, USERS = 1500, 8
FACTORS = (1, 4, 16)
PASSWORD = "violet 7 anchor"
SETTINGS = """
[stack]
fail_delay = false
timeout = {seconds}
[sasl]
mechanisms = ["PLAIN"]
[cache]
lifetime = {lifetime}
[password]
argon2_lanes = 1
"""

Login = Callable[[str], Awaitable[bool]]


def rows() -> list[Row]:
    """Measure both in one run."""
    with tempfile.TemporaryDirectory() as name:
        folder = ConfigFolder(Path(name) / "etc")
        folder.service("mail", "auth required om_auth\naccount required om_auth\n")
        folder.settings(SETTINGS.format(seconds=PATIENCE, lifetime=3600))
        with Authenticator(folder.config()) as authenticator:
            hasher = PasswordHasher(profile=authenticator.config.password.profile)
        stored = hasher.hash(PASSWORD)
        raw = _raw(stored)
        number = round(max(FACTORS) * raw * PATIENCE) + 1
        userlist = Userlist.create(folder.path)
        for each in range(number):
            user = userlist.add(f"user{each}")
            userlist.store.set_password(user, stored, (), changed=user.created, expires=None)
        userlist.close()
        lines = "".join(f"user{each}:{{ARGON2ID}}{stored}\n" for each in range(number))
        ours = [asyncio.run(_ours(folder, factor * raw)) for factor in FACTORS]
        theirs = []
        for factor in FACTORS:
            # Each from the beginning: what was not answered goes on.
            with dovecot.running(lines, "passwd-file", "username_format=%u ") as service:
                theirs.append(asyncio.run(_theirs(service, factor * raw)))
        folder.settings(SETTINGS.format(seconds=RESTART_PATIENCE, lifetime=3600))
        back = asyncio.run(_ours(folder, None))
        with dovecot.running(lines, "passwd-file", "username_format=%u ") as service:
            their_back = asyncio.run(_theirs(service, None))
    own_rows = [
        Row(
            f"logins let in, {factor} times what can be hashed ({factor * raw:.0f} a second)",
            f"{mine:.1f} a second",
            f"Dovecot {other:.1f} a second",
            f"{mine / ours[0]:.0%} of once",
            "" if factor == 1 else "90 % or more",
        )
        for factor, mine, other in zip(FACTORS, ours, theirs, strict=True)
    ]
    return [
        *own_rows,
        Row(
            f"of {CLIENTS} clients that come back at once, let in within 30 s",
            f"{back:.0f}",
            f"Dovecot {their_back:.0f}",
            target="all",
        ),
    ]


def _raw(stored: str) -> float:
    """Return how many verifications a second all processors make."""
    argon2 = Argon2()
    threads = len(os.sched_getaffinity(0))
    start, number = time.perf_counter(), 48
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda _: argon2.verify(stored, PASSWORD), range(number)))
    return number / (time.perf_counter() - start)


async def _ours(folder: ConfigFolder, rate: float | None) -> float:
    async with AsyncAuthenticator(folder.config()) as authenticator:
        numbers = iter(range(1_000_000))

        async def login(name: str) -> bool:
            source = next(numbers)
            rhost = f"10.{source >> 16}.{source >> 8 & 255}.{source & 255}"
            try:
                await authenticator.authenticate("mail", name, PASSWORD, rhost=rhost)
            except AuthenticationError:
                return False
            return True

        return await _measured(login, rate)


async def _theirs(service: dovecot.Service, rate: float | None) -> float:
    client = dovecot.Client(service.socket)
    await client.connect()
    try:
        return await _measured(lambda name: client.login(name, PASSWORD), rate)
    finally:
        await client.close()


async def _measured(login: Login, rate: float | None) -> float:
    """Return logins let in a second that arrive at a rate; how many of all at once without one."""
    if rate is None:
        patience, number = RESTART_PATIENCE, CLIENTS
        names = [f"user{each % USERS}" for each in range(number)]
    else:
        patience, number = PATIENCE, round(rate * PATIENCE)
        names = [f"user{each}" for each in range(number)]

    async def client(name: str) -> bool:
        try:
            async with asyncio.timeout(patience):
                return await login(name)
        except TimeoutError:
            return False

    loop = asyncio.get_running_loop()
    start, tasks = loop.time(), []
    for index, name in enumerate(names):
        if rate is not None:
            await asyncio.sleep(start + index / rate - loop.time())
        tasks.append(asyncio.create_task(client(name)))
    let_in = sum(await asyncio.gather(*tasks))
    return let_in if rate is None else let_in / PATIENCE
