"""A process that forks others which change users, kills them at random moments, and tells.

It is prepared once: forking it costs a millisecond, starting one anew half a second.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import random
import select
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from typing import NamedTuple

from ualauth import Authenticator
from ualauth.config.config import Config
from ualauth.passwords import scram
from ualauth.passwords.schemes import CHEAPEST_FOR_TESTS, PasswordHasher
from ualauth.userlist.store import UserStore

LONGEST = 0.05
"""Seconds after which a process is killed at the latest: some five changes."""


class Killed(NamedTuple):
    """What a killed process had said: user -> the number of the last change that came back.

    `begun` is the user and the number of the change that had not come back.
    """

    confirmed: dict[str, int]
    begun: tuple[str, int] | None


class Job(NamedTuple):
    """What a process does to its users until it is killed."""

    kind: str
    users: tuple[str, ...]


def password_of(user: str, number: int) -> str:
    """Return what the password of a user is after so many changes."""
    return f"violet {user[0]} {number}"


Change = Callable[[str, int], None]
"""Makes the change with a number to a user, and comes back when it is confirmed."""


def by_owner(config: Config) -> Change:
    """Change passwords as their owners do."""
    authenticator = Authenticator(config)

    def change(user: str, number: int) -> None:
        old, new = password_of(user, number - 1), password_of(user, number)
        authenticator.change_password("pop3", user, old, new)

    return change


def by_administrator(config: Config) -> Change:
    """Set passwords as an administrator does."""
    store = UserStore(config.userlist_url, timeout=30)
    hasher = PasswordHasher(profile=CHEAPEST_FOR_TESTS)

    def change(user: str, number: int) -> None:
        password = password_of(user, number)
        store.set_password(
            store.get(user),
            hasher.hash(password),
            hasher.secrets(password),
            changed=datetime.now(UTC),
            expires=None,
            keep=3,
        )

    return change


KINDS: Mapping[str, Callable[[Config], Change]] = {
    "change_password": by_owner,
    "set_password": by_administrator,
}


def kill(pipe: Connection, folder: str, seed: str) -> None:
    """Begin the jobs that come from the pipe, kill each at some moment, answer what they said."""
    for name, mechanism in scram.MECHANISMS.items():
        cheap = dataclasses.replace(mechanism, iterations=1)
        scram.MECHANISMS[name] = cheap  # type: ignore[index]  # of this process alone
    chance = random.Random(seed)
    config = Config.load(folder)
    # So that all is loaded and compiled.
    for make in KINDS.values():
        make(config)
    Authenticator(config).load("pop3")
    while True:
        try:
            jobs, numbers = pipe.recv()
        except EOFError:
            return
        pipe.send(_round(config, jobs, numbers, chance))


def _round(
    config: Config, jobs: list[Job], numbers: dict[str, int], chance: random.Random
) -> list[Killed]:
    running: list[tuple[int, int]] = []
    killed = []
    try:
        for job in jobs:
            # One by one: those that were begun are killed, whatever happens.
            running.append(_begin(config, job, numbers, chance.random()))  # noqa: PERF401
        while running:
            killed.append(_kill(*running.pop(0), chance))
    finally:
        for child, _ in running:
            os.kill(child, signal.SIGKILL)
    return killed


def _kill(child: int, said: int, chance: random.Random) -> Killed:
    """Kill a process some time after it has begun, and return what it had said."""
    with os.fdopen(said, "rb", buffering=0) as stream:
        text = stream.read(1)  # it has begun
        end = time.monotonic() + chance.uniform(0, LONGEST)
        while (left := end - time.monotonic()) > 0 and select.select([stream], [], [], left)[0]:
            # At the end of what it says, it has ended by itself.
            if not (more := stream.read(4096)):
                break
            text += more
        os.kill(child, signal.SIGKILL)
        text += stream.readall()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status != -signal.SIGKILL:
        raise RuntimeError(f"a process ended by itself, with {status}")
    return _read(text.decode())


def _begin(config: Config, job: Job, numbers: Mapping[str, int], seed: float) -> tuple[int, int]:
    said, say = os.pipe()
    child = os.fork()
    if child:
        os.close(say)
        return child, said
    try:
        change = KINDS[job.kind](config)
        for user, number in _changes(job, numbers, random.Random(seed)):
            os.write(say, f"? {user} {number}\n".encode())
            change(user, number)
            os.write(say, f"! {user} {number}\n".encode())
    except BaseException:  # noqa: BLE001 - it must not go on as its parent
        traceback.print_exc()
    os._exit(1)


def _changes(
    job: Job, numbers: Mapping[str, int], chance: random.Random
) -> Iterator[tuple[str, int]]:
    present = {user: numbers[user] for user in job.users}
    for _ in itertools.count():
        user = chance.choice(job.users)
        present[user] += 1
        yield user, present[user]


def _read(text: str) -> Killed:
    confirmed: dict[str, int] = {}
    begun = None
    for line in text.splitlines():
        mark, user, number = line.split()
        if mark == "?":
            begun = user, int(number)
        else:
            confirmed[user] = int(number)
            begun = None
    return Killed(confirmed, begun)
