"""Many threads, forked processes, and processes that are killed."""

from __future__ import annotations

import itertools
import os
import random
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from tests.seeds import SEED, rounds
from tests.unit.userlist.databases import Database
from ualauth.errors import StaleRecord
from ualauth.passwords.scram import MECHANISMS, ScramSecret
from ualauth.userlist.names import ORName
from ualauth.userlist.record import NewUser
from ualauth.userlist.store import UserStore

NOW = datetime(2024, 1, 1, tzinfo=UTC)


def secrets_of(number: int) -> list[ScramSecret]:
    salt = f"salt-{number}".encode()
    return [ScramSecret(mechanism, salt, 4096, salt, salt) for mechanism in MECHANISMS]


def change_password(store: UserStore, number: int) -> None:
    user = store.get("jsmith")
    store.set_password(user, f"hash-{number}", secrets_of(number), changed=NOW, expires=None)


@pytest.fixture
def store(database: Database) -> Iterator[UserStore]:
    with database.open() as store:
        store.add(NewUser(name=ORName("Smith"), authid="jsmith", addresses=("j@example.org",)))
        change_password(store, 0)
        yield store


def test_threads_read_and_write_at_once(store: UserStore) -> None:
    other = store.add(NewUser(name=ORName("Miller"), authid="miller"))
    stop = threading.Event()
    chance = random.Random(SEED)

    def read() -> int:
        count = 0
        while not stop.is_set():
            user = store.get(chance.choice(["jsmith", "J@EXAMPLE.ORG", "Smith"]))
            assert user.authid == "jsmith"
            assert len(store.secrets(user)) == len(MECHANISMS)
            assert store.get("miller") == other
            count += 1
        return count

    def write(numbers: range) -> int:
        done = 0
        for number in numbers:
            try:
                change_password(store, number)
            except StaleRecord:
                continue
            done += 1
        return done

    revision = store.get("jsmith").revision
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(24) as pool:
            readers = [pool.submit(read) for _ in range(16)]
            writers = [pool.submit(write, range(n * 10, n * 10 + 10)) for n in range(4)]
            written = sum(writer.result() for writer in writers)
            stop.set()
            assert all(reader.result() for reader in readers)
    finally:
        stop.set()
        sys.setswitchinterval(interval)
    user = store.get("jsmith")
    assert user.password is not None
    # Every change that was not refused counts once: none was lost.
    assert user.revision == revision + written
    assert {secret.salt for secret in store.secrets(user)} == {
        user.password.replace("hash", "salt").encode(),
    }


def test_a_change_is_seen_by_the_very_next_read_of_another_store(
    store: UserStore, database: Database
) -> None:
    with database.open() as other:
        for number in range(20):
            change_password(store, number)
            assert other.get("jsmith").password == f"hash-{number}"


def test_a_forked_child_uses_connections_of_its_own(store: UserStore) -> None:
    user = store.get("jsmith")
    child = os.fork()
    if child == 0:
        same = store.get("jsmith") == user
        change_password(store, 7)
        store.close()
        os._exit(0 if same else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert store.get("jsmith").password == "hash-7"
    change_password(store, 8)


@pytest.mark.parametrize("position", range(20))
def test_a_process_killed_in_the_middle_leaves_both_kinds_of_password_alike(
    store: UserStore,
    database: Database,
    position: int,
) -> None:
    """Kill a process at each statement of a change of password, and of the next one."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        seen = itertools.count()

        def asked() -> None:
            if next(seen) == position:
                os.kill(os.getpid(), signal.SIGKILL)

        store.get("jsmith")  # what opening asks is not of interest
        database.trace(asked)
        for number in itertools.count(1):
            change_password(store, number)
            os.write(write, bytes([number]))
    os.close(write)
    with os.fdopen(read, "rb") as stream:
        confirmed = stream.read()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    with database.open() as after:
        user = after.get("jsmith")
        assert user.password is not None
        number = int(user.password.removeprefix("hash-"))
        assert number == (confirmed[-1] if confirmed else 0)
        assert sorted(after.secrets(user), key=repr) == sorted(secrets_of(number), key=repr)
        change_password(after, 0)


def test_a_process_killed_at_any_moment_loses_nothing_that_was_confirmed(
    store: UserStore,
    database: Database,
) -> None:
    chance = random.Random(SEED)
    for _ in range(rounds(20)):
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            for number in itertools.count(1):
                change_password(store, number)
                os.write(write, number.to_bytes(4, "big"))
        os.close(write)
        with os.fdopen(read, "rb") as stream:
            for _ in range(chance.randrange(1, 30)):
                confirmed = stream.read(4)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            confirmed = (confirmed + stream.read())[-4:]
        with database.open() as after:
            user = after.get("jsmith")
            assert user.password is not None
            number = int(user.password.removeprefix("hash-"))
            assert number >= int.from_bytes(confirmed, "big")
            assert sorted(after.secrets(user), key=repr) == sorted(secrets_of(number), key=repr)
