"""Guesses that another system checks are counted in the USERLIST, under all names of a user."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ualauth.codes import ReturnCode
from ualauth.contract.attempt import Abort
from ualauth.testing.attempt import FakeAttempt
from ualauth.testing.userlist import Userlist
from ualauth.userlist.login.elsewhere import begin_elsewhere, end_elsewhere
from ualauth.userlist.names import ORName
from ualauth.userlist.policy import LockoutRules, Policy

HERE, THERE = "192.0.2.7", "198.51.100.9"
NAMES = ("jsmith", "john@example.com", "John Smith")
WRONG, LOCKED, RIGHT = ReturnCode.AUTH_ERR, ReturnCode.PERM_DENIED, ReturnCode.SUCCESS


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[Userlist]:
    """A USERLIST where three failures lock out."""
    userlist = Userlist.create(tmp_path, Policy(lockout=LockoutRules(failures=3)))
    userlist.add("jsmith", name=ORName("Smith", "John"), addresses=("john@example.com",))
    yield userlist
    userlist.close()


def login(
    userlist: Userlist, name: str, *guesses: tuple[str, ReturnCode], rhost: str = HERE
) -> ReturnCode:
    """Return how a login ends whose entries bring passwords to a system that answers so."""
    attempt = FakeAttempt(name, rhost=rhost, **userlist.behind_attempt())

    async def entries() -> ReturnCode:
        await attempt.get_record()
        code = ReturnCode.SYSTEM_ERR
        for password, code in guesses:
            guess = await begin_elsewhere(attempt, attempt.user or name, password)
            await end_elsewhere(attempt, guess, code)
        return code

    try:
        return attempt.answer(entries())
    except Abort as refusal:
        return refusal.code


def failures(userlist: Userlist) -> int:
    """Return how many failures are counted of the user, when a thread has ended what is left."""
    while not userlist.cache.guesses.is_quiet:
        time.sleep(0.001)
    count = userlist.store.all_failures(userlist.store.get("jsmith")).get(HERE)
    return 0 if count is None else count.number


def test_a_user_is_locked_out_by_failures_under_all_names(strict: Userlist) -> None:
    assert [login(strict, name, ("x", WRONG)) for name in NAMES] == [WRONG] * 3
    assert [login(strict, name, ("y", RIGHT)) for name in NAMES] == [LOCKED] * 3
    assert login(strict, "jsmith", ("y", RIGHT), rhost=THERE) == RIGHT


def test_a_user_whom_the_userlist_does_not_have_is_locked_out_by_name(strict: Userlist) -> None:
    assert [login(strict, "ann", ("x", WRONG)) for _ in range(3)] == [WRONG] * 3
    assert login(strict, "ann", ("y", RIGHT)) == LOCKED
    assert login(strict, "bob", ("y", RIGHT)) == RIGHT


def test_each_password_of_a_login_is_a_guess_and_the_same_one_is_not_another(
    strict: Userlist,
) -> None:
    login(strict, "jsmith", ("x", WRONG), ("x", WRONG))
    assert failures(strict) == 1
    login(strict, "jsmith", ("y", WRONG), ("z", WRONG))
    assert failures(strict) == 3
    assert login(strict, "jsmith", ("s3cret", RIGHT)) == LOCKED


def test_a_right_password_forgets_and_does_not_count(strict: Userlist) -> None:
    login(strict, "jsmith", ("x", WRONG))
    login(strict, "jsmith", ("x", WRONG))
    assert login(strict, "jsmith", ("s3cret", RIGHT)) == RIGHT
    assert failures(strict) == 0


def test_what_could_not_be_checked_elsewhere_does_not_count(strict: Userlist) -> None:
    unavailable = ReturnCode.AUTHINFO_UNAVAIL
    for _ in range(3):
        assert login(strict, "jsmith", ("x", unavailable)) == unavailable
    assert failures(strict) == 0
