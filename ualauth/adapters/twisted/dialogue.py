"""A login within a protocol of twisted.mail: what POP3, IMAP and SMTP have in common.

A login is a coroutine. While it waits for the authenticator, lines that the client
sends ahead wait, too: commands are answered in their order, and one behind a login
finds the person logged in. What came in plain text behind STARTTLS is never read
as if it had come under TLS.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from twisted.cred.checkers import ANONYMOUS
from twisted.cred.error import LoginDenied
from twisted.cred.portal import Portal
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.interfaces import IHandshakeListener
from twisted.python.failure import Failure
from zope.interface import implementer

from ualauth.adapters.sasl_lines import (
    AlreadyLoggedIn,
    AuthCommand,
    ExchangeAbandoned,
    TooLong,
    TooManyFailures,
    converse_async,
)
from ualauth.adapters.twisted.authenticator import DeferredExchange, TwistedAuthenticator
from ualauth.adapters.twisted.tls import connection_of, is_tls
from ualauth.codes import ReturnCode
from ualauth.contract.identity import Identity
from ualauth.errors import AccountRestricted, AuthenticationError, MechanismUnavailable
from ualauth.runtime.peer import ConnectionInfo
from ualauth.runtime.revocations import Session
from ualauth.system.frames import clear_locals
from ualauth.userlist.record_state import Revocation

if TYPE_CHECKING:
    from twisted.protocols.basic import LineReceiver
    from twisted.protocols.policies import TimeoutMixin

    class Base(LineReceiver, TimeoutMixin):
        """What all of Twisted's protocols are, more or less."""

        transport: Any
else:
    Base = object

log = logging.getLogger("ualauth.twisted")

_MOST_LINES = 64
"""Lines that a client may send ahead during a login."""


class MailboxInUse(LoginDenied):
    """What a realm raises where a mailbox is for one client at a time, and another has it."""


