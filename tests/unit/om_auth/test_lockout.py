"""om_auth: failed logins lock out a user and a source, and tell nothing of who has which name."""

from __future__ import annotations

import contextlib
import random
import sqlite3
from pathlib import Path

import pytest

from tests.seeds import SEED, rounds
from ualauth.codes import ReturnCode
from ualauth.modules.om_auth import OmAuth, Options
from ualauth.passwords.schemes import CHEAPEST_FOR_TESTS, PasswordHasher
from ualauth.testing.attempt import FakeAttempt
from ualauth.testing.userlist import Userlist
from ualauth.userlist.account.lockout import Failures
from ualauth.userlist.names import ORName
from ualauth.userlist.policy import LockoutRules, Policy
from ualauth.userlist.store import UserStore

HERE, THERE = "192.0.2.7", "198.51.100.9"
RULES = LockoutRules(failures=3)


def count_rows(userlist: Userlist) -> int:
    """Return how many rows there are with failed logins."""
    with contextlib.closing(sqlite3.connect(userlist.store.backend)) as database:
        number: int = database.execute("SELECT count(*) FROM login_failures").fetchone()[0]
    return number


@pytest.fixture
def strict(tmp_path: Path) -> Userlist:
    """A USERLIST where three failures lock out."""
    userlist = Userlist.create(tmp_path, Policy(lockout=RULES))
    userlist.add("jsmith", "s3cret", name=ORName("Smith", "John"), addresses=("john@example.com",))
    return userlist


class Login(FakeAttempt):
    """An attempt, and the code that it came to."""

    code: ReturnCode


def login(userlist: Userlist, name: str, password: str, rhost: str = HERE) -> Login:
    attempt = Login(name, password=password, rhost=rhost, **userlist.behind_attempt())
    attempt.code = attempt.code_of(OmAuth(Options()).authenticate(attempt))
    return attempt


def codes(userlist: Userlist, name: str, *passwords: str, rhost: str = HERE) -> list[ReturnCode]:
    return [login(userlist, name, each, rhost).code for each in passwords]


def test_failures_lock_out_for_their_source_only(strict: Userlist) -> None:
    wrong = [ReturnCode.AUTH_ERR] * 3
    assert codes(strict, "jsmith", "a", "b", "c") == wrong
    assert codes(strict, "jsmith", "s3cret", "a") == [ReturnCode.PERM_DENIED] * 2
    assert codes(strict, "JSmith ", "s3cret") == [ReturnCode.PERM_DENIED]
    assert codes(strict, "jsmith", "s3cret", rhost=THERE) == [ReturnCode.SUCCESS]


def test_a_password_that_is_remembered_is_locked_out_too(strict: Userlist) -> None:
    assert codes(strict, "jsmith", "s3cret", "s3cret") == [ReturnCode.SUCCESS] * 2
    codes(strict, "jsmith", "a", "b", "c")
    assert codes(strict, "jsmith", "s3cret") == [ReturnCode.PERM_DENIED]


def test_a_name_that_no_user_has_is_locked_out_like_any_other(strict: Userlist) -> None:
    seen_of = {}
    for name in ("jsmith", "nobody"):
        attempts = [login(strict, name, password) for password in ("a", "b", "c", "d")]
        seen_of[name] = [
            ([each.__name__ for each in one.offloaded], one.delay, one.messages) for one in attempts
        ]
        assert attempts[-1].code is ReturnCode.PERM_DENIED
    assert seen_of["jsmith"] == seen_of["nobody"]


# Three ways to write one user, another user, and no user.
NAMES = ("jsmith", "john@example.com", "John Smith", "ann", "nobody")


def seen(userlist: Userlist, name: str, password: str) -> tuple[object, ...]:
    """Return all that a stranger may see of a login."""
    attempt = login(userlist, name, password)
    granted = attempt.code is ReturnCode.SUCCESS
    return granted, attempt.delay, attempt.messages


def test_a_user_is_locked_out_by_failures_under_all_names(strict: Userlist) -> None:
    for name in NAMES[:3]:
        assert codes(strict, name, "a") == [ReturnCode.AUTH_ERR]
    for name in NAMES[:3]:
        assert codes(strict, name, "s3cret") == [ReturnCode.AUTH_ERR]
    assert codes(strict, "jsmith", "s3cret", rhost=THERE) == [ReturnCode.SUCCESS]
    strict.store.forget_all_failures(strict.store.get("jsmith"))
    assert codes(strict, "jsmith", "s3cret") == [ReturnCode.SUCCESS]


