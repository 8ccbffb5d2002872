"""How SMTP says what came of AUTH (RFC 4954, sections 4 and 6), and what it refuses before."""

from __future__ import annotations

import re
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
    MechanismUnavailable,
    PasswordExpired,
    TemporaryFailure,
)
from ualauth.sasl.offer import is_allowed, log_not_allowed
from ualauth.sasl.registry import mechanism
from ualauth.sasl.settings import OfferRules, SaslSettings

Reply = tuple[int, str]
"""The code, and what follows it: the enhanced code (RFC 3463, RFC 5248) and a text."""

LONGEST = 12_288
"""Octets of a line of AUTH, without its end (RFC 4954, section 4)."""


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
    AlreadyLoggedIn: (503, "5.5.1 Already authenticated"),
    AuthSyntax: (501, "5.5.4 Syntax: AUTH mechanism [initial-response]"),
    InitialResponse: (501, "5.7.0 This mechanism has no initial response"),
    Cancelled: (501, "5.7.0 Authentication cancelled"),
    NotBase64: (501, "5.5.2 Cannot decode base64"),
    TooLong: (500, "5.5.6 Authentication exchange line is too long"),
    TooManyFailures: (421, "4.7.0 Too many failed attempts to authenticate"),
    # A service that cannot be used, or a bug: the log has it.
    Exception: (454, "4.7.0 Temporary authentication failure"),
}

# RFC 3463, RFC 5248, for replies of a server that has none of its own. The first digit of a
# code that is not here says as much as `.0.0` behind it.
_ENHANCED: Mapping[int, str] = {
    221: "2.0.0",
    251: "2.1.5",
    421: "4.4.2",
    451: "4.3.0",
    452: "4.3.1",
    454: "4.7.0",
    500: "5.5.2",
    501: "5.5.4",
    502: "5.5.1",
    503: "5.5.1",
    504: "5.5.4",
    530: "5.7.0",
    535: "5.7.8",
    552: "5.3.4",
    553: "5.1.0",
    555: "5.5.4",
}
_HAS_ENHANCED = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}(?: |$)")

EHLO_FIRST: Reply = (503, "5.5.1 Send EHLO first")
IN_TRANSACTION: Reply = (503, "5.5.1 Not during a mail transaction")
REVOKED: Reply = (421, "4.7.0 The account has changed; authenticate again")
REQUIRED: Reply = (530, "5.7.0 Authentication required")
MISCONFIGURED: Reply = (451, "4.3.5 No user can authenticate now")
TLS_ALREADY: Reply = (503, "5.5.1 TLS is on already")
UNKNOWN: Reply = (500, "5.5.1 Command not recognized")
DONE: Reply = (250, "2.0.0 OK")
NOT_VERIFIED: Reply = (
    252,
    "2.0.0 Send some mail, and it will be seen whether that can be delivered",
)
NOT_EXPANDED: Reply = (502, "5.5.1 Lists are not expanded")
HELP: Reply = (214, "2.0.0 See RFC 5321 and RFC 6409")
SUBMITTER: Reply = (501, "5.5.4 Syntax: AUTH=address, in xtext")


def with_enhanced_code(code: int, text: str) -> str:
    """Return the text of a reply with its enhanced code, which it may have already.

    Replies that begin with another digit than 2, 4 and 5 have none (RFC 2034, section 4), and
    neither have greetings and the answers to EHLO and HELO: those are not to be given here.
    """
    kind = code // 100
    if kind not in {2, 4, 5} or _HAS_ENHANCED.match(text):
        return text
    return f"{_ENHANCED.get(code, f'{kind}.0.0')} {text}"


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
