"""Whether an account may be used, as its row says; the password is not looked at."""

from __future__ import annotations

from datetime import UTC, datetime

from ualauth.codes import ReturnCode
from ualauth.contract.judgement import Judgement
from ualauth.reasons import ReasonCode
from ualauth.sql.rules.user import SqlUser
from ualauth.system.networks import is_within, read_address

ALLOWED = Judgement(ReturnCode.SUCCESS, "the account may be used")
_LOCKED = "Your account is locked; ask your administrator."


def judge(user: SqlUser, rhost: str | None, now: datetime | None = None) -> Judgement:
    """Return whether the account may be used from there, now."""
    if user.lock is not None:
        reason = f": {user.lock}" if user.lock else ""
        why = f"the account is locked{reason}"
        return Judgement(ReturnCode.PERM_DENIED, why, _LOCKED, reason=ReasonCode.LOCKED)
    if not user.active:
        why = "the account is not active"
        return Judgement(ReturnCode.PERM_DENIED, why, _LOCKED, reason=ReasonCode.INACTIVE)
    if user.expires is not None and user.expires <= (now or datetime.now(UTC)):
        return Judgement(
            ReturnCode.ACCT_EXPIRED,
            f"the account expired {user.expires:%Y-%m-%d %H:%M %Z}",
            "Your account has expired; ask your administrator.",
            reason=ReasonCode.ACCOUNT_EXPIRED,
        )
    if not _is_allowed(user, rhost):
        return Judgement(
            ReturnCode.PERM_DENIED,
            "allow_nets does not have the peer's address"
            if user.networks or user.is_local_allowed
            else "allow_nets is empty: NULL is no limit",
            "Your account cannot be used from where you are.",
            reason=ReasonCode.SOURCE_NOT_ALLOWED,
        )
    return ALLOWED


def _is_allowed(user: SqlUser, rhost: str | None) -> bool:
    if user.networks is None:
        return True
    if not rhost:
        return user.is_local_allowed
    return is_within(read_address(rhost), user.networks)
