"""pymap's ManageSieve server (RFC 5804), asking ualauth.

server = ManageSieveServer(authenticator, backend.login, config)
callback = ProxyProtocolReader(config.proxy_protocol).get_callback(server)
await asyncio.start_server(callback, host, port)
"""

from __future__ import annotations

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import Mapping
from contextlib import AsyncExitStack, closing
from typing import Any, cast

from proxyprotocol.sock import SocketInfo
from pymap.config import IMAPConfig
from pymap.context import connection_exit
from pymap.exceptions import NotAllowedError
from pymap.interfaces.login import LoginInterface
from pymap.parsing import Params
from pymap.parsing.exceptions import NotParseable
from pymap.parsing.primitives import String
from pymap.sieve import manage
from pymap.sieve.manage.command import AuthenticateCommand, CapabilityCommand, Command
from pymap.sieve.manage.response import CapabilitiesResponse, Condition, Response

from ualauth.adapters import sieve_replies
from ualauth.adapters.pymap.asking import Asking, MailService
from ualauth.adapters.pymap.literals import read_with_literals
from ualauth.adapters.pymap.login import Login, Vouched
from ualauth.adapters.pymap.replies import Refused, log
from ualauth.adapters.sasl_lines import (
    ExchangeAbandoned,
    NotBase64,
    TooManyFailures,
    converse_async,
    reply_to,
)
from ualauth.adapters.sieve_replies import SieveReply
from ualauth.aio import AsyncAuthenticator
from ualauth.contract.identity import Identity
from ualauth.errors import (
    AccountRestricted,
    AuthenticationError,
    MechanismUnavailable,
)
from ualauth.system.frames import clear_locals

_NO = Condition.NO
REPLIES: Mapping[type[Exception], SieveReply] = {
    # The account has no mailbox, whatever the password.
    NotAllowedError: sieve_replies.REPLIES[AccountRestricted],
    **sieve_replies.REPLIES,
}
_EXPECTED = (
    AuthenticationError,
    ExchangeAbandoned,
    MechanismUnavailable,
    NotAllowedError,
    TooManyFailures,
)
# As before the login in IMAP (RFC 7888, section 5), and what a script may have.
_LONGEST_BEFORE_LOGIN = 4096
_LONGEST = 1_000_000


class ManageSieveServer(manage.ManageSieveServer):
    """Serves a client; must be made on the authenticator's event loop.

    The arguments are those of `IMAPServer`.
    """

    def __init__(  # noqa: PLR0913 - names of their own
        self,
        authenticator: AsyncAuthenticator,
        behind: LoginInterface,
        config: IMAPConfig,
        service: str = "imap",
        certificate: bytes | None = None,
        *,
        most_failures: int = 5,
        login_timeout: float = 180.0,
    ) -> None:
        """Ask a service: that of IMAP, unless scripts have one of their own."""
        super().__init__(Login(authenticator, behind, config, service), config)
        self._asked = MailService(authenticator, service, certificate, most_failures, login_timeout)

    async def __call__(
        self, reader: StreamReader, writer: StreamWriter, sock_info: SocketInfo
    ) -> None:
        """Serve one client."""
        connection = SieveConnection(
            self._asked, self._login, self._config, reader, writer, sock_info
        )
        async with AsyncExitStack() as stack:
            connection_exit.set(stack)
            stack.enter_context(closing(writer))
            await connection.run()


