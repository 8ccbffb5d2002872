"""Refusals as pymap's errors, which it writes to the client."""

from __future__ import annotations

import logging

from pymap.exceptions import ResponseError
from pymap.parsing.response import (
    Response,
    ResponseBad,
    ResponseBye,
    ResponseCode,
    ResponseNo,
)

from ualauth.adapters import imap_replies
from ualauth.adapters.imap_replies import REPLIES
from ualauth.adapters.literals import RefusedLiteral
from ualauth.adapters.sasl_lines import (
    AlreadyLoggedIn,
    ExchangeAbandoned,
    TooLong,
    TooManyFailures,
    reply_to,
)
from ualauth.errors import AuthenticationError, MechanismUnavailable
from ualauth.system.frames import clear_locals

log = logging.getLogger("ualauth.pymap")

_EXPECTED = (
    AuthenticationError,
    MechanismUnavailable,
    ExchangeAbandoned,
    TooManyFailures,
    AlreadyLoggedIn,
)
TOO_LONG = ResponseBye(REPLIES[TooLong].text)
REVOKED = ResponseBye(imap_replies.REVOKED)
BAD_LITERAL = ResponseBye(REPLIES[RefusedLiteral].text)


class Refused(ResponseError):
    """No user was let in; the reply is that of `ualauth.adapters.imap_replies`."""

    def __init__(self, error: Exception) -> None:
        """Find the reply to what went wrong, and log what should not have."""
        if not isinstance(error, _EXPECTED):
            clear_locals(error)
            log.error("a login failed", exc_info=error)
        self.reply = reply_to(error, REPLIES)
        super().__init__(self.reply.text.decode())

    def get_response(self, tag: bytes) -> Response:
        """Return the reply to the command `tag`."""
        kind = ResponseNo if self.reply.condition == b"NO" else ResponseBad
        response = kind(tag, self.reply.text, ResponseCode.of(self.reply.code or None))
        if self.reply is REPLIES[TooManyFailures]:
            response.add_untagged(ResponseBye(self.reply.text))
        return response
