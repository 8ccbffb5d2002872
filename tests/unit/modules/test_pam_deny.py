import pytest

from tests.unit.modules.conftest import Ask, FakeAttempt
from ualauth.codes import Operation, ReturnCode
from ualauth.modules.pam_deny import PamDeny


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        (Operation.AUTHENTICATE, ReturnCode.AUTH_ERR),
        (Operation.SETCRED, ReturnCode.CRED_ERR),
        (Operation.ACCT_MGMT, ReturnCode.AUTH_ERR),
        (Operation.OPEN_SESSION, ReturnCode.SESSION_ERR),
        (Operation.CLOSE_SESSION, ReturnCode.SESSION_ERR),
        (Operation.CHAUTHTOK, ReturnCode.AUTHTOK_ERR),
    ],
)
def test_no_user_gets_in_and_no_user_is_asked(
    ask: Ask, attempt: type[FakeAttempt], operation: Operation, code: ReturnCode
) -> None:
    fake = attempt(None)
    assert ask(PamDeny, [], operation, fake) is code
    assert not fake.told


def test_arguments_are_reported_and_ignored() -> None:
    _, problems = PamDeny.options_type.from_arguments(["debug"])
    assert [problem.fatal for problem in problems] == [False]
