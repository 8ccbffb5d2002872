"""A run whose process is killed at any of its transactions: the next one makes it good."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, event

from tests.unit.sync.conftest import Synchronized, group, remote
from tests.unit.sync.test_groups import follow, members
from ualauth.sync import apply, apply_groups
from ualauth.testing.userlist import Userlist
from ualauth.userlist.record import User
from ualauth.userlist.store import UserStore

BEFORE = [remote(f"user{number}") for number in range(16)]
GROUPS_BEFORE = (group("a", "user0", "user1"), group("b", "a", "user2"), group("c", "user3"))
AFTER = [
    *BEFORE[1:9],
    remote("user9", "user10"),
    remote("user10", "user9"),
    remote("user11", surname="New"),
    *BEFORE[12:],
    *(remote(f"new{number}") for number in range(5)),
]
GROUPS_AFTER = (group("a", "user1", "b"), group("b", "new1"), group("d", "new2", "user0"))
"""A user is gone, two exchange names, one changes, five are new; groups change places."""

POINTS = 60
"""With those at the ends of transactions, a hundred."""


def follow_after(staff: Synchronized) -> object:
    return follow(staff, *GROUPS_AFTER, users=AFTER)


def contents(staff: Synchronized) -> object:
    """Return all that the USERLIST says, but for times and numbers."""

    def of(user: User) -> tuple[object, ...]:
        return user.id, user.authid, user.addresses, str(user.name), user.locked

    users = sorted(of(user)[1:] for user in staff.users().values())
    # Those who were there before are the same ones.
    numbers = {of(user)[:2] for user in staff.users().values() if "new" not in user.authid}
    return users, sorted(numbers, key=str), members(staff)


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A USERLIST that has followed once."""
    folder = tmp_path_factory.mktemp("before")
    userlist = Userlist.create(folder)
    follow(Synchronized(userlist.store), *GROUPS_BEFORE, users=BEFORE)
    userlist.close()
    return folder


@pytest.fixture
def copies(before: Path, tmp_path: Path) -> Callable[[], Synchronized]:
    """What returns a copy of it each time, which nothing has changed."""

    def copy() -> Synchronized:
        for old in tmp_path.iterdir():
            old.unlink()
        for file in before.iterdir():
            (tmp_path / file.name).write_bytes(file.read_bytes())
        return Synchronized.of(UserStore(f"sqlite:///{tmp_path / 'userlist.db'}"))

    return copy


@pytest.fixture
def expected(copies: Callable[[], Synchronized], monkeypatch: pytest.MonkeyPatch) -> object:
    """What a run that is not disturbed comes to."""
    monkeypatch.setattr(apply, "BATCH", 2)
    monkeypatch.setattr(apply_groups, "BATCH", 2)
    undisturbed = copies()
    follow_after(undisturbed)
    try:
        return contents(undisturbed)
    finally:
        undisturbed.store.close()


@pytest.mark.parametrize("committed", [False, True], ids=["before its commit", "after it"])
def test_the_next_run_ends_as_one_that_was_not_disturbed(
    copies: Callable[[], Synchronized], expected: object, *, committed: bool
) -> None:
    for step in range(100):
        killed = _killed(copies, expected, partial(_kill_at, step=step, committed=committed))
        if not killed:
            # It had no more transactions than that.
            break
    assert step > 10


def test_statements_in_the_middle_of_transactions_as_well(
    copies: Callable[[], Synchronized], expected: object
) -> None:
    staff, number = copies(), 0

    def count(*_: object) -> None:
        nonlocal number
        number += 1

    event.listen(Engine, "before_cursor_execute", count)
    try:
        follow_after(staff)
    finally:
        event.remove(Engine, "before_cursor_execute", count)
        staff.store.close()
    assert number > POINTS
    for point in range(POINTS):
        left = point * number // POINTS
        assert _killed(copies, expected, partial(_kill_at_statement, left=left))


def _killed(
    copies: Callable[[], Synchronized], expected: object, kill: Callable[[UserStore], object]
) -> bool:
    """Run in a process that `kill` may kill, and once more here; return whether it was killed."""
    staff = copies()
    child = os.fork()
    if child == 0:
        try:
            kill(staff.store)
            follow_after(staff)
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    try:
        follow_after(staff)
        assert contents(staff) == expected
        assert follow(staff, *GROUPS_AFTER, users=AFTER).plan.size == 0
    finally:
        staff.store.close()
    if os.WIFEXITED(status):
        assert os.WEXITSTATUS(status) == 0
        return False
    assert os.WTERMSIG(status) == signal.SIGKILL
    return True


def _kill_at_statement(_: UserStore, left: int) -> None:
    def execute(*_: object) -> None:
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    event.listen(Engine, "before_cursor_execute", execute)


def _kill_at(store: UserStore, step: int, *, committed: bool) -> None:
    real, left = store.transaction, step

    def transaction(work: Callable[[Connection], object]) -> object:
        nonlocal left

        def dying(connection: Connection) -> object:
            result = work(connection)
            if left == 0 and not committed:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        result = real(dying)
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return result

    store.transaction = transaction  # type: ignore[assignment, method-assign]
