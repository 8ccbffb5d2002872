"""How POP3 says what came of a login: the response codes of RFC 2449 and RFC 3206."""

from __future__ import annotations

from collections.abc import Mapping

from ualauth.adapters.sasl_lines import (
    AlreadyLoggedIn,
    AuthSyntax,
    Cancelled,
    NeedsTls,
    NotBase64,
    TooLong,
    TooManyFailures,
)
from ualauth.errors import (
    AccountRestricted,
    AuthenticationFailed,
    ConfigurationError,
    MechanismUnavailable,
    PasswordExpired,
    TemporaryFailure,
    UnsteadyFile,
)

SUCCESS = b"Logged in"
"""What follows `+OK` and a blank."""
REPLIES: Mapping[type[Exception], bytes] = {
    # RFC 3206, section 4: AUTH is for whatever is wrong with the credentials, so that a
    # program asks for others; an expired account is among its examples.
    AuthenticationFailed: b"[AUTH] Authentication failed",
    AccountRestricted: b"[AUTH] This account may not be used",
    PasswordExpired: b"[AUTH] The password has expired",
    TemporaryFailure: b"[SYS/TEMP] Temporary authentication failure",
    ConfigurationError: b"[SYS/PERM] Authentication is not possible here",
    UnsteadyFile: b"[SYS/TEMP] Temporary authentication failure",
    MechanismUnavailable: b"Unsupported authentication mechanism",
    NeedsTls: b"[AUTH] Only under TLS",
    AlreadyLoggedIn: b"Already logged in",
    AuthSyntax: b"Syntax: AUTH mechanism [initial response]",
    Cancelled: b"Authentication cancelled",
    NotBase64: b"Invalid base64",
    TooLong: b"The line is too long",
    # No password was looked at: a program is not to ask for another (RFC 3206, section 3).
    TooManyFailures: b"[SYS/TEMP] Too many failed attempts",
    # A bug: the log has it.
    Exception: b"[SYS/TEMP] Temporary authentication failure",
}
"""What follows `-ERR` and a blank."""