@implementer(IHandshakeListener)
class Dialogue(Base):
    """Mixed into a protocol of lines, in front of Twisted's class."""

    service: str
    """The service that is asked, unless another is given."""
    ctx: Any
    identity: Identity | None = None
    """Who is logged in."""
    expected: tuple[type[Exception], ...] = (
        AuthenticationError,
        MechanismUnavailable,
        ExchangeAbandoned,
        MailboxInUse,
    )
    """What a login may fail by without a word in the log."""
    seconds_to_leave: float = 5.0
    """For the client's part in ending TLS: Twisted waits for it without an end."""
    offered: tuple[str, ...] = ()
    """The SASL mechanisms that were last found to be offered."""

    _login: Deferred[None] | None = None
    _question: Deferred[bytes] | None = None
    _deaf = False
    _greeted = False
    _leaving = False
    _going_on = False
    _known: ConnectionInfo | None = None
    _session: Session | None = None

    def __init__(
        self,
        authenticator: TwistedAuthenticator,
        portal: Portal,
        service: str | None = None,
        context_factory: Any = None,  # noqa: ANN401 - one of several interfaces
        *,
        most_failures: int = 5,
    ) -> None:
        """Ask a service; with a context factory, STARTTLS is offered.

        After `most_failures` logins that let no user in, the next one ends the connection.
        """
        super().__init__()
        self.authenticator = authenticator
        self.portal: Any = portal
        self.service = service or type(self).service
        self.ctx = context_factory
        self._failures_left = most_failures

    # What the protocol has to say.

    async def greet(self) -> None:
        """Send the greeting."""
        raise NotImplementedError

    def send_challenge(self, text: bytes) -> None:
        """Send a challenge, which is base64 already."""
        raise NotImplementedError

    def refuse(self, error: Exception) -> None:
        """Say that a login failed."""
        raise NotImplementedError

    def say_revoked(self) -> None:
        """Say that the session ends, if the protocol has a word for it that is not asked for."""

    def hang_up(self, error: Exception) -> None:
        """End the connection, and say why."""
        self.refuse(error)
        self._leave()

    # What the protocol calls.

    def greet_when_ready(self) -> None:
        """Greet now, or after the handshake of a connection that begins with TLS."""
        if not is_tls(self.transport):
            self.handshakeCompleted()

    def begin(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Carry out a command; lines wait until that is done."""
        login: Deferred[None] = Deferred.fromCoroutine(coroutine)
        self._login = login
        login.addErrback(self._unexpected)
        login.addCallback(self._end, login)

    def connection(self) -> ConnectionInfo:
        """Return what is known of the connection; what TLS says is found out once."""
        if self._known is None or self._known.get("tls") != is_tls(self.transport):
            self._known = connection_of(self.transport)
        return self._known

    async def look_up_offer(self) -> Exception | None:
        """Find out what is offered on this connection, now; return what went wrong."""
        self.offered = ()
        try:
            known = self.connection()
            self.offered = tuple(await self.authenticator.mechanisms(self.service, **known))
        except CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - the client that tries to log in is told
            log.warning("%s: %s", self.service, error)
            return error
        return None

    async def log_in(
        self,
        identity: Coroutine[Any, Any, Identity],
        welcome: Callable[[Any], None],
        *interfaces: Any,  # noqa: ANN401 - of zope
    ) -> None:
        """Await who it is, get the avatar from the realm, and welcome them; or refuse.

        A connection has one user at a time: another login would leave the first one's avatar
        without its logout.
        """
        if self.identity is not None:
            identity.close()
            self.refuse(AlreadyLoggedIn())
            return
        if self._failures_left <= 0:
            identity.close()
            rhost = getattr(self.transport.getPeer(), "host", None)
            log.warning("%s: too many failed attempts to authenticate from %r", self.service, rhost)
            self.hang_up(TooManyFailures())
            return
        self._failures_left -= 1
        try:
            user = await identity
            avatar = await self._avatar_of(user, interfaces)
        except CancelledError:
            return
        except Exception as error:
            if isinstance(error, LoginDenied) and not isinstance(error, MailboxInUse):
                error = AccountRestricted(ReturnCode.PERM_DENIED)
            if not isinstance(error, self.expected):
                clear_locals(error)
                log.exception("%s: a login failed", self.service)
            self.refuse(error)
        else:
            self.identity = user
            self._end_session()
            self._session = self.authenticator.begin_session(user, self._revoke)
            welcome(avatar)

    async def sasl(self, command: AuthCommand) -> Identity:
        """Return whom an exchange lets in."""
        exchange = self._exchange(command.mechanism)
        return await converse_async(exchange, command.initial, self.send_challenge, self.receive)

    async def password(self, user: bytes, password: bytes) -> Identity:
        """Return whom a name and a password let in: it is PLAIN in other words."""
        exchange = self._exchange("PLAIN")
        try:
            await exchange.step(b"\0".join((b"", user, password)))
            return exchange.identity
        finally:
            exchange.close()

    async def receive(self) -> bytes:
        """Return the line that answers a challenge."""
        question: Deferred[bytes] = Deferred()
        self._question = question
        if self._ahead:
            self.lineReceived(self._ahead.popleft())
        return await question

    def starting_tls(self) -> None:
        """Forget what came in plain text behind the command; call it before `startTLS`."""
        self._ahead.clear()
        self._deaf = True

    def _revoke(self, why: Revocation) -> None:
        """End the session of a user who is locked, deleted or has another password."""
        if self.identity is not None and not self._leaving:
            log.info("%s: the session of %a ends: %s", self.service, self.identity.user, why.value)
            self.say_revoked()
            self._leave()

    def _end_session(self) -> None:
        if self._session is not None:
            self._session.close()

    # What Twisted calls.

    def makeConnection(self, transport: Any) -> None:  # noqa: ANN401 - of several interfaces
        """Begin, with nothing sent ahead."""
        self._ahead: deque[bytes] = deque()
        super().makeConnection(transport)

    def handshakeCompleted(self) -> None:
        """Greet, now that it is known what binds to the channel."""
        if not self._greeted:
            self._greeted = True
            self.begin(self.greet())

    def dataReceived(self, data: bytes) -> None:
        """Take what arrived."""
        if self._leaving:
            return
        self._deaf = False
        super().dataReceived(data)
        if self._deaf:
            self._buffer = b""

    def lineReceived(self, line: bytes) -> None:
        """Take a line: a command, a response, or one for later."""
        if self._deaf:
            return
        if self._question is not None:
            self.resetTimeout()
            question, self._question = self._question, None
            question.callback(line)
        elif self._login is None:
            super().lineReceived(line)
        elif len(self._ahead) < _MOST_LINES:
            self._ahead.append(line)
        else:
            self._leave()

    def lineLengthExceeded(self, line: bytes) -> None:  # noqa: ARG002 - Twisted's
        """End a connection on which nothing sensible can follow."""
        self.hang_up(TooLong())

    def timeoutConnection(self) -> None:
        """End a connection on which nothing came for long, whatever the client does."""
        if self._leaving:
            self.transport.abortConnection()
        else:
            super().timeoutConnection()
            self._leave()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        """Give up a login that is under way."""
        self._ahead.clear()
        self._end_session()
        if self._login is not None:
            self._login.cancel()
        super().connectionLost(reason)

    def _leave(self) -> None:
        """End the connection; the client has a while to do its part."""
        self._leaving = True
        self._ahead.clear()
        self.transport.loseConnection()
        self.setTimeout(self.seconds_to_leave)

    def _exchange(self, mechanism: str) -> DeferredExchange:
        return self.authenticator.sasl(self.service, mechanism, **self.connection())

    def _avatar_of(self, user: Identity, interfaces: tuple[Any, ...]) -> Deferred[Any]:
        """Ask the realm for a user's avatar; one that comes too late is logged out at once."""
        # A login without a name is none of the users, whatever the avatars' names are.
        who = ANONYMOUS if user.anonymous else user.authid.encode()
        asked: Deferred[Any] = Deferred()

        def came(result: Any) -> None:  # noqa: ANN401 - what realms return, or a failure
            if not asked.called:
                asked.callback(result)
            elif not isinstance(result, Failure):
                _, _, log_out = result
                log_out()

        maybeDeferred(self.portal.realm.requestAvatar, who, user, *interfaces).addBoth(
            came
        ).addErrback(self._unexpected)
        return asked

    def _end(self, _: None, login: Deferred[None]) -> None:
        if self._login is login:
            self._login = None
        if self._going_on:
            # The loop below goes on with the next line, however many end at once.
            return
        self._going_on = True
        try:
            while self._ahead and self._login is None:
                super().lineReceived(self._ahead.popleft())
                # A literal is not to be sent ahead.
                if self._ahead and not getattr(self, "line_mode", True):
                    self._leave()
        finally:
            self._going_on = False

    def _unexpected(self, failure: Failure) -> None:
        """Nothing that could go on: a bug in the protocol, or the client is gone."""
        self._question = None
        if not failure.check(CancelledError):
            if failure.value is not None:
                clear_locals(failure.value)
            log.error("%s: a command failed", self.service, exc_info=failure.value)
            self._leave()
