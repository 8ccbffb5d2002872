"""aiosmtpd's protocol, in which AUTH asks a service.

    SMTP(handler, AsyncAuthenticator("/etc/ualauth"), tls_context=context, auth_required=True)

What aiosmtpd has for this is not used: it calls an authenticator on the event loop,
which waits for it, and offers the same mechanisms to all clients. Here every step is
awaited, and what is offered depends on the connection.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from ipaddress import IPv4Address, IPv6Address
from typing import Any, AnyStr

from aiosmtpd import smtp

from ualauth.adapters import smtp_replies as replies
from ualauth.adapters.aiosmtpd import submitter
from ualauth.adapters.aiosmtpd.dialogue import SmtpService, log_in, read_line
from ualauth.adapters.aiosmtpd.secret_filter import SECRET_FILTER
from ualauth.adapters.aiosmtpd.session import Envelope, Session
from ualauth.adapters.asyncio_tls import connection_of
from ualauth.adapters.sasl_lines import (
    AlreadyLoggedIn,
    AuthCommand,
    AuthSyntax,
    ExchangeAbandoned,
    TooLong,
    TooManyFailures,
    read_auth,
    reply_to,
)
from ualauth.aio import AsyncAuthenticator
from ualauth.errors import (
    AuthenticationError,
    ConfigurationError,
    MechanismUnavailable,
    TemporaryFailure,
)
from ualauth.runtime.peer import ConnectionInfo
from ualauth.system.frames import clear_locals

log = logging.getLogger("ualauth.aiosmtpd")

# Bytes that the reader takes for one line: enough to see that one of AUTH is too long.
_READ = 2 * replies.LONGEST + 1024
# RFC 5321, section 4.5.3.1.4 has 512 for a command; RFC 4954, section 3 adds 500 to MAIL.
_MAIL = 512 + 500
_UNRECOGNIZED = '500 Error: command "'
_OF_AIOSMTPD = ("auth_callback", "auth_exclude_mechanism")
_EXPECTED = (
    AuthenticationError,
    MechanismUnavailable,
    ExchangeAbandoned,
    replies.TooWeak,
    replies.InitialResponse,
)


class SMTP(smtp.SMTP):
    """One connection of an SMTP server whose AUTH asks a service.

    Handlers find who was let in on the session, see `ualauth.adapters.aiosmtpd.session`.
    """

    session: Session
    envelope: Envelope

    def __init__(
        self,
        handler: object,
        authenticator: AsyncAuthenticator,
        *,
        service: str = "smtpd.auth",
        certificate: bytes | None = None,
        most_failures: int = 5,
        **options: Any,  # noqa: ANN401 - aiosmtpd's
    ) -> None:
        """Ask a service; `options` are those of aiosmtpd's SMTP.

        After `most_failures` exchanges that let no user in, AUTH ends the
        connection. With `certificate`, the server's own in DER, clients may
        bind to it under TLS 1.3, too: some cannot (decision 0025 of the documents).

        Raises:
            TypeError: for what would go past the service: aiosmtpd's own ways to
                authenticate.

        """
        if not isinstance(authenticator, AsyncAuthenticator):
            raise TypeError("authenticator takes an AsyncAuthenticator, not a function")
        for name in _OF_AIOSMTPD:
            if name in options:
                raise TypeError(f"{name}= is not used: [sasl] and the service say who gets in")
        for name in dir(handler):
            if name == "handle_AUTH" or name.startswith("auth_"):
                raise TypeError(f"{name} of the handler is not used: the service is asked")
        # Once for all connections.
        smtp.log.addFilter(SECRET_FILTER)
        # It bounds what is read of a command, which may be longer than a message's line.
        self.line_length_limit = _READ
        super().__init__(handler, **options)
        del self.line_length_limit
        if self._ehlo_hook_ver == "old":
            raise TypeError("handle_EHLO takes five arguments, and returns the responses")
        self._ehlo_hook_ver = "new"
        # aiosmtpd has one for all connections, and lets it grow with every EHLO.
        self.command_size_limits = defaultdict(lambda: self.command_size_limit, AUTH=_READ)
        self._asked = SmtpService(authenticator, service)
        self.authenticator = authenticator
        self._certificate = certificate
        self._failures_left = most_failures
        self._usable = True
        self._submitter: str | None = None

    def connection(self) -> ConnectionInfo:
        """Return what is known of the connection; to be overridden if something else knows more."""
        proxy, peer = self.session.proxy_data, self.session.peer
        if proxy is not None:
            # That of a UNIX socket is a path, in bytes.
            known = isinstance(proxy.src_addr, IPv4Address | IPv6Address)
            rhost = str(proxy.src_addr) if known else None
        else:
            rhost = peer[0] if isinstance(peer, tuple) else None
        return connection_of(rhost, self._tls(), self._certificate)

    def _tls(self) -> Any:  # noqa: ANN401 - of asyncio's transports
        return None if self.transport is None else self.transport.get_extra_info("ssl_object")

    def _create_session(self) -> Session:
        session = Session(self.loop)
        if self.session is not None:
            # STARTTLS begins a new one, but not another connection.
            session.proxy_data = self.session.proxy_data
        return session

    def _create_envelope(self) -> Envelope:
        return Envelope()

    async def push(self, status: AnyStr) -> None:
        """Send a reply; nothing more happens on a connection that was hung up on.

        aiosmtpd itself goes on with the commands that were sent ahead.
        """
        if self.transport is None or self.transport.is_closing():
            raise asyncio.CancelledError
        if isinstance(status, str) and status.startswith(_UNRECOGNIZED):
            # aiosmtpd repeats the command, which may be a response that came too late.
            await self._reply(replies.UNKNOWN)
            return
        await super().push(status)

    async def _reply(self, reply: replies.Reply) -> None:
        await self.push("{} {}".format(*reply))

    @smtp.syntax("EHLO hostname")
    async def smtp_EHLO(self, hostname: str) -> None:
        """Greet, and say what is offered."""
        self.command_size_limits["MAIL"] = _MAIL
        await super().smtp_EHLO(hostname)

    async def _call_handler_hook(self, command: str, *args: Any) -> Any:  # noqa: ANN401
        if command == "EHLO":
            hostname, responses = args
            responses = await self._with_offer(responses)
            if command not in self._handle_hooks:
                self.session.host_name = hostname
                return responses
            args = (hostname, responses)
        elif command == "MAIL":
            address = submitter.trusted(self._submitter, self.session.ualauth_identity)
            self.envelope.ualauth_submitter = address
        return await super()._call_handler_hook(command, *args)

    async def _with_offer(self, responses: list[str]) -> list[str]:
        """Return aiosmtpd's responses to EHLO with what is offered on this connection."""
        tls = self._tls() is not None
        others = [
            each
            for each in responses
            if not each.startswith("250-AUTH") and not (tls and each == "250-STARTTLS")
        ]
        try:
            offered = await self._asked.mechanisms(self.connection())
        except ConfigurationError:
            log.exception("no user can authenticate: service %s", self._asked.service)
            self._usable = False
            return others
        self._usable = True
        if offered:
            others.insert(-1, f"250-AUTH {' '.join(offered)}")
        return others

    async def check_auth_needed(self, caller_method: str) -> bool:
        """Refuse a command for which a user has to be let in, unless one is."""
        if not self._auth_required or self.session.authenticated:
            return False
        log.info("%s before AUTH", caller_method)
        await self._reply(replies.REQUIRED if self._usable else replies.MISCONFIGURED)
        return True

    @smtp.syntax("STARTTLS", when="tls_context")
    async def smtp_STARTTLS(self, arg: str) -> None:
        """Begin TLS, once."""
        if self._tls() is not None:
            await self._reply(replies.TLS_ALREADY)
            return
        await super().smtp_STARTTLS(arg)
        if self.transport is None or self.transport.is_closing():
            # asyncio takes a handshake for done that was broken off when its time was over.
            raise asyncio.CancelledError

    async def handle_exception(self, error: Exception) -> str:
        """Return the reply to a bug, which is logged; a client that cannot do TLS is none."""
        expected = isinstance(error, smtp.TLSSetupException)
        if expected and not hasattr(self.event_handler, "handle_exception"):
            log.info("%r: TLS did not begin: %r", self.session.peer, error.__cause__)
            return ""
        clear_locals(error)
        status: str = await super().handle_exception(error)
        return status

    @smtp.syntax("AUTH <mechanism> [initial-response]")
    async def smtp_AUTH(self, arg: str | None) -> None:
        """Let a user in by a SASL mechanism."""
        session = self.session
        objections = (
            (not session.host_name or not session.extended_smtp, replies.EHLO_FIRST),
            (session.authenticated, replies.REPLIES[AlreadyLoggedIn]),
            (self.envelope.mail_from is not None, replies.IN_TRANSACTION),
            (len(arg or "") + len("AUTH ") > replies.LONGEST, replies.REPLIES[TooLong]),
        )
        for applies, reply in objections:
            if applies:
                await self._reply(reply)
                return
        try:
            command = read_auth((arg or "").encode(errors="surrogateescape"))
        except AuthSyntax:
            await self._reply(replies.REPLIES[AuthSyntax])
            return
        if self._failures_left <= 0:
            await self._hang_up()
            return
        self._failures_left -= 1
        await self._reply(await self._outcome(command))

    async def _outcome(self, command: AuthCommand) -> replies.Reply:
        session = self.session
        try:
            identity = await log_in(
                self._asked, self.connection(), command, self._challenge, self._response
            )
        except ConnectionResetError:
            raise
        except Exception as error:
            if not isinstance(error, _EXPECTED):
                del command
                clear_locals(error)
                log.exception("no user can authenticate: service %s", self._asked.service)
            if isinstance(error, AuthenticationError) and not isinstance(error, TemporaryFailure):
                session.ualauth_failed = True
            return reply_to(error, replies.REPLIES)
        session.let_in(identity)
        return replies.SUCCESS

    async def _challenge(self, text: bytes) -> None:
        await self.push(b"334 " + text)

    async def _response(self) -> bytes:
        line = await read_line(self._reader)
        self._reset_timeout()
        return line

    async def _hang_up(self) -> None:
        log.warning("%r: too many failed attempts to authenticate", self.session.peer)
        await self._reply(replies.REPLIES[TooManyFailures])
        # As aiosmtpd does for QUIT.
        if self._handler_coroutine is not None:
            self._handler_coroutine.cancel()
        if self.transport is not None:
            self.transport.close()

    @smtp.syntax("MAIL FROM: <address>", extended=" [SP <mail-parameters>]")
    async def smtp_MAIL(self, arg: str | None) -> None:
        """Begin a message; AUTH= is among the parameters."""
        self._submitter = None
        if arg is not None and self.session.extended_smtp:
            path = self._strip_command_keyword("FROM:", arg)
            parameters = self._getaddr(path)[1] if path else None
            if path and parameters:
                try:
                    others, self._submitter = submitter.take(parameters)
                except ValueError:
                    await self._reply(replies.SUBMITTER)
                    return
                arg = f"FROM:{path.removesuffix(parameters)} {others}"
        await super().smtp_MAIL(arg)
