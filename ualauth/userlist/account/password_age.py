"""The age of a password: when it expires, what follows, and when it may be changed.

A password is valid; then, `warning_days` before it expires, its owner is told;
then it has expired, and lets in for `grace_logins` more; then it has to be
changed first; and `inactive_days` after it expired its owner cannot even change it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ualauth.codes import ReturnCode
from ualauth.contract.judgement import Judgement
from ualauth.passwords.policy import PasswordRules
from ualauth.reasons import ReasonCode
from ualauth.userlist.record import User

_SKEW = timedelta(days=1)
"""By how much the clocks of hosts may differ, in what is counted in days."""
_UNKNOWN = datetime(1970, 1, 1, tzinfo=UTC)


def aged(user: User, rules: PasswordRules, now: datetime) -> Judgement | None:
    """Return what follows of the password's age, or `None` if nothing does.

    With `SUCCESS` it is a warning, with `NEW_AUTHTOK_REQD` there may be grace
    logins, with `AUTHTOK_EXPIRED` its owner cannot change it any more.
    """
    expires = password_expires(user, rules)
    if expires is not None and _is_spent(expires, rules, now):
        return Judgement(
            ReturnCode.AUTHTOK_EXPIRED,
            f"{_expired(expires)}, and could be changed for {rules.inactive_days} days",
            "Your password expired long ago; ask your administrator.",
            reason=ReasonCode.PASSWORD_EXPIRED,
        )
    if user.must_change_password:
        return Judgement(
            ReturnCode.NEW_AUTHTOK_REQD,
            "the password must be changed",
            "You must choose a new password.",
            reason=ReasonCode.PASSWORD_MUST_CHANGE,
        )
    if expires is None or expires - now > timedelta(days=rules.warning_days):
        return None
    if now < expires:
        days = (expires - now).days
        return Judgement(
            ReturnCode.SUCCESS,
            f"the password expires {expires:%Y-%m-%d %H:%M} UTC",
            f"Your password expires {f'in {days} days' if days > 1 else 'within two days'}.",
        )
    return Judgement(
        ReturnCode.NEW_AUTHTOK_REQD,
        _expired(expires),
        "Your password has expired; choose a new one.",
        reason=ReasonCode.PASSWORD_EXPIRED,
    )


def is_ageless(user: User, rules: PasswordRules) -> bool:
    """Return whether `aged` is `None` at any time."""
    return not user.must_change_password and password_expires(user, rules) is None


def has_grace(user: User, rules: PasswordRules) -> bool:
    """Return whether the password, if it has expired, may let its owner in once more."""
    return not user.must_change_password and user.grace_logins_used < rules.grace_logins


def grace(used: int, rules: PasswordRules) -> Judgement:
    """Return what to say of a grace login: the `used`-th one, which was counted."""
    left = rules.grace_logins - used
    times = {0: "This was the last login", 1: "One more login is possible"}
    logins = times.get(left, f"{left} more logins are possible")
    return Judgement(
        ReturnCode.SUCCESS,
        f"the password has expired; grace login {used} of {rules.grace_logins}",
        f"Your password has expired. {logins} before you must change it.",
    )


def must_change(user: User, rules: PasswordRules, now: datetime) -> bool:
    """Return whether the password has expired, or has to be changed for another reason."""
    expires = password_expires(user, rules)
    return user.must_change_password or (expires is not None and expires <= now)


def unchangeable(user: User, rules: PasswordRules, now: datetime) -> Judgement | None:
    """Return why the owner may not change the password now, or `None`."""
    expires = password_expires(user, rules)
    if _is_spent(expires, rules, now):
        return Judgement(
            ReturnCode.PERM_DENIED,
            f"{_expired(expires)}, and could be changed for {rules.inactive_days} days",
            "Your password expired long ago; ask your administrator.",
            reason=ReasonCode.PASSWORD_EXPIRED,
        )
    if (
        rules.minimum_age_days
        and user.password_changed is not None
        # A change in times to come was made by a clock that was wrong.
        and user.password_changed <= now + _SKEW
        and now < _days_after(user.password_changed, rules.minimum_age_days)
        and not must_change(user, rules, now)
    ):
        return Judgement(
            ReturnCode.AUTHTOK_ERR,
            f"the password was changed less than {rules.minimum_age_days} days ago",
            "Your password was changed recently; it must stay for some time.",
            reason=ReasonCode.PASSWORD_NOT_CHANGEABLE,
        )
    return None


def password_expires(user: User, rules: PasswordRules) -> datetime | None:
    """Return when the password expires, or expired; `None` if it does not.

    What comes first counts: the date in the record, or the maximum age. A
    password of unknown age is as old as the record.
    """
    if not rules.maximum_age_days:
        return user.password_expires
    oldest = _days_after(_age_begins(user), rules.maximum_age_days)
    return oldest if user.password_expires is None else min(oldest, user.password_expires)


def _age_begins(user: User) -> datetime:
    """Return since when a password is as it is, as far as no clock was wrong that wrote it."""
    latest = datetime.now(UTC) + _SKEW
    known = (user.password_changed, user.created, user.changed)
    return next((each for each in known if each is not None and each <= latest), _UNKNOWN)


def _is_spent(expires: datetime | None, rules: PasswordRules, now: datetime) -> bool:
    if expires is None or not rules.inactive_days:
        return False
    return _days_after(expires, rules.inactive_days) <= now


def _expired(expires: datetime | None) -> str:
    return f"the password expired {expires:%Y-%m-%d %H:%M} UTC" if expires else ""


def _days_after(moment: datetime, days: int) -> datetime:
    try:
        return moment + timedelta(days=days)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)
