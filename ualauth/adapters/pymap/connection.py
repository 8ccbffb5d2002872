"""A connection of pymap's, on which each step of an exchange is awaited.

pymap carries SASL by mechanisms that answer at once. Here the connection itself
drives the exchange, so that every mechanism of a service can be offered.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio import StreamReader, StreamWriter
from contextlib import suppress
from typing import Any, cast

from proxyprotocol.sock import SocketInfo
from pymap import imap
from pymap.config import IMAPConfig
from pymap.context import current_command
from pymap.imap.state import ConnectionState
from pymap.interfaces.login import LoginInterface
from pymap.parsing.command import Command
from pymap.parsing.command.any import CapabilityCommand
from pymap.parsing.command.nonauth import StartTLSCommand
from pymap.parsing.commands import Commands
from pymap.parsing.response import Response, ResponseContinuation
from pymap.parsing.response.code import Capability
from pysasl import SASLAuth

from ualauth.adapters.literals import RefusedLiteral
from ualauth.adapters.pymap.asking import Asking, MailService
from ualauth.adapters.pymap.commands import AuthenticateCommand, LoginCommand
from ualauth.adapters.pymap.literals import read_with_literals
from ualauth.adapters.pymap.login import Vouched
from ualauth.adapters.pymap.replies import BAD_LITERAL, REVOKED, TOO_LONG, Refused
from ualauth.adapters.sasl_lines import AlreadyLoggedIn, converse_async
from ualauth.contract.identity import Identity

# That of RFC 7888 for LITERAL-, section 5.
_LONGEST_BEFORE_LOGIN = 4096


class WithoutSasl:
    """A configuration of pymap's whose own mechanisms are none.

    pymap asks for them at each greeting, and again at STARTTLS. To make them, it looks through
    the metadata of all installed distributions, on the event loop; here they are never used.
    """

    initial_auth = tls_auth = SASLAuth([])

    def __init__(self, config: IMAPConfig) -> None:
        """Have all else from `config`."""
        self._config = config

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever it is
        """Return what the configuration says."""
        return getattr(self._config, name)


class SaslState(ConnectionState):
    """What pymap says of a connection, with what ualauth offers on it."""

    def __init__(
        self, login: LoginInterface, config: WithoutSasl, connection: SaslConnection
    ) -> None:
        """Begin before the login."""
        super().__init__(login, cast("IMAPConfig", config))
        self._connection = connection
        if connection.asking.tls is not None and b"STARTTLS" in self._capability:
            self._capability.remove(b"STARTTLS")

    @property
    def logged_in(self) -> bool:
        """Whether a user is."""
        return self._session is not None

    @property
    def capability(self) -> Capability:
        """What is offered; LOGIN is there wherever PLAIN is."""
        if self.logged_in:
            return super().capability
        offered = self._connection.asking.offered
        mechanisms = [b"AUTH=" + name.encode() for name in offered]
        disabled = [] if "PLAIN" in offered else [b"LOGINDISABLED"]
        return Capability([*self._capability, b"SASL-IR", *disabled, *mechanisms])


class SaslConnection(imap.IMAPConnection):
    """A connection that asks ualauth."""

    __slots__ = ("_is_revoked", "_state", "_task", "asking")

    def __init__(  # noqa: PLR0913, PLR0917 - pymap's, and whom to ask
        self,
        asked: MailService,
        commands: Commands,
        config: IMAPConfig,
        reader: StreamReader,
        writer: StreamWriter,
        peer: SocketInfo,
    ) -> None:
        """Begin before the greeting."""
        super().__init__(commands, config, reader, writer, peer)
        self.asking = Asking(asked, writer, peer)
        self._state: ConnectionState | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_revoked = False

    @property
    def logged_in(self) -> bool:
        """Whether a user is."""
        return isinstance(self._state, SaslState) and self._state.logged_in

    @classmethod
    def _print(cls, log_format: str, output: str | bytes) -> None:
        """Log nothing: among the lines of a client are passwords."""

    async def run(self, state: ConnectionState) -> None:
        """Greet, and serve commands."""
        self._state = state
        loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        timer = loop.call_later(self.asking.login_timeout, self._end_unless_logged_in)
        try:
            await self.asking.look_up_offer()
            await super().run(state)
        finally:
            timer.cancel()
            self.asking.end_session()

    def _end_unless_logged_in(self) -> None:
        if not self.logged_in:
            self._end()

    def _revoke(self) -> None:
        self._is_revoked = True
        self._end()

    def _end(self) -> None:
        if self._task is not None:
            # pymap says BYE then.
            self._task.cancel()

    async def send_error_disconnect(self) -> None:
        """Say what went wrong on the server; nothing did if the client is gone."""
        if self._is_revoked:
            await self.write_response(REVOKED)
        elif not isinstance(sys.exc_info()[1], ConnectionError | EOFError):
            await super().send_error_disconnect()

    async def readline(self) -> memoryview:
        """Return a line with its literals; a client whose lines are too long is told, and gone."""
        try:
            return memoryview(await read_with_literals(self.reader, self._check_size))
        except ValueError as error:
            refused = isinstance(error, RefusedLiteral)
            await self.write_response(BAD_LITERAL if refused else TOO_LONG)
            raise EOFError from None
        except OSError:
            # As a network says that a client is gone, which pymap would log as a bug.
            raise EOFError from None

    async def read_continuation(self, literal_length: int) -> memoryview:
        """Return a literal that was asked for, and the rest of its line."""
        try:
            self._check_size(literal_length)
            return await super().read_continuation(literal_length)
        except ValueError:
            await self.write_response(TOO_LONG)
            raise EOFError from None
        except OSError:
            raise EOFError from None

    def _check_size(self, size: int) -> None:
        """Refuse long literals before the login, which pymap keeps in memory, of any length."""
        if not self.logged_in and size > _LONGEST_BEFORE_LOGIN:
            raise ValueError(f"{size} octets before the login")

    async def write_response(self, resp: Response) -> None:
        """Send a response; if the client is gone, reading tells."""
        with suppress(OSError):
            await super().write_response(resp)

    async def read_command(self, state: ConnectionState) -> Command:
        """Return a command, made ready for what it asks."""
        transport = cast("asyncio.Transport", self.writer.transport)
        # It was paused if STARTTLS was refused.
        transport.resume_reading()
        command = await super().read_command(state)
        if isinstance(command, CapabilityCommand):
            await self.asking.look_up_offer()
        elif isinstance(command, StartTLSCommand):
            # What comes from now on is for TLS.
            transport.pause_reading()
        return command

    async def start_tls(self) -> None:
        """Begin TLS, unless something came in plain text behind the command.

        It would be read as if it had come under TLS.
        """
        if self.reader._buffer:  # type: ignore[attr-defined]  # noqa: SLF001 - there is no other way
            raise ConnectionError("a client sent something behind STARTTLS")
        await super().start_tls()

    async def authenticate(
        self,
        state: ConnectionState,  # noqa: ARG002 - pymap's
        mech_name: bytes,
    ) -> Vouched:
        """Return whom the current command lets in.

        Raises:
            Refused: if no user is.

        """
        if self.logged_in:
            raise Refused(AlreadyLoggedIn())
        try:
            self.asking.count_attempt()
            identity = await self._identity(mech_name.decode("ascii", "replace"))
        except (ConnectionError, EOFError):
            raise
        except Exception as error:  # noqa: BLE001 - a bug refuses
            raise Refused(error) from None
        self.asking.begin_session(identity, self._revoke)
        return Vouched(identity)

    async def _identity(self, mechanism: str) -> Identity:
        command = current_command.get()
        exchange = self.asking.exchange(mechanism)
        if isinstance(command, LoginCommand):
            await exchange.step(command.message)
            return exchange.identity
        initial = command.initial if isinstance(command, AuthenticateCommand) else None
        return await converse_async(exchange, initial, self._challenge, self._response)

    async def _challenge(self, text: bytes) -> None:
        await self.write_response(ResponseContinuation(text))

    async def _response(self) -> bytes:
        return bytes(await self.read_continuation(0))
