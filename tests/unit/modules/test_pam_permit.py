from typing import Any

import pytest

from tests.unit.modules.conftest import Ask, FakeAttempt
from ualauth.codes import Operation, ReturnCode
from ualauth.module import Abort
from ualauth.modules.pam_permit import PamPermit


@pytest.mark.parametrize("operation", list(Operation))
def test_every_user_gets_in(ask: Ask, attempt: type[FakeAttempt], operation: Operation) -> None:
    assert ask(PamPermit, [], operation, attempt("jo")) is ReturnCode.SUCCESS


def test_a_user_without_a_name_gets_that_of_a_unix_user(
    ask: Ask, attempt: type[FakeAttempt]
) -> None:
    fake = attempt("")
    assert ask(PamPermit, [], Operation.AUTHENTICATE, fake) is ReturnCode.SUCCESS
    assert fake.user == "nobody"


def test_a_user_who_cannot_be_asked_for_passes_the_refusal_on(
    ask: Ask, attempt: type[FakeAttempt]
) -> None:
    with pytest.raises(Abort) as caught:
        ask(PamPermit, [], Operation.AUTHENTICATE, attempt(None))
    assert caught.value.code is ReturnCode.CONV_ERR


def test_a_known_user_needs_no_waiting(attempt: type[FakeAttempt]) -> None:
    options, _ = PamPermit.options_type.from_arguments([])
    fake: Any = attempt("jo")
    assert PamPermit(options).authenticate(fake) is ReturnCode.SUCCESS


def test_arguments_are_reported_and_ignored() -> None:
    _, problems = PamPermit.options_type.from_arguments(["debug", "x=y"])
    assert [(problem.index, problem.fatal) for problem in problems] == [(0, False), (1, False)]
