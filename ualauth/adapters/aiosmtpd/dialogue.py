"""AUTH: one SASL exchange on the lines of an SMTP connection (RFC 4954)."""

from __future__ import annotations

from asyncio import IncompleteReadError, LimitOverrunError, StreamReader
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from ualauth.adapters.sasl_lines import (
    AuthCommand,
    TooLong,
    converse_async,
    decoded_initial,
    without_end,
)
from ualauth.adapters.smtp_replies import LONGEST, check_mechanism
from ualauth.aio import AsyncAuthenticator
from ualauth.contract.identity import Identity
from ualauth.runtime.peer import ConnectionInfo


class SmtpService(NamedTuple):
    """Whom a server asks."""

    authenticator: AsyncAuthenticator
    service: str

    async def mechanisms(self, connection: ConnectionInfo) -> list[str]:
        """Return what is offered on a connection, the strongest first."""
        return await self.authenticator.mechanisms(self.service, **connection)


async def log_in(
    asked: SmtpService,
    connection: ConnectionInfo,
    command: AuthCommand,
    send: Callable[[bytes], Awaitable[None]],
    receive: Callable[[], Awaitable[bytes]],
) -> Identity:
    """Return who was let in by a mechanism; `send` and `receive` are those of `converse`.

    Raises:
        Exception: one of those in the table of replies.

    """
    response = decoded_initial(command.initial)
    rules = asked.authenticator.config.offer_rules(asked.service)
    check_mechanism(command.mechanism, response, rules, asked.service, connection.get("rhost"))
    exchange = asked.authenticator.sasl(asked.service, command.mechanism, **connection)
    return await converse_async(exchange, command.initial, send, receive)


async def read_line(reader: StreamReader) -> bytes:
    """Return the next line, without its end.

    Raises:
        TooLong: if it is; then it has been skipped.
        ConnectionResetError: if there is none.

    """
    too_long = False
    while True:
        try:
            line = await reader.readuntil()
        except LimitOverrunError as error:
            too_long = True
            await reader.read(error.consumed)
        except IncompleteReadError:
            raise ConnectionResetError from None
        else:
            line = without_end(line)
            if too_long or len(line) > LONGEST:
                raise TooLong
            return line
