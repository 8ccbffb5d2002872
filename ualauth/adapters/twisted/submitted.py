"""A message within Twisted's ESMTP: it is held until it is whole, and given to the application."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.mail import smtp

from ualauth.adapters.smtp_filters import SmtpConnection
from ualauth.adapters.twisted.tls import is_tls
from ualauth.smtp_access.decision import Decision
from ualauth.smtp_access.hosts import Host

Recipient = tuple[Any, Any]
"""Twisted's user, and what makes the application's message."""


def nothing() -> None:
    """Stand for the application's message, for a recipient who does not get it."""


@dataclass
class Submitted:
    """A message that is coming in, and its envelope, as Twisted has it."""

    helo: Any
    origin: Any
    recipients: list[Recipient]
    lines: list[bytes]
    size: int = 0


async def hand_on(protocol: Any, message: Submitted, octets: bytes) -> Any:  # noqa: ANN401 - of Twisted
    """Give a message to the application, for each recipient; return what came of each.

    Raises:
        SMTPServerError: if the application does not take it.

    """
    lines = octets.removesuffix(b"\r\n").split(b"\r\n")
    receivers: list[Any] = []
    try:
        for user, make in message.recipients:
            receiver = make()
            receivers.append(receiver)
            received = protocol.receivedHeader(message.helo, message.origin, [user])
            if received:
                receiver.lineReceived(received)
            if lines[0] and b":" not in lines[0]:
                # It has no header: this is what ends the one that was added.
                receiver.lineReceived(b"")
            for line in lines:
                receiver.lineReceived(line)
    except BaseException:
        for receiver in receivers:
            receiver.connectionLost()
        raise
    ends = [maybeDeferred(receiver.eomReceived) for receiver in receivers]
    # What the application has begun goes on, also when the client is gone.
    waiting: Deferred[Any] = Deferred()
    DeferredList(ends, consumeErrors=True).addCallback(waiting.callback)
    return await waiting


def connection_of_smtp(protocol: Any, host: Host) -> SmtpConnection:  # noqa: ANN401 - of Twisted
    """Return what filters are told of a connection."""
    transport = protocol.transport
    peer, own = transport.getPeer(), transport.getHost()
    cipher = None
    if is_tls(transport):
        handle = transport.getHandle()
        bits = handle.get_cipher_bits() or 0
        cipher = (handle.get_cipher_name() or "", handle.get_protocol_version_name(), bits)
    helo = getattr(protocol, "_helo", None)
    return SmtpConnection(
        text_of(protocol.host),
        host,
        port=getattr(peer, "port", 0),
        helo=text_of((helo[0] if helo else b"") or b""),
        own=(own.host, own.port) if hasattr(own, "host") else None,
        cipher=cipher,
    )


def code_and_text(reply: str) -> tuple[int, str]:
    """Return the code of a reply of one line or several, and its text."""
    return int(reply[:3]), "\n".join(line[4:] for line in reply.split("\r\n"))


def error_of(reply: str) -> smtp.SMTPServerError:
    """Return a reply that refuses as Twisted raises it."""
    code, text = code_and_text(reply)
    return smtp.SMTPServerError(code, text)


def text_of(octets: bytes | str) -> str:
    """Return what a client said as text; octets that are no UTF-8 stay as surrogates."""
    return octets if isinstance(octets, str) else octets.decode("utf-8", "surrogateescape")


def address_of(address: Any) -> str:  # noqa: ANN401 - Twisted's
    """Return an address without angle brackets; the null sender is empty."""
    return text_of(bytes(address))


def wanted(recipients: Sequence[Recipient]) -> list[Recipient]:
    """Return the recipients who get the message."""
    return [each for each in recipients if each[1] is not nothing]


def why(decision: Decision) -> str:
    """Return the event and the rule that decided, for the log."""
    event = decision.event.value if decision.event else "no event"
    return f"{event}, {decision.rule.source if decision.rule else 'by default'}"
