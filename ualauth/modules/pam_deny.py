"""The module pam_deny: refuses every user (pam_deny(8))."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import ClassVar

from ualauth.codes import Operation, ReturnCode
from ualauth.contract.credentials import NO_CREDENTIAL
from ualauth.contract.options import OptionProblem
from ualauth.module import ALWAYS, Attempt, Module, Repeatable, by_its_method, immediate
from ualauth.reasons import ReasonCode, Reasons


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """It takes none; what is given all the same is ignored, as in Linux-PAM."""

    @classmethod
    def from_arguments(cls, arguments: Sequence[str]) -> tuple[Options, list[OptionProblem]]:
        """Ignore every argument, and say so."""
        return cls(), [
            OptionProblem(index, f"option {argument!r} has no effect", "remove it", fatal=False)
            for index, argument in enumerate(arguments)
        ]


class PamDeny(Module[Options]):
    """Refuse every user, without asking for the name."""

    options_type = Options
    verifies = NO_CREDENTIAL
    tests_names = True
    simulate = by_its_method
    reasons: ClassVar[Reasons] = {
        ReasonCode.DENIED: (
            ReturnCode.AUTH_ERR,
            ReturnCode.CRED_ERR,
            ReturnCode.SESSION_ERR,
            ReturnCode.AUTHTOK_ERR,
        ),
    }

    def answers(self, operation: Operation) -> Collection[ReturnCode]:
        """Return the one code that it has for the operation."""
        return {_CODES[operation]}

    def repeatable(
        self, _attempt: Attempt, _operation: Operation, _code: ReturnCode
    ) -> Repeatable | None:
        """Return that it always answers so."""
        return ALWAYS

    @immediate
    def authenticate(self, attempt: Attempt) -> ReturnCode:
        """Refuse."""
        return _denied(attempt)

    @immediate
    def setcred(self, attempt: Attempt) -> ReturnCode:
        """Refuse."""
        return _denied(attempt)

    @immediate
    def acct_mgmt(self, attempt: Attempt) -> ReturnCode:
        """Refuse."""
        return _denied(attempt)

    @immediate
    def open_session(self, attempt: Attempt) -> ReturnCode:
        """Refuse."""
        return _denied(attempt)

    @immediate
    def close_session(self, attempt: Attempt) -> ReturnCode:
        """Refuse."""
        return _denied(attempt)

    @immediate
    def chauthtok(self, attempt: Attempt) -> ReturnCode:
        """Refuse, in both passes."""
        return _denied(attempt)


_CODES = {
    Operation.AUTHENTICATE: ReturnCode.AUTH_ERR,
    Operation.SETCRED: ReturnCode.CRED_ERR,
    Operation.ACCT_MGMT: ReturnCode.AUTH_ERR,
    Operation.OPEN_SESSION: ReturnCode.SESSION_ERR,
    Operation.CLOSE_SESSION: ReturnCode.SESSION_ERR,
    Operation.CHAUTHTOK: ReturnCode.AUTHTOK_ERR,
}


def _denied(attempt: Attempt) -> ReturnCode:
    # Of the service file `other`, it is all that there is.
    attempt.explain(ReasonCode.DENIED, f"refuses every user of {attempt.service}")
    return _CODES[attempt.operation]
