"""The module om_unix2om: the caller's UNIX uid says who logs in.

The kernel vouches for the uid, and the USERLIST ties it to one user. That is
as good as a password, so no password is asked for. A login name is never
overwritten: if there is one, it has to be that user's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ualauth.codes import ReturnCode
from ualauth.contract.credentials import NO_CREDENTIAL
from ualauth.contract.evidence import Evidence
from ualauth.module import Attempt, Module, by_its_method
from ualauth.reasons import ReasonCode, Reasons
from ualauth.userlist.store import UserStore

_CALLER = ReasonCode.CALLER_NOT_ALLOWED


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """It takes none."""


class OmUnix2om(Module[Options]):
    """Recognize the USERLIST's user by the caller's UNIX uid, without a password."""

    options_type = Options
    may_ignore = False
    proves = Evidence.CREDENTIAL
    verifies = NO_CREDENTIAL
    reasons: ClassVar[Reasons] = {
        ReasonCode.CALLER_NOT_ALLOWED: (ReturnCode.PERM_DENIED, ReturnCode.USER_UNKNOWN),
        ReasonCode.WRONG_USER: (ReturnCode.AUTH_ERR,),
    }
    tests_names = True
    simulate = by_its_method

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        """Make the caller the user, or refuse a login name that is another user's."""
        uid = attempt.caller_uid
        if uid is None:
            attempt.explain(_CALLER, "the application does not say who calls")
            return ReturnCode.PERM_DENIED
        user = await attempt.offload(attempt.resource(UserStore).by_unix_uid, uid)
        if user is None:
            attempt.explain(_CALLER, f"no user of the USERLIST has the uid {uid}")
            return ReturnCode.USER_UNKNOWN
        if attempt.user is not None and await attempt.get_user() != user.authid:
            why = f"the uid {uid} is {user.authid}'s, and not that of the login name"
            attempt.explain(ReasonCode.WRONG_USER, why)
            return ReturnCode.AUTH_ERR
        await attempt.confirm_user(user.authid)
        attempt.remark(f"{user.authid} calls")
        attempt.vouch(user.person())
        return ReturnCode.SUCCESS

    async def setcred(self, _attempt: Attempt) -> ReturnCode:
        """Have nothing to establish."""
        return ReturnCode.SUCCESS
