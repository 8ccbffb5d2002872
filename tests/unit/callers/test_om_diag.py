"""om_diag: the diagnostic tools, for certain callers."""

from __future__ import annotations

import pytest

from tests.unit.callers.conftest import BOSS, ROOT, STRANGER
from ualauth.codes import Operation, ReturnCode
from ualauth.contract.options import describe, read_options
from ualauth.messages import Conversation
from ualauth.modules.om_diag import OmDiag
from ualauth.testing.attempt import FakeAttempt
from ualauth.testing.compliance import ModuleCompliance

BOTH = (Operation.AUTHENTICATE, Operation.ACCT_MGMT)
DENIED, SUCCESS = ReturnCode.PERM_DENIED, ReturnCode.SUCCESS


def ask(attempt: FakeAttempt, *arguments: str) -> ReturnCode:
    options, problems = read_options(OmDiag.options_type, arguments)
    assert options is not None, problems
    method = getattr(OmDiag(options), attempt.operation.method)
    code: ReturnCode = attempt.answer(method(attempt))
    return code


@pytest.mark.parametrize("operation", BOTH)
@pytest.mark.parametrize(
    ("service", "uid", "arguments", "code"),
    [
        ("omqdump", ROOT, (), SUCCESS),
        ("omcontain", ROOT, (), SUCCESS),
        ("omqdump", BOSS, (), DENIED),
        ("omqdump", None, (), DENIED),
        ("omqdump", -1, (), DENIED),
        ("pop3", ROOT, (), DENIED),
        ("omqdump2", ROOT, (), DENIED),
        ("omqdump,omcontain", ROOT, (), DENIED),
        ("omqdump", BOSS, ("uid=0,1000",), SUCCESS),
        ("omqdump", ROOT, ("uid=0,1000",), SUCCESS),
        ("omqdump", STRANGER, ("uid=0,1000",), DENIED),
        ("omqdump", 100, ("uid=0,1000",), DENIED),
        ("omqdump", ROOT, ("uid=1000",), DENIED),
        ("omqdump", None, ("uid=0,1000",), DENIED),
        ("omqdump", ROOT, ("service=omcontain",), DENIED),
        ("omlook", ROOT, ("service=OmLook",), SUCCESS),
        ("omlook", BOSS, ("service=omlook,omqdump", "uid=1000"), SUCCESS),
    ],
)
def test_only_these_callers_in_only_these_services(
    service: str,
    uid: int | None,
    arguments: tuple[str, ...],
    code: ReturnCode,
    operation: Operation,
) -> None:
    attempt = FakeAttempt("root", service=service, caller_uid=uid, operation=operation)
    assert ask(attempt, *arguments) is code
    assert len(attempt.remarks) == 1
    assert attempt.person is None


@pytest.mark.parametrize(
    "argument",
    [
        "uid=",
        "uid",
        "uid=root",
        "uid=-1",
        "uid=0,",
        "uid=,",
        "uid=0, 1000",
        "uid=4294967295",
        "uid=99999999999999999999",
        "uid=\N{ARABIC-INDIC DIGIT ZERO}",
        "uid=0x0",
        "uid=1_000",
        "service=",
        "service=omqdump,",
        "service",
    ],
)
def test_what_cannot_be_read_is_a_mistake(argument: str) -> None:
    options, problems = read_options(OmDiag.options_type, [argument])
    assert options is None
    (problem,) = problems
    assert problem.fatal


def test_options_are_explained_as_they_are_written() -> None:
    assert [(each.usage, each.default) for each in describe(OmDiag.options_type)] == [
        ("uid=NUMBER,...", "0"),
        ("service=NAME,...", "omqdump,omcontain"),
    ]


def test_setcred_has_nothing_to_do() -> None:
    assert ask(FakeAttempt(operation=Operation.SETCRED)) is SUCCESS


class TestCompliance(ModuleCompliance):
    module = OmDiag
    arguments = ("uid=0,1000",)
    caller: int | None = BOSS

    def attempt(
        self, user: str | None, password: str | None, conversation: Conversation | None
    ) -> FakeAttempt:
        return FakeAttempt(
            user,
            service="omqdump",
            password=password,
            conversation=conversation,
            caller_uid=self.caller,
        )


class TestComplianceForACallerWithoutAUser(TestCompliance):
    caller = None
