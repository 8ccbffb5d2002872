"""The module pam_permit: lets every user in (pam_permit(8))."""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Sequence
from dataclasses import dataclass

from ualauth.codes import Item, Operation, ReturnCode
from ualauth.contract.evidence import Evidence
from ualauth.contract.options import OptionProblem
from ualauth.module import ALWAYS, Attempt, Module, Repeatable, by_its_method, immediate


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


# A name of the module is found ten times as fast as a member of the enumeration.
_SUCCESS = ReturnCode.SUCCESS
_AUTHENTICATE = Operation.AUTHENTICATE


class PamPermit(Module[Options]):
    """Let every user in: only for what needs no protection."""

    options_type = Options
    proves = Evidence.NOTHING
    simulate = by_its_method

    def answers(self, operation: Operation) -> Collection[ReturnCode]:
        """Return `SUCCESS`, and what becomes of a login whose name cannot be asked for."""
        return {_SUCCESS, ReturnCode.CONV_ERR} if operation is _AUTHENTICATE else {_SUCCESS}

    def repeatable(
        self, _attempt: Attempt, _operation: Operation, _code: ReturnCode
    ) -> Repeatable | None:
        """Return that it always answers so."""
        return ALWAYS

    @immediate
    def authenticate(self, attempt: Attempt) -> ReturnCode | Awaitable[ReturnCode]:
        """Succeed as soon as there is a user; one without a name becomes `nobody`."""
        return _SUCCESS if attempt.user else self._name_user(attempt)

    @staticmethod
    async def _name_user(attempt: Attempt) -> ReturnCode:
        if not await attempt.get_user():
            attempt.set_item(Item.USER, "nobody")
        return _SUCCESS

    @immediate
    def setcred(self, _attempt: Attempt) -> ReturnCode:
        """Succeed."""
        return _SUCCESS

    acct_mgmt = setcred
    open_session = setcred
    close_session = setcred
    chauthtok = setcred
