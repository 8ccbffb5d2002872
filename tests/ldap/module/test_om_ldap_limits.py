"""Guesses that a directory checks are limited, too: for a user and a source."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.ldap import people
from tests.ldap.authority import Authority
from tests.ldap.module.conftest import STACK, Logins
from tests.ldap.module.spellings import with_userlist
from tests.ldap.slapd import running
from ualauth import AsyncAuthenticator, AuthenticationError, TemporaryFailure
from ualauth.module import Attempt
from ualauth.modules import om_ldap
from ualauth.userlist.guess import Guess
from ualauth.userlist.login.elsewhere import begin_elsewhere

Make = Callable[..., Logins]
MOST = 4
HERE: dict[str, Any] = {"rhost": "192.0.2.7"}
THERE: dict[str, Any] = {"rhost": "198.51.100.9"}
RIGHT = people.JOHN.password


async def until(true: Callable[[], bool]) -> None:
    """Wait until something is true, which other tasks and threads do."""
    for _ in range(20_000):
        if true():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it does not come to pass")


@pytest.fixture(params=[False, True], ids=["alone", "with a USERLIST"])
def logins(make: Make, request: pytest.FixtureRequest) -> Logins:
    logins = make()
    if request.param:
        logins = with_userlist(logins, "jsmith")
    logins.folder.settings(f"[stack]\nfail_delay = false\n[lockout]\nfailures = {MOST}\n")
    return Logins(logins.way, logins.folder, logins.folder.config())


def test_failures_lock_out_for_their_source_only(logins: Logins) -> None:
    wrong = [logins.outcome("jsmith", f"wrong {number}", **HERE) for number in range(MOST)]
    assert wrong == ["auth_err"] * MOST
    assert logins.outcome("jsmith", RIGHT, **HERE) == "perm_denied"
    assert logins.outcome("jsmith", RIGHT, **THERE) == "success"
    assert logins.outcome("anna", people.ANNA.password, **HERE) == "success"


def test_the_names_of_an_entry_give_no_more_guesses(logins: Logins) -> None:
    for name in ("jsmith", "JSMITH", " jsmith", "JSmith "):
        assert logins.outcome(name, "wrong", **HERE) == "auth_err"
    for name in ("jsmith", "jSmith", "jsmith "):
        assert logins.outcome(name, RIGHT, **HERE) == "perm_denied"


def test_a_success_forgets_what_failed_before(logins: Logins) -> None:
    for _ in range(3):
        for number in range(MOST - 1):
            assert logins.outcome("jsmith", f"wrong {number}", **HERE) == "auth_err"
        assert logins.outcome("jsmith", RIGHT, **HERE) == "success"


def test_names_that_no_entry_has_are_locked_out_like_others(logins: Logins) -> None:
    for number in range(MOST):
        outcome = logins.outcome("nobody.here", f"wrong {number}", **HERE)
        assert outcome in {"auth_err", "user_unknown"}
    assert logins.outcome("nobody.here", "wrong", **HERE) == "perm_denied"


def test_of_many_guesses_at_once_no_more_are_answered_than_may_fail(logins: Logins) -> None:
    async def run() -> None:
        outcomes: Counter[str] = Counter()
        async with AsyncAuthenticator(logins.config) as auth:
            await auth.authenticate("mail", "jsmith", RIGHT, **THERE)

            async def guess(password: str) -> None:
                try:
                    await auth.authenticate("mail", "jsmith", password, **HERE)
                except TemporaryFailure:
                    outcomes["unavailable"] += 1
                except AuthenticationError as error:
                    outcomes[str(error.code)] += 1
                else:
                    outcomes["success"] += 1

            guesses = [f"wrong {number}" for number in range(40)]
            await asyncio.gather(*(guess(each) for each in [*guesses, RIGHT]))
        assert outcomes["auth_err"] == MOST
        assert outcomes["success"] == 0

    asyncio.run(run())


def test_guesses_of_a_client_that_hangs_up_count(
    logins: Logins, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, begun = threading.Event(), threading.Semaphore(0)

    async def begin(attempt: Attempt, whom: str, credential: object) -> Guess | None:
        guess = await begin_elsewhere(attempt, whom, credential)
        begun.release()
        await attempt.offload(gate.wait, 60)
        return guess

    async def run() -> None:
        async with AsyncAuthenticator(logins.config) as auth:
            await auth.authenticate("mail", "jsmith", RIGHT, **HERE)
            limiter = auth._base._guesses
            with monkeypatch.context() as patched:
                patched.setattr(om_ldap, "begin_elsewhere", begin)
                for number in range(MOST):
                    gate.clear()
                    task = asyncio.ensure_future(
                        auth.authenticate("mail", "jsmith", f"wrong {number}", **HERE)
                    )
                    await asyncio.to_thread(begun.acquire)
                    task.cancel()
                    await asyncio.gather(task, return_exceptions=True)
                    gate.set()
                    await until(lambda: not limiter._open)
            with pytest.raises(AuthenticationError):
                await auth.authenticate("mail", "jsmith", RIGHT, **HERE)
            await auth.authenticate("mail", "jsmith", RIGHT, **THERE)

    asyncio.run(run())


def test_a_login_that_several_entries_check_is_one_guess(make: Make) -> None:
    stack = STACK.replace(
        "auth      required  om_ldap\n", "auth sufficient om_ldap\nauth required om_auth\n"
    )
    with_users = with_userlist(make(stack=stack), "jsmith")
    with_users.folder.settings(f"[stack]\nfail_delay = false\n[lockout]\nfailures = {MOST}\n")
    logins = Logins(with_users.way, with_users.folder, with_users.folder.config())
    for number in range(MOST):
        assert logins.outcome("jsmith", f"wrong {number}", **HERE) == "auth_err"
    assert logins.outcome("jsmith", RIGHT, **HERE) == "perm_denied"


def test_what_no_server_answers_is_no_failed_login(make: Make, authority: Authority) -> None:
    with running(authority) as server:
        logins = make("reconnect_sleeptime 0.01", uri=server.uri)
        logins.folder.settings(f"[stack]\nfail_delay = false\n[lockout]\nfailures = {MOST}\n")
        logins = Logins(logins.way, logins.folder, logins.folder.config())
        for number in range(MOST - 1):
            assert logins.outcome("jsmith", f"wrong {number}", **HERE) == "auth_err"
        server.stop()
        for number in range(2 * MOST):
            password = RIGHT if number % 2 else f"wrong {number}"
            assert logins.outcome("jsmith", password, **HERE) == "authinfo_unavail"
        server.start()
        outcomes = {"authinfo_unavail"}
        for _ in range(1000):
            outcomes.add(outcome := logins.outcome("jsmith", RIGHT, **HERE))
            if outcome != "authinfo_unavail":
                break
            time.sleep(0.01)
        assert outcomes == {"authinfo_unavail", "success"}
