import pytest

from tests.unit.modules.conftest import Ask, FakeAttempt
from ualauth.codes import Flag, Operation, ReturnCode
from ualauth.messages import Info
from ualauth.modules.pam_debug import PamDebug


@pytest.mark.parametrize(
    ("operation", "flags", "key"),
    [
        (Operation.AUTHENTICATE, 0, "auth"),
        (Operation.SETCRED, 0, "cred"),
        (Operation.ACCT_MGMT, 0, "acct"),
        (Operation.OPEN_SESSION, 0, "open_session"),
        (Operation.CLOSE_SESSION, 0, "close_session"),
        (Operation.CHAUTHTOK, Flag.PRELIM_CHECK, "prechauthtok"),
        (Operation.CHAUTHTOK, Flag.UPDATE_AUTHTOK, "chauthtok"),
    ],
)
@pytest.mark.parametrize("code", list(ReturnCode))
def test_each_operation_has_its_key_and_tells_the_person(
    ask: Ask,
    attempt: type[FakeAttempt],
    operation: Operation,
    flags: int,
    key: str,
    code: ReturnCode,
) -> None:
    fake = attempt(None, flags=flags)
    assert ask(PamDebug, [f"{key}={code}"], operation, fake) is code
    assert fake.told == [Info(f"{key}={code}")]


@pytest.mark.parametrize("operation", list(Operation))
def test_without_arguments_everything_succeeds_in_silence(
    ask: Ask, attempt: type[FakeAttempt], operation: Operation
) -> None:
    fake = attempt(None)
    assert ask(PamDebug, [], operation, fake) is ReturnCode.SUCCESS
    assert not fake.told


def test_a_person_who_cannot_be_told_makes_no_difference(
    ask: Ask, attempt: type[FakeAttempt]
) -> None:
    fake = attempt("jo", refusal=ReturnCode.CONV_ERR)
    assert ask(PamDebug, ["acct=ignore"], Operation.ACCT_MGMT, fake) is ReturnCode.IGNORE


def test_the_first_argument_of_a_key_counts_even_if_its_word_is_unknown() -> None:
    options, problems = PamDebug.options_type.from_arguments(
        ["auth=bogus", "auth=auth_err", "cred=cred_err", "cred=ignore"],
    )
    assert (options.auth, options.cred) == ("", "cred_err")
    assert [problem.index for problem in problems] == [0, 1, 3]


def test_what_linux_pam_ignores_is_reported_and_not_fatal() -> None:
    _, problems = PamDebug.options_type.from_arguments(["auth", "bad=x", "acct=AUTH_ERR", "auth="])
    assert [problem.index for problem in problems] == [0, 1, 2, 3]
    assert not any(problem.fatal for problem in problems)
