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
from ualauth.ldap.rules.texts import LOCKED, by_words, with_words
from ualauth.reasons import ReasonCode

_DAY = 86400
_INSUFFICIENT = 50
SUCCESS = Judgement(ReturnCode.SUCCESS, "password verified by the directory")
WRONG = Judgement(ReturnCode.AUTH_ERR, "wrong password", reason=ReasonCode.WRONG_PASSWORD)
UNKNOWN = Judgement(ReturnCode.USER_UNKNOWN, "not in the directory", reason=ReasonCode.USER_UNKNOWN)
NAMELESS = Judgement(
    ReturnCode.PERM_DENIED,
    "the directory does not say who it is: the entry shows none of the attributes that name a user",
    reason=ReasonCode.NOT_ALLOWED,
)
_OF_KIND: Mapping[Kind, Judgement] = {
    Kind.OK: SUCCESS,
    Kind.WRONG_PASSWORD: WRONG,
    Kind.NO_SUCH_OBJECT: UNKNOWN,
    Kind.REFUSED: Judgement(
        ReturnCode.PERM_DENIED, "the directory refuses this account", reason=ReasonCode.NOT_ALLOWED
    ),
}
_REFUSED_BY_POLICY: Mapping[PolicyError, Judgement] = {
    # Said only where the password is right (draft-behera, section 7.1); grace logins are used up.
    PolicyError.PASSWORD_EXPIRED: PASSWORD_EXPIRED,
    # Said whether it is right or not: so the person is not told.
    PolicyError.ACCOUNT_LOCKED: LOCKED,
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
_NOT_HERE = "You may not change your password here."
_SERVICE_MAY_NOT = "the service (binddn) may not change passwords"
_UNCHANGED: Mapping[Kind, Judgement] = {
    Kind.WRONG_PASSWORD: Judgement(
        ReturnCode.AUTH_ERR, "wrong old password", reason=ReasonCode.WRONG_PASSWORD
    ),
    Kind.NO_SUCH_OBJECT: UNKNOWN,
}


def of_bind(answer: Answer) -> Judgement:
    """Return what the answer to a bind amounts to."""
    if answer.ok:
        return SUCCESS
    by_text = refusal(answer.text)
    if by_text is not None:
        return by_text
    error = answer.policy.error
    by_policy = None if error is None else _REFUSED_BY_POLICY.get(error)
    # 389 Directory Server says "locked" by the control of each account that it refuses.
    judgement = by_words(answer.text) or by_policy or _OF_KIND[answer.kind]
    return with_words(judgement, answer.text)


def of_policy(policy: Policy) -> Judgement | None:
    """Return what a bind that was a yes says of the password's age, if anything."""
    if policy.error is PolicyError.CHANGE_AFTER_RESET:
        return MUST_CHANGE
    if policy.error is PolicyError.PASSWORD_EXPIRED:
        return PASSWORD_EXPIRED
    if policy.error is not None:
        # No server should: but what it says is no yes.
        return LOCKED
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
        log = f"the new password was refused: {why}"
        return with_words(
            Judgement(ReturnCode.AUTHTOK_ERR, log, text, reason=ReasonCode.PASSWORD_UNSUITABLE),
            answer.text,
        )
    judgement = refused_change(answer.text)
    if judgement is not None:
        return judgement
    if answer.kind in _UNCHANGED:
        return with_words(_UNCHANGED[answer.kind], answer.text)
    log = f"the directory answers {answer.code} {answer.text}".rstrip()
    if answer.code == _INSUFFICIENT:
        reason = ReasonCode.PASSWORD_NOT_CHANGEABLE
        return Judgement(ReturnCode.PERM_DENIED, log, _NOT_HERE, reason=reason)
    return Judgement(
        ReturnCode.AUTHTOK_ERR,
        log,
        "The new password was refused.",
        reason=ReasonCode.PASSWORD_UNSUITABLE,
    )


def of_change_by_service(answer: Answer) -> Judgement:
    """Return what the answer to a change amounts to that the service has asked for."""
    prohibited = answer.policy.error is PolicyError.PASSWORD_MOD_NOT_ALLOWED
    if answer.ok or not (prohibited or answer.code == _INSUFFICIENT):
        return of_change(answer)
    judgement = Judgement(
        ReturnCode.PERM_DENIED,
        _SERVICE_MAY_NOT,
        _NOT_HERE,
        reason=ReasonCode.PASSWORD_NOT_CHANGEABLE,
    )
    return with_words(judgement, answer.text)


def _times(number: int) -> str:
    return {0: "no more", 1: "once more"}.get(number, f"{number} more times")


def _left(seconds: int) -> str:
    if seconds >= 2 * _DAY:
        return f"{seconds // _DAY} days"
    hours = max(1, seconds // 3600)
    return f"{hours} hours" if hours > 1 else "an hour or less"
