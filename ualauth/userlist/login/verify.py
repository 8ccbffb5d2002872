"""Comparing a password with UL-PWD, and what follows for the record; all of it computes or blocks.

Every refusal costs the same, for every user and whatever is stored: how long
it takes tells nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import KW_ONLY

from ualauth.codes import ReturnCode
from ualauth.contract.judgement import Judgement
from ualauth.errors import PasswordError, StoreError, UserError
from ualauth.passwords.schemes import PasswordHasher
from ualauth.reasons import ReasonCode
from ualauth.text.dataclass import dataclass
from ualauth.userlist.record import User
from ualauth.userlist.schemes_in_use import SchemesInUse
from ualauth.userlist.store import UserStore

log = logging.getLogger("ualauth.modules.om_auth")


@dataclass(frozen=True, slots=True)
class Comparison(Judgement):
    """What comparing a password gave.

    `matched` is whether the hash was made of it, `remembered` whether that was
    known before, `outdated` whether the hash should be replaced.
    """

    _: KW_ONLY
    matched: bool = False
    remembered: bool = False
    outdated: bool = False

    @property
    def wrong(self) -> bool:
        """Whether it is a failed login: other codes say nothing about the password."""
        return self.code in FAILED


REMEMBERED = Comparison(ReturnCode.SUCCESS, "password verified before", remembered=True)
"""What comparing a remembered password gives."""
WRONG = Comparison(ReturnCode.AUTH_ERR, "wrong password", reason=ReasonCode.WRONG_PASSWORD)
NOT_SET = Comparison(ReturnCode.AUTH_ERR, "no password is set", reason=ReasonCode.NO_PASSWORD)
EMPTY = Comparison(ReturnCode.AUTH_ERR, "an empty password", reason=ReasonCode.NO_PASSWORD)
UNKNOWN = Comparison(
    ReturnCode.USER_UNKNOWN,
    "not in the USERLIST, or not the only one",
    reason=ReasonCode.USER_UNKNOWN,
)
"""What it gives where it refuses."""
FAILED = frozenset({ReturnCode.AUTH_ERR, ReturnCode.USER_UNKNOWN})
"""The codes of a failed login: others say nothing about the password."""


def compare(
    hasher: PasswordHasher,
    user: User | None,
    password: str,
    null_allowed: bool,  # noqa: FBT001 - passed through compute, which is positional
    in_use: SchemesInUse,
) -> Comparison:
    """Compare a password with the stored one; computes.

    A refusal always costs one verification of each scheme that is `in_use`.
    """
    if user is None or not user.password or not password:
        hasher.dummy_verify(password)
        in_use.level(hasher, password, None)
        return without_comparing(user, password, null_allowed)
    try:
        matches = hasher.verify(password, user.password)
        outdated = hasher.needs_rehash(user.password)
    except PasswordError as error:
        hasher.dummy_verify(password)
        in_use.level(hasher, password, None)
        # The stored hash is what cannot be used.
        reason = ReasonCode.USERLIST_UNAVAILABLE
        return Comparison(ReturnCode.AUTHINFO_UNAVAIL, str(error), reason=reason)
    if matches:
        return Comparison(
            ReturnCode.SUCCESS,
            "password verified",
            matched=True,
            outdated=outdated,
        )
    if outdated or hasher.scheme_of(user.password) != hasher.scheme:
        hasher.dummy_verify(password)
    in_use.level(hasher, password, user.password)
    return WRONG


def without_comparing(
    user: User | None,
    password: str,
    null_allowed: bool = False,  # noqa: FBT001, FBT002 - as above
) -> Comparison:
    """Judge where there is nothing to compare: no user, no stored password, or no password."""
    if user is None:
        return UNKNOWN
    if password:
        return NOT_SET
    if null_allowed and not user.password:
        return Comparison(ReturnCode.SUCCESS, "no password is set, and none is needed")
    return EMPTY


def rewrite(store: UserStore, hasher: PasswordHasher, user: User, password: str) -> None:
    """Store the password under today's scheme; the login does not depend on it."""
    try:
        store.replace_hash(user, user.password or "", hasher.hash(password))
    except (StoreError, PasswordError, UserError) as error:
        log.warning("the outdated hash of user %d stays: %s", user.id, error)


def fill(store: UserStore, hasher: PasswordHasher, user: User, password: str) -> None:
    """Keep the SASL secrets that are missing; the login does not depend on it."""
    try:
        present = {secret.mechanism for secret in store.secrets(user)}
        missing = [each for each in hasher.mechanisms if each not in present]
        if missing and (secrets := hasher.secrets(password, missing)):
            store.fill_secrets(user, secrets)
    except (StoreError, UserError) as error:
        log.warning("user %d still lacks SASL secrets: %s", user.id, error)


def is_former(hasher: PasswordHasher, password: str, former: Sequence[str]) -> bool:
    """Return whether one of the hashes was made of this password; computes."""
    for stored in former:
        try:
            if hasher.verify(password, stored):
                return True
        except PasswordError as error:
            log.warning("a former password cannot be compared: %s", error)
    return False
