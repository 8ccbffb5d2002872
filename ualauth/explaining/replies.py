"""What the client is told by each protocol: the replies of the adapters."""

from __future__ import annotations

from collections.abc import Mapping

from ualauth.adapters import imap_replies, pop3_replies, sieve_replies, smtp_replies
from ualauth.adapters.sasl_lines import reply_to
from ualauth.codes import ReturnCode
from ualauth.errors import MechanismUnavailable
from ualauth.runtime.outcome import EXCEPTIONS, Outcome

PROTOCOLS: Mapping[str, str] = {
    "imap": "IMAP",
    "pop3": "POP3",
    "smtp": "SMTP",
    "managesieve": "ManageSieve",
}
"""Key of the replies -> the name of the protocol."""

_GRANTED: Mapping[str, str] = {
    "imap": "OK Logged in",
    "pop3": f"+OK {pop3_replies.SUCCESS.decode()}",
    "smtp": "{} {}".format(*smtp_replies.SUCCESS),
    "managesieve": "OK",
}


def replies_to(outcome: Outcome) -> Mapping[str, str]:
    """Return the lines of a reply by protocol, without a tag and an end."""
    if outcome is Outcome.GRANTED:
        return _GRANTED
    return _replies(EXCEPTIONS[outcome](ReturnCode.AUTH_ERR))


def replies_to_mechanism(name: str, *, needs_tls: bool) -> Mapping[str, str]:
    """Return the replies to a client that asks for a mechanism which is not offered."""
    return _replies(MechanismUnavailable(name, needs_tls=needs_tls))


def _replies(error: Exception) -> Mapping[str, str]:
    imap = reply_to(error, imap_replies.REPLIES)
    code, text = reply_to(error, smtp_replies.REPLIES)
    return {
        "imap": f"{imap.condition.decode()} {bytes(imap).decode()}",
        "pop3": f"-ERR {reply_to(error, pop3_replies.REPLIES).decode()}",
        "smtp": f"{code} {text}",
        "managesieve": str(reply_to(error, sieve_replies.REPLIES)),
    }
