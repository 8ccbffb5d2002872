"""How HTTP says what came of a login (RFC 9110, section 15; RFC 7617; RFC 6750)."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Mapping
from typing import NamedTuple

from ualauth.adapters.sasl_lines import NeedsTls, reply_to
from ualauth.errors import (
    AccountRestricted,
    AuthenticationError,
    AuthenticationFailed,
    MechanismUnavailable,
    PasswordExpired,
    TemporaryFailure,
)

log = logging.getLogger("ualauth.http")

Header = tuple[str, str]

RETRY_AFTER = 30
"""Seconds after which a client may ask again: most outages of a directory are over by then."""


class NotAuthorized(Exception):
    """The request has no credentials, or none that can be read."""


class NoScheme(Exception):
    """The service lets no user in by a scheme of HTTP."""


class HttpReply(NamedTuple):
    """A status with its text, and the headers that belong to it."""

    status: int
    text: str
    headers: tuple[Header, ...] = ()

    @property
    def body(self) -> bytes:
        """What a page without a look of its own says."""
        return f"{self.text}\n".encode()


REPLIES: Mapping[type[Exception], HttpReply] = {
    NotAuthorized: HttpReply(401, "Authentication required"),
    AuthenticationFailed: HttpReply(401, "Authentication failed"),
    MechanismUnavailable: HttpReply(401, "Authentication failed"),
    AccountRestricted: HttpReply(403, "This account may not be used"),
    PasswordExpired: HttpReply(403, "The password has expired and must be changed"),
    NeedsTls: HttpReply(403, "Only under TLS"),
    NoScheme: HttpReply(503, "No user can authenticate now"),
    TemporaryFailure: HttpReply(503, "Temporary authentication failure"),
    # A service that cannot be used, or a bug: the log has it.
    Exception: HttpReply(503, "Temporary authentication failure"),
}
_EXPECTED = (NotAuthorized, NoScheme, NeedsTls, AuthenticationError, MechanismUnavailable)

# Mechanism -> the scheme that is the same in HTTP, the most widely known first.
SCHEMES: Mapping[str, str] = {"PLAIN": "Basic", "OAUTHBEARER": "Bearer"}
_REALM = re.compile(r"[ !#-\[\]-~]+")


class HttpRefusal(Exception):
    """No user was let in; `reply` says so to the client."""

    def __init__(self, reply: HttpReply) -> None:
        """Keep the reply."""
        super().__init__(reply.text)
        self.reply = reply


def check_realm(realm: str) -> str:
    """Return a realm that may stand in a challenge.

    Raises:
        ValueError: if it has other than printable ASCII, a quote or a backslash.

    """
    if not _REALM.fullmatch(realm):
        raise ValueError(f"realm {realm!r}: printable ASCII is needed, without quotes")
    return realm


def schemes_of(mechanisms: Collection[str]) -> list[str]:
    """Return the schemes of HTTP that are offered where these mechanisms of SASL are."""
    return [scheme for mechanism, scheme in SCHEMES.items() if mechanism in mechanisms]


def reply_of(error: Exception, realm: str, schemes: Collection[str], *, token: bool) -> HttpReply:
    """Return the reply to an error, with its headers; what should not have happened is logged.

    A 401 names the `schemes` that are offered. `token` is whether the client sent one.
    """
    if not isinstance(error, _EXPECTED):
        log.error("a login failed", exc_info=error)
    reply = reply_to(error, REPLIES)
    headers = [("Cache-Control", "no-store"), ("Content-Type", "text/plain; charset=utf-8")]
    if reply.status == 401:
        headers += [("WWW-Authenticate", _challenge(each, realm, token=token)) for each in schemes]
    elif reply.status == 503:
        headers.append(("Retry-After", str(RETRY_AFTER)))
    return reply._replace(headers=tuple(headers))


def _challenge(scheme: str, realm: str, *, token: bool) -> str:
    if scheme == "Basic":
        return f'Basic realm="{realm}", charset="UTF-8"'
    # RFC 6750, section 3.1: a request without a token is told no error.
    return f'Bearer realm="{realm}"' + (', error="invalid_token"' if token else "")
