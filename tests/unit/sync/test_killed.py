"""A run whose process is killed at any of its transactions: the next one makes it good."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection

from tests.unit.sync.conftest import Synchronized, remote
from tests.unit.sync.test_groups import follow, group, members
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


def start(folder: Path) -> tuple[Userlist, Synchronized]:
    folder.mkdir()
    userlist = Userlist.create(folder)
    staff = Synchronized(userlist.store)
    follow(staff, *GROUPS_BEFORE, users=BEFORE)
    return userlist, staff


@pytest.mark.parametrize("committed", [False, True], ids=["before its commit", "after it"])
def test_the_next_run_ends_as_one_that_was_not_disturbed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, committed: bool
) -> None:
    monkeypatch.setattr(apply, "BATCH", 2)
    monkeypatch.setattr(apply_groups, "BATCH", 2)
    userlist, undisturbed = start(tmp_path / "undisturbed")
    follow_after(undisturbed)
    expected = contents(undisturbed)
    userlist.close()
    for step in range(100):
        userlist, staff = start(tmp_path / str(step))
        child = os.fork()
        if child == 0:
            try:
                _kill_at(staff.store, step, committed=committed)
                follow_after(staff)
                os._exit(0)
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        follow_after(staff)
        assert contents(staff) == expected
        assert follow(staff, *GROUPS_AFTER, users=AFTER).plan.size == 0
        userlist.close()
        if os.WIFEXITED(status):
            # It had no more transactions than that.
            assert os.WEXITSTATUS(status) == 0
            break
        assert os.WTERMSIG(status) == signal.SIGKILL
    assert step > 10


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
