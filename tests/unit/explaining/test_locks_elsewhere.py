"""Who is locked out is told of modules that ask another system, too, as a login finds it."""

from __future__ import annotations

import contextlib
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.explaining.test_against_logins import records, told
from tests.unit.runtime.guessing import LINES, RHOST, USER, log_in, write_services
from ualauth import AuthenticationError, Authenticator, explain
from ualauth.codes import ReturnCode
from ualauth.reasons import ReasonCode
from ualauth.testing.attempt import FakeAttempt
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.login.elsewhere import begin_elsewhere, end_elsewhere
from ualauth.userlist.policy import LockoutRules, Policy
from ualauth.userlist.store import UserStore

LOCKED_OUT = ReasonCode.LOCKED_OUT
OTHERS = sorted(LINES.keys() - {"om_auth"})


@pytest.fixture
def folder(tmp_path: Path) -> ConfigFolder:
    """A service for each module."""
    folder = ConfigFolder(tmp_path)
    write_services(folder)
    return folder


def lock(auth: Authenticator, service: str = "om_auth") -> None:
    for _ in range(2):
        with pytest.raises(AuthenticationError):
            log_in(auth, service, "wrong")


def explained(folder: ConfigFolder, module: str, **how: Any) -> list[Any]:
    mechanism = "XOAUTH2" if module == "om_oauth" else None
    how = {"rhost": RHOST, "tls": True, "mechanism": mechanism, "password": "either", **how}
    return list(explain(folder.config(), module, USER, **how).ways)


@pytest.mark.parametrize("module", OTHERS)
def test_who_is_locked_out_is_told_as_a_login_finds_it(folder: ConfigFolder, module: str) -> None:
    assert {each.record.reason for each in explained(folder, module)} != {LOCKED_OUT}
    with Authenticator(folder.config()) as auth:
        lock(auth)
        # The right password is refused like a wrong one: there is one way only.
        (way,) = explained(folder, module)
        with records() as logged, contextlib.suppress(AuthenticationError):
            log_in(auth, module)
    assert told(way.record) == told(logged[-1])
    assert way.record.reason is LOCKED_OUT
    # From elsewhere, and when the lock is over, it is not.
    for other in ({"rhost": "203.0.113.9"}, {"at": datetime.now(UTC) + timedelta(hours=1)}):
        assert {each.record.reason for each in explained(folder, module, **other)} != {LOCKED_OUT}


@pytest.mark.parametrize("module", sorted({*OTHERS} - {"om_oauth"}))
def test_the_entry_after_one_that_is_locked_out_tells_it_too(
    folder: ConfigFolder, module: str
) -> None:
    folder.service("both", f"auth sufficient om_auth\nauth required {LINES[module]}\n")
    with Authenticator(folder.config()) as auth:
        lock(auth)
        (way,) = explained(folder, "both")
        with records() as logged, contextlib.suppress(AuthenticationError):
            log_in(auth, "both")
    assert told(way.record) == told(logged[-1])
    assert len(way.record.remarks) == 1


@pytest.mark.parametrize("module", sorted({*OTHERS} - {"om_oauth"}))
def test_a_lock_of_another_name_is_told_as_a_login_finds_it(
    folder: ConfigFolder, module: str
) -> None:
    folder.service("both", f"auth sufficient om_auth\nauth required {LINES[module]}\n")
    with Authenticator(folder.config()) as auth:
        for _ in range(2):
            with pytest.raises(AuthenticationError):
                auth.authenticate("om_auth", "jsmith", "wrong", rhost=RHOST)
        for service in (module, "both"):
            (way,) = explained(folder, service)
            with records() as logged, contextlib.suppress(AuthenticationError):
                log_in(auth, service)
            assert told(way.record) == told(logged[-1])
            assert way.record.reason is LOCKED_OUT


@pytest.mark.parametrize(
    ("module", "name", "known"),
    [
        ("om_krb5", "stranger", True),
        ("om_ldap", "uid=stranger,dc=example,dc=com", True),
        ("om_ldap", "uid=stranger,ou=found,dc=example,dc=com", False),
        ("om_sql", "stranger", False),
    ],
)
def test_who_is_not_in_the_userlist_is_told_where_no_server_has_to_say_the_name(
    folder: ConfigFolder, module: str, name: str, *, known: bool
) -> None:
    if "ou=found" not in name:
        with (folder.path / "om_ldap.conf").open("a") as file:
            file.write("bind_template uid={user},dc=example,dc=com\n")
    policy = Policy(lockout=LockoutRules(failures=2))
    userlist = Userlist(UserStore(f"sqlite:///{folder.path}/userlist.db"), policy)
    for password in ("x", "y"):
        attempt = FakeAttempt("stranger", rhost=RHOST, **userlist.behind_attempt())

        async def guess(attempt: FakeAttempt = attempt, password: str = password) -> ReturnCode:
            await attempt.get_record()
            opened = await begin_elsewhere(attempt, name, password)
            await end_elsewhere(attempt, opened, ReturnCode.AUTH_ERR)
            return ReturnCode.AUTH_ERR

        attempt.answer(guess())
    while not userlist.cache.guesses.is_quiet:
        # A thread ends what is left of them.
        time.sleep(0.001)
    userlist.close()
    ways = explain(folder.config(), module, "stranger", password="either", rhost=RHOST).ways
    assert ({each.record.reason for each in ways} == {LOCKED_OUT}) is known
