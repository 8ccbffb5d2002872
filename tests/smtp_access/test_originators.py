"""AUTH_MISMATCH: whose address the originator is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.smtp_access.conftest import JOHN, NewSession, host
from ualauth.identity import Person
from ualauth.smtp_access.events import Action
from ualauth.smtp_access.originator import read_from

RULES = """
AUTH_MISMATCH Reject *
AUTH_SUCCESS Accept *
DELEGATE jsmith info@example.com
DELEGATE JSmith *@lists.example.com
DELEGATE * noreply@example.com
DELEGATE ann boss@example.com
"""


def action(new_session: NewSession, sender: str, person: Person | None = JOHN) -> Action:
    running = new_session(RULES)
    running.connected(host("192.0.2.7"))
    return running.mail_from(sender, person).action


@pytest.mark.parametrize(
    "sender",
    [
        "john.smith@example.com",
        "js@example.com",
        # The USERLIST takes these for the same.
        "John.Smith@EXAMPLE.com",
        '"john.smith"@example.com',
        "@relay.example:js@example.com",
        # By delegation.
        "info@example.com",
        "anything@lists.example.com",
        "noreply@example.com",
    ],
)
def test_own_and_delegated_addresses_may_be_used(session: NewSession, sender: str) -> None:
    assert action(session, sender) is Action.ACCEPT


@pytest.mark.parametrize(
    "sender",
    [
        "boss@example.com",
        "john.smith@example.com.evil.example",
        "john.smith@sub.example.com",
        "john.smith+tag@example.com",
        "jsmith@example.com",
        "Info@example.com",
        "x@y.lists.example.com",
        "postmaster@example.com",
        "john.smith@[192.0.2.7]",
    ],
)
def test_other_addresses_may_not(session: NewSession, sender: str) -> None:
    assert action(session, sender) is Action.REJECT


def test_a_user_who_has_no_address_may_use_none(session: NewSession) -> None:
    unknown = Person("jsmith@example.com")
    assert action(session, "jsmith@example.com", unknown) is Action.REJECT


def test_a_client_who_is_not_authenticated_cannot_mismatch(session: NewSession) -> None:
    assert action(session, "boss@example.com", None) is Action.ACCEPT


def test_international_domains_are_compared_in_one_form(session: NewSession) -> None:
    person = Person("b", addresses=("b@bücher.example",))
    assert action(session, "b@xn--bcher-kva.example", person) is Action.ACCEPT
    assert action(session, "b@BÜCHER.example", person) is Action.ACCEPT
    assert action(session, "b@bucher.example", person) is Action.REJECT


# The From: header


def after_data(
    new_session: NewSession,
    *from_headers: str,
    sender: str = "js@example.com",
    compare_from: bool = True,
) -> Action:
    running = new_session(RULES, compare_from=compare_from)
    running.connected(host("192.0.2.7"))
    assert not running.mail_from(sender, JOHN).refuses
    running.rcpt_to("ann@far.example")
    return running.data(from_headers).action


@pytest.mark.parametrize(
    "value",
    [
        "js@example.com",
        "John <john.smith@example.com>",
        '"boss@example.com" <js@example.com>',
        "=?utf-8?q?J=C3=B6rg?= <js@example.com>",
        "js@example.com, Info <info@example.com>",
        "J. Smith\r\n <js@example.com>",
    ],
)
def test_from_may_name_the_user(session: NewSession, value: str) -> None:
    assert after_data(session, value) is Action.ACCEPT


@pytest.mark.parametrize(
    "value",
    [
        "boss@example.com",
        "js@example.com, boss@example.com",
        "<js@example.com> <boss@example.com>",
        "js@example.com <boss@example.com>",
        "undisclosed:;",
        "",
        "js",
        "(" * 5000,
        "js@example.com, " * 500,
    ],
)
def test_from_may_name_no_other_user(session: NewSession, value: str) -> None:
    assert after_data(session, value) is Action.REJECT
    assert after_data(session, value, compare_from=False) is Action.ACCEPT


def test_every_from_header_counts(session: NewSession) -> None:
    assert after_data(session, "js@example.com", "boss@example.com") is Action.REJECT


def test_without_from_the_envelope_says_who_it_is(session: NewSession) -> None:
    assert after_data(session) is Action.ACCEPT


@pytest.mark.parametrize("compare_from", [False, True])
def test_for_the_null_sender_from_says_who_it_is(session: NewSession, compare_from: bool) -> None:
    settings: dict[str, Any] = {"sender": "<>", "compare_from": compare_from}
    assert after_data(session, "js@example.com", **settings) is Action.ACCEPT
    assert after_data(session, "boss@example.com", **settings) is Action.REJECT
    assert after_data(session, **settings) is Action.REJECT


def test_the_header_names_the_originator_that_is_not_the_user(session: NewSession) -> None:
    running = session("AUTH_MISMATCH Header *", compare_from=True)
    running.connected(host("192.0.2.7"))
    running.mail_from("js@example.com", JOHN)
    (header,) = running.data(["js@example.com, boss@example.com"]).headers
    assert header.value == (
        "Message originated from boss@example.com, "
        "but authenticated identity is john.smith@example.com"
    )


def test_reading_from_never_raises_and_never_takes_long() -> None:
    for text in ("(" * 4096, "<" * 4096, '"\\' * 2048, "a." * 2048, '""' * 2048, ":;" * 2048):
        assert read_from([text]) is None
