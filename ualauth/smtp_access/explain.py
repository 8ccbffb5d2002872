"""What the rules do with an attempt that is told in one go, step by step."""

from __future__ import annotations

from dataclasses import dataclass

from ualauth.contract.identity import Person
from ualauth.smtp_access.access_control import AccessControl
from ualauth.smtp_access.decision import Decision
from ualauth.smtp_access.events import ALL_EVENTS, Action, Event
from ualauth.smtp_access.hosts import Host
from ualauth.smtp_access.message import Message


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt to submit; `events` are those to look at, `sender` may be left open.

    `fields` are what is known of the message's header, as names and values.
    """

    host: Host
    sender: str | None = None
    recipients: tuple[str, ...] = ()
    person: Person | None = None
    fields: tuple[tuple[str, str], ...] = ()
    events: frozenset[Event] = ALL_EVENTS

    def missing(self) -> str:
        """Return what has to be known for a single event, and is not; empty if all is."""
        if len(self.events) != 1:
            return ""
        (event,) = self.events
        needed = {
            Event.RELAY: (self.recipients, "--recipient"),
            Event.RECIPIENT: (self.recipients, "--recipient"),
            Event.ORIGINATOR: (self.sender is not None, "--sender"),
            Event.AUTH_SUCCESS: (self.person, "--user"),
            Event.AUTH_MISMATCH: (
                self.person and (self.sender is not None or "From" in dict(self.fields)),
                "--user, and --sender or --from",
            ),
        }
        given, option = needed.get(event, (True, ""))
        return "" if given else f"{event.value} depends on {option}: give it."


@dataclass(frozen=True, slots=True)
class Step:
    """One step of SMTP and what was decided at it."""

    command: str
    decision: Decision


@dataclass(frozen=True, slots=True)
class Explained:
    """All steps up to the first that ends the attempt; `action` is what becomes of it."""

    steps: tuple[Step, ...]
    action: Action


def explain(access: AccessControl, attempt: Attempt) -> Explained:
    """Go through an attempt as a server would.

    Raises:
        AccessRulesError: if the file cannot be used.

    """
    # Nothing is said about a sender that was not named.
    unknown = {Event.ORIGINATOR} if attempt.sender is None else set()
    session = access.session(attempt.events - unknown)
    connected = Step("connect", session.connected(attempt.host))
    if connected.decision.refuses:
        return Explained((connected,), connected.decision.action)
    mail = Step(
        _command("MAIL FROM", attempt.sender),
        session.mail_from(attempt.sender or "<>", attempt.person),
    )
    if mail.decision.refuses:
        return Explained((connected, mail), mail.decision.action)
    recipients = [
        Step(_command("RCPT TO", each), session.rcpt_to(each)) for each in attempt.recipients
    ]
    # As long as one recipient is left, the message is submitted.
    action = min((step.decision.action for step in recipients), default=mail.decision.action)
    steps = [connected, mail, *recipients]
    if attempt.fields and not action.refuses:
        message = Message(attempt.fields, b"", ambiguous=False)
        steps.append(Step("DATA", session.judge(message)))
        action = max(action, steps[-1].decision.action)
    return Explained(tuple(steps), action)


def _command(name: str, address: str | None) -> str:
    if address is None:
        return name.partition(" ")[0]
    return f"{name}:{address if address.startswith('<') else f'<{address}>'}"
