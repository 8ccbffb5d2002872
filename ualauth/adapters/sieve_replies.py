"""How ManageSieve says what came of a login: the response codes of RFC 5804."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ualauth.adapters.sasl_lines import Cancelled, NeedsTls, NotBase64, TooManyFailures
from ualauth.errors import (
    AccountRestricted,
    AuthenticationFailed,
    MechanismUnavailable,
    PasswordExpired,
    TemporaryFailure,
)


class SieveReply(NamedTuple):
    """A reply with its response code (RFC 5804, section 1.3), or without one."""

    condition: bytes
    code: bytes | None
    text: str

    def __str__(self) -> str:
        """Return the line that the client gets, without its end."""
        code = f"({self.code.decode()}) " if self.code else ""
        return f'{self.condition.decode()} {code}"{self.text}"'


_NO = b"NO"
REPLIES: Mapping[type[Exception], SieveReply] = {
    AuthenticationFailed: SieveReply(_NO, None, "Authentication failed"),
    AccountRestricted: SieveReply(_NO, None, "This account may not be used"),
    PasswordExpired: SieveReply(_NO, b"TRANSITION-NEEDED", "The password has expired"),
    TemporaryFailure: SieveReply(_NO, b"TRYLATER", "Temporary authentication failure"),
    MechanismUnavailable: SieveReply(_NO, None, "Unsupported authentication mechanism"),
    NeedsTls: SieveReply(_NO, b"ENCRYPT-NEEDED", "Only under TLS"),
    Cancelled: SieveReply(_NO, None, "Authentication cancelled"),
    NotBase64: SieveReply(_NO, None, "Invalid base64"),
    TooManyFailures: SieveReply(b"BYE", b"TRYLATER", "Too many failed attempts"),
    # A service that cannot be used, or a bug: the log has it.
    Exception: SieveReply(_NO, b"TRYLATER", "Temporary authentication failure"),
}
