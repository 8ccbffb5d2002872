"""SASL on the lines of a mail protocol: SMTP, IMAP and POP3 write it in the same way.

What the client sends is base64; `*` gives the exchange up; an initial response
that is empty is written `=` (RFC 4954, section 4; RFC 4959; RFC 5034).
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping
from typing import TypeVar

R = TypeVar("R")


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
