"""om_auth, whether an account may be used."""

from __future__ import annotations

import pytest

from ualauth.codes import Flag, Operation, ReturnCode
from ualauth.modules.om_auth import OmAuth, Options
from ualauth.testing.attempt import FakeAttempt
from ualauth.testing.userlist import Userlist


def attempt_of(userlist: Userlist, name: str) -> FakeAttempt:
    return FakeAttempt(name, operation=Operation.ACCT_MGMT, **userlist.behind_attempt())


def ask(attempt: FakeAttempt) -> ReturnCode:
    return attempt.code_of(OmAuth(Options()).acct_mgmt(attempt))


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("jsmith", ReturnCode.SUCCESS),
        ("john@example.com", ReturnCode.SUCCESS),
        ("going", ReturnCode.SUCCESS),
        ("blank", ReturnCode.SUCCESS),
        ("locked", ReturnCode.PERM_DENIED),
        ("gone", ReturnCode.ACCT_EXPIRED),
        ("old", ReturnCode.NEW_AUTHTOK_REQD),
        ("nobody", ReturnCode.USER_UNKNOWN),
    ],
)
def test_an_account_is_judged(userlist: Userlist, name: str, code: ReturnCode) -> None:
    attempt = attempt_of(userlist, name)
    assert ask(attempt) is code
    assert (attempt.person is not None) == (code is ReturnCode.SUCCESS)


def test_a_lock_is_worse_than_an_expired_password(userlist: Userlist) -> None:
    userlist.store.update(userlist.store.get("old"), locked=True)
    assert ask(attempt_of(userlist, "old")) is ReturnCode.PERM_DENIED


@pytest.mark.parametrize("name", ["locked", "gone", "old"])
def test_the_person_and_the_log_are_told_why(userlist: Userlist, name: str) -> None:
    attempt = attempt_of(userlist, name)
    ask(attempt)
    assert len(attempt.messages) == 1
    assert len(attempt.remarks) == 1


def test_silence_is_kept_when_asked_for(userlist: Userlist) -> None:
    attempt = attempt_of(userlist, "locked")
    attempt.flags = Flag.SILENT
    ask(attempt)
    assert attempt.messages == []


def test_a_session_is_open_to_every_known_user(userlist: Userlist) -> None:
    module = OmAuth(Options())
    for method in (module.open_session, module.close_session):
        for name, code in (("jsmith", ReturnCode.SUCCESS), ("nobody", ReturnCode.USER_UNKNOWN)):
            attempt = attempt_of(userlist, name)
            assert attempt.answer(method(attempt)) is code
