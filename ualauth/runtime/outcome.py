"""The table of outcomes: what a return code amounts to, in one word and as an exception.

The words are the same in the log, the program's output, the pages and the examples; each
but `granted` is one exception. The page "What can be raised, and what to
answer" says what servers reply.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

from ualauth.codes import Operation, ReturnCode
from ualauth.errors import (
    AccountRestricted,
    AuthenticationError,
    AuthenticationFailed,
    PasswordExpired,
    PasswordRefused,
    TemporaryFailure,
)


class Outcome(enum.Enum):
    """How a login ended, so far."""

    GRANTED = "granted"
    REFUSED = "refused"
    RESTRICTED = "restricted"
    EXPIRED = "expired"
    UNSUITABLE = "unsuitable"
    """A new password that was not taken; no login without a change of password ends so."""
    UNAVAILABLE = "unavailable"

    def __str__(self) -> str:
        """Return the word."""
        return self.value


EXCEPTIONS: Mapping[Outcome, type[AuthenticationError]] = {
    Outcome.REFUSED: AuthenticationFailed,
    Outcome.RESTRICTED: AccountRestricted,
    Outcome.EXPIRED: PasswordExpired,
    Outcome.UNSUITABLE: PasswordRefused,
    Outcome.UNAVAILABLE: TemporaryFailure,
}


def outcome_of(operation: Operation, code: ReturnCode, *, could_not_check: bool) -> Outcome:
    """Return what `code` of `operation` amounts to.

    `could_not_check` is that of the login: what no module could check is
    unavailable, whatever the code.
    """
    if code is ReturnCode.SUCCESS:
        return Outcome.GRANTED
    if could_not_check:
        return Outcome.UNAVAILABLE
    return _OF_OPERATION.get(operation, {}).get(code, _USUAL.get(operation, Outcome.REFUSED))


def outcome_of_exception(error: AuthenticationError) -> Outcome:
    """Return the outcome of a login that raised `error`."""
    return _OF_EXCEPTION[type(error)]


_EXPIRED = {
    ReturnCode.NEW_AUTHTOK_REQD: Outcome.EXPIRED,
    ReturnCode.AUTHTOK_EXPIRED: Outcome.EXPIRED,
}
_OF_OPERATION: Mapping[Operation, Mapping[ReturnCode, Outcome]] = {
    Operation.AUTHENTICATE: _EXPIRED,
    Operation.ACCT_MGMT: _EXPIRED,
    Operation.CHAUTHTOK: {
        ReturnCode.AUTHTOK_ERR: Outcome.UNSUITABLE,
        ReturnCode.TRY_AGAIN: Outcome.UNSUITABLE,
        ReturnCode.PERM_DENIED: Outcome.RESTRICTED,
        ReturnCode.ACCT_EXPIRED: Outcome.RESTRICTED,
        ReturnCode.AUTHTOK_LOCK_BUSY: Outcome.UNAVAILABLE,
    },
}
_USUAL: Mapping[Operation, Outcome] = {Operation.ACCT_MGMT: Outcome.RESTRICTED}
_OF_EXCEPTION = {kind: outcome for outcome, kind in EXCEPTIONS.items()}
