"""One client's attempts to submit, decided step by step; no input or output.

The server that speaks SMTP tells what happened, and answers as the decision says:

    session = AccessSession(access.load(), settings, own_host)
    session.connected(host)                  at the greeting
    session.mail_from(sender, person)        at MAIL, for each message
    session.rcpt_to(recipient)               at RCPT, for each recipient
    content = without_own_headers(content)   at the end of DATA
    session.judge(read_message(content))
    session.keep(recipients), session.headers, session.filters      what to do with it

What held before still holds: at each step the strictest of all that was found
so far decides.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from ualauth.contract.identity import Person
from ualauth.smtp_access import headers as header
from ualauth.smtp_access.decision import (
    BAD_RECIPIENT,
    BAD_SENDER,
    GREETINGS,
    OK,
    REFUSALS,
    Decision,
    Finding,
    Reply,
    strictest,
)
from ualauth.smtp_access.events import ALL_EVENTS, Action, Event
from ualauth.smtp_access.hosts import Host, OwnHost, destination
from ualauth.smtp_access.mailboxes import NULL_SENDER, Mailbox, read_recipient, read_sender
from ualauth.smtp_access.message import Message
from ualauth.smtp_access.originator import may_send_as, read_from
from ualauth.smtp_access.rules import Rules
from ualauth.smtp_access.settings import SmtpAccessSettings
from ualauth.text.folding import fold

_UNKNOWN = Host()


class AccessSession:
    """A connection, and the message that is being submitted on it."""

    def __init__(  # noqa: PLR0913 - one for each setting
        self,
        rules: Rules,
        own_host: OwnHost,
        *,
        compare_from: bool = False,
        compare_sender: bool = False,
        compare_resent_from: bool = False,
        events: frozenset[Event] = ALL_EVENTS,
        now: datetime | None = None,
    ) -> None:
        """Begin with a client of which nothing is known.

        With `compare_from` and so on, AUTH_MISMATCH looks at these headers of the
        message. `events` are those that are looked at, to explain one of them; `now`
        has a zone, and is for tests.
        """
        self.rules = rules
        self.own_host = own_host
        self._compared = SmtpAccessSettings(
            compare_from=compare_from,
            compare_sender=compare_sender,
            compare_resent_from=compare_resent_from,
        ).compared
        self._events = events
        self._now = now
        self._host = _UNKNOWN
        self._is_own = False
        self._submit: tuple[Finding, ...] = ()
        self._person: Person | None = None
        self._groups: frozenset[str] = frozenset()
        self._sender = NULL_SENDER
        self._originator = NULL_SENDER
        self._findings: tuple[Finding, ...] = ()
        self._dropped: set[str] = set()

    # The steps

    def connected(self, host: Host) -> Decision:
        """Decide about the client's host; the reply of a refusal stands for the greeting."""
        self._host = host
        self._is_own = self.own_host.is_client(host)
        self._submit = self._applicable(self._about_host(Event.SUBMIT))
        self._findings = self._submit
        return self._decide(self._findings, GREETINGS)

    def mail_from(self, sender: str, person: Person | None, groups: Iterable[str] = ()) -> Decision:
        """Decide about a new message; `person` is who is authenticated.

        After a failed authentication there is no user. `groups` are the names of the person's
        groups, if the rules want them (`Rules.groups`).
        """
        self._dropped = set()
        self._person = person
        self._groups = frozenset(map(fold, groups))
        self._findings = self._submit
        try:
            self._sender = self._originator = read_sender(sender)
        except ValueError:
            return self._unreadable(Event.ORIGINATOR, BAD_SENDER)
        authenticated = Event.ANONYMOUS if person is None else Event.AUTH_SUCCESS
        self._findings = (
            *self._submit,
            *self._applicable(
                self._about_host(authenticated),
                self._mismatch((self._sender,)) if self._sender != NULL_SENDER else None,
                self._about_mailbox(Event.ORIGINATOR, self._sender),
            ),
        )
        return self._decide(self._findings)

    def rcpt_to(self, recipient: str) -> Decision:
        """Decide about one recipient of the message."""
        try:
            mailbox = read_recipient(recipient)
        except ValueError:
            return self._unreadable(Event.RECIPIENT, BAD_RECIPIENT)
        findings = self._applicable(
            self._relay(mailbox),
            self._about_mailbox(Event.RECIPIENT, mailbox),
        )
        decision = self._decide((*self._findings, *findings))
        if any(finding.action is Action.DISCARD for finding in findings):
            self._dropped.add(recipient)
        return decision

    def judge(self, message: Message) -> Decision:
        """Decide about the message at the end of DATA.

        The headers that the settings name are compared with the user; From: also
        where the sender is `<>`, which names no mailbox.
        """
        self._findings = (*self._findings, *self._applicable(self._mismatch_of(message)))
        return self._decide(self._findings)

    def data(self, from_headers: Sequence[str]) -> Decision:
        """Decide about a message of which only the values of its From: headers are known."""
        fields = tuple(("From", value) for value in from_headers)
        return self.judge(Message(fields, b"", ambiguous=False))

    # What is to be done with the message

    @property
    def discard(self) -> bool:
        """Whether the whole message is accepted and dropped."""
        return self._decide(self._findings).action is Action.DISCARD

    def keep(self, recipients: Sequence[str]) -> list[str]:
        """Return those who get the message: not the ones for whom it is dropped."""
        if self.discard:
            return []
        return [each for each in recipients if each not in self._dropped]

    @property
    def headers(self) -> tuple[header.Header, ...]:
        """The headers to insert."""
        return self._decide(self._findings).headers

    @property
    def host(self) -> Host:
        """The client's host."""
        return self._host

    @property
    def source(self) -> str | None:
        """The client's address as submissions are counted by it.

        `None` for a client on this host; an empty text if it is not known.
        """
        return None if self._is_own else str(self._host.address or "")

    @property
    def filters(self) -> bool:
        """Whether the message goes to the mail filters."""
        return self.rules.filters

    # Events

    def _about_host(self, event: Event, other: Host | None = None) -> Finding | None:
        for section in self.rules.sections(self._person, self._groups):
            rule = section.about_host(event, self._host, other)
            if rule is not None:
                return Finding(event, rule.action, rule)
        return None

    def _about_mailbox(self, event: Event, mailbox: Mailbox) -> Finding | None:
        for section in self.rules.sections(self._person, self._groups):
            rule = section.about_mailbox(event, mailbox)
            if rule is not None:
                return Finding(event, rule.action, rule)
        return None

    def _mismatch_of(self, message: Message) -> Finding | None:
        names = self._compared
        if self._sender == NULL_SENDER:
            if not message.values("From"):
                return self._mismatch((NULL_SENDER,))
            names = ("From", *names)
        if names and message.ambiguous:
            # Where readers may differ, it is not known who it is from.
            return self._mismatch((NULL_SENDER,))
        # Without such headers the envelope alone says who it is, and that was compared.
        mailboxes = read_from([value for name in names for value in message.values(name)])
        return self._mismatch((NULL_SENDER,) if mailboxes is None else mailboxes)

    def _mismatch(self, mailboxes: Sequence[Mailbox]) -> Finding | None:
        person = self._person
        if person is None or any(each.event is Event.AUTH_MISMATCH for each in self._findings):
            return None
        finding = self._about_host(Event.AUTH_MISMATCH)
        if finding is None:
            return None
        for mailbox in mailboxes:
            if mailbox == NULL_SENDER or not may_send_as(self.rules, person, mailbox, self._groups):
                self._originator = mailbox
                return finding
        return None

    def _relay(self, mailbox: Mailbox) -> Finding | None:
        """Decide whether the message may go where its recipient says."""
        if self._is_own:
            return None
        # An address that may name a second host is none at the first.
        routes = mailbox.routes
        if not routes and self.own_host.is_destination(mailbox):
            return None
        other = None if routes else destination(mailbox)
        finding = self._about_host(Event.RELAY, other)
        if finding is not None:
            return finding
        return None if self._is_welcome else Finding(Event.RELAY, Action.REJECT)

    @property
    def _is_welcome(self) -> bool:
        """Whether a rule accepts the authenticated user at this host: they may send out."""
        if self._person is None:
            return False
        finding = self._about_host(Event.AUTH_SUCCESS)
        return finding is not None and finding.action <= Action.HEADER

    # Decisions

    def _applicable(self, *findings: Finding | None) -> tuple[Finding, ...]:
        """Return what was found; Header counts as Accept where an event has no header."""
        return tuple(
            dataclasses.replace(each, action=Action.ACCEPT)
            if each.action is Action.HEADER and not each.event.has_header
            else each
            for each in findings
            if each is not None and each.event in self._events
        )

    def _decide(
        self,
        findings: Sequence[Finding],
        greetings: Mapping[Action, Reply] | None = None,
    ) -> Decision:
        deciding = strictest(findings)
        if deciding is None:
            return Decision(Action.ACCEPT, None, None, (), OK)
        action, event = deciding.action, deciding.event
        inserted: tuple[header.Header, ...] = ()
        if action is Action.HEADER:
            holding = sorted(
                (each.event for each in findings if each.action is Action.HEADER),
                key=list(Event).index,
            )
            inserted = tuple(map(self._header, holding))
        reply = (greetings or {}).get(action) or REFUSALS.get((event, action), OK)
        return Decision(action, event, deciding.rule, inserted, reply, tuple(findings))

    def _unreadable(self, event: Event, reply: Reply) -> Decision:
        """Refuse what is no address: no rule could be applied to it."""
        finding = Finding(event, Action.REJECT)
        return Decision(Action.REJECT, event, None, (), reply, (*self._findings, finding))

    def _header(self, event: Event) -> header.Header:
        host, moment = str(self._host), self._now or datetime.now(UTC).astimezone()
        match event:
            case Event.SUBMIT:
                return header.suspicious_host(host)
            case Event.ANONYMOUS:
                return header.anonymous_message(host, moment)
            case Event.AUTH_SUCCESS:
                return header.authenticated_sender(self._name, self.own_host.name, moment)
            case Event.AUTH_MISMATCH:
                return header.authentication_mismatch(str(self._originator), self._name)
            case _:
                return header.suspicious_originator(str(self._sender))

    @property
    def _name(self) -> str:
        """The address of who is authenticated, or else the authid."""
        person = self._person
        if person is None:
            return ""
        return person.addresses[0] if person.addresses else person.authid
