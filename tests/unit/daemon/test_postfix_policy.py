"""The state machine of Postfix' policy protocol, by questions of Postfix 3.7."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.daemon.driven import Driven
from ualauth.contract.identity import Person
from ualauth.daemon.requests import Admit, Admitted, Failed, Submission, Submitting
from ualauth.errors import ConfigurationError
from ualauth.smtp_access.hosts import OwnHost
from ualauth.smtp_access.parse import parse
from ualauth.smtp_access.session import AccessSession

JOHN = Person("jsmith", addresses=("john.smith@example.com", "js@example.com"))
# What Postfix 3.7.11 sent, in its order.
RECORDED = """\
request=smtpd_access_policy
protocol_state=RCPT
protocol_name=ESMTP
client_address=192.0.2.7
client_name=pc7.example.net
client_port=39244
reverse_client_name=pc7.example.net
server_address=127.0.0.1
server_port=40417
helo_name=pc.example.com
sender=js@example.com
recipient=ann@far.example
recipient_count=0
queue_id=
instance=53fc.6b0d1b92.9d6d7.0
size=0
etrn_domain=
stress=
sasl_method=PLAIN
sasl_username=jsmith
sasl_sender=
ccert_subject=
ccert_issuer=
ccert_fingerprint=
ccert_pubkey_fingerprint=
encryption_protocol=
encryption_cipher=
encryption_keysize=0
policy_context=

