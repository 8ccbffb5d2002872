"""SASL on the lines of a mail protocol: SMTP, IMAP and POP3 write it in the same way.

What the client sends is base64; `*` gives the exchange up; an initial response
that is empty is written `=` (RFC 4954, section 4; RFC 4959; RFC 5034).

    command = read_auth(b"SCRAM-SHA-256 biws...")
    exchange = auth.sasl("pop3", command.mechanism, rhost=rhost, tls=True)
    identity = converse(exchange, command.initial, send, receive)

The adapters use the same functions; a protocol of one's own can, too.
"""

from __future__ import annotations

import binascii
import inspect
import re
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from ualauth.contract.identity import Identity

R = TypeVar("R")

_CONTROL = re.compile(rb"[\0-\x1f\x7f]")


class BlockingExchange(Protocol):
    """An exchange whose steps block: a `SaslExchange`."""

    def step(self, response: bytes | None = None) -> bytes | None:
        """See `SaslExchange.step`."""
        ...

    @property
    def identity(self) -> Identity:
        """See `SaslExchange.identity`."""
        ...

    def close(self) -> None:
        """See `SaslExchange.close`."""
        ...


class AwaitedExchange(Protocol):
    """An exchange whose steps are awaited: an `AsyncSaslExchange`, or Twisted's."""

    def step(self, response: bytes | None = None) -> Awaitable[bytes | None]:
        """See `SaslExchange.step`."""
        ...

    @property
    def identity(self) -> Identity:
        """See `SaslExchange.identity`."""
        ...

    def close(self) -> None:
        """See `SaslExchange.close`."""
        ...


class AuthSyntax(Exception):
    """A command that is not `AUTH mechanism [initial response]`."""


class AlreadyLoggedIn(Exception):
    """A command that logs in, on a connection on which a user is logged in."""


class ExchangeAbandoned(Exception):
    """The client does not go on with the exchange."""


class Cancelled(ExchangeAbandoned):
    """The client sent `*`."""


class NotBase64(ExchangeAbandoned):
    """The client sent what is no base64."""


class TooLong(ExchangeAbandoned):
    """The client sent a line that is longer than any mechanism needs."""


class TooManyFailures(Exception):
    """The client tried too often on one connection."""


class NeedsTls(Exception):
    """Stands in a table of replies for what is offered under TLS only."""


@dataclass(frozen=True, slots=True)
class AuthCommand:
    """The arguments of a command that begins an exchange.

    `initial` is the initial response as it was sent, in base64 or as `=`; `None` is none.
    """

    mechanism: str
    initial: bytes | None = field(repr=False)


def words_of(line: bytes) -> list[bytes]:
    """Return the words of a line: between them are spaces alone, and more than one are one.

    White space at the end is none (RFC 5321, section 4.1.1).
    """
    return [word for word in line.strip(b" \t").split(b" ") if word]


def without_end(line: bytes) -> bytes:
    """Return a line without its end, of which a line has one."""
    return line[: -2 if line.endswith(b"\r\n") else -1] if line.endswith(b"\n") else line


def read_auth(arguments: bytes) -> AuthCommand:
    """Return what stands behind `AUTH` or `AUTHENTICATE`; more spaces than one are one.

    The line's own end, CR LF, may be there or not. Whether the service has the mechanism, and
    whether the initial response is base64, is seen later.

    Raises:
        AuthSyntax: if there is no word, there are more than two, or one has control
            characters: a line feed, for one, by which another server would end the line.

    """
    words = words_of(arguments.removesuffix(b"\r\n"))
    if any(_CONTROL.search(word) for word in words):
        raise AuthSyntax
    match words:
        case [mechanism]:
            return AuthCommand(mechanism.decode("ascii", "replace"), None)
        case [mechanism, initial]:
            return AuthCommand(mechanism.decode("ascii", "replace"), initial)
        case _:
            raise AuthSyntax


def converse(
    exchange: BlockingExchange,
    initial: bytes | None,
    send: Callable[[bytes], object],
    receive: Callable[[], bytes],
) -> Identity:
    """Carry an exchange from its initial response to its end; return who was let in.

    `initial` is the initial response as the client sent it, in base64 or as `=`; `None` is
    none. `send` is given each challenge in base64, and sends it as the protocol does, behind
    `334 ` or `+ `. `receive` returns the line that the client answers; its end may be
    missing. When the client is gone, `receive` has to raise: an empty line is an empty
    response. The exchange is closed in any case.

    Raises:
        Cancelled: if the client gave up.
        NotBase64: if a response is not well-formed.
        AuthenticationError: one of its subclasses, if the client is not let in.
        MechanismUnavailable: if the exchange could not begin.
        ConfigurationError: if the service cannot be used.

    """
    try:
        challenge = exchange.step(decoded_initial(initial))
        while challenge is not None:
            send(b64encode(challenge))
            challenge = exchange.step(decoded(without_end(receive())))
        return exchange.identity
    finally:
        exchange.close()


async def converse_async(
    exchange: AwaitedExchange,
    initial: bytes | None,
    send: Callable[[bytes], object],
    receive: Callable[[], Awaitable[bytes]],
) -> Identity:
    """Do what `converse` does, awaiting the steps, `receive`, and what `send` returns.

    `send` may be a plain function, too. Nothing of asyncio is used: Twisted's Deferreds are
    awaited as well.
    """
    try:
        challenge = await exchange.step(decoded_initial(initial))
        while challenge is not None:
            sending = send(b64encode(challenge))
            if inspect.isawaitable(sending):
                await sending
            challenge = await exchange.step(decoded(without_end(await receive())))
        return exchange.identity
    finally:
        exchange.close()


def decoded(line: bytes) -> bytes:
    """Return the response on a line.

    Raises:
        Cancelled: if the client gave up.
        NotBase64: if it is not well-formed.

    """
    if line == b"*":
        raise Cancelled
    try:
        return b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        raise NotBase64 from None


def decoded_initial(word: bytes | None) -> bytes | None:
    """Return the initial response of a command, `None` if it has none.

    Raises:
        NotBase64: if it is not well-formed.

    """
    if word is None:
        return None
    return b"" if word == b"=" else decoded(word)


def reply_to(error: Exception, replies: Mapping[type[Exception], R]) -> R:
    """Return the reply to an error: that of its class, or of the nearest one above it."""
    if getattr(error, "needs_tls", False):
        return replies[NeedsTls]
    return next(replies[kind] for kind in type(error).__mro__ if kind in replies)
