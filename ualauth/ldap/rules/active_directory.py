"""What Active Directory says in its own way: in texts, in times and in bits.

[MS-ADTS] has the attributes; the numbers after `data` are Windows' error codes
([MS-ERREF], section 2.2), in hexadecimal digits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from ualauth.codes import ReturnCode
from ualauth.contract.judgement import Judgement
from ualauth.reasons import ReasonCode

IS_ACTIVE_DIRECTORY = "1.2.840.113556.1.4.800"
"""Among the capabilities in its root DSE ([MS-ADTS], section 3.1.1.3.4.3.1)."""
IN_CHAIN = "1.2.840.113556.1.4.1941"
"""The matching rule that follows groups in groups."""

DISABLED = 0x2
LOCKED = 0x10
EXPIRED = 0x800000
"""Bits of userAccountControl, and of what is computed for it ([MS-ADTS], section 2.2.16)."""

_DATA = re.compile(r"\bdata ([0-9a-fA-F]{1,8})\b")
_STATUS = re.compile(r"\A([0-9A-Fa-f]{8}):")
_FIRST = datetime(1601, 1, 1, tzinfo=UTC)
_NEVER = frozenset({0, 0x7FFFFFFFFFFFFFFF})

MUST_CHANGE = Judgement(
    ReturnCode.NEW_AUTHTOK_REQD,
    "the password must be changed",
    "Your password must be changed.",
    reason=ReasonCode.PASSWORD_MUST_CHANGE,
)
PASSWORD_EXPIRED = Judgement(
    ReturnCode.NEW_AUTHTOK_REQD,
    "the password has expired",
    "Your password has expired and must be changed.",
    reason=ReasonCode.PASSWORD_EXPIRED,
)
ACCOUNT_EXPIRED = Judgement(
    ReturnCode.ACCT_EXPIRED,
    "the account has expired",
    "Your account has expired.",
    reason=ReasonCode.ACCOUNT_EXPIRED,
)
ACCOUNT_DISABLED = Judgement(
    ReturnCode.PERM_DENIED,
    "the account is disabled",
    "Your account is disabled.",
    reason=ReasonCode.LOCKED,
)

REFUSALS: Mapping[str, Judgement] = {
    "525": Judgement(
        ReturnCode.USER_UNKNOWN, "the directory knows no such user", reason=ReasonCode.USER_UNKNOWN
    ),
    "52e": Judgement(ReturnCode.AUTH_ERR, "wrong password", reason=ReasonCode.WRONG_PASSWORD),
    "530": Judgement(
        ReturnCode.PERM_DENIED,
        "this is not one of the hours of the account",
        "You may not log in at this time.",
        reason=ReasonCode.NOT_IN_HOURS,
    ),
    "531": Judgement(
        ReturnCode.PERM_DENIED,
        "the account may not log in from this host",
        "You may not log in here.",
        reason=ReasonCode.SOURCE_NOT_ALLOWED,
    ),
    "532": PASSWORD_EXPIRED,
    "533": ACCOUNT_DISABLED,
    "701": ACCOUNT_EXPIRED,
    "773": MUST_CHANGE,
    # It is said whether the password is right or not: so the person is not told.
    "775": Judgement(
        ReturnCode.MAXTRIES,
        "the account is locked after too many failures",
        reason=ReasonCode.LOCKED,
    ),
}
"""What `data` in the text of a refused bind means; all but 525, 52e and 775 need the password."""

CHANGES: Mapping[str, Judgement] = {
    "00000056": Judgement(
        ReturnCode.AUTH_ERR, "wrong old password", reason=ReasonCode.WRONG_PASSWORD
    ),
    "00000005": Judgement(
        ReturnCode.PERM_DENIED,
        "no right to change the password",
        reason=ReasonCode.PASSWORD_NOT_CHANGEABLE,
    ),
    "0000052D": Judgement(
        ReturnCode.AUTHTOK_ERR,
        "the new password breaks the domain's rules",
        "The new password was refused: it breaks the rules for passwords "
        "(length, kinds of characters, age, former passwords).",
        reason=ReasonCode.PASSWORD_UNSUITABLE,
    ),
}
"""What begins the text of a refused change (WILL_NOT_PERFORM, CONSTRAINT_VIOLATION)."""


def refusal(text: str) -> Judgement | None:
    """Return what the text of a refused bind says, if it is Active Directory's."""
    match = _DATA.search(text)
    return None if match is None else REFUSALS.get(match[1].lower())


def refused_change(text: str) -> Judgement | None:
    """Return what the text of a refused change says, if it is Active Directory's."""
    match = _STATUS.match(text)
    return None if match is None else CHANGES.get(match[1].upper())


def time_of(value: int) -> datetime | None:
    """Return a time that counts 100 nanoseconds since 1601; `None` is never, or after 9999."""
    if value in _NEVER or value < 0:
        return None
    try:
        return _FIRST + timedelta(microseconds=value // 10)
    except OverflowError:
        return None