"""


def question(**changes: str) -> bytes:
    lines = []
    for line in RECORDED.rstrip("\n").split("\n"):
        name, _, value = line.partition("=")
        lines.append(f"{name}={changes.get(name, value)}\n")
    return "".join([*lines, "\n"]).encode()


def submitting(text: str, person: Person | None = None, **settings: Any) -> Submitting:
    parsed = parse("smtpd.cfg", text)
    assert parsed.sound
    own = OwnHost.of((), "mx.example.com")
    return Submitting(AccessSession(parsed.rules, own, **settings), person)


Said = Callable[..., str]


def counting(rules: str = "AUTH_SUCCESS Header *\n") -> tuple[Driven, Callable[..., str]]:
    """Return a connection, and what asks on it, and returns an answer without that of a count."""
    client = Driven("postfix-policy")

    def said(**changes: str) -> str:
        client.send(question(**changes))
        return client.answer(submitting(rules, JOHN)).decode()

    return client, said


DATA = {"protocol_state": "DATA", "recipient": "", "recipient_count": "3"}


def test_a_message_is_counted_once_with_all_its_recipients() -> None:
    client, said = counting()
    assert said().startswith("action=PREPEND X-Scalix-Authenticated-Sender: ")
    assert said(**DATA) == ""
    assert client.last == Admit(JOHN, "192.0.2.7", 3)
    assert client.answer(Admitted()) == b"action=DUNNO\n\n"
    assert said(**{**DATA, "protocol_state": "END-OF-MESSAGE"}) == "action=DUNNO\n\n"
    # The next one is another.
    assert said(**{**DATA, "instance": "2"}) == ""
    assert client.answer(Admitted("450 4.7.1 No")) == b"action=450 4.7.1 No\n\n"


def test_a_message_that_is_not_asked_about_at_data_is_counted_at_its_end() -> None:
    client, said = counting()
    said()
    assert said(protocol_state="END-OF-MESSAGE", recipient="a@b.c", recipient_count="1") == ""
    assert client.last == Admit(JOHN, "192.0.2.7", 1)


def test_a_message_that_is_dropped_is_not_counted() -> None:
    client, said = counting("AUTH_SUCCESS Accept *\nRECIPIENT Discard trash@*\n")
    trash = {"recipient": "trash@b.c"}
    said(**trash)
    answer = said(**trash, protocol_state="DATA", recipient_count="1")
    assert answer == "action=DISCARD RECIPIENT\n\n"
    assert isinstance(client.last, Submission)


def test_a_message_that_cannot_be_counted_ends_the_connection() -> None:
    client, said = counting()
    said(**DATA)
    assert client.answer(Failed(ValueError("x"))) == b""
    assert client.closes


def asker(text: str, person: Person | None = None) -> tuple[Driven, Said]:
    """Return a connection, and what asks on it and returns the action."""
    client = Driven("postfix-policy")

    def said(**changes: str) -> str:
        assert client.send(question(**changes)) == b""
        answer = client.answer(submitting(text, person)).decode()
        if not answer:
            assert isinstance(client.last, Admit)
            answer = client.answer(Admitted()).decode()
        assert answer.startswith("action=")
        assert answer.endswith("\n\n")
        return answer[len("action=") : -2]

    return client, said


def test_a_question_in_pieces() -> None:
    client = Driven("postfix-policy", own={"server_name": "mx.example.com"})
    data = question()
    for place in range(len(data) - 1):
        assert client.send(data[place : place + 1]) == b""
        assert not client.requests
    client.send(data[-1:])
    assert client.last == Submission("jsmith", "mx.example.com")
    assert client.protocol.is_busy
    assert client.answer(submitting("RELAY Accept *\n", JOHN)) == b"action=DUNNO\n\n"
    assert not client.closes


def test_two_questions_at_once_are_answered_in_their_order() -> None:
    client = Driven("postfix-policy")
    client.send(question() + question(client_address="203.0.113.9"))
    rules = "SUBMIT Reject 203.0.113.9\nRELAY Accept *\n"
    assert client.answer(submitting(rules)) == b"action=DUNNO\n\n"
    assert client.answer(submitting(rules)).startswith(b"action=550 5.7.1 ")


@pytest.mark.parametrize(
    ("rule", "changes", "action"),
    [
        ("SUBMIT Reject *", {"protocol_state": "CONNECT"}, "554 5.7.1 "),
        ("SUBMIT Defer *", {"protocol_state": "CONNECT"}, "421 4.7.1 "),
        ("SUBMIT Reject *.example.net", {}, "550 5.7.1 "),
        ("SUBMIT Reject *.example.net", {"client_name": "unknown"}, "550 5.7.1 Relaying"),
        ("ANONYMOUS Reject *", {"sasl_method": "", "sasl_username": ""}, "530 5.7.0 "),
        ("ANONYMOUS Reject *", {"sasl_method": "ANONYMOUS"}, "530 5.7.0 "),
        ("ANONYMOUS Defer *", {"sasl_username": ""}, "451 4.7.0 "),
        ("AUTH_MISMATCH Reject *", {"sender": "boss@example.com"}, "550 5.7.1 The originator"),
        ("AUTH_SUCCESS Accept *", {}, "DUNNO"),
        ("AUTH_SUCCESS Accept *", {"client_address": ""}, "DUNNO"),
        ("", {}, "550 5.7.1 Relaying denied"),
        ("", {"client_address": "127.0.0.1", "client_name": "localhost"}, "DUNNO"),
        ("", {"client_address": "192.0.2.7", "server_address": "192.0.2.7"}, "DUNNO"),
        ("", {"recipient": "ann%far.example@mx.example.com"}, "550 5.7.1 Relaying denied"),
        ("", {"recipient": "ann@mx.example.com"}, "DUNNO"),
        ("", {"protocol_state": "MAIL", "recipient": "", "instance": ""}, "DUNNO"),
        ("ORIGINATOR Discard *", {"recipient": "ann@mx.example.com"}, "DISCARD ORIGINATOR"),
        ("RECIPIENT Defer *", {"recipient": "ann@mx.example.com"}, "451 4.2.0 "),
        ("RECIPIENT Reject *", {"recipient": "ann@mx.example.com"}, "550 5.1.1 "),
        ("RECIPIENT Reject *", {"recipient": "", "protocol_state": "DATA"}, "DUNNO"),
        ("ORIGINATOR Reject *", {"recipient": "", "protocol_state": "DATA"}, "550 5.7.1 "),
        ("RELAY Accept *", {"sender": "no address"}, "553 5.1.7 "),
    ],
)
def test_what_is_judged_in_each_state(rule: str, changes: dict[str, str], action: str) -> None:
    client = Driven("postfix-policy")
    client.send(question(**changes))
    user = client.last.user
    person = JOHN if user else None
    answer = client.answer(submitting(f"{rule}\n", person)).decode()
    if isinstance(client.last, Admit):
        assert not answer
        answer = client.answer(Admitted()).decode()
    assert answer.startswith(f"action={action}")
    # Each question is judged by itself.
    assert client.send(question(**changes)) == b""
    assert client.answer(submitting(f"{rule}\n", person)).decode() == answer


def test_an_address_without_its_quotes_is_the_one_that_the_client_named() -> None:
    client = Driven("postfix-policy")
    rules = "ORIGINATOR Reject a@x.example\nRELAY Accept *\n"
    for sender, action in (
        ("a b@x.example", b"action=DUNNO"),
        ('"a"@x.example', b"action=DUNNO"),
        ("a@x.example", b"action=550"),
        ("a,b@y.example@x.example", b"action=DUNNO"),
    ):
        client.send(question(sender=sender))
        assert client.answer(submitting(rules)).startswith(action), sender


def test_each_header_is_said_once_a_message() -> None:
    _, said = asker("AUTH_SUCCESS Header *\nAUTH_MISMATCH Header *\n", JOHN)
    words = {"sender": "boss@example.com"}
    first, second, third = said(**words), said(**words), said(**words)
    assert first.startswith("PREPEND X-Scalix-Authenticated-Sender: john.smith@example.com; ")
    assert second.startswith("PREPEND X-Scalix-Authentication-Mismatch: Message originated from ")
    assert third == "DUNNO"
    assert said(**words, recipient="tom@far.example") == "DUNNO"
    assert said(**words, recipient="", protocol_state="END-OF-MESSAGE") == "DUNNO"
    assert said(**words, instance="53fc.6b0d1b92.9d6d7.1") == first


def test_a_message_with_too_few_marks_is_put_off(caplog: pytest.LogCaptureFixture) -> None:
    _, said = asker("AUTH_SUCCESS Header *\nAUTH_MISMATCH Header *\n", JOHN)
    assert said(sender="boss@example.com").startswith("PREPEND ")
    last = {"sender": "boss@example.com", "recipient": "", "protocol_state": "END-OF-MESSAGE"}
    with caplog.at_level(logging.ERROR):
        assert said(**last).startswith("451 4.3.5 ")
    assert "put check_policy_service into smtpd_data_restrictions" in caplog.text
    # On a connection that Postfix makes in between, it is not known what was said before: with
    # the first recipient it was told one header, and maybe no other.
    _, said = asker("AUTH_SUCCESS Header *\nAUTH_MISMATCH Header *\n", JOHN)
    assert said(**last).startswith("451 4.3.5 ")
    _, said = asker("AUTH_SUCCESS Header *\n", JOHN)
    assert said(**last) == "DUNNO"


DROPS = "RECIPIENT Discard trash@*\nRECIPIENT Discard junk@*\nRELAY Accept *\n"
TRASH, JUNK, ANN, TOM = (
    {"recipient": f"{name}@mx.example.com"} for name in ("trash", "junk", "ann", "tom")
)
ALONE = "452 4.5.3 This recipient needs a message of its own"


def at_the_end(state: str, count: int, **more: str) -> dict[str, str]:
    return {"protocol_state": state, "recipient": "", "recipient_count": str(count), **more}


def test_a_message_is_not_dropped_for_one_of_its_recipients() -> None:
    for first, second in ((TRASH, ANN), (ANN, TRASH), (TRASH, JUNK)):
        _, said = asker(DROPS)
        assert said(**first) == "DUNNO"
        assert said(**first) == "DUNNO"
        assert said(**second) == ALONE
        action = "DUNNO" if first is ANN else "DISCARD RECIPIENT"
        for state in ("DATA", "END-OF-MESSAGE"):
            assert said(**at_the_end(state, 1, **first)) == action
        assert said(**second, instance="another") == "DUNNO"
    _, said = asker(DROPS)
    assert [said(**ANN), said(**TOM), said(**at_the_end("DATA", 2))] == ["DUNNO"] * 3


def test_a_new_connection_in_the_middle_of_a_message_drops_no_others_mail() -> None:
    # Another connection had the recipient ann, who gets the message.
    _, said = asker(DROPS)
    assert said(**TRASH) == "DUNNO"
    assert said(**at_the_end("DATA", 2)).startswith("451 4.3.5 ")
    assert said(**at_the_end("END-OF-MESSAGE", 2)).startswith("451 4.3.5 ")
    # Another connection had the recipient trash, who does not.
    _, said = asker(DROPS)
    assert said(**ANN) == "DUNNO"
    assert said(**at_the_end("DATA", 2)).startswith("451 4.3.5 ")
    _, said = asker(DROPS)
    assert said(**at_the_end("DATA", 2)).startswith("451 4.3.5 ")
    # What was asked about before, and other rules, are sure.
    assert said(**at_the_end("END-OF-MESSAGE", 2)) == "DUNNO"
    _, said = asker("RELAY Accept *\n")
    assert said(**at_the_end("DATA", 2)) == "DUNNO"
    _, said = asker(DROPS)
    assert said(protocol_state="MAIL", recipient="", instance="") == "DUNNO"
    assert said(**ANN) == "DUNNO"
    # A client may name a recipient twice.
    assert said(**at_the_end("DATA", 2)) == "DUNNO"


@pytest.mark.parametrize(
    "data",
    [
        b"request=smtpd_access_policy\n\n",
        b"protocol_state=RCPT\n\n",
        b"request=junk_mail_policy\nprotocol_state=RCPT\n\n",
        b"no equals\n",
        b"\n",
        b"sender=a@b\nsender=c@d\n",
        b"x=" + b"y" * 20_000 + b"\n",
        b"".join(b"n%d=x\n" % number for number in range(200)),
    ],
)
def test_what_no_postfix_sends_ends_the_connection(data: bytes) -> None:
    client = Driven("postfix-policy")
    assert client.send(data) == b""
    assert client.closes
    assert not client.requests


@pytest.mark.parametrize("error", [ConfigurationError("x"), ValueError("jsmith")])
def test_what_could_not_be_checked_ends_the_connection(error: Exception) -> None:
    client = Driven("postfix-policy")
    client.send(question())
    assert client.answer(Failed(error)) == b""
    assert client.closes


def test_an_end_and_a_stop() -> None:
    client = Driven("postfix-policy")
    assert client.end() == b""
    assert client.closes
    client = Driven("postfix-policy")
    client.send(question())
    client.end()
    assert not client.closes
    client = Driven("postfix-policy")
    client.send(question())
    assert client.stop() == b""
    assert client.closes
