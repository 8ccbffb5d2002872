"""Comparing a password with that of a row; it computes, and every refusal costs the same.

A user who is not there costs the time of today's scheme and of each scheme that rows had, and so
does a wrong password: how long a refusal takes tells nothing.
"""

from __future__ import annotations

from ualauth.codes import ReturnCode
from ualauth.contract.judgement import Judgement
from ualauth.errors import PasswordError
from ualauth.passwords.schemes import PasswordHasher
from ualauth.reasons import ReasonCode
from ualauth.userlist.schemes_in_use import SchemesInUse

VERIFIED = Judgement(ReturnCode.SUCCESS, "password verified")
_NONE = Judgement(ReturnCode.AUTH_ERR, "the row has no password", reason=ReasonCode.NO_PASSWORD)
_EMPTY = Judgement(ReturnCode.AUTH_ERR, "an empty password", reason=ReasonCode.NO_PASSWORD)
_WRONG = Judgement(ReturnCode.AUTH_ERR, "wrong password", reason=ReasonCode.WRONG_PASSWORD)


def compare(
    hasher: PasswordHasher, in_use: SchemesInUse, stored: str | None, password: str
) -> Judgement:
    """Return what a password amounts to; `stored` is `None` where there is no user."""
    if not stored or not password:
        hasher.dummy_verify(password)
        in_use.level(hasher, password, None)
        return _NONE if password else _EMPTY
    try:
        matches = hasher.verify(password, stored)
        outdated = hasher.needs_rehash(stored)
    except PasswordError as error:
        hasher.dummy_verify(password)
        in_use.level(hasher, password, None)
        return Judgement(
            ReturnCode.AUTHINFO_UNAVAIL, str(error), reason=ReasonCode.DATABASE_UNAVAILABLE
        )
    if matches:
        return VERIFIED
    if outdated or hasher.scheme_of(stored) != hasher.scheme:
        hasher.dummy_verify(password)
    in_use.level(hasher, password, stored)
    return _WRONG
