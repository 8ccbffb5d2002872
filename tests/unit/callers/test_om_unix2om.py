"""om_unix2om: the caller's uid says who it is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.callers.conftest import BOSS, LOCKED, ROOT, STRANGER, USER
from ualauth.codes import Item, ReturnCode
from ualauth.errors import StoreError
from ualauth.messages import Conversation
from ualauth.module import Abort
from ualauth.modules.om_unix2om import OmUnix2om, Options
from ualauth.testing.attempt import FakeAttempt
from ualauth.testing.compliance import ModuleCompliance
from ualauth.testing.conversation import ScriptedConversation
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.store import UserStore


def ask(attempt: FakeAttempt) -> ReturnCode:
    return attempt.answer(OmUnix2om(Options()).authenticate(attempt))


@pytest.mark.parametrize("name", [None, "jsmith", "JSMITH", "John@Example.com", "S=jsmith"])
def test_the_caller_becomes_the_user(userlist: Userlist, name: str | None) -> None:
    conversation = ScriptedConversation("boss")
    attempt = FakeAttempt(
        name, caller_uid=USER, conversation=conversation, **userlist.behind_attempt()
    )
    assert ask(attempt) is ReturnCode.SUCCESS
    assert attempt.get_item(Item.USER) == "jsmith"
    assert attempt.person == userlist.store.get("jsmith").person()
    assert not conversation.messages


@pytest.mark.parametrize("name", ["boss", "boss@example.com", "nobody", "", "1001"])
def test_a_name_that_is_not_the_callers_is_refused_and_stays(userlist: Userlist, name: str) -> None:
    attempt = FakeAttempt(name, caller_uid=USER, **userlist.behind_attempt())
    assert ask(attempt) is ReturnCode.AUTH_ERR
    known = userlist.store.resolve(name)
    assert attempt.user == (known.authid if known else name)
    assert attempt.person is None


def test_a_name_that_cannot_be_one_is_refused(userlist: Userlist) -> None:
    attempt = FakeAttempt("jsmith\0", caller_uid=USER, **userlist.behind_attempt())
    with pytest.raises(Abort) as caught:
        ask(attempt)
    assert caught.value.code is ReturnCode.USER_UNKNOWN


@pytest.mark.parametrize(
    ("uid", "code"),
    [
        (None, ReturnCode.PERM_DENIED),
        (STRANGER, ReturnCode.USER_UNKNOWN),
        (ROOT, ReturnCode.USER_UNKNOWN),
        (-1, ReturnCode.USER_UNKNOWN),
        (2**80, ReturnCode.USER_UNKNOWN),
    ],
)
@pytest.mark.parametrize("name", [None, "jsmith"])
def test_a_caller_without_a_user_is_refused(
    userlist: Userlist, uid: int | None, code: ReturnCode, name: str | None
) -> None:
    attempt = FakeAttempt(name, caller_uid=uid, **userlist.behind_attempt())
    assert ask(attempt) is code
    assert attempt.user == name
    assert attempt.person is None


def test_a_user_who_has_the_uid_of_root_is_one_like_others(userlist: Userlist) -> None:
    userlist.add("operator", unix_uid=ROOT)
    attempt = FakeAttempt(caller_uid=ROOT, **userlist.behind_attempt())
    assert ask(attempt) is ReturnCode.SUCCESS
    assert attempt.user == "operator"


def test_a_locked_user_is_recognized_here_and_refused_by_the_account_stack(
    userlist: Userlist,
) -> None:
    attempt = FakeAttempt(caller_uid=LOCKED, **userlist.behind_attempt())
    assert ask(attempt) is ReturnCode.SUCCESS


def test_asked_again_it_answers_the_same(userlist: Userlist) -> None:
    attempt = FakeAttempt(caller_uid=BOSS, **userlist.behind_attempt())
    assert [ask(attempt), ask(attempt)] == [ReturnCode.SUCCESS] * 2
    assert attempt.user == "boss"


def test_without_the_userlist_no_caller_is_a_user(folder: ConfigFolder) -> None:
    store = UserStore(f"sqlite:///{folder.path}/missing.db")
    attempt = FakeAttempt(caller_uid=USER, resources=[store])
    with pytest.raises(StoreError):
        ask(attempt)
    assert attempt.user is None
    assert attempt.person is None


class TestCompliance(ModuleCompliance):
    module = OmUnix2om
    caller: int | None = USER
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


class TestComplianceForAnotherCaller(TestCompliance):
    caller = BOSS


class TestComplianceForACallerWithoutAUser(TestCompliance):
    caller = None
