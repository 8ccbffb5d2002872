import os
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.modules.conftest import Ask, FakeAttempt
from ualauth.codes import Operation, ReturnCode
from ualauth.module import Abort
from ualauth.modules.pam_succeed_if import Condition, Options, PamSucceedIf

Check = Callable[..., ReturnCode]
AUTH_ERR, SERVICE_ERR = ReturnCode.AUTH_ERR, ReturnCode.SERVICE_ERR
SUCCESS, USER_UNKNOWN = ReturnCode.SUCCESS, ReturnCode.USER_UNKNOWN


@pytest.fixture
def check(ask: Ask, attempt: type[FakeAttempt]) -> Check:
    """Return a function that answers `authenticate` for an argument string."""

    def answer(
        arguments: Any,
        user: str | None = "root",
        operation: Operation = Operation.AUTHENTICATE,
        **items: Any,
    ) -> ReturnCode:
        words = arguments.split() if isinstance(arguments, str) else arguments
        return ask(PamSucceedIf, words, operation, attempt(user, **items))

    return answer


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ("", SUCCESS),
        ("uid = 0", SUCCESS),
        ("uid eq 0x0", SUCCESS),
        ("uid < 01", SUCCESS),
        ("UID LE 0", SUCCESS),
        ("uid > 0", AUTH_ERR),
        ("uid ne 0", AUTH_ERR),
        ("uid eq 08", SERVICE_ERR),
        ("uid eq 0x", SERVICE_ERR),
        ("uid eq 9223372036854775808", SERVICE_ERR),
        ("user eq 0", SERVICE_ERR),
        ("user = root", SUCCESS),
        ("login != root", AUTH_ERR),
        ("name =~ r[a-p]*t", SUCCESS),
        ("user !~ r*", AUTH_ERR),
        ("user in ann:root:jo", SUCCESS),
        ("user notin ann:roots", SUCCESS),
        ("home = /root", SUCCESS),
        ("user ingroup nosuchgroup:root", SUCCESS),
        ("user notingroup root", AUTH_ERR),
        ("user notingroup nosuchgroup", SUCCESS),
        ("user innetgr nosuchnetgroup", AUTH_ERR),
        ("user notinnetgr nosuchnetgroup", SUCCESS),
        ("service = test", SUCCESS),
        ("bogus = 1", SERVICE_ERR),
        ("user ~ root", SERVICE_ERR),
        ("user = ann bogus = 1", AUTH_ERR),
        ("user = root uid", SERVICE_ERR),
        ("user = ann uid", AUTH_ERR),
        ("user quiet = debug root", SUCCESS),
    ],
)
def test_conditions_hold_or_not(check: Check, arguments: Any, code: ReturnCode) -> None:
    assert check(arguments) is code


@pytest.mark.parametrize("attribute", ["uid", "gid", "shell", "home", "dir", "homedir"])
def test_what_only_the_host_knows_needs_a_user_of_the_host(check: Check, attribute: str) -> None:
    assert check(f"{attribute} ~ 0", user="nosuchuser") is USER_UNKNOWN


def test_other_attributes_need_no_user_of_the_host(check: Check) -> None:
    assert check("user = nosuchuser", user="nosuchuser") is SUCCESS


@pytest.mark.parametrize("item", ["rhost", "ruser", "tty"])
def test_items_that_are_not_set_are_empty(check: Check, item: Any) -> None:
    assert check([item, "=", ""]) is SUCCESS
    assert check([item, "=", "x"], **{item: "x"}) is SUCCESS


def test_an_empty_text_is_the_number_zero(check: Check) -> None:
    assert check(["tty", "eq", ""]) is SUCCESS


def test_a_group_of_the_remote_user_is_asked_for_with_ruser(check: Check) -> None:
    assert check("ruser ingroup root", user="nobody", ruser="root") is SUCCESS
    assert check("ruser ingroup root", user="root", ruser="nobody") is AUTH_ERR


def test_a_user_named_like_an_attribute_is_a_user(check: Check) -> None:
    # Linux-PAM compares the remote host here.
    assert check("user = rhost", user="rhost", rhost="192.0.2.7") is SUCCESS
    assert check("user = 192.0.2.7", user="rhost", rhost="192.0.2.7") is AUTH_ERR


def test_the_user_of_the_calling_process_is_looked_at_with_use_uid(check: Check) -> None:
    assert check("use_uid uid = 0", user="nobody", caller_uid=0) is SUCCESS
    assert check("use_uid user = root", user=None, caller_uid=0) is SUCCESS
    assert check(["use_uid", "uid", "=", str(os.getuid())], user=None) is SUCCESS
    assert check("use_uid", caller_uid=2**31 - 7) is USER_UNKNOWN


def test_a_user_who_cannot_be_asked_for_passes_the_refusal_on(check: Check) -> None:
    with pytest.raises(Abort) as caught:
        check("user = root", user=None)
    assert caught.value.code is ReturnCode.CONV_ERR


@pytest.mark.parametrize("operation", list(Operation))
def test_setcred_has_no_opinion(check: Check, operation: Operation) -> None:
    expected = ReturnCode.IGNORE if operation is Operation.SETCRED else AUTH_ERR
    assert check("user = ann", operation=operation) is expected


def test_a_list_is_searched_as_linux_pam_does_even_for_values_with_a_colon(check: Check) -> None:
    assert check("rhost in a:2001:db8::1:b", rhost="2001:db8::1") is SUCCESS
    assert check("rhost in a:a:a:", rhost="a:a:") is AUTH_ERR


@pytest.mark.parametrize(
    ("option", "met", "not_met"),
    [("", 1, 1), ("quiet", 0, 1), ("quiet_fail", 1, 1), ("quiet_success", 0, 1)],
)
def test_quiet_options_keep_remarks_of_successes_away(
    ask: Ask, attempt: type[FakeAttempt], option: str, met: int, not_met: int
) -> None:
    for user, remarks in (("ann", met), ("jo", not_met)):
        fake = attempt(user)
        words = f"user = ann {option}".split()
        ask(PamSucceedIf, words, Operation.AUTHENTICATE, fake)
        assert len(fake.remarks) == remarks


def test_arguments_are_read_once_and_reported() -> None:
    words = ["debug", "USER", "=", "use_uid", "audit", "root", "bogus", "is", "x", "uid"]
    options, problems = Options.from_arguments(words)
    assert options == Options(
        debug=True,
        use_uid=True,
        audit=True,
        conditions=(
            Condition("user", "=", "root"),
            Condition("bogus", "is", "x"),
            Condition("", "", ""),
        ),
    )
    assert [problem.index for problem in problems] == [6, 7, 9]
    assert not any(problem.fatal for problem in problems)
