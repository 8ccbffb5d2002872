"""om_auth: failed logins lock out a user and a source, whoever has the name."""

from __future__ import annotations

from pathlib import Path

import pytest

from ualauth.codes import ReturnCode
from ualauth.modules.om_auth import OmAuth, Options
from ualauth.testing.attempt import FakeAttempt
from ualauth.testing.userlist import Userlist
from ualauth.userlist.lockout import Failures
from ualauth.userlist.policy import LockoutRules, Policy
from ualauth.userlist.store import UserStore

HERE, THERE = "192.0.2.7", "198.51.100.9"
RULES = LockoutRules(failures=3)


@pytest.fixture
def strict(tmp_path: Path) -> Userlist:
    """A USERLIST where three failures lock out."""
    made = Userlist.create(tmp_path, Policy(lockout=RULES))
    made.add("jsmith", "s3cret", addresses=("john@example.com",))
    return made


def login(userlist: Userlist, name: str, password: str, rhost: str = HERE) -> FakeAttempt:
    attempt = FakeAttempt(name, password=password, rhost=rhost, **userlist.behind_attempt())
    attempt.code = attempt.answer(OmAuth(Options()).authenticate(attempt))  # type: ignore[attr-defined]
    return attempt


def codes(userlist: Userlist, name: str, *passwords: str, rhost: str = HERE) -> list[ReturnCode]:
    return [login(userlist, name, each, rhost).code for each in passwords]  # type: ignore[attr-defined]


def test_failures_lock_out_for_their_source_only(strict: Userlist) -> None:
    wrong = [ReturnCode.AUTH_ERR] * 3
    assert codes(strict, "jsmith", "a", "b", "c") == wrong
    assert codes(strict, "jsmith", "s3cret", "a") == [ReturnCode.PERM_DENIED] * 2
    assert codes(strict, "john@example.com", "s3cret") == [ReturnCode.PERM_DENIED]
    assert codes(strict, "jsmith", "s3cret", rhost=THERE) == [ReturnCode.SUCCESS]


def test_a_password_that_is_remembered_is_locked_out_too(strict: Userlist) -> None:
    assert codes(strict, "jsmith", "s3cret", "s3cret") == [ReturnCode.SUCCESS] * 2
    codes(strict, "jsmith", "a", "b", "c")
    assert codes(strict, "jsmith", "s3cret") == [ReturnCode.PERM_DENIED]


def test_a_name_that_nobody_has_is_locked_out_like_any_other(strict: Userlist) -> None:
    found = {}
    for name in ("jsmith", "nobody"):
        attempts = [login(strict, name, password) for password in ("a", "b", "c", "d")]
        found[name] = [
            ([each.__name__ for each in one.offloaded], one.delay, one.messages) for one in attempts
        ]
        assert attempts[-1].code is ReturnCode.PERM_DENIED  # type: ignore[attr-defined]
    assert found["jsmith"] == found["nobody"]


def test_each_failure_waits_longer(strict: Userlist) -> None:
    delays = [login(strict, "jsmith", password).delay for password in ("a", "b", "c", "d")]
    assert delays == [0.5, 1.0, 2.0, 2.0]


def test_a_success_forgets_the_failures_of_its_source(strict: Userlist) -> None:
    codes(strict, "jsmith", "a", "b", rhost=THERE)
    codes(strict, "jsmith", "a", "b", "s3cret")
    assert list(strict.store.all_failures("jsmith")) == [THERE]
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
    code = attempt.answer(OmAuth(Options(use_first_pass=True)).authenticate(attempt))
    assert code is ReturnCode.AUTH_ERR
