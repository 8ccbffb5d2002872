"""What a directory's answers to binds and changes amount to."""

from __future__ import annotations

from collections.abc import Mapping

from ualauth.codes import ReturnCode
from ualauth.contract.judgement import Judgement
from ualauth.ldap.client.values import Answer, Kind, Policy, PolicyError
from ualauth.ldap.rules.active_directory import (
    MUST_CHANGE,
    PASSWORD_EXPIRED,
    refusal,
    refused_change,
)

_DAY = 86400
_CONSTRAINT = 19
_INSUFFICIENT = 50
_UNWILLING = 53
SUCCESS = Judgement(ReturnCode.SUCCESS, "password verified by the directory")
WRONG = Judgement(ReturnCode.AUTH_ERR, "wrong password")
UNKNOWN = Judgement(ReturnCode.USER_UNKNOWN, "not in the directory")
NAMELESS = Judgement(
    ReturnCode.PERM_DENIED,
    "the directory does not say who it is: the entry shows none of the attributes that name a user",
)
_LOCKED = Judgement(ReturnCode.MAXTRIES, "the account is locked, mostly after too many failures")

_OF_KIND: Mapping[Kind, Judgement] = {
    Kind.OK: SUCCESS,
    Kind.WRONG_PASSWORD: WRONG,
    Kind.NO_SUCH_OBJECT: UNKNOWN,
    Kind.REFUSED: Judgement(ReturnCode.PERM_DENIED, "the directory refuses this account"),
}
_OF_CODE: Mapping[int, Judgement] = {
    # 389 Directory Server: "Exceed password retry limit. Please try later."
    _CONSTRAINT: _LOCKED,
    # Likewise, for accounts that are inactivated.
    _UNWILLING: Judgement(ReturnCode.PERM_DENIED, "the account is inactive"),
}
_REFUSED_BY_POLICY: Mapping[PolicyError, Judgement] = {
    # Said only where the password is right (draft-behera, section 7.1); grace logins are used up.
    PolicyError.PASSWORD_EXPIRED: PASSWORD_EXPIRED,
    # Said whether it is right or not: so the person is not told.
    PolicyError.ACCOUNT_LOCKED: _LOCKED,
    PolicyError.CHANGE_AFTER_RESET: MUST_CHANGE,
}
_OBJECTIONS: Mapping[PolicyError, str] = {
    PolicyError.PASSWORD_MOD_NOT_ALLOWED: "you may not change it",
    PolicyError.MUST_SUPPLY_OLD_PASSWORD: "the old one is needed, too",
    PolicyError.INSUFFICIENT_PASSWORD_QUALITY: "it is too simple",
    PolicyError.PASSWORD_TOO_SHORT: "it is too short",
    PolicyError.PASSWORD_TOO_YOUNG: "the old one was set a short time ago",
    PolicyError.PASSWORD_IN_HISTORY: "it was used before",
    PolicyError.PASSWORD_TOO_LONG: "it is too long",
}
_UNCHANGED: Mapping[Kind, Judgement] = {
    Kind.WRONG_PASSWORD: Judgement(ReturnCode.AUTH_ERR, "wrong old password"),
    Kind.NO_SUCH_OBJECT: UNKNOWN,
}


def of_bind(answer: Answer) -> Judgement:
    """Return what the answer to a bind amounts to."""
    if answer.ok:
        return SUCCESS
    error = answer.policy.error
    by_policy = None if error is None else _REFUSED_BY_POLICY.get(error)
    by_code = None if answer.kind is Kind.WRONG_PASSWORD else _OF_CODE.get(answer.code)
    return by_policy or refusal(answer.text) or by_code or _OF_KIND[answer.kind]


def of_policy(policy: Policy) -> Judgement | None:
    """Return what a bind that was a yes says of the password's age, if anything."""
    if policy.error is PolicyError.CHANGE_AFTER_RESET:
        return MUST_CHANGE
    if policy.error is PolicyError.PASSWORD_EXPIRED:
        return PASSWORD_EXPIRED
    if policy.error is not None:
        # No server should: but what it says is no yes.
        return _LOCKED
    if policy.grace_left is not None:
        number = policy.grace_left
        text = f"Your password has expired. You may log in {_times(number)} with it."
        return Judgement(
            ReturnCode.SUCCESS, f"the password has expired; {number} logins left", text
        )
    if policy.seconds_left is not None:
        left = _left(policy.seconds_left)
        log = f"the password expires in {policy.seconds_left} seconds"
        return Judgement(ReturnCode.SUCCESS, log, f"Your password expires in {left}.")
    return None


def of_change(answer: Answer) -> Judgement:
    """Return what the answer to a change of password amounts to."""
    if answer.ok:
        return Judgement(ReturnCode.SUCCESS, "password changed")
    error = answer.policy.error
    if error is not None and error in _OBJECTIONS:
        why = _OBJECTIONS[error]
        text = f"The new password was refused: {why}."
        return Judgement(ReturnCode.AUTHTOK_ERR, f"the new password was refused: {why}", text)
    judgement = refused_change(answer.text)
    if judgement is not None:
        return judgement
    if answer.kind in _UNCHANGED:
        return _UNCHANGED[answer.kind]
    log = f"the directory answers {answer.code} {answer.text}".rstrip()
    if answer.code == _INSUFFICIENT:
        text = "You may not change your password here."
        return Judgement(ReturnCode.PERM_DENIED, log, text)
    return Judgement(ReturnCode.AUTHTOK_ERR, log, "The new password was refused.")


def _times(number: int) -> str:
    return {0: "no more", 1: "once more"}.get(number, f"{number} more times")


def _left(seconds: int) -> str:
    if seconds >= 2 * _DAY:
        return f"{seconds // _DAY} days"
    hours = max(1, seconds // 3600)
    return f"{hours} hours" if hours > 1 else "an hour or less"
