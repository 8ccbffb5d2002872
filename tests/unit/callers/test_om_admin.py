"""om_admin: is the caller root or an administrator?"""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.callers.conftest import BOSS, EXPIRED, EXPIRING, LOCKED, ROOT, STRANGER, USER
from ualauth.codes import Operation, ReturnCode
from ualauth.errors import StoreError
from ualauth.messages import Conversation
from ualauth.modules.om_admin import OmAdmin, Options
from ualauth.testing.attempt import FakeAttempt
from ualauth.testing.compliance import ModuleCompliance
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.store import UserStore

BOTH = (Operation.AUTHENTICATE, Operation.ACCT_MGMT)


def ask(attempt: FakeAttempt, operation: Operation = Operation.AUTHENTICATE) -> ReturnCode:
    attempt.operation = operation
    method = getattr(OmAdmin(Options()), operation.method)
    code: ReturnCode = attempt.answer(method(attempt))
    return code


@pytest.mark.parametrize("operation", BOTH)
@pytest.mark.parametrize(
    ("uid", "code"),
    [
        (BOSS, ReturnCode.SUCCESS),
        (EXPIRING, ReturnCode.SUCCESS),
        (ROOT, ReturnCode.SUCCESS),
        (USER, ReturnCode.PERM_DENIED),
        (LOCKED, ReturnCode.PERM_DENIED),
        (EXPIRED, ReturnCode.ACCT_EXPIRED),
        (STRANGER, ReturnCode.USER_UNKNOWN),
        (-1, ReturnCode.USER_UNKNOWN),
        (2**32 - 1, ReturnCode.USER_UNKNOWN),
        (2**80, ReturnCode.USER_UNKNOWN),
        (None, ReturnCode.PERM_DENIED),
    ],
)
def test_the_caller_is_judged(
    userlist: Userlist, uid: int | None, code: ReturnCode, operation: Operation
) -> None:
    attempt = FakeAttempt("jsmith", caller_uid=uid, **userlist.behind_attempt())
    assert ask(attempt, operation) is code
    assert len(attempt.remarks) == 1


@pytest.mark.parametrize("name", ["boss", "boss@example.com", "abroad", "root", "0", None])
@pytest.mark.parametrize("uid", [USER, LOCKED, STRANGER, None])
def test_the_login_name_makes_no_user_an_administrator(
    userlist: Userlist, uid: int | None, name: str | None
) -> None:
    attempt = FakeAttempt(name, caller_uid=uid, ruser="root", **userlist.behind_attempt())
    assert ask(attempt) is not ReturnCode.SUCCESS


@pytest.mark.parametrize("uid", [BOSS, ROOT])
def test_it_neither_looks_at_the_user_nor_says_who_it_is(userlist: Userlist, uid: int) -> None:
    attempt = FakeAttempt("jsmith", caller_uid=uid, **userlist.behind_attempt())
    assert ask(attempt) is ReturnCode.SUCCESS
    assert attempt.user == "jsmith"
    assert attempt.person is None


def test_a_right_that_is_taken_away_is_gone_at_once(userlist: Userlist) -> None:
    attempt = FakeAttempt(None, caller_uid=BOSS, **userlist.behind_attempt())
    assert ask(attempt) is ReturnCode.SUCCESS
    userlist.store.update(userlist.store.get("boss"), administrator=False)
    assert ask(attempt, Operation.ACCT_MGMT) is ReturnCode.PERM_DENIED


def test_a_uid_that_is_taken_away_is_gone_at_once(userlist: Userlist) -> None:
    attempt = FakeAttempt(None, caller_uid=BOSS, **userlist.behind_attempt())
    userlist.store.update(userlist.store.get("boss"), unix_uid=None)
    assert ask(attempt) is ReturnCode.USER_UNKNOWN


def test_root_gets_in_while_the_userlist_cannot_be_read_and_others_do_not(
    folder: ConfigFolder,
) -> None:
    store = UserStore(f"sqlite:///{folder.path}/missing.db")
    assert ask(FakeAttempt(caller_uid=ROOT, resources=[store])) is ReturnCode.SUCCESS
    with pytest.raises(StoreError):
        ask(FakeAttempt(caller_uid=BOSS, resources=[store]))


def test_setcred_has_nothing_to_do() -> None:
    assert ask(FakeAttempt(), Operation.SETCRED) is ReturnCode.SUCCESS


class TestCompliance(ModuleCompliance):
    module = OmAdmin
    caller: int | None = BOSS
    behind: Any

    @pytest.fixture(autouse=True)
    def _behind(self, userlist: Userlist) -> None:
        self.behind = userlist.behind_attempt()

    def attempt(
        self, user: str | None, password: str | None, conversation: Conversation | None
    ) -> FakeAttempt:
        return FakeAttempt(
            user,
            password=password,
            conversation=conversation,
            caller_uid=self.caller,
            **self.behind,
        )


class TestComplianceForACallerWithoutAUser(TestCompliance):
    caller = None
