"""Twisted's POP3 server, asking ualauth.

    Factory.forProtocol(lambda: POP3(authenticator, portal, context_factory=...))

Its realm is asked for `IMailboxPOP3`, with the authid as bytes and the `Identity`
as mind. AUTH is RFC 5034, STLS RFC 2595, response codes RFC 2449 and RFC 3206.
APOP is not there: it needs passwords that can be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.internet.interfaces import ITLSTransport
from twisted.mail import pop3
from twisted.mail.interfaces import IMailboxPOP3

from ualauth.adapters.sasl_lines import (
    Cancelled,
    NeedsTls,
    NotBase64,
    TooLong,
    TooManyFailures,
    reply_to,
)
from ualauth.adapters.twisted.dialogue import Dialogue, MailboxInUse
from ualauth.adapters.twisted.tls import is_tls
from ualauth.errors import (
    AccountRestricted,
    AuthenticationFailed,
    ConfigurationError,
    MechanismUnavailable,
    PasswordExpired,
    TemporaryFailure,
    UnsteadyFile,
)

REPLIES: Mapping[type[Exception], bytes] = {
    # RFC 3206, section 4: AUTH is for whatever is wrong with the credentials, so that a
    # program asks for others; an expired account is among its examples.
    AuthenticationFailed: b"[AUTH] Authentication failed",
    AccountRestricted: b"[AUTH] This account may not be used",
    PasswordExpired: b"[AUTH] The password has expired",
    TemporaryFailure: b"[SYS/TEMP] Temporary authentication failure",
    ConfigurationError: b"[SYS/PERM] Authentication is not possible here",
    UnsteadyFile: b"[SYS/TEMP] Temporary authentication failure",
    # RFC 2449, section 8.1.2.
    MailboxInUse: b"[IN-USE] The mailbox is in use",
    MechanismUnavailable: b"Unsupported authentication mechanism",
    NeedsTls: b"[AUTH] Only under TLS",
    Cancelled: b"Authentication cancelled",
    NotBase64: b"Invalid base64",
    TooLong: b"The line is too long",
    # No password was looked at: a program is not to ask for another (RFC 3206, section 3).
    TooManyFailures: b"[SYS/TEMP] Too many failed attempts",
    # A bug: the log has it.
    Exception: b"[SYS/TEMP] Temporary authentication failure",
}


class POP3(Dialogue, pop3.POP3):
    """POP3, with the mechanisms of a service; USER and PASS are there wherever PLAIN is."""

    AUTH_CMDS = [b"CAPA", b"USER", b"PASS", b"AUTH", b"QUIT", b"STLS"]  # noqa: RUF012 - Twisted's
    _capable = (b"TOP", b"UIDL", b"PIPELINING", b"RESP-CODES", b"AUTH-RESP-CODE")

    service = "pop3"

    def connectionMade(self) -> None:
        """Greet, without what APOP would need."""
        self.setTimeout(self.timeOut)
        self.greet_when_ready()

    async def greet(self) -> None:
        """See `Dialogue.greet`."""
        self.successResponse(b"POP3 server ready")

    def state_COMMAND(self, line: bytes) -> None:
        """Take a command; others do not get as far as Twisted's log: they may be passwords."""
        command = line.split(b" ")[0].upper()
        if self.mbox is None and command not in self.AUTH_CMDS:
            self.failResponse(b"Log in first")
        elif not hasattr(self, f"do_{command.decode('latin-1')}"):
            self.failResponse(b"Unknown command")
        else:
            super().state_COMMAND(line)

    def do_CAPA(self, *_: bytes) -> None:
        """Look up what is offered, and say it."""
        self.begin(self._capa())

    async def _capa(self) -> None:
        await self.look_up_offer()
        super().do_CAPA()

    def listCapabilities(self) -> list[bytes]:
        """Return what is offered, as far as it was looked up."""
        capabilities = list(self._capable)
        if self._may_start_tls():
            capabilities.append(b"STLS")
        if "PLAIN" in self.offered:
            capabilities.append(b"USER")
        if self.offered:
            capabilities.append(b"SASL " + " ".join(self.offered).encode())
        return capabilities

    def do_AUTH(self, *words: bytes) -> None:
        """Log in by a mechanism, or list them, as programs older than CAPA ask for it."""
        if self.mbox is not None:
            self.failResponse(b"Already logged in")
        elif len(words) > 2:
            self.failResponse(b"Syntax: AUTH mechanism [initial response]")
        elif words:
            self._log_in(self.sasl(words[0], words[1] if len(words) == 2 else None))
        else:
            self.begin(self._list_mechanisms())

    async def _list_mechanisms(self) -> None:
        await self.look_up_offer()
        self.successResponse(b"Mechanisms")
        for name in self.offered:
            self.sendLine(name.encode())
        self.sendLine(b".")

    def do_USER(self, *words: bytes) -> None:
        """Remember the name, which may have spaces."""
        self.begin(self._user(b" ".join(words)))

    async def _user(self, name: bytes) -> None:
        error = await self.look_up_offer()
        if error is not None:
            self.refuse(error)
        elif self.mbox is not None:
            self.failResponse(b"Already logged in")
        elif "PLAIN" in self.offered:
            super().do_USER(name)
        else:
            # Before the password was sent.
            under_tls = await self.authenticator.mechanisms(self.service, tls=True)
            self.refuse(MechanismUnavailable("PLAIN", needs_tls="PLAIN" in under_tls))

    def do_PASS(self, *words: bytes) -> None:
        """Log in by name and password, which may have spaces."""
        name, self._userIs = self._userIs, None
        if name is None:
            self.failResponse(b"USER first")
        else:
            self._log_in(self.password(name, b" ".join(words)))

    def do_STLS(self, *_: bytes) -> None:
        """Begin TLS."""
        if not self._may_start_tls() or self.mbox is not None:
            self.failResponse(b"TLS not available")
            return
        self.starting_tls()
        self._userIs = None
        self.successResponse(b"Begin TLS")
        self.transport.startTLS(self.ctx)

    def do_QUIT(self, *_: bytes) -> None:
        """End the session."""
        super().do_QUIT()

    def do_APOP(self, *_: bytes) -> None:
        """Refuse what needs passwords that can be read."""
        self.failResponse(b"APOP is not offered")

    do_RPOP = do_APOP

    def send_challenge(self, text: bytes) -> None:
        """See `Dialogue.send_challenge`."""
        self.sendLine(b"+ " + text)

    def refuse(self, error: Exception) -> None:
        """See `Dialogue.refuse`."""
        self.failResponse(reply_to(error, REPLIES))

    def _log_in(self, identity: Any) -> None:  # noqa: ANN401
        self.begin(self.log_in(identity, self._welcome, IMailboxPOP3))

    def _welcome(self, avatar: Any) -> None:  # noqa: ANN401 - what realms return
        _, self.mbox, self._onLogout = avatar
        self.successResponse(b"Logged in")

    def _may_start_tls(self) -> bool:
        able = self.ctx is not None and ITLSTransport.providedBy(self.transport)
        return able and not is_tls(self.transport)
