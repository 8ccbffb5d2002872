"""Every reply of every adapter, as the client reads it."""

from __future__ import annotations

import pytest

from tests.unit.adapters.certificates import Certificates
from tests.unit.adapters.conftest import PASSWORD, Side
from tests.unit.sasl.clients import cram_md5, login, plain, scram

REPLIES = {
    "imap": {
        "failed": "a NO [AUTHENTICATIONFAILED] Authentication failed",
        "restricted": "a NO [CONTACTADMIN] This account may not be used",
        "expired": "a NO [EXPIRED] The password has expired",
        "outage": "a NO [UNAVAILABLE] Temporary authentication failure",
        "unknown": "a NO Unsupported authentication mechanism",
        "needs_tls": "a NO [PRIVACYREQUIRED] Only under TLS",
        "cancelled": "a BAD Authentication cancelled",
        "no_base64": "a BAD Invalid base64",
        "broken": "a NO [UNAVAILABLE] Temporary authentication failure",
    },
    "pop3": {
        "failed": "-ERR [AUTH] Authentication failed",
        "restricted": "-ERR [AUTH] This account may not be used",
        "expired": "-ERR [AUTH] The password has expired",
        "outage": "-ERR [SYS/TEMP] Temporary authentication failure",
        "unknown": "-ERR Unsupported authentication mechanism",
        "needs_tls": "-ERR [AUTH] Only under TLS",
        "cancelled": "-ERR Authentication cancelled",
        "no_base64": "-ERR Invalid base64",
        "broken": "-ERR [SYS/PERM] Authentication is not possible here",
    },
    "smtp": {
        "failed": "535 5.7.8 Authentication credentials invalid",
        "restricted": "535 5.7.13 This account may not be used",
        "expired": "432 4.7.12 A password transition is needed",
        "outage": "454 4.7.0 Temporary authentication failure",
        "unknown": "504 5.5.4 Unrecognized authentication type",
        "needs_tls": "538 5.7.11 Encryption required for requested authentication mechanism",
        "cancelled": "501 5.7.0 Authentication cancelled",
        "no_base64": "501 5.5.2 Cannot decode base64",
        "broken": "454 4.7.0 Temporary authentication failure",
    },
}
SUCCESS = {"imap": "a OK [CAPABILITY", "pop3": "+OK", "smtp": "235 2.7.0"}
PEOPLE = [
    ("jsmith", "wrong", "failed"),
    ("nobody", PASSWORD, "failed"),
    ("", PASSWORD, "failed"),
    ("locked", PASSWORD, "restricted"),
    ("locked", "wrong", "failed"),
    ("expired", PASSWORD, "expired"),
    ("outage", PASSWORD, "outage"),
]


@pytest.mark.parametrize(("name", "password", "expected"), PEOPLE)
def test_password_is_answered(
    side: Side, certificates: Certificates, name: str, password: str, expected: str
) -> None:
    with side.connect() as talk:
        talk.begin_tls(certificates.client_context())
        talk.command("EHLO me" if side.protocol == "smtp" else "NOOP")
        assert talk.password(name, password) == REPLIES[side.protocol][expected]
        assert talk.password("jsmith", PASSWORD).startswith(SUCCESS[side.protocol])


@pytest.mark.parametrize("initially", [True, False])
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"])
@pytest.mark.parametrize(("name", "password", "expected"), PEOPLE[:2] + PEOPLE[3:6])
def test_mechanism_is_answered(
    side: Side,
    certificates: Certificates,
    mechanism: str,
    name: str,
    password: str,
    expected: str,
    *,
    initially: bool,
) -> None:
    with side.connect(certificates.client_context()) as talk:
        client = plain(name, password) if mechanism == "PLAIN" else scram(mechanism, name, password)
        reply = talk.log_in(mechanism, client, initially=initially)
        assert reply == REPLIES[side.protocol][expected]


@pytest.mark.parametrize("initially", [True, False])
def test_right_password_gets_in_by_every_mechanism(
    side: Side, certificates: Certificates, *, initially: bool
) -> None:
    clients = {
        "PLAIN": plain("jsmith", PASSWORD),
        "LOGIN": login("jsmith", PASSWORD),
        "CRAM-MD5": cram_md5("jsmith", PASSWORD),
        **{
            name: scram(name, "jsmith", PASSWORD)
            for name in ("SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512")
        },
    }
    for mechanism, client in clients.items():
        with side.connect(certificates.client_context()) as talk:
            reply = talk.log_in(mechanism, client, initially=initially)
            assert reply.startswith(SUCCESS[side.protocol]), mechanism


def test_unknown_mechanism_is_refused(side: Side, certificates: Certificates) -> None:
    with side.connect(certificates.client_context()) as talk:
        assert talk.begin_login("NTLM") == REPLIES[side.protocol]["unknown"]


def test_plaintext_is_not_offered_without_tls(side: Side) -> None:
    with side.connect() as talk:
        assert talk.mechanisms() == {
            "SCRAM-SHA-512",
            "SCRAM-SHA-256",
            "SCRAM-SHA-1",
            "CRAM-MD5",
            "ANONYMOUS",
        }
        refused = REPLIES[side.protocol]["needs_tls"]
        assert talk.begin_login("PLAIN") == refused
        assert talk.password("jsmith", PASSWORD) == refused
        reply = talk.log_in("SCRAM-SHA-256", scram("SCRAM-SHA-256", "jsmith", PASSWORD))
        assert reply.startswith(SUCCESS[side.protocol])


@pytest.mark.parametrize("mechanism", ["EXTERNAL", "SCRAM-SHA-256-PLUS"])
def test_what_tls_would_bring_is_answered_so(side: Side, mechanism: str) -> None:
    with side.connect() as talk:
        assert talk.begin_login(mechanism, "=") == REPLIES[side.protocol]["needs_tls"]


def test_cancelled_exchange_is_over(side: Side, certificates: Certificates) -> None:
    with side.connect(certificates.client_context()) as talk:
        assert talk.begin_login("PLAIN") in {"+ ", "+"}
        talk.send("*")
        assert talk.challenge() == REPLIES[side.protocol]["cancelled"]
        assert talk.password("jsmith", PASSWORD).startswith(SUCCESS[side.protocol])


def test_what_is_no_base64_ends_the_exchange(side: Side, certificates: Certificates) -> None:
    with side.connect(certificates.client_context()) as talk:
        assert talk.begin_login("PLAIN") in {"+ ", "+"}
        talk.send("AGpzbWl0aABwZW5jaWw=!")
        assert talk.challenge() == REPLIES[side.protocol]["no_base64"]
        assert talk.begin_login("PLAIN", "AAA==A") == REPLIES[side.protocol]["no_base64"]
        assert talk.password("jsmith", PASSWORD).startswith(SUCCESS[side.protocol])


def test_service_that_cannot_be_used_lets_no_user_in(
    side: Side, certificates: Certificates
) -> None:
    with side.connect(certificates.client_context(), service="missing") as talk:
        assert talk.mechanisms() == set()
        broken = REPLIES[side.protocol]["broken"]
        assert talk.password("jsmith", PASSWORD) == broken
        assert talk.begin_login("PLAIN") == broken
