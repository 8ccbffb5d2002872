"""Every event with every action: what is decided, when, and what is said."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.smtp_access.conftest import DATE, JOHN, NewSession, host
from ualauth.smtp_access.decision import Decision
from ualauth.smtp_access.events import Action, Event

CLIENT = host("192.0.2.7", "pc7.example.net")
REPLIES = {
    ("SUBMIT", "Reject"): "554 5.7.1 This host may not submit messages",
    ("SUBMIT", "Defer"): "421 4.7.1 This host may not submit messages now, closing",
    ("ANONYMOUS", "Reject"): "530 5.7.0 Authentication required",
    ("ANONYMOUS", "Defer"): "451 4.7.0 Authentication required",
    ("AUTH_SUCCESS", "Reject"): (
        "550 5.7.1 Authenticated users may not submit messages from this host"
    ),
    ("AUTH_SUCCESS", "Defer"): (
        "451 4.7.1 Authenticated users may not submit messages from this host now"
    ),
    ("AUTH_MISMATCH", "Reject"): (
        "550 5.7.1 The originator is not an address of the authenticated user"
    ),
    ("AUTH_MISMATCH", "Defer"): (
        "451 4.7.1 The originator is not an address of the authenticated user"
    ),
    ("RELAY", "Reject"): "550 5.7.1 Relaying denied",
    ("RELAY", "Defer"): "451 4.7.1 Relaying denied for now",
    ("ORIGINATOR", "Reject"): "550 5.7.1 This originator is refused",
    ("ORIGINATOR", "Defer"): "451 4.7.1 This originator is refused for now",
    ("RECIPIENT", "Reject"): "550 5.1.1 No such recipient here",
    ("RECIPIENT", "Defer"): "451 4.2.0 This recipient is refused for now",
}
HEADERS = {
    "SUBMIT": "X-Scalix-Suspicious-Host: pc7.example.net",
    "ANONYMOUS": f"X-Scalix-Anonymous-Message: from pc7.example.net at {DATE}",
    "AUTH_SUCCESS": (
        "X-Scalix-Authenticated-Sender: john.smith@example.com; "
        f"authenticated by mx.example.com at {DATE}"
    ),
    "AUTH_MISMATCH": (
        "X-Scalix-Authentication-Mismatch: Message originated from boss@example.com, "
        "but authenticated identity is john.smith@example.com"
    ),
    "ORIGINATOR": "X-Scalix-Suspicious-Originator: boss@example.com",
}
PATTERNS = {"ORIGINATOR": "boss@*", "RECIPIENT": "ann@*"}
AUTHENTICATED = {"AUTH_SUCCESS", "AUTH_MISMATCH"}
STEPS = {"SUBMIT": 0, "RELAY": 2, "RECIPIENT": 2}
"""The step at which an event is first known; MAIL, the second, for the others."""


def submit(new_session: NewSession, event: str, action: str) -> list[Decision]:
    """Submit a message for which the event holds; end at the first refusal."""
    session = new_session(f"{event} {action} {PATTERNS.get(event, '192.0.2.*')}")
    person = JOHN if event in AUTHENTICATED else None
    to = "ann@far.example" if event == "RELAY" else "ann@mx.example.com"
    decisions = [session.connected(CLIENT)]
    steps: list[Callable[[], Decision]] = [
        lambda: session.mail_from("boss@example.com", person),
        lambda: session.rcpt_to(to),
        lambda: session.data(["boss@example.com"]),
    ]
    for step in steps:
        if decisions[-1].refuses:
            break
        decisions.append(step())
    return decisions


@pytest.mark.parametrize("action", list(Action), ids=str)
@pytest.mark.parametrize("event", list(Event), ids=lambda event: event.value)
def test_event_does_what_its_action_says(session: NewSession, event: Event, action: Action) -> None:
    decisions = submit(session, event.value, str(action))
    step = STEPS.get(event.value, 1)
    # Before the event is known, nothing is decided.
    assert all(each.event is None for each in decisions[:step])
    decided = decisions[step]
    expected = action
    if action is Action.HEADER and event in {Event.RELAY, Event.RECIPIENT}:
        expected = Action.ACCEPT
    assert (decided.action, decided.event) == (expected, event)
    assert decided.rule is not None
    assert str(decided.rule.source) == "smtpd.cfg:1"
    assert decided.refuses is (action in {Action.DEFER, Action.REJECT})
    assert str(decided.reply) == REPLIES.get((event.value, str(action)), "250 2.0.0 OK")
    wanted = [HEADERS[event.value]] if expected is Action.HEADER else []
    assert [str(header) for header in decided.headers] == wanted
    if decided.refuses:
        assert decisions[step:] == [decided]
    elif event not in {Event.RELAY, Event.RECIPIENT}:
        # Of the message, not of one recipient: it holds to the end.
        assert decisions[-1].action is expected
        assert [str(header) for header in decisions[-1].headers] == wanted


@pytest.mark.parametrize("event", list(Event), ids=lambda event: event.value)
def test_what_is_discarded_is_kept_for_no_recipient(session: NewSession, event: Event) -> None:
    text = f"{event.value} Discard {PATTERNS.get(event.value, '192.0.2.*')}"
    running = session(text)
    running.connected(CLIENT)
    running.mail_from("boss@example.com", JOHN if event.value in AUTHENTICATED else None)
    to = "ann@far.example" if event is Event.RELAY else "ann@mx.example.com"
    decision = running.rcpt_to(to)
    assert (decision.action, str(decision.reply)) == (Action.DISCARD, "250 2.0.0 OK")
    assert running.keep([to]) == []


@pytest.mark.parametrize("milder", list(Action), ids=str)
@pytest.mark.parametrize("stricter", list(Action), ids=str)
def test_the_strictest_action_wins(session: NewSession, milder: Action, stricter: Action) -> None:
    if milder > stricter:
        milder, stricter = stricter, milder
    for first, second in ((milder, stricter), (stricter, milder)):
        running = session(f"ANONYMOUS {first} *\nORIGINATOR {second} *")
        running.connected(CLIENT)
        decision = running.mail_from("boss@example.com", None)
        assert decision.action is stricter
        # Of two that are as strict, the event that is known first is named.
        assert decision.event is (Event.ANONYMOUS if first is stricter else Event.ORIGINATOR)


def test_all_header_rules_that_hold_insert_theirs(session: NewSession) -> None:
    running = session(
        """
        ORIGINATOR Header *
        AUTH_MISMATCH Header *
        AUTH_SUCCESS Header *
        SUBMIT Header *
        RECIPIENT Accept *
        """
    )
    running.connected(CLIENT)
    running.mail_from("boss@example.com", JOHN)
    running.rcpt_to("ann@far.example")
    names = [header.name for header in running.data([]).headers]
    assert names == [
        "X-Scalix-Suspicious-Host",
        "X-Scalix-Authenticated-Sender",
        "X-Scalix-Authentication-Mismatch",
        "X-Scalix-Suspicious-Originator",
    ]
    assert list(running.headers) == list(running.data([]).headers)


def test_no_header_is_inserted_where_header_does_not_win(session: NewSession) -> None:
    running = session("SUBMIT Header *\nORIGINATOR Discard *")
    running.connected(CLIENT)
    assert running.mail_from("boss@example.com", None).headers == ()


def test_the_first_matching_rule_of_an_event_decides(session: NewSession) -> None:
    running = session(
        """
        SUBMIT Accept 192.0.2.7
        SUBMIT Reject 192.0.2.0/24
        SUBMIT Defer *
        """
    )
    for client, line in ((CLIENT, 2), (host("192.0.2.8"), 3), (host("198.51.100.1"), 4)):
        rule = running.connected(client).rule
        assert rule is not None
        assert rule.source.line == line


def test_a_refusal_in_the_envelope_is_not_said_as_a_greeting(session: NewSession) -> None:
    running = session("SUBMIT Reject *")
    running.connected(CLIENT)
    reply = running.mail_from("boss@example.com", None).reply
    assert str(reply) == "550 5.7.1 This host may not submit messages"


def test_a_discarded_recipient_does_not_take_the_others_along(session: NewSession) -> None:
    running = session("RECIPIENT Discard trash@*\nANONYMOUS Header *")
    running.connected(CLIENT)
    running.mail_from("boss@example.com", None)
    both = ["trash@mx.example.com", "ann@mx.example.com"]
    assert [running.rcpt_to(each).action for each in both] == [Action.DISCARD, Action.HEADER]
    assert running.keep(both) == ["ann@mx.example.com"]
    assert running.data([]).action is Action.HEADER


def test_what_held_for_one_message_does_not_hold_for_the_next(session: NewSession) -> None:
    running = session("ORIGINATOR Discard boss@*\nRECIPIENT Discard ann@*")
    running.connected(CLIENT)
    running.mail_from("boss@example.com", None)
    running.rcpt_to("ann@mx.example.com")
    first = running.discard
    running.mail_from("joe@example.com", None)
    assert (first, running.discard) == (True, False)
    assert running.keep(["ann@mx.example.com"]) == ["ann@mx.example.com"]
