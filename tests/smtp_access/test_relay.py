"""RELAY: who may send where, and that no stranger may by default."""

from __future__ import annotations

import itertools

import pytest

from tests.smtp_access.conftest import JOHN, NewSession, host
from ualauth.identity import Person
from ualauth.smtp_access.events import Action
from ualauth.smtp_access.hosts import Host
from ualauth.system.networks import read_address

STRANGER = host("203.0.113.9", "pc.stranger.example")
OWN = [
    host("127.0.0.1"),
    host("127.9.8.7"),
    host("::1"),
    host("::ffff:127.0.0.1"),
    host("192.0.2.1"),
    Host(read_address("192.0.2.2"), own=True),
    Host(own=True),
]


def rcpt(
    new_session: NewSession, text: str, client: Host, to: str, person: Person | None = None
) -> Action:
    running = new_session(text, known_as=("192.0.2.1", "mail.example.com"))
    running.connected(client)
    running.mail_from("somebody@stranger.example", person)
    return running.rcpt_to(to).action


@pytest.mark.parametrize("client", OWN, ids=str)
def test_the_own_host_may_always_relay(session: NewSession, client: Host) -> None:
    assert rcpt(session, "", client, "x@far.example") is Action.ACCEPT
    assert rcpt(session, "RELAY Reject *", client, "x@far.example") is Action.ACCEPT


@pytest.mark.parametrize("client", [STRANGER, host(), host("10.0.0.1")], ids=str)
@pytest.mark.parametrize("person", [None, JOHN], ids=["anonymous", "authenticated"])
def test_without_rules_no_other_client_may(
    session: NewSession, client: Host, person: Person | None
) -> None:
    assert rcpt(session, "", client, "x@far.example", person) is Action.REJECT


@pytest.mark.parametrize(
    "to",
    [
        "x@localhost", "x@mx.example.com", "x@MAIL.example.com", "postmaster", "Postmaster",
        "x@[127.0.0.1]", "x@[192.0.2.1]", "x@[IPv6:::1]",
    ],
)  # fmt: skip
def test_mail_to_the_own_host_is_not_relayed(session: NewSession, to: str) -> None:
    assert rcpt(session, "", STRANGER, to) is Action.ACCEPT


ROUTED = [
    "x%far.example@mx.example.com",
    "far.example!x@mx.example.com",
    '"x@far.example"@mx.example.com',
    '"x%far.example"@localhost',
    "x%far.example@[127.0.0.1]",
    "@mx.example.com:x@far.example",
    "@mx.example.com,@localhost:x@far.example",
    "<@mx.example.com:x@far.example>",
    "x@far.example",
    '"x"@far.example',
    "x@[198.51.100.1]",
    "x@[IPv6:2001:db8::1]",
    "x@localhost.far.example",
    "x@mx.example.com.far.example",
]


@pytest.mark.parametrize("to", ROUTED)
def test_no_way_of_writing_an_address_makes_it_local(session: NewSession, to: str) -> None:
    assert rcpt(session, "", STRANGER, to) is Action.REJECT
    local = "RELAY Accept example.com\nRELAY Accept *.example.com\nRELAY Accept 192.168.*"
    assert rcpt(session, local, STRANGER, to) is Action.REJECT


@pytest.mark.slow
def test_no_combination_of_other_rules_lets_a_stranger_relay(session: NewSession) -> None:
    # For each event but RELAY: no rule, or one of the mild ones that match everything.
    choices = [
        ["", *(f"{event} {action} *" for action in ("Accept", "Header", "Discard"))]
        for event in ("SUBMIT", "ANONYMOUS", "AUTH_SUCCESS", "AUTH_MISMATCH", "ORIGINATOR",
                      "RECIPIENT")
    ]  # fmt: skip
    for lines in itertools.product(*choices):
        text = "\n".join(lines)
        assert rcpt(session, text, STRANGER, "x@far.example") is Action.REJECT, text


def test_local_hosts_may_send_out_and_others_may_send_to_them(session: NewSession) -> None:
    text = "RELAY Accept example.com\nRELAY Accept 192.168.*\nRELAY Accept *.lan.example.com"
    assert rcpt(session, text, host("192.168.7.7"), "x@far.example") is Action.ACCEPT
    assert rcpt(session, text, host("10.1.1.1", "pc.lan.example.com"), "x@far.example") is (
        Action.ACCEPT
    )
    assert rcpt(session, text, STRANGER, "x@Example.COM") is Action.ACCEPT
    assert rcpt(session, text, STRANGER, "x@[192.168.7.7]") is Action.ACCEPT
    assert rcpt(session, text, STRANGER, "x@far.example") is Action.REJECT
    assert rcpt(session, text, host("10.1.1.1"), "x@far.example") is Action.REJECT


def test_the_first_relay_rule_about_either_side_decides(session: NewSession) -> None:
    text = "RELAY Reject 192.168.66.*\nRELAY Accept 192.168.*\nRELAY Accept example.com"
    assert rcpt(session, text, host("192.168.66.1"), "x@far.example") is Action.REJECT
    assert rcpt(session, text, host("192.168.66.1"), "x@example.com") is Action.REJECT
    turned = "RELAY Accept example.com\nRELAY Reject 192.168.66.*"
    assert rcpt(session, turned, host("192.168.66.1"), "x@example.com") is Action.ACCEPT


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("AUTH_SUCCESS Accept *", Action.ACCEPT),
        ("AUTH_SUCCESS Accept 203.0.113.*", Action.ACCEPT),
        ("AUTH_SUCCESS Header *", Action.HEADER),
        ("AUTH_SUCCESS Accept 10.*", Action.REJECT),
        ("AUTH_SUCCESS Discard *", Action.REJECT),
        ("AUTH_SUCCESS Accept *\nRELAY Reject 203.0.113.*", Action.REJECT),
    ],
)
def test_whom_auth_success_accepts_may_send_out(
    session: NewSession, rule: str, expected: Action
) -> None:
    assert rcpt(session, rule, STRANGER, "x@far.example", JOHN) is expected
    assert rcpt(session, rule, STRANGER, "x@far.example", None) is Action.REJECT
