"""Why a login was refused or put off: one closed table of reason codes.

A code is stable: programs read it (fail2ban, metrics, reports). A release may add codes, but
never gives one another meaning. Which codes a module gives, and with which answers, it
declares itself (`Module.reasons`).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

from ualauth.codes import ReturnCode


class ReasonCode(enum.Enum):
    """Why an entry, or the login as a whole, did not succeed."""

    # What the client has shown is wrong
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - a word of the log
    WRONG_PROOF = "wrong_proof"
    NO_PASSWORD = "no_password"  # noqa: S105 - a word of the log
    USER_UNKNOWN = "user_unknown"
    NO_SECRET = "no_secret"  # noqa: S105 - a word of the log
    LOCKED_OUT = "locked_out"
    TOKEN_REFUSED = "token_refused"  # noqa: S105 - a word of the log
    TICKET_REFUSED = "ticket_refused"
    REFUSED = "refused"

    # Signed or right, and not to be used here
    TOKEN_EXPIRED = "token_expired"  # noqa: S105 - a word of the log
    TOKEN_NOT_FOR_US = "token_not_for_us"  # noqa: S105 - a word of the log
    WRONG_USER = "wrong_user"
    MAY_NOT_ACT_FOR = "may_not_act_for"
    CREDENTIAL_NOT_JUDGED = "credential_not_judged"
    MECHANISM_NOT_OFFERED = "mechanism_not_offered"
    TLS_REQUIRED = "tls_required"
    CERTIFICATE_UNTRUSTED = "certificate_untrusted"
    MALFORMED = "malformed"
    ABANDONED = "abandoned"

    # The account may not be used
    LOCKED = "locked"
    ACCOUNT_EXPIRED = "account_expired"
    NOT_YET_VALID = "not_yet_valid"
    INACTIVE = "inactive"
    PASSWORD_EXPIRED = "password_expired"  # noqa: S105 - a word of the log
    PASSWORD_MUST_CHANGE = "password_must_change"  # noqa: S105 - a word of the log
    NOT_IN_HOURS = "not_in_hours"
    SOURCE_NOT_ALLOWED = "source_not_allowed"
    SERVICE_NOT_ALLOWED = "service_not_allowed"
    NOT_IN_GROUP = "not_in_group"
    LISTED = "listed"
    NOT_LISTED = "not_listed"
    CONDITION_FAILED = "condition_failed"
    CALLER_NOT_ALLOWED = "caller_not_allowed"
    NOT_ALLOWED = "not_allowed"
    DENIED = "denied"
    NO_DECISION = "no_decision"

    # A new password was not taken
    PASSWORD_UNSUITABLE = "password_unsuitable"  # noqa: S105 - a word of the log
    PASSWORD_NOT_CHANGEABLE = "password_not_changeable"  # noqa: S105 - a word of the log
    CHANGED_MEANWHILE = "changed_meanwhile"

    # The module could not check: it says nothing about the user
    USERLIST_UNAVAILABLE = "userlist_unavailable"
    DIRECTORY_UNAVAILABLE = "directory_unavailable"
    DATABASE_UNAVAILABLE = "database_unavailable"
    KDC_UNAVAILABLE = "kdc_unavailable"
    ISSUER_UNAVAILABLE = "issuer_unavailable"
    SERVER_UNAVAILABLE = "server_unavailable"
    HOST_UNAVAILABLE = "host_unavailable"
    FILE_UNUSABLE = "file_unusable"
    TIMED_OUT = "timed_out"
    OVERLOADED = "overloaded"
    SHORTAGE = "shortage"
    NOT_COUNTED = "not_counted"
    CONVERSATION_FAILED = "conversation_failed"
    INCOMPLETE = "incomplete"
    MISCONFIGURED = "misconfigured"
    MODULE_MISSING = "module_missing"
    MODULE_FAILED = "module_failed"
    UNAVAILABLE = "unavailable"

    def __str__(self) -> str:
        """Return the word."""
        return self.value


Reasons = Mapping[ReasonCode, tuple[ReturnCode, ...]]
"""Why a module may not succeed, and what it answers then (`Module.reasons`)."""

GUESSES = frozenset(
    {
        ReasonCode.WRONG_PASSWORD,
        ReasonCode.WRONG_PROOF,
        ReasonCode.NO_PASSWORD,
        ReasonCode.USER_UNKNOWN,
        ReasonCode.NO_SECRET,
        ReasonCode.LOCKED_OUT,
        ReasonCode.TOKEN_REFUSED,
        ReasonCode.TICKET_REFUSED,
        ReasonCode.REFUSED,
    }
)
"""The reasons that may be counted against a source, and for which fail2ban bans."""

REASON_OF_CODE: Mapping[ReturnCode, ReasonCode] = {
    ReturnCode.OPEN_ERR: ReasonCode.MODULE_MISSING,
    ReturnCode.SYMBOL_ERR: ReasonCode.MODULE_MISSING,
    ReturnCode.SERVICE_ERR: ReasonCode.MISCONFIGURED,
    ReturnCode.SYSTEM_ERR: ReasonCode.MODULE_FAILED,
    ReturnCode.BUF_ERR: ReasonCode.SHORTAGE,
    ReturnCode.PERM_DENIED: ReasonCode.NOT_ALLOWED,
    ReturnCode.AUTH_ERR: ReasonCode.REFUSED,
    ReturnCode.CRED_INSUFFICIENT: ReasonCode.NOT_ALLOWED,
    ReturnCode.AUTHINFO_UNAVAIL: ReasonCode.UNAVAILABLE,
    ReturnCode.USER_UNKNOWN: ReasonCode.USER_UNKNOWN,
    ReturnCode.MAXTRIES: ReasonCode.LOCKED_OUT,
    ReturnCode.NEW_AUTHTOK_REQD: ReasonCode.PASSWORD_EXPIRED,
    ReturnCode.ACCT_EXPIRED: ReasonCode.ACCOUNT_EXPIRED,
    ReturnCode.SESSION_ERR: ReasonCode.NOT_ALLOWED,
    ReturnCode.CRED_UNAVAIL: ReasonCode.CREDENTIAL_NOT_JUDGED,
    ReturnCode.CRED_EXPIRED: ReasonCode.PASSWORD_EXPIRED,
    ReturnCode.CRED_ERR: ReasonCode.NOT_ALLOWED,
    ReturnCode.NO_MODULE_DATA: ReasonCode.MODULE_FAILED,
    ReturnCode.CONV_ERR: ReasonCode.CONVERSATION_FAILED,
    ReturnCode.AUTHTOK_ERR: ReasonCode.NO_PASSWORD,
    ReturnCode.AUTHTOK_RECOVER_ERR: ReasonCode.PASSWORD_NOT_CHANGEABLE,
    ReturnCode.AUTHTOK_LOCK_BUSY: ReasonCode.CHANGED_MEANWHILE,
    ReturnCode.AUTHTOK_DISABLE_AGING: ReasonCode.PASSWORD_NOT_CHANGEABLE,
    ReturnCode.TRY_AGAIN: ReasonCode.PASSWORD_UNSUITABLE,
    ReturnCode.IGNORE: ReasonCode.NO_DECISION,
    ReturnCode.ABORT: ReasonCode.MODULE_FAILED,
    ReturnCode.AUTHTOK_EXPIRED: ReasonCode.PASSWORD_EXPIRED,
    ReturnCode.MODULE_UNKNOWN: ReasonCode.MODULE_MISSING,
    ReturnCode.BAD_ITEM: ReasonCode.MODULE_FAILED,
    ReturnCode.CONV_AGAIN: ReasonCode.INCOMPLETE,
    ReturnCode.INCOMPLETE: ReasonCode.INCOMPLETE,
}
"""The reason of an entry that answers a code and gives none: a module of another package."""

REASONS_OF_ATTEMPTS: Reasons = {
    ReasonCode.USERLIST_UNAVAILABLE: (ReturnCode.AUTHINFO_UNAVAIL,),
    ReasonCode.NO_PASSWORD: (ReturnCode.AUTH_ERR, ReturnCode.AUTHTOK_ERR),
    ReasonCode.MALFORMED: (ReturnCode.AUTH_ERR, ReturnCode.AUTHTOK_ERR, ReturnCode.USER_UNKNOWN),
    ReasonCode.MECHANISM_NOT_OFFERED: (ReturnCode.PERM_DENIED,),
    ReasonCode.CREDENTIAL_NOT_JUDGED: (ReturnCode.CRED_UNAVAIL,),
    ReasonCode.CONVERSATION_FAILED: (ReturnCode.CONV_ERR, ReturnCode.ABORT),
    ReasonCode.INCOMPLETE: (ReturnCode.INCOMPLETE,),
    ReasonCode.PASSWORD_UNSUITABLE: (ReturnCode.TRY_AGAIN,),
    ReasonCode.WRONG_USER: (ReturnCode.PERM_DENIED, ReturnCode.USER_UNKNOWN),
    ReasonCode.OVERLOADED: (ReturnCode.AUTHINFO_UNAVAIL,),
    ReasonCode.TIMED_OUT: (ReturnCode.AUTHINFO_UNAVAIL,),
    ReasonCode.SHORTAGE: (ReturnCode.AUTHINFO_UNAVAIL,),
    ReasonCode.FILE_UNUSABLE: (ReturnCode.AUTHINFO_UNAVAIL,),
    ReasonCode.MODULE_FAILED: (ReturnCode.SYSTEM_ERR,),
    ReasonCode.MISCONFIGURED: (ReturnCode.SERVICE_ERR, ReturnCode.PERM_DENIED, ReturnCode.ABORT),
    ReasonCode.MODULE_MISSING: (ReturnCode.MODULE_UNKNOWN, ReturnCode.SERVICE_ERR),
}
"""What any module may come to without saying so: its attempt's methods, and the runtime, do."""
