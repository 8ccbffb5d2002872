"""om_om2authid: a name becomes an authid, and lets no user in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ualauth.codes import Flag, Operation, ReturnCode
from ualauth.errors import TemporaryFailure
from ualauth.messages import Conversation
from ualauth.module import Abort
from ualauth.modules.om_om2authid import OmOm2authid, Options
from ualauth.testing.attempt import FakeAttempt, MissingUserlist
from ualauth.testing.compliance import ModuleCompliance
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

if TYPE_CHECKING:
    from tests.conftest import Way

OPERATIONS = (Operation.AUTHENTICATE, Operation.ACCT_MGMT, Operation.CHAUTHTOK)


def ask(
    attempt: FakeAttempt, operation: Operation = Operation.AUTHENTICATE, **options: bool
) -> ReturnCode:
    attempt.operation = operation
    attempt.flags = Flag.PRELIM_CHECK if operation is Operation.CHAUTHTOK else 0
    module = OmOm2authid(Options(**options))
    code: ReturnCode = attempt.answer(getattr(module, operation.method)(attempt))
    return code


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("name", ["jsmith", "JSmith", "john@example.com", "S=jsmith"])
def test_every_way_of_writing_a_name_becomes_the_authid(
    userlist: Userlist, name: str, operation: Operation
) -> None:
    attempt = FakeAttempt(name, **userlist.behind_attempt())
    assert ask(attempt, operation) is ReturnCode.IGNORE
    assert attempt.user == "jsmith"
    assert attempt.person is None


def test_it_is_the_userlist_that_says_the_authid(userlist: Userlist) -> None:
    attempt = FakeAttempt("john@example.com", users=userlist.cache)
    assert ask(attempt) is ReturnCode.IGNORE
    assert attempt.user == "jsmith"


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("name", ["nobody", "", "jsmith@elsewhere.example", "smith"])
def test_a_name_that_no_user_has_is_refused(
    userlist: Userlist, name: str, operation: Operation
) -> None:
    attempt = FakeAttempt(name, **userlist.behind_attempt())
    assert ask(attempt, operation) is ReturnCode.USER_UNKNOWN
    assert attempt.user == name


def test_who_was_deleted_meanwhile_is_refused(userlist: Userlist) -> None:
    attempt = FakeAttempt("jsmith", **userlist.behind_attempt())
    assert ask(attempt) is ReturnCode.IGNORE
    userlist.store.delete(userlist.store.get("jsmith"))
    attempt.forget_record()
    assert ask(attempt, Operation.ACCT_MGMT) is ReturnCode.USER_UNKNOWN


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_unknown_name_can_be_left_to_others(userlist: Userlist, operation: Operation) -> None:
    attempt = FakeAttempt("nobody", **userlist.behind_attempt())
    assert ask(attempt, operation, ignore_unknown_user=True) is ReturnCode.IGNORE
    assert attempt.user == "nobody"


@pytest.mark.parametrize("ignore", [False, True])
def test_without_the_userlist_no_name_passes(folder: ConfigFolder, way: Way, ignore: bool) -> None:
    for operation in OPERATIONS:
        attempt = FakeAttempt("x", users=MissingUserlist())
        with pytest.raises(Abort) as abort:
            ask(attempt, operation, ignore_unknown_user=ignore)
        assert abort.value.code is ReturnCode.AUTHINFO_UNAVAIL
    option = "ignore_unknown_user" if ignore else ""
    folder.service("test", f"auth required om_om2authid {option}\nauth required pam_permit\n")
    with pytest.raises(TemporaryFailure):
        way.login(folder.config(), "test", "x", "s3cret")


def test_setcred_is_left_to_others() -> None:
    assert ask(FakeAttempt("jsmith"), Operation.SETCRED) is ReturnCode.IGNORE


class TestCompliance(ModuleCompliance):
    module = OmOm2authid
    behind: Any

    @pytest.fixture(autouse=True)
    def _behind(self, userlist: Userlist) -> None:
        self.behind = userlist.behind_attempt()

    def attempt(
        self, user: str | None, password: str | None, conversation: Conversation | None
    ) -> FakeAttempt:
        return FakeAttempt(user, password=password, conversation=conversation, **self.behind)


class TestComplianceOfTheOption(TestCompliance):
    arguments = ("ignore_unknown_user",)
