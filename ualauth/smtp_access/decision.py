"""What the rules say to an attempt: a value that can be shown, and answered with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ualauth.smtp_access.events import Action, Event
from ualauth.smtp_access.headers import Header
from ualauth.smtp_access.rules import Rule


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply of SMTP with its enhanced status code (RFC 2034, RFC 3463)."""

    code: int
    status: str
    text: str

    def __str__(self) -> str:
        """Return the line without its end."""
        return f"{self.code} {self.status} {self.text}"


@dataclass(frozen=True, slots=True)
class Finding:
    """An event that holds in an attempt, and what is to be done about it.

    `rule` is the first that matches, or `None` where the default decides.
    """

    event: Event
    action: Action
    rule: Rule | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done, why, and what the client is told.

    `event` and `rule` are those of the strictest finding; both are `None` if no
    rule and no default had a say. `headers` are those to insert. `findings` are
    all events that hold and that a rule or a default is about.
    """

    action: Action
    event: Event | None
    rule: Rule | None
    headers: tuple[Header, ...]
    reply: Reply
    findings: tuple[Finding, ...] = ()

    @property
    def refuses(self) -> bool:
        """Whether the client is told no: `reply` then says so."""
        return self.action.refuses


OK = Reply(250, "2.0.0", "OK")

REFUSALS: Mapping[tuple[Event, Action], Reply] = {
    # 5.7.1: delivery not authorized, message refused (RFC 3463, section 3.8).
    (Event.SUBMIT, Action.REJECT): Reply(550, "5.7.1", "This host may not submit messages"),
    (Event.SUBMIT, Action.DEFER): Reply(451, "4.7.1", "This host may not submit messages now"),
    # RFC 4954, section 6.
    (Event.ANONYMOUS, Action.REJECT): Reply(530, "5.7.0", "Authentication required"),
    (Event.ANONYMOUS, Action.DEFER): Reply(451, "4.7.0", "Authentication required"),
    (Event.AUTH_SUCCESS, Action.REJECT): Reply(
        550, "5.7.1", "Authenticated users may not submit messages from this host"
    ),
    (Event.AUTH_SUCCESS, Action.DEFER): Reply(
        451, "4.7.1", "Authenticated users may not submit messages from this host now"
    ),
    (Event.AUTH_MISMATCH, Action.REJECT): Reply(
        550, "5.7.1", "The originator is not an address of the authenticated user"
    ),
    (Event.AUTH_MISMATCH, Action.DEFER): Reply(
        451, "4.7.1", "The originator is not an address of the authenticated user"
    ),
    (Event.RELAY, Action.REJECT): Reply(550, "5.7.1", "Relaying denied"),
    (Event.RELAY, Action.DEFER): Reply(451, "4.7.1", "Relaying denied for now"),
    (Event.ORIGINATOR, Action.REJECT): Reply(550, "5.7.1", "This originator is refused"),
    (Event.ORIGINATOR, Action.DEFER): Reply(451, "4.7.1", "This originator is refused for now"),
    # 5.1.1: bad destination mailbox address; it has no temporary form (RFC 3463, section 3.2).
    (Event.RECIPIENT, Action.REJECT): Reply(550, "5.1.1", "No such recipient here"),
    (Event.RECIPIENT, Action.DEFER): Reply(451, "4.2.0", "This recipient is refused for now"),
}
"""What is said where a client is refused at MAIL, RCPT, or the end of DATA."""

GREETINGS: Mapping[Action, Reply] = {
    # RFC 5321, sections 3.1 and 3.8.
    Action.REJECT: Reply(554, "5.7.1", "This host may not submit messages"),
    Action.DEFER: Reply(421, "4.7.1", "This host may not submit messages now, closing"),
}
"""What is said instead of a greeting."""

BAD_SENDER = Reply(553, "5.1.7", "The sender is no address")
BAD_RECIPIENT = Reply(553, "5.1.3", "The recipient is no address")
# 5.3.4: message too big for the system; 5.6.0: other media error (RFC 3463, sections 3.4 and 3.7).
HEADER_TOO_LARGE = Reply(552, "5.3.4", "The header of the message is too large")
HEADER_UNCLEAR = Reply(554, "5.6.0", "The header of the message can be read in several ways")


def strictest(findings: Iterable[Finding]) -> Finding | None:
    """Return the finding that decides: of the strictest ones the first, if there is any."""
    return max(findings, key=lambda finding: finding.action, default=None)
