"""The numbers and words of PAM: return codes, operations, module types, flags, items.

Source: Linux-PAM's _pam_types.h and pam_modules.h. The values are Linux-PAM's,
so that they can be compared with the codes of the machine's own libpam.
"""

from __future__ import annotations

import enum


class ReturnCode(enum.IntEnum):
    """What a module, a stack or an operation answers. Only `SUCCESS` grants.

    Prints as its token in service files: ``str(ReturnCode.AUTH_ERR)`` is
    ``"auth_err"``.
    """

    SUCCESS = 0
    OPEN_ERR = 1
    SYMBOL_ERR = 2
    SERVICE_ERR = 3
    SYSTEM_ERR = 4
    BUF_ERR = 5
    PERM_DENIED = 6
    AUTH_ERR = 7
    CRED_INSUFFICIENT = 8
    AUTHINFO_UNAVAIL = 9
    USER_UNKNOWN = 10
    MAXTRIES = 11
    NEW_AUTHTOK_REQD = 12
    ACCT_EXPIRED = 13
    SESSION_ERR = 14
    CRED_UNAVAIL = 15
    CRED_EXPIRED = 16
    CRED_ERR = 17
    NO_MODULE_DATA = 18
    CONV_ERR = 19
    AUTHTOK_ERR = 20
    # The word in service files is authtok_recover_err, the C name has the Y.
    AUTHTOK_RECOVER_ERR = 21
    AUTHTOK_RECOVERY_ERR = 21
    AUTHTOK_LOCK_BUSY = 22
    AUTHTOK_DISABLE_AGING = 23
    TRY_AGAIN = 24
    IGNORE = 25
    ABORT = 26
    AUTHTOK_EXPIRED = 27
    MODULE_UNKNOWN = 28
    BAD_ITEM = 29
    CONV_AGAIN = 30
    INCOMPLETE = 31

    token: str

    def __init__(self, _value: int) -> None:
        """Derive the token once; printing is then a look-up."""
        self.token = self._name_.lower()

    def __str__(self) -> str:
        """Return the word that service files use."""
        return self.token

    def __format__(self, spec: str) -> str:
        """Format the word, not the number."""
        return format(self.token, spec)


TOKENS: dict[str, ReturnCode] = {code.token: code for code in ReturnCode}
"""Word in a service file -> code, in the order of Linux-PAM's table."""


class ModuleType(enum.Enum):
    """The first field of a line."""

    AUTH = "auth"
    ACCOUNT = "account"
    SESSION = "session"
    PASSWORD = "password"  # noqa: S105 - PAM's word for the module type

    def __str__(self) -> str:
        """Return the word that service files use."""
        return self.value


class Operation(enum.IntEnum):
    """What an application asks of a service, and a stack of its modules.

    The name in lower case is the module's method; the number is an index.
    """

    AUTHENTICATE = 0
    SETCRED = 1
    ACCT_MGMT = 2
    OPEN_SESSION = 3
    CLOSE_SESSION = 4
    CHAUTHTOK = 5

    method: str

    def __init__(self, _value: int) -> None:
        """Derive the name once."""
        self.method = self._name_.lower()

    def __str__(self) -> str:
        """Return the name of the operation and of the module's method."""
        return self.method

    def __format__(self, spec: str) -> str:
        """Format the name, not the number."""
        return format(self.method, spec)


MODULE_TYPE: dict[Operation, ModuleType] = {
    Operation.AUTHENTICATE: ModuleType.AUTH,
    Operation.SETCRED: ModuleType.AUTH,
    Operation.ACCT_MGMT: ModuleType.ACCOUNT,
    Operation.OPEN_SESSION: ModuleType.SESSION,
    Operation.CLOSE_SESSION: ModuleType.SESSION,
    Operation.CHAUTHTOK: ModuleType.PASSWORD,
}
"""Which stack serves an operation."""


