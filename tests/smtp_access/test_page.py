"""The page about submission access says what the code says."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.docs.pages import ROOT, table
from tests.docs.test_tables import words
from ualauth.smtp_access import headers
from ualauth.smtp_access.decision import REFUSALS
from ualauth.smtp_access.events import Action, Event
from ualauth.smtp_access.host_patterns import read_host_pattern
from ualauth.smtp_access.mail_filter import MailFilter
from ualauth.smtp_access.mailbox_patterns import read_mailbox_pattern

PAGE = ROOT / "docs" / "administrators" / "smtp-access.md"
SERVERS = ROOT / "docs" / "applications" / "smtp-access.md"
EVENTS = ("event", "holds in an attempt", "pattern", "with the action Header inserts")


def test_events_are_all_there_with_their_patterns() -> None:
    rows = table(PAGE, *EVENTS)
    assert [words(row[0])[0] for row in rows] == [event.value for event in Event]
    assert [row[2] for row in rows] == [
        "e-mail" if event.takes_address else "host" for event in Event
    ]


def test_headers_are_those_that_are_inserted() -> None:
    said = {row[0].strip("`"): row[3] for row in table(PAGE, *EVENTS)}
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    date = "Fri, 02 Jan 2026 00:00:00 +0000"
    inserted = {
        "SUBMIT": headers.suspicious_host("hostname-or-IP-address"),
        "ANONYMOUS": headers.anonymous_message("hostname", moment),
        "AUTH_SUCCESS": headers.authenticated_sender("email-address", "hostname", moment),
        "AUTH_MISMATCH": headers.authentication_mismatch("email-address", "email-address"),
        "ORIGINATOR": headers.suspicious_originator("email-address"),
    }
    for event in Event:
        if event.has_header:
            assert said[event.value] == f"`{str(inserted[event.value]).replace(date, 'date')}`"
        else:
            assert said[event.value] == "nothing: the same as Accept"


def test_actions_are_in_the_order_of_strictness() -> None:
    rows = table(PAGE, "action", "does")
    assert [words(row[0])[0] for row in rows] == list(map(str, sorted(Action)))


def test_replies_are_those_that_are_given() -> None:
    rows = table(PAGE, "event", "Reject", "Defer")
    assert [[row[0].strip("`"), *map(words, row[1:])] for row in rows] == [
        [
            event.value,
            [str(REFUSALS[event, Action.REJECT])],
            [str(REFUSALS[event, Action.DEFER])],
        ]
        for event in Event
    ]


def test_patterns_are_patterns() -> None:
    hosts, mailboxes = [
        [word for row in rows for word in words(row[0])] for rows in _tables("pattern", "matches")
    ]
    assert len(hosts) == 11
    assert len(mailboxes) == 9
    for word in hosts:
        read_host_pattern(word)
    for word in mailboxes:
        read_mailbox_pattern(word)


def test_calls_of_a_filter_are_those_of_the_protocol() -> None:
    rows = table(SERVERS, "call", "gets")
    calls = [name for name in vars(MailFilter) if not name.startswith("_")]
    assert [words(row[0])[0] for row in rows] == [name for name in calls if name != "added_headers"]


def _tables(*headings: str) -> list[list[list[str]]]:
    from tests.docs.pages import tables

    return [rows[1:] for rows in tables(PAGE) if rows[0] == list(headings)]
