"""Twisted's ESMTP server, asking ualauth.

    Factory.forProtocol(lambda: ESMTP(authenticator, portal, context_factory=...))

Its realm is asked for `IMessageDeliveryFactory` or `IMessageDelivery`, with the
authid as bytes and the `Identity` as mind. AUTH is RFC 4954.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.mail import smtp
from twisted.mail.interfaces import IMessageDelivery
from twisted.mail.smtp import IMessageDeliveryFactory
from twisted.python.failure import Failure

from ualauth.adapters.sasl_lines import (
    AlreadyLoggedIn,
    AuthCommand,
    AuthSyntax,
    TooLong,
    decoded_initial,
    read_auth,
    reply_to,
)
from ualauth.adapters.smtp_replies import (
    DONE,
    EHLO_FIRST,
    HELP,
    IN_TRANSACTION,
    LONGEST,
    NOT_EXPANDED,
    NOT_VERIFIED,
    REPLIES,
    REQUIRED,
    REVOKED,
    SUCCESS,
    TLS_ALREADY,
    UNKNOWN,
    InitialResponse,
    Reply,
    TooWeak,
    check_mechanism,
    with_enhanced_code,
)
from ualauth.adapters.twisted.dialogue import Dialogue
from ualauth.adapters.twisted.tls import is_tls
from ualauth.contract.identity import Identity


class ESMTP(Dialogue, smtp.ESMTP):
    """ESMTP, with the mechanisms of a service."""

    expected = (*Dialogue.expected, InitialResponse, TooWeak)

    service = "smtpd.auth"
    _extended = False
    _introducing = False
    """Whether what is sent is the greeting, or an answer to EHLO or HELO."""

    def connectionMade(self) -> None:
        """Greet when the connection is ready, for which there is a time limit, too."""
        self.setTimeout(self.timeout)
        self.greet_when_ready()

    async def greet(self) -> None:
        """See `Dialogue.greet`."""
        with self._introduction():
            super().connectionMade()

    def sendCode(self, code: int, message: bytes = b"") -> None:
        """Send a reply, with an enhanced code in each of its lines (RFC 2034)."""
        if not self._introducing:
            lines = message.decode("latin-1").splitlines() or [""]
            text = "\n".join(with_enhanced_code(code, line) for line in lines)
            message = text.encode("latin-1")
        super().sendCode(code, message)

    @contextmanager
    def _introduction(self) -> Iterator[None]:
        self._introducing = True
        try:
            yield
        finally:
            self._introducing = False

    def extensions(self) -> dict[bytes, Any]:
        """Return what is offered, as far as it was looked up."""
        extensions: dict[bytes, Any] = super().extensions()
        extensions[b"AUTH"] = [name.encode() for name in self.offered]
        extensions[b"ENHANCEDSTATUSCODES"] = None
        if is_tls(self.transport):
            extensions.pop(b"STARTTLS", None)
        return extensions

    def lookupMethod(self, command: bytes) -> Any:  # noqa: ANN401 - a method
        """Return how a command is carried out; Twisted breaks off at a name that is not ASCII."""
        return super().lookupMethod(command) if command.isascii() else None

    def do_HELO(self, rest: bytes) -> None:
        """Greet a client that knows no extensions."""
        self._extended = False
        with self._introduction():
            super().do_HELO(rest)

    # RFC 5321, section 4.5.1: NOOP and VRFY have to be there.

    def do_NOOP(self, _: bytes) -> None:
        """Do nothing: so a program keeps its connection alive."""
        self._say(DONE)

    def do_HELP(self, _: bytes) -> None:
        """Say where the commands are explained."""
        self._say(HELP)

    def do_VRFY(self, _: bytes) -> None:
        """Say nothing about who is here (RFC 5321, section 7.3)."""
        self._say(NOT_VERIFIED)

    def do_EXPN(self, _: bytes) -> None:
        """Say nothing about lists either."""
        self._say(NOT_EXPANDED)

    def do_UNKNOWN(self, _: bytes) -> None:
        """Refuse another command."""
        self._say(UNKNOWN)

    def lineLengthExceeded(self, line: bytes) -> None:
        """Refuse a message with such a line, and end the connection as for a command.

        The rest of the message would be taken for commands, which its sender may have chosen.
        """
        if self.mode == smtp.DATA:
            smtp.ESMTP.lineLengthExceeded(self, line)
            self._leave()
        else:
            super().lineLengthExceeded(line)

    def do_EHLO(self, rest: bytes) -> None:
        """Look up what is offered, and say it."""
        self.begin(self._ehlo(rest))

    async def _ehlo(self, rest: bytes) -> None:
        await self.look_up_offer()
        self._extended = True
        with self._introduction():
            super().do_EHLO(rest)

    def ext_AUTH(self, rest: bytes) -> None:
        """Log in by a mechanism."""
        if not self._extended:
            self._say(EHLO_FIRST)
        elif self.authenticated:
            self.refuse(AlreadyLoggedIn())
        elif self._from is not None:
            self._say(IN_TRANSACTION)
        elif len(rest) + len("AUTH ") > LONGEST:
            self.refuse(TooLong())
        else:
            try:
                command = read_auth(rest)
            except AuthSyntax as error:
                self.refuse(error)
                return
            kinds = (IMessageDeliveryFactory, IMessageDelivery)
            self.begin(self.log_in(self.sasl(command), self._welcome, *kinds))

    async def sasl(self, command: AuthCommand) -> Identity:
        """See `Dialogue.sasl`."""
        initial = decoded_initial(command.initial)
        rules = self.authenticator.config.offer_rules(self.service)
        rhost = getattr(self.transport.getPeer(), "host", None)
        check_mechanism(command.mechanism, initial, rules, self.service, rhost)
        return await super().sasl(command)

    async def receive(self) -> bytes:
        """See `Dialogue.receive`."""
        line = await super().receive()
        if len(line) > LONGEST:
            raise TooLong
        return line

    def ext_STARTTLS(self, rest: bytes) -> None:
        """Begin TLS, and forget what was said before (RFC 3207, section 4.2)."""
        if is_tls(self.transport):
            self._say(TLS_ALREADY)
            return
        if self.ctx and self.canStartTLS:
            self.starting_tls()
            self._forget()
        super().ext_STARTTLS(rest)

    def _forget(self) -> None:
        """Begin as if nothing had been said: a user who was logged in is not any more."""
        self._from, self._to = None, []
        self._extended = self.authenticated = False
        self.identity = None
        self._end_session()
        self._log_out()

    def _log_out(self) -> None:
        """Give back what came from the portal; a server's own for all clients stays."""
        if self._onLogout is not None:
            self.delivery = self.deliveryFactory = None
            self._onLogout()
            self._onLogout = None

    def validateFrom(self, helo: Any, origin: Any) -> Deferred[Any]:  # noqa: ANN401 - Twisted's
        """Return the sender that is accepted; where it needs a login, the client has to log in."""
        sender: Deferred[Any] = maybeDeferred(super().validateFrom, helo, origin)
        return sender.addErrback(self._not_accepted)

    def _not_accepted(self, failure: Failure) -> Failure:
        if self.delivery is None and failure.check(smtp.SMTPBadSender):
            code, text = REQUIRED
            return Failure(smtp.SMTPServerError(code, text))
        return failure

    def send_challenge(self, text: bytes) -> None:
        """See `Dialogue.send_challenge`."""
        self.sendCode(334, text)

    def refuse(self, error: Exception) -> None:
        """See `Dialogue.refuse`."""
        self._say(reply_to(error, REPLIES))

    def say_revoked(self) -> None:
        """See `Dialogue.say_revoked`: a server may say 421 at any time (RFC 5321, section 3.8)."""
        if self.mode == smtp.COMMAND:
            self._say(REVOKED)

    def _welcome(self, avatar: Any) -> None:  # noqa: ANN401 - what realms return
        # The portal may have let the client send without a name before.
        self._log_out()
        self._cbAuthenticated(avatar)
        self._say(SUCCESS)

    def _say(self, reply: Reply) -> None:
        code, text = reply
        self.sendCode(code, text.encode())
