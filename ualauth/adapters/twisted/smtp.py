"""Twisted's ESMTP server, asking ualauth.

    Factory.forProtocol(lambda: ESMTP(authenticator, portal, context_factory=...))

Its realm is asked for `IMessageDeliveryFactory` or `IMessageDelivery`, with the
authid as bytes and the `Identity` as mind. AUTH is RFC 4954.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.cred.portal import Portal
from twisted.mail import smtp
from twisted.mail.interfaces import IMessageDelivery
from twisted.mail.smtp import IMessageDeliveryFactory

from ualauth.adapters.sasl_lines import Cancelled, NeedsTls, NotBase64, reply_to
from ualauth.adapters.twisted.authenticator import TwistedAuthenticator
from ualauth.adapters.twisted.dialogue import Dialogue
from ualauth.adapters.twisted.tls import is_tls
from ualauth.errors import (
    AccountRestricted,
    AuthenticationFailed,
    MechanismUnavailable,
    PasswordExpired,
    TemporaryFailure,
)

# RFC 4954, sections 4 and 6; 525 is RFC 5248's, for what comes after the right password.
REPLIES: Mapping[type[Exception], tuple[int, bytes]] = {
    AuthenticationFailed: (535, b"5.7.8 Authentication credentials invalid"),
    AccountRestricted: (525, b"5.7.13 This account may not be used"),
    PasswordExpired: (432, b"4.7.12 A password transition is needed"),
    TemporaryFailure: (454, b"4.7.0 Temporary authentication failure"),
    MechanismUnavailable: (504, b"5.5.4 Unrecognized authentication type"),
    NeedsTls: (538, b"5.7.11 Encryption required for requested authentication mechanism"),
    Cancelled: (501, b"5.7.0 Authentication cancelled"),
    NotBase64: (501, b"5.5.2 Cannot decode response"),
    # A service that cannot be used, or a bug: the log has it.
    Exception: (454, b"4.7.0 Temporary authentication failure"),
}


class ESMTP(Dialogue, smtp.ESMTP):
    """ESMTP, with the mechanisms of a service."""

    def __init__(
        self,
        authenticator: TwistedAuthenticator,
        portal: Portal,
        service: str = "smtpd.auth",
        context_factory: Any = None,  # noqa: ANN401 - one of several interfaces
    ) -> None:
        """Ask a service; with a context factory, STARTTLS is offered."""
        super().__init__(None, context_factory)
        self.authenticator = authenticator
        self.portal = portal
        self.service = service

    def connectionMade(self) -> None:
        """Greet when the connection is ready."""
        self.greet_when_ready()

    async def greet(self) -> None:
        """See `Dialogue.greet`."""
        super().connectionMade()

    def extensions(self) -> dict[bytes, Any]:
        """Return what is offered, as far as it was looked up."""
        found: dict[bytes, Any] = super().extensions()
        found[b"AUTH"] = [name.encode() for name in self.offered]
        found[b"ENHANCEDSTATUSCODES"] = None
        if is_tls(self.transport):
            found.pop(b"STARTTLS", None)
        return found

    def do_EHLO(self, rest: bytes) -> None:
        """Look up what is offered, and say it."""
        self.begin(self._ehlo(rest))

    async def _ehlo(self, rest: bytes) -> None:
        await self.look_up_offer()
        super().do_EHLO(rest)

    def ext_AUTH(self, rest: bytes) -> None:
        """Log in by a mechanism."""
        words = rest.split()
        if self.authenticated:
            self.sendCode(503, b"5.5.1 Already authenticated")
        elif self._from is not None:
            self.sendCode(503, b"5.5.1 Not during a mail transaction")
        elif not 1 <= len(words) <= 2:
            self.sendCode(501, b"5.5.4 Syntax: AUTH mechanism [initial response]")
        else:
            identity = self.sasl(words[0], words[1] if len(words) == 2 else None)
            kinds = (IMessageDeliveryFactory, IMessageDelivery)
            self.begin(self.log_in(identity, self._welcome, *kinds))

    def ext_STARTTLS(self, rest: bytes) -> None:
        """Begin TLS, and forget what was said before (RFC 3207, section 4.2)."""
        if rest or not self.ctx or not self.canStartTLS or is_tls(self.transport):
            super().ext_STARTTLS(rest)
            return
        self.starting_tls()
        self._from = None
        self._to = []
        super().ext_STARTTLS(rest)

    def send_challenge(self, text: bytes) -> None:
        """See `Dialogue.send_challenge`."""
        self.sendCode(334, text)

    def refuse(self, error: Exception) -> None:
        """See `Dialogue.refuse`."""
        self.sendCode(*reply_to(error, REPLIES))

    def _welcome(self, avatar: Any) -> None:  # noqa: ANN401 - what realms return
        self._cbAuthenticated(avatar)
        self.sendCode(235, b"2.7.0 Authentication successful")
