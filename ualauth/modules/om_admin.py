"""The module om_admin: succeeds if root or an administrator of the mail system calls.

The caller is known by the UNIX uid that the application got from the kernel,
never by the login name. So nothing here says who is logged in: as with
pam_rootok(8), a caller who is let in may act under any name.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar

from ualauth.codes import ReturnCode
from ualauth.contract.credentials import NO_CREDENTIAL
from ualauth.contract.evidence import Evidence
from ualauth.module import Attempt, Module, Situation
from ualauth.reasons import ReasonCode, Reasons
from ualauth.userlist.record import User
from ualauth.userlist.store import UserStore

_ROOT = 0
_CALLER = ReasonCode.CALLER_NOT_ALLOWED


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """It takes none."""


class OmAdmin(Module[Options]):
    """Succeed if the caller's UNIX uid is root's or an administrator's."""

    options_type = Options
    may_ignore = False
    proves = Evidence.CREDENTIAL
    verifies = NO_CREDENTIAL
    reasons: ClassVar[Reasons] = {
        ReasonCode.CALLER_NOT_ALLOWED: (
            ReturnCode.PERM_DENIED,
            ReturnCode.USER_UNKNOWN,
            ReturnCode.ACCT_EXPIRED,
        ),
    }
    tests_names = True

    async def authenticate(self, attempt: Attempt) -> ReturnCode:
        """Look at the caller's uid, and at the USERLIST's user who has it."""
        return await self._decide(attempt, datetime.now(UTC))

    async def simulate(self, attempt: Attempt, situation: Situation) -> ReturnCode:
        """Look at them as of another time."""
        return await self._decide(attempt, situation.moment)

    @staticmethod
    async def _decide(attempt: Attempt, now: datetime) -> ReturnCode:
        uid = attempt.caller_uid
        if uid is None:
            attempt.explain(_CALLER, "the application does not say who calls")
            return ReturnCode.PERM_DENIED
        if uid == _ROOT:
            attempt.remark("root calls")
            return ReturnCode.SUCCESS
        user = await attempt.offload(attempt.resource(UserStore).by_unix_uid, uid)
        if user is None:
            attempt.explain(_CALLER, f"no user of the USERLIST has the uid {uid}")
            return ReturnCode.USER_UNKNOWN
        code, why = _judge(user, now)
        said = f"{user.authid} calls, {why}"
        if code is ReturnCode.SUCCESS:
            attempt.remark(said)
        else:
            attempt.explain(_CALLER, said)
        return code

    async def setcred(self, _attempt: Attempt) -> ReturnCode:
        """Have nothing to establish."""
        return ReturnCode.SUCCESS

    acct_mgmt = authenticate


def _judge(user: User, now: datetime) -> tuple[ReturnCode, str]:
    """Return whether a user may administer, and why."""
    if not user.administrates_server:
        return ReturnCode.PERM_DENIED, "who is no administrator"
    if user.locked:
        return ReturnCode.PERM_DENIED, "an administrator whose account is locked"
    if user.account_expires is not None and user.account_expires <= now:
        return ReturnCode.ACCT_EXPIRED, "an administrator whose account has expired"
    return ReturnCode.SUCCESS, "an administrator"
