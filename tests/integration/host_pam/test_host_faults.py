"""A host whose PAM is missing, hangs or is asked by many at once: never a grant, never a hang."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Way
from tests.integration.host_pam.conftest import TYPES, UNIX, Account
from tests.machine import patience
from ualauth import (
    AsyncAuthenticator,
    AsyncTransaction,
    AuthenticationFailed,
    ConversationAgain,
    TemporaryFailure,
    Transaction,
)
from ualauth.codes import Operation, ReturnCode
from ualauth.host_pam.call import CALLS, CHANGES
from ualauth.messages import Question
from ualauth.stack.registry import ModuleRegistry
from ualauth.testing.compliance import ModuleCompliance
from ualauth.testing.conversation import ScriptedConversation
from ualauth.testing.folder import ConfigFolder

Mail = Callable[..., ConfigFolder]

AUTHENTICATE = Operation.AUTHENTICATE
PERMIT = "".join(f"{each} required pam_permit.so\n" for each in TYPES)


def in_libpam() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "ualauth-libpam"]


@pytest.fixture(autouse=True)
def _nothing_stays_behind() -> Iterator[None]:
    """Every thread comes to its end, and gives its place back."""
    yield
    for thread in in_libpam():
        thread.join(10)
    assert not in_libpam()
    for places, count in ((CALLS, 64), (CHANGES, 1)):
        taken = [places.acquire(blocking=False) for _ in range(count)]
        assert all(taken)
        for _ in taken:
            places.release()


# Services that cannot be asked


def remark(transaction: Transaction | AsyncTransaction) -> str:
    return transaction.trace[-1].remark


def broken(way: Way, folder: ConfigFolder, expected: str) -> None:
    with way.begin(folder.config(), "mail", "jsmith", None) as transaction:
        for operation in (AUTHENTICATE, Operation.ACCT_MGMT, Operation.OPEN_SESSION):
            assert way.perform(transaction, operation) is ReturnCode.SERVICE_ERR
            assert expected in remark(transaction)
    with pytest.raises(TemporaryFailure):
        way.login(folder.config(), "mail", "jsmith", "x")


def test_a_service_that_the_host_lacks_could_not_check(way: Way, folder: ConfigFolder) -> None:
    lines = (f"{each} required pam_linux service=ual-none\n" for each in TYPES)
    folder.service("mail", "".join(lines))
    broken(way, folder, "the host has no service ual-none: /etc/pam.d/ual-none")


def test_or_other_leaves_it_to_other(way: Way, mail: Mail, tmp_path: Path) -> None:
    folder = mail(PERMIT, "or_other")
    (tmp_path / "host" / "mailhost").unlink()
    with pytest.raises(AuthenticationFailed):
        way.login(folder.config(), "mail", "jsmith", "x")
    (tmp_path / "host" / "other").write_text(PERMIT)
    assert way.login(folder.config(), "mail", "jsmith", "x").user == "jsmith"


def test_a_service_file_that_every_account_may_write_could_not_check(
    way: Way, mail: Mail, tmp_path: Path
) -> None:
    folder = mail(PERMIT)
    (tmp_path / "host" / "mailhost").chmod(0o666)
    broken(way, folder, "every user may write to it")


def test_a_folder_in_its_place_could_not_check(way: Way, mail: Mail, tmp_path: Path) -> None:
    folder = mail(PERMIT)
    (tmp_path / "host" / "mailhost").unlink()
    (tmp_path / "host" / "mailhost").mkdir()
    broken(way, folder, "is no file")


def test_what_check_tells_of_the_hosts_file_keeps_no_user_out(
    way: Way, mail: Mail, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = mail(f"{PERMIT}session requird pam_permit.so\n")
    assert way.login(folder.config(), "mail", "jsmith", "x").user == "jsmith"
    assert "unknown control 'requird'" in caplog.text
    # libpam refuses this as a whole, until it is mended: the service itself stays as it is.
    authenticator = way.authenticator(folder.config())
    file = tmp_path / "host" / "mailhost"
    file.write_text(f"{PERMIT}auth required \\\n")
    with pytest.raises(TemporaryFailure):
        way.run(authenticator.authenticate("mail", "jsmith", "x"))
    file.write_text(PERMIT)
    assert way.run(authenticator.authenticate("mail", "jsmith", "x")).user == "jsmith"


def test_a_service_file_that_includes_what_is_not_there_could_not_check(
    way: Way, mail: Mail
) -> None:
    with pytest.raises((TemporaryFailure, AuthenticationFailed)):
        way.login(mail("@include no-such-file\n").config(), "mail", "jsmith", "x")


# Modules of the host that hang


@pytest.fixture
def hanging(mail: Mail, tmp_path: Path) -> Iterator[ConfigFolder]:
    """Make a service that hangs until the test is over."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    # Opened for both, so that opening does not wait; a reader waits for its end.
    writer = os.open(gate, os.O_RDWR)
    text = f"auth required pam_exec.so /bin/cat {gate}\n{PERMIT}"
    folder = mail(text, f"timeout={patience(0.3)}")
    yield folder
    # Readers that have opened it meanwhile see its end.
    os.close(writer)
    with contextlib.suppress(OSError):
        os.close(os.open(gate, os.O_WRONLY | os.O_NONBLOCK))


def test_a_host_that_hangs_could_not_check(way: Way, hanging: ConfigFolder) -> None:
    with way.begin(hanging.config(), "mail", "jsmith", None) as transaction:
        assert way.perform(transaction, AUTHENTICATE) is ReturnCode.AUTHINFO_UNAVAIL
        # The handle is still in use.
        assert way.perform(transaction, Operation.ACCT_MGMT) is ReturnCode.AUTHINFO_UNAVAIL
        assert "has not come back" in remark(transaction)
    with pytest.raises(TemporaryFailure):
        way.login(hanging.config(), "mail", "jsmith", "x")