def test_a_lock_under_one_name_is_not_seen_under_another(strict: Userlist) -> None:
    strict.add("ann", "s3cret", addresses=("ann@example.com",))
    codes(strict, "jsmith", "a", "b", "c", "d")
    for password in ("a", "s3cret", "b", "c", "s3cret"):
        fresh = seen(strict, "ann", "wrong" if password == "s3cret" else password)
        assert seen(strict, "john@example.com", password) == fresh
    assert fresh[-1] == ["There were too many failed logins; try again later."]


def test_the_log_tells_a_lock_that_is_not_seen(strict: Userlist) -> None:
    codes(strict, "jsmith", "a", "b", "c")
    attempt = login(strict, "john@example.com", "s3cret")
    assert attempt.messages == []
    assert attempt.remarks == [
        "not compared",
        "locked out for this source after 3 failures, not all under this name",
    ]


def test_what_is_seen_of_a_name_follows_from_what_was_typed_as_that_name(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    for number in range(rounds(6)):
        folders = [tmp_path / f"{number}-{index}" for index in range(len(NAMES) + 1)]
        for folder in folders:
            folder.mkdir()
        together, *alone = [Userlist.create(folder, Policy(lockout=RULES)) for folder in folders]
        for userlist in (together, *alone):
            userlist.add(
                "jsmith", "s3cret", name=ORName("Smith", "John"), addresses=("john@example.com",)
            )
            userlist.add("ann", "t0p")
        for _ in range(25):
            name, password = chance.choice(NAMES), chance.choice("abc")
            answer = seen(together, name, password)
            assert answer == seen(alone[NAMES.index(name)], name, password), (SEED, name)
            assert not answer[0]
        for userlist in (together, *alone):
            userlist.close()


class CountingHasher(PasswordHasher):
    """A hasher that keeps count of what takes its time."""

    spent = 0

    def verify(self, password: str, stored: str) -> bool:
        """Count, and verify."""
        self.spent += 1
        return super().verify(password, stored)

    def dummy_verify(self, password: str) -> None:
        """Count the dummy verification."""
        self.spent += 1
        super().dummy_verify(password)


@pytest.mark.parametrize("remembered", [False, True])
@pytest.mark.parametrize("scheme", ["argon2id", "sha512-crypt"])
def test_a_right_password_that_is_locked_out_costs_what_a_wrong_one_does(
    strict: Userlist, scheme: str, remembered: bool
) -> None:
    stored = PasswordHasher(scheme, CHEAPEST_FOR_TESTS).hash("s3cret")
    strict.hasher = CountingHasher(profile=CHEAPEST_FOR_TESTS)
    user = strict.store.get("jsmith")
    strict.store.set_password(user, stored, (), changed=user.created, expires=None)
    if remembered:
        account = strict.cache.read("jsmith")
        assert account is not None
        strict.cache.remember(account, "s3cret")
        assert strict.cache.recall("jsmith") is account
        assert strict.cache.knows(account, "s3cret")
    codes(strict, "jsmith", "a", "b", "c")
    spent = {}
    for name in ("jsmith", "john@example.com"):
        for password in ("wrong", "s3cret"):
            strict.hasher.spent = 0
            assert codes(strict, name, password) != [ReturnCode.SUCCESS]
            spent[name, password] = strict.hasher.spent
    assert len(set(spent.values())) == 1
    assert strict.store.get("jsmith").password == stored


def test_a_locked_name_stays_locked_whatever_other_names_do(strict: Userlist) -> None:
    alias = "john@example.com"
    codes(strict, alias, "a", "b")
    assert codes(strict, "jsmith", "s3cret") == [ReturnCode.SUCCESS]
    assert codes(strict, alias, "c") == [ReturnCode.AUTH_ERR]
    # The second is answered from memory, as far as this name goes.
    assert codes(strict, "jsmith", "s3cret", "s3cret") == [ReturnCode.SUCCESS] * 2
    assert codes(strict, alias, "s3cret") == [ReturnCode.PERM_DENIED]


def test_a_login_that_repeats_another_asks_nothing(strict: Userlist) -> None:
    # The first adds the secrets that are missing, which the second sees.
    first, second, *others = (login(strict, "jsmith", "s3cret") for _ in range(4))
    assert {each.code for each in (first, second, *others)} == {ReturnCode.SUCCESS}
    assert first.offloaded
    assert second.offloaded
    assert [each.offloaded for each in others] == [[], []]


def test_an_unknown_user_is_counted_twice_like_a_known_one(strict: Userlist) -> None:
    for name, rows in (("jsmith", 2), ("nobody", 4)):
        codes(strict, name, "a")
        assert count_rows(strict) == rows


def test_many_names_give_no_more_guesses(strict: Userlist) -> None:
    names = [f"{'J' if at else 'j'}smith" for at in range(2)]
    names += ["john@example.com", "G=John/S=Smith", "S=Smith/G=John", "John Smith"]
    guesses = 0
    for password in (*"abcdef", "s3cret", *"ghi", "s3cret"):
        for name in names:
            answers = codes(strict, name, password)
            assert answers in ([ReturnCode.AUTH_ERR], [ReturnCode.PERM_DENIED])
            guesses += 1
    assert guesses > 20 * RULES.failures


def test_each_failure_waits_longer(strict: Userlist) -> None:
    delays = [login(strict, "jsmith", password).delay for password in ("a", "b", "c", "d")]
    assert delays == [0.5, 1.0, 2.0, 2.0]


def test_a_success_forgets_the_failures_of_its_source(strict: Userlist) -> None:
    codes(strict, "jsmith", "a", "b", rhost=THERE)
    codes(strict, "jsmith", "a", "b", "s3cret")
    assert list(strict.store.all_failures(strict.store.get("jsmith"))) == [THERE]
    assert codes(strict, "jsmith", "a", "b", "s3cret")[-1] is ReturnCode.SUCCESS


def test_peers_of_one_ipv6_network_are_one_source(strict: Userlist) -> None:
    for number in range(3):
        codes(strict, "jsmith", "wrong", rhost=f"2001:db8::{number + 1}")
    assert codes(strict, "jsmith", "s3cret", rhost="2001:db8::ffff") == [ReturnCode.PERM_DENIED]
    assert codes(strict, "jsmith", "s3cret", rhost="2001:db8:0:1::1") == [ReturnCode.SUCCESS]


def test_failures_that_are_long_ago_do_not_count() -> None:
    second = 1_000_000
    rules = LockoutRules(failures=2, failure_window=10, lock_duration=5)
    one = Failures().one_more(100 * second, rules)
    assert not one.one_more(111 * second, rules).is_locked(111 * second)
    locked = one.one_more(109 * second, rules)
    assert locked.is_locked(113 * second)
    assert not locked.is_locked(114 * second)
    again = locked.one_more(114 * second, rules)
    assert not again.is_locked(114 * second)
    assert len(again.moments) == 1


def test_what_was_typed_is_not_kept(strict: Userlist, tmp_path: Path) -> None:
    codes(strict, "my-own-password", "x")
    strict.close()
    for file in tmp_path.glob("userlist.db*"):
        assert b"my-own-password" not in file.read_bytes()


def test_a_change_by_another_store_holds_for_the_next_login(strict: Userlist) -> None:
    assert codes(strict, "jsmith", "s3cret", "s3cret") == [ReturnCode.SUCCESS] * 2
    with UserStore(strict.store._database.url.render_as_string()) as other:
        user = other.get("jsmith")
        other.set_password(
            user,
            strict.hasher.hash("violet 7 anchor"),
            (),
            changed=user.created,
            expires=None,
        )
        assert codes(strict, "jsmith", "s3cret") == [ReturnCode.AUTH_ERR]
        assert codes(strict, "jsmith", "violet 7 anchor") == [ReturnCode.SUCCESS]
        other.delete(other.get("jsmith"))
    assert codes(strict, "jsmith", "violet 7 anchor") == [ReturnCode.USER_UNKNOWN]


def test_use_first_pass_is_not_answered_from_memory(strict: Userlist) -> None:
    assert codes(strict, "jsmith", "s3cret", "s3cret") == [ReturnCode.SUCCESS] * 2
    attempt = FakeAttempt("jsmith", password="s3cret", rhost=HERE, **strict.behind_attempt())
    code = attempt.code_of(OmAuth(Options(use_first_pass=True)).authenticate(attempt))
    assert code is ReturnCode.AUTH_ERR