class Flag(enum.IntFlag):
    """What an operation may be asked with."""

    NONE = 0
    DISALLOW_NULL_AUTHTOK = 0x1
    ESTABLISH_CRED = 0x2
    DELETE_CRED = 0x4
    REINITIALIZE_CRED = 0x8
    REFRESH_CRED = 0x10
    CHANGE_EXPIRED_AUTHTOK = 0x20
    # The next two are set by the transaction for modules, never by an application.
    UPDATE_AUTHTOK = 0x2000
    PRELIM_CHECK = 0x4000
    SILENT = 0x8000
    # For the cleanup function of module data.
    DATA_REPLACE = 0x20000000
    DATA_SILENT = 0x40000000


class Item(enum.IntEnum):
    """What a transaction remembers by name (pam_set_item(3))."""

    SERVICE = 1
    USER = 2
    TTY = 3
    RHOST = 4
    CONV = 5
    AUTHTOK = 6
    OLDAUTHTOK = 7
    RUSER = 8
    USER_PROMPT = 9
    FAIL_DELAY = 10
    XDISPLAY = 11
    XAUTHDATA = 12
    AUTHTOK_TYPE = 13


UNCHECKED = frozenset(
    {
        ReturnCode.OPEN_ERR,
        ReturnCode.SYMBOL_ERR,
        ReturnCode.SERVICE_ERR,
        ReturnCode.SYSTEM_ERR,
        ReturnCode.BUF_ERR,
        ReturnCode.AUTHINFO_UNAVAIL,
        ReturnCode.ABORT,
        ReturnCode.MODULE_UNKNOWN,
        ReturnCode.CONV_ERR,
    },
)
"""Answers of a module that could not check: they say nothing about the person."""

_COMMON = frozenset(
    {
        ReturnCode.SUCCESS,
        ReturnCode.SERVICE_ERR,
        ReturnCode.SYSTEM_ERR,
        ReturnCode.BUF_ERR,
        ReturnCode.PERM_DENIED,
        ReturnCode.USER_UNKNOWN,
        ReturnCode.CONV_ERR,
        ReturnCode.IGNORE,
        ReturnCode.ABORT,
        ReturnCode.AUTHINFO_UNAVAIL,
        ReturnCode.INCOMPLETE,
    },
)

LEGAL: dict[Operation, frozenset[ReturnCode]] = {
    Operation.AUTHENTICATE: _COMMON
    | {
        ReturnCode.AUTH_ERR,
        ReturnCode.CRED_INSUFFICIENT,
        ReturnCode.CRED_UNAVAIL,
        ReturnCode.MAXTRIES,
        ReturnCode.ACCT_EXPIRED,
        ReturnCode.NEW_AUTHTOK_REQD,
        ReturnCode.CONV_AGAIN,
        # Not in the manual: what pam_get_authtok(3) answers to a user who says nothing.
        ReturnCode.AUTHTOK_ERR,
    },
    Operation.SETCRED: _COMMON
    | {ReturnCode.CRED_UNAVAIL, ReturnCode.CRED_EXPIRED, ReturnCode.CRED_ERR},
    Operation.ACCT_MGMT: _COMMON
    | {
        ReturnCode.ACCT_EXPIRED,
        ReturnCode.AUTH_ERR,
        ReturnCode.NEW_AUTHTOK_REQD,
        ReturnCode.AUTHTOK_EXPIRED,
        ReturnCode.MAXTRIES,
    },
    Operation.OPEN_SESSION: _COMMON | {ReturnCode.SESSION_ERR, ReturnCode.AUTH_ERR},
    Operation.CLOSE_SESSION: _COMMON | {ReturnCode.SESSION_ERR, ReturnCode.AUTH_ERR},
    Operation.CHAUTHTOK: _COMMON
    | {
        ReturnCode.AUTH_ERR,
        ReturnCode.AUTHTOK_ERR,
        ReturnCode.AUTHTOK_RECOVER_ERR,
        ReturnCode.AUTHTOK_LOCK_BUSY,
        ReturnCode.AUTHTOK_DISABLE_AGING,
        ReturnCode.TRY_AGAIN,
        ReturnCode.MAXTRIES,
    },
}
"""Which codes a module may answer to an operation (pam_sm_authenticate(3) and siblings).

Linux-PAM does not enforce this, so the engine does as the control says; what is
not here never grants, and the log has a warning. The compliance suite in
`ualauth.testing` fails.
"""
