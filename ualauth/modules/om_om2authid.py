"""The module om_om2authid: the user becomes the authid, for the modules after it.

It never succeeds. To know a user's name is no proof of being that user, so
a stack of nothing else has to refuse: `IGNORE` leaves the verdict to the others.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, ClassVar

from ualauth.codes import Item, Operation, ReturnCode
from ualauth.contract.account import Account
from ualauth.contract.credentials import NO_CREDENTIAL
from ualauth.module import Attempt, Module, by_its_method, immediate
from ualauth.reasons import ReasonCode, Reasons


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What a stack line may set."""

    ignore_unknown_user: Annotated[
        bool,
        "Leave a name that the USERLIST does not know to the modules after this one.",
    ] = False


class OmOm2authid(Module[Options]):
    """Make the user the authid for the modules after it, and refuse unknown names."""

    options_type = Options
    verifies = NO_CREDENTIAL
    reasons: ClassVar[Reasons] = {
        ReasonCode.USER_UNKNOWN: (ReturnCode.USER_UNKNOWN, ReturnCode.IGNORE),
    }
    tests_names = True
    simulate = by_its_method

    def answers(self, operation: Operation) -> Collection[ReturnCode]:
        """Return what it has for a name: never `SUCCESS`."""
        known = {ReturnCode.IGNORE}
        return known if operation is Operation.SETCRED else known | {ReturnCode.USER_UNKNOWN}

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        """Refuse a name of no user or of several; leave any other name to the other modules."""
        account: Account | None = await attempt.get_record()
        if account is not None:
            attempt.set_item(Item.USER, account.user.authid)
            return ReturnCode.IGNORE
        attempt.explain(ReasonCode.USER_UNKNOWN, "not in the USERLIST, or not the only one")
        if self.options.ignore_unknown_user:
            return ReturnCode.IGNORE
        return ReturnCode.USER_UNKNOWN

    @immediate
    def setcred(self, _attempt: Attempt) -> ReturnCode:
        """Leave it to the modules that let the person in."""
        return ReturnCode.IGNORE

    acct_mgmt = authenticate
    chauthtok = authenticate
