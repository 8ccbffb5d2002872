"""The module pam_deny: refuses every user (pam_deny(8))."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ualauth.codes import Operation, ReturnCode
from ualauth.contract.credentials import NO_CREDENTIAL
from ualauth.contract.options import OptionProblem
from ualauth.module import Attempt, Module, immediate


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

    def answers(self, operation: Operation) -> Collection[ReturnCode]:
        """Return the one code that it has for the operation."""
        return {getattr(self, operation.method)(None)}

    @immediate
    def authenticate(self, _attempt: Attempt) -> ReturnCode:
        """Refuse."""
        return ReturnCode.AUTH_ERR

    @immediate
    def setcred(self, _attempt: Attempt) -> ReturnCode:
        """Refuse."""
        return ReturnCode.CRED_ERR

    @immediate
    def acct_mgmt(self, _attempt: Attempt) -> ReturnCode:
        """Refuse."""
        return ReturnCode.AUTH_ERR

    @immediate
    def open_session(self, _attempt: Attempt) -> ReturnCode:
        """Refuse."""
        return ReturnCode.SESSION_ERR

    @immediate
    def close_session(self, _attempt: Attempt) -> ReturnCode:
        """Refuse."""
        return ReturnCode.SESSION_ERR

    @immediate
    def chauthtok(self, _attempt: Attempt) -> ReturnCode:
        """Refuse, in both passes."""
        return ReturnCode.AUTHTOK_ERR
