"""`postfix-policy`: the submission access rules for Postfix (SMTPD_POLICY_README).

A question is lines `name=value` and an empty line; the answer is `action=...` and an empty line,
an action of access(5). Each question tells all that is known of the client and the message so
far, so each is judged by itself. What is remembered is of the message that the connection is
about: Postfix asks about one at a time, which has one `instance`. Postfix may come by a new
connection in the middle of a message: then nothing is remembered of what was said before. So a
message is dropped for one of its recipients only where Postfix says that it has no other.

Where it could not be checked, the connection ends without an answer: Postfix asks again, and then
refuses the client for now. Postfix shows no header of the message here: headers are compared by
the protocol `milter`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from ualauth.daemon.protocols.base import Endpoint, Protocol, log
from ualauth.daemon.protocols.lines import Lines
from ualauth.daemon.protocols.smtp_names import ServerNameSettings, as_written, client_host
from ualauth.daemon.requests import Admit, Admitted, Answer, Submission, Submitting, Tag
from ualauth.smtp_access.decision import Decision
from ualauth.smtp_access.events import Action, Event
from ualauth.smtp_access.session import AccessSession

_MOST_LINES = 100
"""Postfix 3.7 sends 29."""
_MAX_LINE = 16_384
_REQUEST = "smtpd_access_policy"
_OF_MESSAGES = frozenset({"MAIL", "RCPT", "DATA", "END-OF-MESSAGE"})
"""The states in which there is a sender."""
_DATA, _LAST = "DATA", "END-OF-MESSAGE"
_OF_RECIPIENTS = frozenset({Event.RELAY, Event.RECIPIENT})
"""What holds for one recipient."""
_ALONE = "452 4.5.3 This recipient needs a message of its own"
_PUT_OFF = "451 4.3.5 Temporary failure, try again later"
NOTHING_TO_SAY = "DUNNO"
_INSERT = "PREPEND "


@dataclass(slots=True)
class _Message:
    """What Postfix was told of one message."""

    instance: str
    headers: int = 0
    """How many headers it was told to insert."""
    recipients: dict[str, bool] = field(default_factory=dict)
    """Those that are not refused, and whether the message is dropped for them alone."""
    began_here: bool = False
    """Whether all that Postfix asked of it was asked on this connection."""
    is_counted: bool = False
    """Whether it was counted for the limits of its user and its client."""


class PostfixPolicy(Protocol):
    """A connection of one smtpd process."""

    name: ClassVar[str] = "postfix-policy"
    settings_type: ClassVar[type[ServerNameSettings]] = ServerNameSettings

    def __init__(self, endpoint: Endpoint) -> None:
        """Begin with nothing read."""
        super().__init__(endpoint)
        self._lines = Lines(_MAX_LINE)
        self._asked: dict[str, str] = {}
        self._is_asked = False
        self._message = _Message("", began_here=True)
        self._has_answered = False
        self._action = ""
        """What is said to a message that is being counted, if it may go on."""

    @property
    def is_busy(self) -> bool:
        """Whether a question is open: Postfix asks one at a time."""
        return self._is_asked

    def received(self, data: bytes) -> None:
        """See `Protocol.receive`."""
        self._lines.add(data)
        if not self._is_asked:
            self._read()

    def _read(self) -> None:
        for line in self._lines.take():
            if not line.is_whole:
                self._violation("a line that is too long")
                return
            if not line.text:
                self._ask()
                return
            name, equals, value = line.text.decode("utf-8", "surrogateescape").partition("=")
            if not equals or name in self._asked or len(self._asked) >= _MOST_LINES:
                self._violation("a line that no Postfix sends")
                return
            self._asked[name] = value

    def _ask(self) -> None:
        asked = self._asked
        if asked.get("request") != _REQUEST or "protocol_state" not in asked:
            self._violation("a request that is none of the policy")
            return
        # A client without a name is none of the users.
        is_anonymous = asked.get("sasl_method", "").upper() == "ANONYMOUS"
        user = "" if is_anonymous else asked.get("sasl_username", "")
        self._is_asked = True
        self.ask(None, Submission(user, self.endpoint.own.server_name))

    def _violation(self, what: str) -> None:
        log.warning("%s: %s; the connection ends", self.name, what)
        self.close()

    def answered(self, tag: Tag, answer: Answer) -> None:  # noqa: ARG002 - one at a time
        """See `Protocol.answer`."""
        match answer:
            case Submitting():
                action = self._judge(answer, self._asked)
                if self._is_to_count(action):
                    self._action = action
                    self._message.is_counted = True
                    self.ask(None, self._admit(answer))
                else:
                    self._say(action)
            case Admitted(reply):
                self._say(reply or self._action)
            case _:
                # Postfix asks once more, and then refuses the client for now.
                self.close()

    def _say(self, action: str) -> None:
        self._has_answered = True
        self.send(f"action={action}\n\n".encode("utf-8", "surrogateescape"))
        self._asked, self._is_asked = {}, False
        self._read()

    # What is counted

    def _is_to_count(self, action: str) -> bool:
        """Return whether a message goes on, all of whose recipients are there."""
        goes_on = action == NOTHING_TO_SAY or action.startswith(_INSERT)
        return (
            goes_on
            and self._asked["protocol_state"] in {_DATA, _LAST}
            and not self._message.is_counted
        )

    def _admit(self, submitting: Submitting) -> Admit:
        text = self._asked.get("recipient_count", "")
        count = int(text) if text.isascii() and text.isdigit() else 0
        known = len(self._message.recipients)
        return Admit(submitting.person, submitting.session.source, max(count, known, 1))

    # What is said

    def _judge(self, submitting: Submitting, asked: Mapping[str, str]) -> str:
        """Return the action for a question; the last of the decisions has those before in it."""
        session, state = submitting.session, asked["protocol_state"]
        address = asked.get("client_address", "")
        host = client_host(address, asked.get("client_name", ""), asked.get("server_address", ""))
        decision = session.connected(host)
        recipient = as_written(asked.get("recipient", ""))
        if state in _OF_MESSAGES:
            sender = as_written(asked.get("sender", ""))
            decision = session.mail_from(sender, submitting.person, submitting.groups)
            if recipient and state != "MAIL" and not decision.refuses:
                decision = session.rcpt_to(recipient)
        if decision.refuses:
            return str(decision.reply)
        instance = asked.get("instance", "")
        # Before the first recipient, a message has no instance yet: it is asked about again.
        if state not in _OF_MESSAGES or not instance:
            return NOTHING_TO_SAY
        if instance != self._message.instance:
            # Postfix asks on one connection, unless that has ended.
            self._message = _Message(instance, began_here=self._has_answered)
        return self._of_message(decision, session, asked)

    def _of_message(
        self, decision: Decision, session: AccessSession, asked: Mapping[str, str]
    ) -> str:
        state, recipient = asked["protocol_state"], as_written(asked.get("recipient", ""))
        drops = decision.action is Action.DISCARD
        if state == "RCPT" and not (drops and session.discard):
            return self._of_recipient(decision, recipient, drops=drops)
        if drops:
            # Behind RCPT, the recipient is named if it is the only one (SMTPD_POLICY_README).
            return f"DISCARD {decision.event.value if decision.event else ''}".rstrip()
        if not recipient and self._may_drop(session, state, asked.get("recipient_count", "")):
            return _PUT_OFF
        return _header(decision, self._message, state)

    def _of_recipient(self, decision: Decision, recipient: str, *, drops: bool) -> str:
        message = self._message
        others = [dropped for each, dropped in message.recipients.items() if each != recipient]
        if others and (drops or any(others)):
            # Postfix drops a message for all of its recipients, or for none.
            return _ALONE
        message.recipients[recipient] = drops
        # That it is the only one, Postfix says when all are there.
        return NOTHING_TO_SAY if drops else _header(decision, message, "RCPT")

    def _may_drop(self, session: AccessSession, state: str, count: str) -> bool:
        """Whether a message of several recipients may have one for whom it is to be dropped."""
        message = self._message
        if any(message.recipients.values()):
            return True
        is_count = count.isascii() and count.isdigit()
        is_known = is_count and int(count) <= len(message.recipients)
        return (
            state == _DATA
            and not message.began_here
            and not is_known
            and any(
                rule.action is Action.DISCARD and rule.event in _OF_RECIPIENTS
                for rule in session.rules.rules
            )
        )

    def ended(self) -> None:
        """See `Protocol.end`: a question that is open is answered first."""
        if not self._is_asked:
            self.close()

    def give_up(self) -> None:
        """See `Protocol.give_up`: that the connection ends says it."""


def _header(decision: Decision, message: _Message, state: str) -> str:
    """Return the next header that Postfix was not told of yet: an answer has room for one."""
    left = decision.headers[message.headers :]
    if decision.action is not Action.HEADER or not left:
        return NOTHING_TO_SAY
    if state == _LAST:
        if not message.began_here and not message.headers and len(left) == 1:
            # Postfix has a new connection: the one before was told with the first recipient.
            return NOTHING_TO_SAY
        log.error(
            "postfix-policy: Postfix has to ask %d times before the end of a message that has "
            "as many marks: put check_policy_service into smtpd_data_restrictions as well",
            len(decision.headers),
        )
        return _PUT_OFF
    message.headers += 1
    return f"{_INSERT}{left[0]}"
