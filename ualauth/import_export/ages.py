"""Ages of passwords and accounts as shadow(5) has them, in days since 1970.

RFC 2307 has the same numbers as attributes. An empty number and -1 are none; other
negative numbers mean nothing, and pam_unix, whose meaning this is, does not agree with
itself about them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ualauth.errors import InvalidValue
from ualauth.import_export.accounts import number_of
from ualauth.import_export.limits import LONGEST, Limits

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A number of days that stands for "never" by habit: login.defs(5), PASS_MAX_DAYS.
_NEVER = 99999


@dataclass(frozen=True, slots=True, kw_only=True)
class Ages:
    """The numbers, as they are written; what is not there is empty."""

    changed: str = ""
    minimum: str = ""
    maximum: str = ""
    warning: str = ""
    inactive: str = ""
    expires: str = ""

    def limit(self, limits: Limits) -> None:
        """Add what these numbers restrict.

        Raises:
            InvalidValue: for what is no number of days.

        """
        changed, minimum = _days(self.changed, "lastchg"), _days(self.minimum, "min")
        maximum, warning = _days(self.maximum, "max"), _days(self.warning, "warn")
        inactive, expires = _days(self.inactive, "inactive"), _days(self.expires, "expire")
        if expires is not None:
            # 0 is no date (shadow(5)); pam_unix refuses it.
            limits.end(_day(expires))
        if changed:
            limits.password_changed = _day(changed)
        if changed == 0:
            limits.must_change = True
        # Without a day of change nothing ages (shadow(5)), and without a maximum nothing
        # is warned of or ends. Each later password ages in the same way.
        if changed is not None and maximum is not None and maximum < _NEVER:
            _age(limits, changed, maximum, warning, inactive)
        elif changed == 0:
            limits.end_password(EPOCH)
        if minimum and changed is not None:
            limits.policy["minimum_age_days"] = min(minimum, LONGEST)


def _age(
    limits: Limits, changed: int, maximum: int, warning: int | None, inactive: int | None
) -> None:
    limits.limit_age(maximum)
    if warning is not None:
        limits.policy["warning_days"] = min(warning, LONGEST)
    if inactive is not None:
        # To shadow(5) 0 is none at all, and to a policy without end; a day is what is left.
        limits.policy["inactive_days"] = min(max(1, inactive), LONGEST)
    if changed:
        limits.end_password(_day(changed + maximum))
    elif inactive is None:
        limits.end_password(EPOCH)


def _days(text: str, what: str) -> int | None:
    number = number_of(text, what)
    if number is not None and number < -1:
        raise InvalidValue(f"{what}: must be a number of days, or -1 for none")
    return None if number == -1 else number


def _day(number: int) -> datetime:
    try:
        return EPOCH + timedelta(days=number)
    except OverflowError:
        raise InvalidValue("a date of the shadow file: must lie in the years 1 to 9999") from None
