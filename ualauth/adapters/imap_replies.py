"""How IMAP says what came of a login: the response codes of RFC 5530."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ualauth.adapters.literals import RefusedLiteral
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
    MechanismUnavailable,
    PasswordExpired,
    TemporaryFailure,
)


class ImapReply(NamedTuple):
    """A tagged reply: `NO [CODE] text`, or without a code."""

    condition: bytes
    code: bytes
    text: bytes

    def __bytes__(self) -> bytes:
        """Return what stands after the condition."""
        return b"[%b] %b" % (self.code, self.text) if self.code else self.text


REVOKED = b"The account has changed; log in again"
"""What a `BYE` says when the user was locked, deleted or given another password."""
REPLIES: Mapping[type[Exception], ImapReply] = {
    AuthenticationFailed: ImapReply(b"NO", b"AUTHENTICATIONFAILED", b"Authentication failed"),
    AccountRestricted: ImapReply(b"NO", b"CONTACTADMIN", b"This account may not be used"),
    PasswordExpired: ImapReply(b"NO", b"EXPIRED", b"The password has expired"),
    TemporaryFailure: ImapReply(b"NO", b"UNAVAILABLE", b"Temporary authentication failure"),
    MechanismUnavailable: ImapReply(b"NO", b"", b"Unsupported authentication mechanism"),
    NeedsTls: ImapReply(b"NO", b"PRIVACYREQUIRED", b"Only under TLS"),
    # RFC 9051, section 6.2.2: these commands belong to the state before the login.
    AlreadyLoggedIn: ImapReply(b"BAD", b"", b"Already logged in"),
    AuthSyntax: ImapReply(b"BAD", b"", b"Syntax: AUTHENTICATE mechanism [initial response]"),
    # RFC 9051, section 6.2.2 wants BAD for both.
    Cancelled: ImapReply(b"BAD", b"", b"Authentication cancelled"),
    NotBase64: ImapReply(b"BAD", b"", b"Invalid base64"),
    # Each comes with BYE.
    TooLong: ImapReply(b"BAD", b"", b"The line is too long"),
    RefusedLiteral: ImapReply(b"BAD", b"", b"This literal cannot be taken"),
    TooManyFailures: ImapReply(b"NO", b"LIMIT", b"Too many failed attempts"),
    # A service that cannot be used, or a bug: the log has it.
    Exception: ImapReply(b"NO", b"UNAVAILABLE", b"Temporary authentication failure"),
}