class SieveConnection(manage.ManageSieveConnection):
    """A connection that asks ualauth; each step of an exchange is awaited."""

    def __init__(  # noqa: PLR0913, PLR0917 - pymap's, and whom to ask
        self,
        asked: MailService,
        login: LoginInterface,
        config: IMAPConfig,
        reader: StreamReader,
        writer: StreamWriter,
        peer: SocketInfo,
    ) -> None:
        """Begin before the greeting."""
        super().__init__(login, config, reader, writer, peer)
        self._asking = Asking(asked, writer, peer)
        self._task: asyncio.Task[None] | None = None
        if self._asking.tls is not None:
            self._offer_starttls = False

    @property
    def capabilities(self) -> Mapping[bytes, bytes | None]:
        """What is offered."""
        capabilities = dict(super().capabilities)
        if self._state is None:
            capabilities[b"SASL"] = " ".join(self._asking.offered).encode()
        return capabilities

    @classmethod
    def _print(cls, log_format: str, output: str | bytes) -> None:
        """Log nothing: among the lines of a client are passwords."""

    async def run(self) -> None:
        """Greet, and serve commands."""
        loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        timer = loop.call_later(self._asking.login_timeout, self._end_unless_logged_in)
        try:
            await self._asking.look_up_offer()
            await super().run()
        except (OSError, ValueError):
            # The client is gone, or its line is longer than the reader takes.
            log.info("a connection of ManageSieve ends: the client is gone, or sends too much")
        finally:
            timer.cancel()
            self._asking.end_session()

    def _end_unless_logged_in(self) -> None:
        if self._state is None:
            self._end()

    def _end(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _read_data(self) -> memoryview:
        try:
            return memoryview(await read_with_literals(self.reader, self._check_size))
        except ValueError:
            raise EOFError from None

    def _check_size(self, size: int) -> None:
        if size > (_LONGEST_BEFORE_LOGIN if self._state is None else _LONGEST):
            raise ValueError(f"{size} octets")

    async def _read_command(self) -> Command:
        transport = cast("asyncio.Transport", self.writer.transport)
        # It was paused if STARTTLS was refused.
        transport.resume_reading()
        command: Command = _parse(Command, await self._read_data(), self.params)
        if isinstance(command, CapabilityCommand):
            await self._asking.look_up_offer()
        elif command.command == b"STARTTLS":
            # What comes from now on is for TLS.
            transport.pause_reading()
        return command

    async def _do_starttls(self) -> Response:
        if not self._offer_starttls:
            return Response(_NO, text="TLS is on already, or not to be had")
        if self.reader._buffer:  # type: ignore[attr-defined]  # noqa: SLF001 - there is no other way
            # It would be read as if it had come under TLS.
            return Response(Condition.BYE, text="Something was sent behind STARTTLS")
        await super()._do_starttls()
        await self._asking.look_up_offer()
        return CapabilitiesResponse(self.capabilities)

    async def _do_authenticate(self, cmd: AuthenticateCommand) -> Response:
        try:
            self._asking.count_attempt()
            mechanism = cmd.mech_name.decode("ascii", "replace")
            identity = await self._converse(mechanism, cmd.initial_data)
            self._state = self._get_state(await self._login(Vouched(identity)))
            self._asking.begin_session(identity, self._end)
        except (OSError, EOFError):
            return Response(Condition.BYE)
        except Refused as refused:
            # By the login of the backend: no mailbox belongs to the user.
            return Response(_NO, text=refused.reply.text.decode())
        except Exception as error:  # noqa: BLE001 - a bug refuses
            return _response(error)
        # After UNAUTHENTICATE, another user may log in.
        self._asking.failures_left += 1
        return Response(Condition.OK)

    async def _do_unauthenticate(self) -> Response:
        self._asking.end_session()
        response: Response = await super()._do_unauthenticate()
        return response

    async def _converse(self, mechanism: str, initial: bytes | None) -> Identity:
        if initial == b"=":
            # Nothing is written as an empty string here.
            raise NotBase64
        exchange = self._asking.exchange(mechanism)
        return await converse_async(exchange, initial, self._challenge, self._response)

    async def _challenge(self, text: bytes) -> None:
        String.build(text).write(self.writer)
        self.writer.write(b"\r\n")
        await self.writer.drain()

    async def _response(self) -> bytes:
        try:
            answer: String = _parse(String, await self._read_data(), self.params)
        except NotParseable:
            raise NotBase64 from None
        if answer.value.endswith((b"\r", b"\n")):
            # In a literal, it is no end of a line.
            raise NotBase64
        return answer.value


class Unreadable(NotParseable):
    """What is no command; pymap's own error repeats the line, and it may hold a password."""

    def __str__(self) -> str:
        """Return what pymap's reply says of it."""
        return "it cannot be read"


def _parse(kind: type[Any], line: memoryview, params: Params) -> Any:  # noqa: ANN401 - of `kind`
    """Return what a whole line says.

    Raises:
        Unreadable: if it is none of the kind, or more.

    """
    try:
        value, rest = kind.parse(line, params)
    except Exception:  # noqa: BLE001 - pymap converts numbers of any length, for one
        raise Unreadable(line[:0]) from None
    if bytes(rest).strip(b" \r\n"):
        raise Unreadable(line[:0])
    return value


def _response(error: Exception) -> Response:
    if not isinstance(error, _EXPECTED):
        clear_locals(error)
        log.error("a login failed", exc_info=error)
    reply = reply_to(error, REPLIES)
    return Response(Condition[reply.condition.decode()], code=reply.code, text=reply.text)
