"""AUTH: one SASL exchange on the lines of an SMTP connection (RFC 4954)."""

from __future__ import annotations

from asyncio import IncompleteReadError, LimitOverrunError, StreamReader
from base64 import b64encode
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from ualauth.adapters.sasl_lines import TooLong, decoded, decoded_initial
from ualauth.adapters.smtp_replies import check_mechanism
from ualauth.aio import AsyncAuthenticator
from ualauth.contract.identity import Identity
from ualauth.runtime.peer import ConnectionInfo

LONGEST = 12_288
"""Octets of a line, without its end (RFC 4954, section 4)."""


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
    words: list[str],
    challenge: Callable[[bytes], Awaitable[bytes]],
) -> Identity:
    """Return who was let in by a mechanism, with or without an initial response.

    `challenge` sends a challenge and returns the line that the client answers.

    Raises:
        Exception: one of those in the table of replies.

    """
    name, *initial = words
    response = decoded_initial(initial[0].encode(errors="surrogateescape") if initial else None)
    rules = asked.authenticator.config.offer_rules(asked.service)
    check_mechanism(name, response, rules, asked.service, connection.get("rhost"))
    exchange = asked.authenticator.sasl(asked.service, name, **connection)
    try:
        said = await exchange.step(response)
        while not exchange.done:
            said = await exchange.step(decoded(await challenge(b64encode(said or b""))))
        return exchange.identity
    finally:
        exchange.close()


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
            line = line.rstrip(b"\r\n")
            if too_long or len(line) > LONGEST:
                raise TooLong
            return line
