"""What servers say in words beside a result code that means several things.

The words are from the source of each product. Those that a server says whether the
password is right or not, and those of which that is not known, are for the log alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ualauth.codes import ReturnCode
from ualauth.contract.judgement import Judgement
from ualauth.reasons import ReasonCode

LOCKED = Judgement(
    ReturnCode.MAXTRIES,
    "the account is locked, mostly after too many failures",
    reason=ReasonCode.LOCKED,
)
INACTIVE = Judgement(ReturnCode.PERM_DENIED, "the account is inactive", reason=ReasonCode.INACTIVE)
_TOO_LONG_UNUSED = Judgement(
    ReturnCode.ACCT_EXPIRED,
    "the account has expired: it was not used for too long",
    reason=ReasonCode.INACTIVE,
)
_EXPIRED = Judgement(
    ReturnCode.ACCT_EXPIRED, "the account has expired", reason=ReasonCode.ACCOUNT_EXPIRED
)
# FreeIPA says so before it looks at the password: this is no word for "it is right".
_NO_LOGINS_LEFT = Judgement(
    ReturnCode.PERM_DENIED,
    "the password has expired, and no grace login is left",
    reason=ReasonCode.PASSWORD_EXPIRED,
)
_OTHER_HOURS = Judgement(
    ReturnCode.PERM_DENIED,
    "this is not one of the hours of the account",
    reason=ReasonCode.NOT_IN_HOURS,
)
_OTHER_HOST = Judgement(
    ReturnCode.PERM_DENIED,
    "the account may not log in from this host",
    reason=ReasonCode.SOURCE_NOT_ALLOWED,
)

_WORDS: Mapping[str, Judgement] = {
    # 389 Directory Server: pw_retry.c and pw_mgmt.c, acct_policy's acct_plugin.c
    "account inactivated": INACTIVE,
    "account inactivity limit exceeded": _TOO_LONG_UNUSED,
    "exceed password retry limit": LOCKED,
    # FreeIPA: ipa-pwd-extop's prepost.c, ipa-graceperiod
    "account (kerberos principal) is expired": _EXPIRED,
    "password is expired": _NO_LOGINS_LEFT,
    # eDirectory: the errors of NDS
    "(-197)": LOCKED,
    "(-218)": _OTHER_HOURS,
    "(-219)": _OTHER_HOST,
    "(-220)": _EXPIRED,
    "(-222)": _NO_LOGINS_LEFT,
}
_USUAL = re.compile(
    r"\s*(?:invalid credentials\.?|NDS error: failed authentication \(-669\))?\s*", re.IGNORECASE
)
"""What servers say of a wrong password, which says no more than the code."""


def by_words(text: str) -> Judgement | None:
    """Return what a server has said of the account, if these are words that are known."""
    folded = text.lower()
    return next((each for words, each in _WORDS.items() if words in folded), None)


def with_words(judgement: Judgement, text: str) -> Judgement:
    """Return a judgement whose log has what the server said, if that says something."""
    if _USUAL.fullmatch(text):
        return judgement
    log = f"{judgement.log} (the server says: {text})"
    return Judgement(judgement.code, log, judgement.person, reason=judgement.reason)