def test_a_host_that_hangs_does_not_stop_the_others(
    hanging: ConfigFolder, account: Account, tmp_path: Path
) -> None:
    (tmp_path / "host" / "good").write_text(UNIX)
    line = f"required pam_linux service=good confdir={tmp_path}/host\n"
    hanging.service("good", f"auth {line}account {line}")

    async def main() -> list[Any]:
        async with AsyncAuthenticator(hanging.config()) as auth:
            stuck = [auth.authenticate("mail", "jsmith", "x") for _ in range(8)]
            free = [auth.authenticate("good", account.name, account.password) for _ in range(8)]
            return await asyncio.gather(*stuck, *free, return_exceptions=True)

    results = asyncio.run(main())
    assert [type(each) for each in results[:8]] == [TemporaryFailure] * 8
    assert [each.user for each in results[8:]] == [account.name] * 8


# People who go away


def test_a_transaction_that_is_closed_while_the_person_is_away_ends_its_thread(
    way: Way, mail: Mail, account: Account
) -> None:
    person = ScriptedConversation(ConversationAgain)
    with way.begin(mail().config(), "mail", account.name, person) as transaction:
        assert way.perform(transaction, AUTHENTICATE) is ReturnCode.INCOMPLETE
        assert len(in_libpam()) == 1


def test_a_login_that_is_cancelled_ends_its_thread(mail: Mail, account: Account) -> None:
    async def main() -> None:
        asked = asyncio.Event()

        async def never(_messages: list[Any]) -> list[str]:
            asked.set()
            await asyncio.Event().wait()
            raise AssertionError

        async with (
            AsyncAuthenticator(mail().config()) as auth,
            auth.transaction("mail", account.name, never) as transaction,
        ):
            login = asyncio.create_task(transaction.authenticate())
            await asked.wait()
            login.cancel()
            await asyncio.wait([login])
            # What was cancelled is a module that failed.
            assert login.cancelled() or login.result() is not ReturnCode.SUCCESS

    asyncio.run(main())


# Many at once


def test_many_logins_at_once_are_each_answered_right(mail: Mail, account: Account) -> None:
    async def main() -> list[Any]:
        async with AsyncAuthenticator(mail().config()) as auth:
            passwords = [account.password, "wrong"] * 50
            logins = [auth.authenticate("mail", account.name, each) for each in passwords]
            return await asyncio.gather(*logins, return_exceptions=True)

    results = asyncio.run(main())
    assert [each.user for each in results[::2]] == [account.name] * 50
    assert [type(each) for each in results[1::2]] == [AuthenticationFailed] * 50


def test_many_threads_at_once_are_each_answered_right(mail: Mail, account: Account) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from ualauth import Authenticator

    with Authenticator(mail().config()) as auth, ThreadPoolExecutor(50) as pool:

        def let_in(password: str) -> bool:
            try:
                return auth.authenticate("mail", account.name, password).user == account.name
            except AuthenticationFailed:
                return False

        answers = list(pool.map(let_in, [account.password, "wrong"] * 50))
    assert answers == [True, False] * 50


def test_a_hundred_people_may_think_at_once(mail: Mail, account: Account) -> None:
    """No person answers before all were asked: neither threads nor places are held meanwhile."""
    people = 100

    async def main() -> list[ReturnCode]:
        thinking = 0
        all_asked = asyncio.Event()

        async with AsyncAuthenticator(mail().config()) as auth:

            async def come(password: str) -> ReturnCode:
                async def answer(messages: list[Any]) -> list[str | None]:
                    nonlocal thinking
                    thinking += 1
                    if thinking == people:
                        all_asked.set()
                    await all_asked.wait()
                    return [password if isinstance(each, Question) else None for each in messages]

                async with auth.transaction("mail", account.name, answer) as transaction:
                    return await transaction.authenticate()

            passwords = [account.password, "wrong"] * (people // 2)
            return await asyncio.gather(*map(come, passwords))

    answers = asyncio.run(main())
    assert answers == [ReturnCode.SUCCESS, ReturnCode.AUTH_ERR] * (people // 2)


def test_changes_at_once_all_come_through(mail: Mail, account: Account) -> None:
    passwords = [account.password, *(f"battery staple {number}" for number in range(6))]

    async def main() -> list[Any]:
        async with AsyncAuthenticator(mail().config()) as auth:
            # All say the same old one: who comes late finds that it has changed.
            changes = [
                auth.change_password("mail", account.name, account.password, new)
                for new in passwords[1:]
            ]
            results = await asyncio.gather(*changes, return_exceptions=True)
            logins = [auth.authenticate("mail", account.name, each) for each in passwords]
            return [results, await asyncio.gather(*logins, return_exceptions=True)]

    changes, logins = asyncio.run(main())
    assert {type(each) for each in changes} <= {type(None), AuthenticationFailed}
    assert None in changes
    let_in = [index for index, each in enumerate(logins) if not isinstance(each, Exception)]
    assert len(let_in) == 1
    assert changes[let_in[0] - 1] is None


class TestCompliance(ModuleCompliance):
    """What every module has to do."""

    module = ModuleRegistry().find("pam_linux")

    @pytest.fixture(autouse=True)
    def _service(self, host: Any) -> Iterator[None]:
        folder = host("compliance", UNIX)
        type(self).arguments = ("service=compliance", f"confdir={folder}")
        self._attempts: list[Any] = []
        yield
        for attempt in self._attempts:
            attempt.end(ReturnCode.SUCCESS)

    def attempt(self, *situation: Any) -> Any:
        attempt = super().attempt(*situation)
        self._attempts.append(attempt)
        return attempt
