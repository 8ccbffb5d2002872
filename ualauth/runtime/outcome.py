"""What an operation's return code amounts to, in the words of the exceptions."""

from __future__ import annotations

import enum
from collections.abc import Mapping

from ualauth.codes import Operation, ReturnCode


class Outcome(enum.Enum):
    """How a visit ended, so far."""

    GRANTED = "granted"
    REFUSED = "refused"
    ACCOUNT_RESTRICTED = "account restricted"
    PASSWORD_EXPIRED = "password expired"  # noqa: S105 - says something about one
    PASSWORD_REFUSED = "password refused"  # noqa: S105 - likewise
    TEMPORARY_FAILURE = "temporary failure"

    def __str__(self) -> str:
        """Return the words."""
        return self.value


def outcome_of(operation: Operation, code: ReturnCode, *, could_not_check: bool) -> Outcome:
    """Return what `code` of `operation` amounts to.

    `could_not_check` is that of the login: what no module could check is a
    temporary failure, whatever the code.
    """
    if code is ReturnCode.SUCCESS:
        return Outcome.GRANTED
    if could_not_check:
        return Outcome.TEMPORARY_FAILURE
    return _OF_OPERATION.get(operation, {}).get(code, _USUAL.get(operation, Outcome.REFUSED))


_EXPIRED = {
    ReturnCode.NEW_AUTHTOK_REQD: Outcome.PASSWORD_EXPIRED,
    ReturnCode.AUTHTOK_EXPIRED: Outcome.PASSWORD_EXPIRED,
}
_OF_OPERATION: Mapping[Operation, Mapping[ReturnCode, Outcome]] = {
    Operation.AUTHENTICATE: _EXPIRED,
    Operation.ACCT_MGMT: _EXPIRED,
    Operation.CHAUTHTOK: {
        ReturnCode.AUTHTOK_ERR: Outcome.PASSWORD_REFUSED,
        ReturnCode.TRY_AGAIN: Outcome.PASSWORD_REFUSED,
        ReturnCode.PERM_DENIED: Outcome.ACCOUNT_RESTRICTED,
        ReturnCode.ACCT_EXPIRED: Outcome.ACCOUNT_RESTRICTED,
        ReturnCode.AUTHTOK_LOCK_BUSY: Outcome.TEMPORARY_FAILURE,
    },
}
_USUAL: Mapping[Operation, Outcome] = {Operation.ACCT_MGMT: Outcome.ACCOUNT_RESTRICTED}
