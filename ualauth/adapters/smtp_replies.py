"""How SMTP says what came of AUTH (RFC 4954, sections 4 and 6), and what it refuses before."""

from __future__ import annotations

from collections.abc import Mapping

from ualauth.adapters.sasl_lines import (
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
from ualauth.sasl.offer import is_allowed, log_not_allowed
from ualauth.sasl.registry import mechanism
from ualauth.sasl.settings import OfferRules, SaslSettings

Reply = tuple[int, str]
"""The code, and what follows it: the enhanced code (RFC 3463, RFC 5248) and a text."""


class TooWeak(Exception):
    """A mechanism that the administrator does not allow."""


class InitialResponse(Exception):
    """An initial response to a mechanism in which the server speaks first."""


SUCCESS: Reply = (235, "2.7.0 Authentication successful")
REPLIES: Mapping[type[Exception], Reply] = {
    AuthenticationFailed: (535, "5.7.8 Authentication credentials invalid"),
    # RFC 5248 goes with 525 here, which clients of RFC 4954 do not know.
    AccountRestricted: (535, "5.7.13 This account may not be used"),
    PasswordExpired: (432, "4.7.12 A password transition is needed"),
    TemporaryFailure: (454, "4.7.0 Temporary authentication failure"),
    MechanismUnavailable: (504, "5.5.4 Unrecognized authentication type"),
    NeedsTls: (538, "5.7.11 Encryption required for requested authentication mechanism"),
    TooWeak: (534, "5.7.9 Authentication mechanism is too weak"),
    InitialResponse: (501, "5.7.0 This mechanism has no initial response"),
    Cancelled: (501, "5.7.0 Authentication cancelled"),
    NotBase64: (501, "5.5.2 Cannot decode base64"),
    TooLong: (500, "5.5.6 Authentication exchange line is too long"),
    TooManyFailures: (421, "4.7.0 Too many failed attempts to authenticate"),
    # A service that cannot be used, or a bug: the log has it.
    Exception: (454, "4.7.0 Temporary authentication failure"),
}

EHLO_FIRST: Reply = (503, "5.5.1 Send EHLO first")
ALREADY: Reply = (503, "5.5.1 Already authenticated")
IN_TRANSACTION: Reply = (503, "5.5.1 Not during a mail transaction")
SYNTAX: Reply = (501, "5.5.4 Syntax: AUTH mechanism [initial-response]")
REQUIRED: Reply = (530, "5.7.0 Authentication required")
MISCONFIGURED: Reply = (451, "4.3.5 No user can authenticate now")
TLS_ALREADY: Reply = (503, "5.5.1 TLS is on already")
SUBMITTER: Reply = (501, "5.5.4 Syntax: AUTH=address, in xtext")


def check_mechanism(
    name: str,
    response: bytes | None,
    rules: OfferRules | SaslSettings,
    service: str = "smtpd.auth",
    rhost: str | None = None,
) -> None:
    """Refuse what RFC 4954 has a reply for.

    Raises:
        TooWeak: for a mechanism that the administrator does not allow; the log says why.
        InitialResponse: for an initial response, though it be empty, where the
            server speaks first.

    """
    kind = mechanism(name)
    if kind is None:
        return
    if not is_allowed(kind, rules):
        log_not_allowed(service, kind, rules, rhost)
        raise TooWeak
    if response is not None and kind.server_first:
        raise InitialResponse
