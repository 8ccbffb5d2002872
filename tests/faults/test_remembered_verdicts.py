"""A remembered verdict and what other processes, forked ones and other threads change."""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from tests.faults.processes import Child, children
from tests.machine import patience
from tests.verdicts import (
    CHANGES,
    PASSWORD,
    PEER,
    RESTRICTED,
    SERVICE,
    USER,
    outcome,
    prepare,
    until_remembered,
    verdicts_of,
)
from ualauth import Authenticator
from ualauth.userlist.store import UserStore

CHANGED_WHILE_THREADS_LOG_IN = 20
THREADS = 3
PATIENCE = patience(60.0)


def open_store(path: Path) -> UserStore:
    return UserStore(f"sqlite:///{(path / 'userlist.db').absolute()}")


def change(path: Path, kind: str) -> None:
    store = open_store(path)
    try:
        CHANGES[kind].work(store)
    finally:
        store.close()


def serve(pipe: Connection) -> None:
    """Make changes, and log in, as one is asked to."""
    authenticators: dict[Path, Authenticator] = {}
    while True:
        try:
            path, what = pipe.recv()
        except EOFError:
            return
        if what in CHANGES:
            change(path, what)
            pipe.send("changed")
            continue
        if path not in authenticators:
            authenticators[path] = Authenticator(path)
        authenticator = authenticators[path]
        result = outcome(lambda: authenticator.authenticate(SERVICE, USER, PASSWORD, **PEER))  # noqa: B023 - called at once
        pipe.send((result, verdicts_of(authenticator).hits))


@pytest.fixture(scope="module")
def other() -> Iterator[Child]:
    with children((serve,)) as (child,):
        yield child


def login_of(authenticator: Authenticator) -> Callable[[], object]:
    return lambda: authenticator.authenticate(SERVICE, USER, PASSWORD, **PEER)


@pytest.mark.parametrize("kind", CHANGES)
def test_what_another_process_changes_holds_for_the_very_next_login(
    tmp_path: Path, other: Child, kind: str
) -> None:
    with Authenticator(prepare(tmp_path).config()) as authenticator:
        log_in = login_of(authenticator)
        until_remembered(authenticator, log_in)
        assert other.ask((tmp_path, kind)) == "changed"
        assert outcome(log_in) == CHANGES[kind].outcome


def test_what_this_process_changes_holds_in_another_one(tmp_path: Path, other: Child) -> None:
    prepare(tmp_path)
    for _ in range(20):
        result, hits = other.ask((tmp_path, "log in"))
        assert result == "granted"
        if hits > 1:
            break
    assert hits > 1
    change(tmp_path, "lock")
    assert other.ask((tmp_path, "log in")) == (RESTRICTED, hits)


class Forked:
    """A forked child that does as it is told by a pipe, a step for each byte."""

    def __init__(self, *steps: Callable[[], bool]) -> None:
        mine, theirs = os.pipe()
        theirs_back, mine_back = os.pipe()
        self.child = os.fork()
        if self.child == 0:
            code = 1
            try:
                for step in steps:
                    os.read(mine, 1)
                    os.write(mine_back, b"y" if step() else b"n")
                code = 0
            finally:
                os._exit(code)
        os.close(mine)
        os.close(mine_back)
        self._tell, self._hear = theirs, theirs_back

    def step(self) -> bool:
        """Have the next step done; return what it came to."""
        os.write(self._tell, b".")
        ready, _, _ = select.select([self._hear], [], [], PATIENCE)
        return bool(ready) and os.read(self._hear, 1) == b"y"

    def end(self) -> None:
        """End it."""
        os.close(self._tell)
        os.close(self._hear)
        os.kill(self.child, signal.SIGKILL)
        os.waitpid(self.child, 0)


@pytest.mark.parametrize("kind", ["password", "lock", "delete"])
def test_what_a_forked_child_changes_holds_for_the_very_next_login(
    tmp_path: Path, kind: str
) -> None:
    with Authenticator(prepare(tmp_path).config()) as authenticator:
        log_in = login_of(authenticator)
        until_remembered(authenticator, log_in)

        def change_it() -> bool:
            change(tmp_path, kind)
            return True

        child = Forked(change_it)
        try:
            assert child.step()
            assert outcome(log_in) == CHANGES[kind].outcome
        finally:
            child.end()


def test_a_forked_child_begins_with_none_and_sees_what_the_parent_changes(tmp_path: Path) -> None:
    with Authenticator(prepare(tmp_path).config()) as authenticator:
        log_in = login_of(authenticator)
        until_remembered(authenticator, log_in)
        verdicts = verdicts_of(authenticator)
        digests = {each.digest for each in verdicts._known.values()}

        def has_none() -> bool:
            return not verdicts.hits and not verdicts._known

        def is_remembered_anew() -> bool:
            until_remembered(authenticator, log_in)
            # By another key.
            return not digests & {each.digest for each in verdicts._known.values()}

        def is_refused() -> bool:
            return outcome(log_in) == RESTRICTED

        child = Forked(has_none, is_remembered_anew, is_refused)
        try:
            assert child.step()
            assert child.step()
            # The parent's own go on.
            before = verdicts.hits
            log_in()
            assert verdicts.hits >= before
            change(tmp_path, "lock")
            assert child.step()
            assert outcome(log_in) == RESTRICTED
        finally:
            child.end()


def test_no_thread_is_let_in_after_a_lock(tmp_path: Path) -> None:
    """Each login that begins and ends while the account is locked is refused."""
    with Authenticator(prepare(tmp_path).config()) as authenticator:
        log_in = login_of(authenticator)
        until_remembered(authenticator, log_in)
        store, moved = open_store(tmp_path), threading.Condition()
        # Counts the changes: while it is odd, one is being made; 4n is open, 4n + 2 is locked.
        state, over = [0], threading.Event()
        seen = [0] * THREADS
        wrong: list[tuple[int, str]] = []

        def run(number: int) -> None:
            while not over.is_set():
                before = state[0]
                result = outcome(log_in)
                if before == state[0] and before % 2 == 0:
                    if result != ("granted", RESTRICTED)[before % 4 // 2]:
                        wrong.append((before, result))
                    with moved:
                        seen[number] += 1
                        moved.notify_all()

        threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(CHANGED_WHILE_THREADS_LOG_IN):
                for locked in (True, False):
                    state[0] += 1
                    store.update(store.get(USER), locked=locked)
                    state[0] += 1
                    with moved:
                        enough = [count + 5 for count in seen]
                        assert moved.wait_for(
                            lambda: all(a >= b for a, b in zip(seen, enough, strict=True)),  # noqa: B023 - called here
                            PATIENCE,
                        )
        finally:
            over.set()
            for thread in threads:
                thread.join()
            store.close()
        assert not wrong
        assert verdicts_of(authenticator).hits
