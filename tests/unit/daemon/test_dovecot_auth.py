"""The state machine of dovecot-auth: what the clients of Debian 12 sent, and what they are told."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from tests.unit.daemon.driven import Driven, granted
from ualauth.codes import ReturnCode
from ualauth.daemon.requests import (
    Begin,
    Challenge,
    Expired,
    Failed,
    Offer,
    Offered,
    Respond,
)
from ualauth.errors import (
    AccountRestricted,
    AuthenticationFailed,
    ConfigurationError,
    MechanismUnavailable,
    PasswordExpired,
    TemporaryFailure,
)
from ualauth.runtime.peer import ConnectionInfo

POSTFIX = b"VERSION\t1\t0\nCPID\t4711\n"
CHASQUID = b"VERSION\t1\t1\nCPID\t4711\n"
DOVECOT = b"VERSION\t1\t2\nCPID\t4711\n"
PLAIN = b64encode(b"\0jane\0secret")
GREETING = (
    b"VERSION\t1\t2\nMECH\tSCRAM-SHA-256\tmutual-auth\nMECH\tPLAIN\tplaintext\n"
    b"SPID\t7\nCUID\t3\nCOOKIE\t" + b"0" * 32 + b"\nDONE\n"
)
FAILURE = AuthenticationFailed(ReturnCode.AUTH_ERR)
OUTAGE = TemporaryFailure(ReturnCode.AUTHINFO_UNAVAIL)


def connected(version: bytes = DOVECOT, **listen: Any) -> Driven:
    client = Driven("dovecot-auth", **listen)
    if client.requests:
        assert client.answer(Offered(("SCRAM-SHA-256", "PLAIN"))) == GREETING
    client.send(version)
    return client


def auth(number: int, rest: bytes = b"resp=" + PLAIN, mechanism: bytes = b"PLAIN") -> bytes:
    return b"AUTH\t%d\t%b\tservice=smtp\trip=192.0.2.7\tsecured\t%b\n" % (number, mechanism, rest)


def test_the_greeting_is_sent_before_the_client_says_anything() -> None:
    client = Driven("dovecot-auth")
    assert client.requests == [
        ("greeting", Offer(("smtpd.auth", "imap", "pop3"), {"tls": True})),
    ]
    assert client.answer(Offered(("SCRAM-SHA-256", "PLAIN"))) == GREETING


def test_the_greeting_has_the_mechanisms_of_the_service_that_is_named() -> None:
    client = Driven("dovecot-auth", service="webmail")
    assert client.last.services == ("webmail",)
    client = Driven("dovecot-auth", service={"smtp": "submission"})
    assert client.last.services == ("submission", "imap", "pop3")


def test_a_lazy_greeting_waits_for_the_version_of_the_client() -> None:
    client = Driven("dovecot-auth", own={"handshake": "lazy"})
    assert not client.requests
    client.send(DOVECOT)
    assert client.answer(Offered(("SCRAM-SHA-256", "PLAIN"))) == GREETING


@pytest.mark.parametrize("answer", [Offered(()), Failed(ConfigurationError("x"))])
def test_without_a_mechanism_the_connection_ends(answer: Offered | Failed) -> None:
    client = Driven("dovecot-auth")
    assert client.answer(answer) == b""
    assert client.closes


@pytest.mark.parametrize("version", [POSTFIX, CHASQUID, DOVECOT])
def test_a_login(version: bytes) -> None:
    client = connected(version)
    assert client.send(auth(1)) == b""
    connection: ConnectionInfo = {"rhost": "192.0.2.7", "tls": True}
    assert client.last == Begin("smtpd.auth", "PLAIN", b"\0jane\0secret", connection)
    assert client.answer(granted("jane")) == b"OK\t1\tuser=jane\n"
    assert not client.closes


def test_the_service_of_the_client_becomes_one_of_the_folder() -> None:
    for service, expected in ({}, "smtpd.auth"), ("mail", "mail"), ({"smtp": "mx"}, "mx"):
        client = connected(service=service)
        client.send(auth(1))
        assert client.last.service == expected


def test_what_is_not_said_of_the_connection_is_not_taken_for_granted() -> None:
    client = connected()
    client.send(b"AUTH\t1\tPLAIN\tservice=imap\tnologin\tsession=a\1tb\tresp=" + PLAIN + b"\n")
    assert client.last.connection == {}
    assert client.last.service == "imap"


@pytest.mark.parametrize(
    ("version", "rest", "initial"),
    [
        (POSTFIX, b"nologin", None),
        (POSTFIX, b"resp=", None),
        (CHASQUID, b"resp=", None),
        (DOVECOT, b"resp=", b""),
        (POSTFIX, b"resp==", b""),
        (DOVECOT, b"resp==", b""),
        (DOVECOT, b"nologin", None),
        (DOVECOT, b"resp=YQ==", b"a"),
    ],
)
def test_the_forms_of_an_initial_response(
    version: bytes, rest: bytes, initial: bytes | None
) -> None:
    client = connected(version)
    client.send(auth(1, rest))
    assert client.last.initial == initial


def test_a_client_without_an_initial_response_is_asked() -> None:
    client = connected(POSTFIX)
    client.send(auth(9, b"resp="))
    assert client.answer(Challenge(b"")) == b"CONT\t9\t\n"
    assert client.send(b"CONT\t9\t" + PLAIN + b"\n") == b""
    assert client.last == Respond(b"\0jane\0secret")
    assert client.requests[-1][0] == client.requests[-2][0]
    assert client.answer(granted("jane")) == b"OK\t9\tuser=jane\n"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (FAILURE, b""),
        (
            AccountRestricted(ReturnCode.ACCT_EXPIRED),
            b"\tcode=user_disabled\treason=This account may not be used",
        ),
        (
            PasswordExpired(ReturnCode.NEW_AUTHTOK_REQD),
            b"\tcode=pass_expired\treason=The password has expired and must be changed",
        ),
        (MechanismUnavailable("X"), b"\treason=This mechanism is not offered"),
        (
            MechanismUnavailable("PLAIN", needs_tls=True),
            b"\treason=This mechanism needs an encrypted connection",
        ),
        (Expired(), b"\treason=The client did not answer in time"),
    ],
)
def test_a_refusal_is_no_outage(error: Exception, words: bytes) -> None:
    for version in (POSTFIX, DOVECOT):
        client = connected(version)
        client.send(auth(1))
        assert client.answer(Failed(error)) == b"FAIL\t1%b\n" % words
        assert not client.closes


@pytest.mark.parametrize(
    "error", [OUTAGE, ConfigurationError("x"), ValueError("secret"), OSError()]
)
def test_what_could_not_be_checked_is_said_as_the_client_understands_it(error: Exception) -> None:
    for_now = b"FAIL\t1\tcode=temp_fail\treason=Temporary authentication failure\n"
    for version, tempfail, said in [
        (POSTFIX, "auto", b""),
        (CHASQUID, "auto", b""),
        (b"", "auto", b""),
        (DOVECOT, "auto", for_now),
        (POSTFIX, "fail", for_now),
        (DOVECOT, "disconnect", b""),
    ]:
        client = connected(version, own={"tempfail": tempfail})
        client.send(auth(1))
        assert client.answer(Failed(error)) == said
        assert client.closes == (not said)


def test_the_last_word_of_the_server_is_a_challenge_or_stands_in_the_answer() -> None:
    client = connected()
    client.send(auth(1, b"resp=YQ==", b"SCRAM-SHA-256"))
    assert client.answer(Challenge(b"v=x", is_last=True)) == b"CONT\t1\tdj14\n"
    client.send(b"CONT\t1\t\n")
    assert client.last == Respond(b"")
    assert client.answer(granted("jane")) == b"OK\t1\tuser=jane\n"
    client.send(auth(2, b"final-resp-ok\tresp=YQ==", b"SCRAM-SHA-256"))
    assert client.answer(Challenge(b"r=x")) == b"CONT\t2\tcj14\n"
    client.send(b"CONT\t2\tYg==\n")
    assert client.answer(Challenge(b"v=x", is_last=True)) == b""
    assert client.last == Respond(b"")
    assert client.answer(granted("jane")) == b"OK\t2\tuser=jane\tresp=dj14\n"
    client.send(auth(3, b"final-resp-ok\tresp=YQ==", b"OAUTHBEARER"))
    assert client.answer(Challenge(b"{}", is_last=True)) == b""
    assert client.answer(Failed(FAILURE)) == b"FAIL\t3\tresp=e30=\n"


def test_names_are_escaped() -> None:
    client = connected()
    client.send(auth(1))
    said = client.answer(granted("a\tb\nc\rd\1e\0f"))
    assert said == b"OK\t1\tuser=a\1tb\1nc\1rd\0011e\0010f\n"
    client.send(b"AUTH\t2\tPLAIN\tservice=imap\trip=a\1tb\0011\tresp=YQ==\n")
    assert client.last.connection == {"rhost": "a\tb\1"}
    client.send(auth(3, mechanism=b"ANONYMOUS"))
    assert client.answer(granted("anonymous", anonymous=True)) == (
        b"OK\t3\tuser=anonymous\tanonymous\n"
    )


@pytest.mark.parametrize("text", [b"%%%", b"YQ", b"YQ==\r", b"=YQ=", b"YQ==YQ==", b"*"])
def test_what_is_no_base64_is_refused_and_others_go_on(text: bytes) -> None:
    client = connected()
    client.send(auth(1))
    refused = b"FAIL\t2\tcode=invalid_base64\treason=The response is not base64\n"
    assert client.send(auth(2, b"resp=" + text)) == refused
    client.send(auth(2, b"nologin"))
    client.answer(Challenge(b""))
    assert client.send(b"CONT\t2\t" + text + b"\n") == refused
    assert client.given_up == [client.requests[-1][0]]
    assert client.answer(granted("jane"), client.requests[1][0]) == b"OK\t1\tuser=jane\n"
    assert not client.closes


@pytest.mark.parametrize(
    "line",
    [
        b"AUTH\t2\tPLAIN\n",
        b"AUTH\t2\n",
        b"AUTH\t2\tPLAIN\tservice=\tresp=YQ==\n",
        b"AUTH\t2\tPLAIN\tservice=smtp\tresp=YQ==\trip=127.0.0.1\n",
        b"AUTH\t2\tPLAIN\tservice=smtp\tresp=YQ==\t\n",
        b"AUTH\t2\tPLAIN\tservice=\xff\tresp=YQ==\n",
        b"AUTH\t2\tPLAIN\tservice=smtp\trip=\xff\tresp=YQ==\n",
        b"AUTH\t2\t\xff\tservice=smtp\n",
        b"AUTH\t2\tPLAIN\tservice=smtp\tresp=" + b"YQ==" * 20_000 + b"\n",
    ],
)
def test_a_request_that_cannot_be_read_is_refused_and_others_go_on(line: bytes) -> None:
    client = connected()
    client.send(auth(1))
    assert client.send(line) == b"FAIL\t2\treason=The request cannot be read\n"
    assert client.answer(granted("jane")) == b"OK\t1\tuser=jane\n"


@pytest.mark.parametrize(
    "line",
    [
        b"AUTH\n",
        b"AUTH\t\n",
        b"AUTH\t0\tPLAIN\tservice=smtp\n",
        b"AUTH\t4294967296\tPLAIN\tservice=smtp\n",
        b"AUTH\t-1\tPLAIN\tservice=smtp\n",
        "AUTH\t\N{ARABIC-INDIC DIGIT ONE}\tPLAIN\tservice=smtp\n".encode(),
        b"AUTH\t1\tPLAIN\tservice=smtp\tresp=YQ==\n",
        b"\n",
        b"USER\t1\tjane\n",
        b"VERSION\t2\t0\n",
        b"VERSION\t1\tx\n",
        b"VERSION\n",
        b"CONT\tx\t\n",
    ],
)
def test_a_violation_ends_the_connection_and_grants_nothing(line: bytes) -> None:
    client = connected()
    client.send(auth(1))
    said = client.send(line)
    assert said == b"FAIL\t1\tcode=temp_fail\treason=Temporary authentication failure\n"
    assert client.closes
    assert client.answer(granted("jane")) == b""
    assert client.send(auth(5)) == b""


def test_no_login_before_the_greeting() -> None:
    client = Driven("dovecot-auth", own={"handshake": "lazy"})
    assert client.send(auth(1)) == b""
    assert client.closes
    assert not client.requests


def test_requests_that_come_before_the_greeting_is_sent_wait_for_it() -> None:
    client = Driven("dovecot-auth")
    assert client.send(POSTFIX + auth(1)) == b""
    assert len(client.requests) == 1
    assert client.answer(Offered(("SCRAM-SHA-256", "PLAIN"))) == GREETING
    assert isinstance(client.last, Begin)


def test_a_continuation_that_is_not_awaited_is_refused() -> None:
    client = connected()
    refused = b"FAIL\t8\treason=Unexpected continuation\n"
    assert client.send(b"CONT\t8\tYQ==\n") == refused
    client.send(auth(1))
    assert client.send(b"CONT\t1\tYQ==\n").startswith(b"FAIL\t1\tcode=invalid_base64")
    assert client.answer(granted("jane")) == b""


def test_an_exchange_that_was_cancelled_is_answered_no_more_and_its_id_is_free() -> None:
    client = connected()
    client.send(auth(1))
    tag = client.requests[-1][0]
    assert client.send(b"CANCEL\t1\n") == b""
    assert client.given_up == [tag]
    client.send(auth(1, b"resp=Yg=="))
    assert client.answer(granted("mallory"), tag) == b""
    assert client.answer(Failed(FAILURE)) == b"FAIL\t1\n"


def test_answers_come_in_any_order() -> None:
    client = connected()
    for number in (1, 2, 3):
        client.send(auth(number))
    tags = [tag for tag, _ in client.requests[1:]]
    assert client.answer(granted("c"), tags[2]) == b"OK\t3\tuser=c\n"
    assert client.answer(Failed(FAILURE), tags[0]) == b"FAIL\t1\n"
    assert client.answer(granted("b"), tags[1]) == b"OK\t2\tuser=b\n"


def test_ids_that_are_never_gone_on_with_make_place_for_others() -> None:
    client = connected(POSTFIX)
    said = b""
    for number in range(1, 5003):
        client.send(auth(number, b"nologin"))
        said += client.answer(Challenge(b"")).replace(b"CONT\t%d\t\n" % number, b"")
        assert not client.closes
    assert len(client.given_up) == 2
    assert client.answer(granted("jane")) == b"OK\t5002\tuser=jane\n"


def test_a_stop_answers_what_is_asked() -> None:
    client = connected()
    client.send(auth(1) + auth(2))
    said = client.stop()
    assert said.count(b"code=temp_fail") == 2
    assert client.closes
    client = connected(POSTFIX)
    client.send(auth(1))
    assert client.stop() == b""
    assert client.closes


def test_a_client_that_says_no_more_is_answered_yet() -> None:
    client = connected()
    client.send(auth(1) + auth(2, b"nologin"))
    client.answer(Challenge(b""))
    assert (client.end(), client.closes) == (b"", False)
    said = client.answer(granted("jane"), client.requests[1][0])
    assert (said, client.closes) == (b"OK\t1\tuser=jane\n", True)
    assert connected().end() == b""


def test_passwords_are_in_no_repr() -> None:
    client = connected()
    client.send(auth(1, b"nologin"))
    client.answer(Challenge(b"secret"))
    client.send(b"CONT\t1\t" + PLAIN + b"\n")
    client.send(auth(2))
    assert "secret" not in repr(client.requests)
    assert "secret" not in repr(Challenge(b"secret"))
    assert client.last.initial == b"\0jane\0secret"
