"""Each code that the host's PAM may answer to each operation, and the reason that is given for it.

The host's own pam_debug(8) answers as its line says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.integration.host_pam.conftest import TYPES, HostService
from ualauth import Authenticator
from ualauth.codes import LEGAL, Operation, ReturnCode
from ualauth.reasons import ReasonCode
from ualauth.stack.registry import ModuleRegistry
from ualauth.testing.folder import ConfigFolder

C, R = ReturnCode, ReasonCode
REASONS = ModuleRegistry(()).find("pam_linux").reasons
WORDS = {
    Operation.AUTHENTICATE: ("auth", "auth"),
    Operation.SETCRED: ("auth", "cred"),
    Operation.ACCT_MGMT: ("account", "acct"),
    Operation.OPEN_SESSION: ("session", "open_session"),
    Operation.CLOSE_SESSION: ("session", "close_session"),
    Operation.CHAUTHTOK: ("password", "chauthtok"),
}
"""Operation -> the type of its lines, and what pam_debug(8) calls it."""
COULD_NOT_CHECK = (C.SERVICE_ERR, C.SYSTEM_ERR, C.BUF_ERR, C.ABORT, C.AUTHINFO_UNAVAIL)
EXPECTED: dict[ReturnCode, ReasonCode] = dict.fromkeys(COULD_NOT_CHECK, R.HOST_UNAVAILABLE) | {
    C.PERM_DENIED: R.NOT_ALLOWED,
    C.AUTH_ERR: R.NOT_ALLOWED,
    C.CRED_INSUFFICIENT: R.NOT_ALLOWED,
    C.USER_UNKNOWN: R.USER_UNKNOWN,
    C.MAXTRIES: R.LOCKED_OUT,
    C.NEW_AUTHTOK_REQD: R.PASSWORD_EXPIRED,
    C.ACCT_EXPIRED: R.ACCOUNT_EXPIRED,
    C.SESSION_ERR: R.NOT_ALLOWED,
    C.CRED_UNAVAIL: R.CREDENTIAL_NOT_JUDGED,
    C.CRED_EXPIRED: R.PASSWORD_EXPIRED,
    C.CRED_ERR: R.NOT_ALLOWED,
    C.CONV_ERR: R.CONVERSATION_FAILED,
    C.AUTHTOK_ERR: R.NO_PASSWORD,
    C.AUTHTOK_RECOVER_ERR: R.PASSWORD_NOT_CHANGEABLE,
    C.AUTHTOK_LOCK_BUSY: R.CHANGED_MEANWHILE,
    C.AUTHTOK_DISABLE_AGING: R.PASSWORD_NOT_CHANGEABLE,
    C.TRY_AGAIN: R.PASSWORD_UNSUITABLE,
    C.AUTHTOK_EXPIRED: R.PASSWORD_EXPIRED,
    C.CONV_AGAIN: R.INCOMPLETE,
    C.INCOMPLETE: R.INCOMPLETE,
}
OF_THE_OPERATION = {
    (Operation.AUTHENTICATE, C.AUTH_ERR): R.WRONG_PASSWORD,
    (Operation.CHAUTHTOK, C.AUTH_ERR): R.WRONG_PASSWORD,
    (Operation.CHAUTHTOK, C.AUTHTOK_ERR): R.PASSWORD_UNSUITABLE,
    (Operation.CHAUTHTOK, C.PERM_DENIED): R.PASSWORD_NOT_CHANGEABLE,
}
EXPIRED = {C.NEW_AUTHTOK_REQD, C.AUTHTOK_EXPIRED}


Answer = tuple[ReturnCode, ReasonCode | None]
Ask = Callable[[Operation, ReturnCode], Answer]


@pytest.fixture
def ask(mail: Callable[..., ConfigFolder], host: HostService) -> Iterator[Ask]:
    """Return what tells what the entry answers where pam_debug(8) answers `code`, and why."""
    with Authenticator(mail("").config()) as auth:

        def answer(operation: Operation, code: ReturnCode) -> Answer:
            own, word = WORDS[operation]
            others = "".join(f"{each} required pam_permit.so\n" for each in TYPES if each != own)
            host("mailhost", f"{others}{own} required pam_debug.so {word}={code}\n")
            with auth.transaction("mail", user="root") as transaction:
                answered = getattr(transaction, str(operation))()
                step = transaction.trace[-1]
            assert (step.module, step.operation, step.code) == ("pam_linux", operation, answered)
            assert code.token in step.remark or code is C.IGNORE
            return step.code, step.reason

        yield answer


@pytest.mark.parametrize("operation", [*Operation], ids=str)
def test_each_code_of_the_host_has_its_reason(ask: Ask, operation: Operation) -> None:
    for code in (LEGAL[operation] | EXPIRED) - {C.SUCCESS, C.IGNORE}:
        reason = OF_THE_OPERATION.get((operation, code), EXPECTED[code])
        assert ask(operation, code) == (code, reason)


@pytest.mark.parametrize("operation", [*Operation], ids=str)
def test_a_code_that_is_not_one_of_the_operation_could_not_check(
    ask: Ask, operation: Operation
) -> None:
    # pam_debug(8) that answers `ignore` is no answer of libpam: all were ignored.
    assert ask(operation, C.IGNORE)[0] is C.PERM_DENIED
    for code in set(ReturnCode) - LEGAL[operation] - EXPIRED:
        assert ask(operation, code) == (C.SYSTEM_ERR, R.HOST_UNAVAILABLE), code


def test_each_declared_reason_of_the_host_can_be_given() -> None:
    expected = {
        (OF_THE_OPERATION.get((operation, code), EXPECTED[code]), code)
        for operation in Operation
        for code in (LEGAL[operation] | EXPIRED) - {C.SUCCESS, C.IGNORE}
    }
    assert {(reason, code) for reason, codes in REASONS.items() for code in codes} == expected
