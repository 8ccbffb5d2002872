"""Every reply of the table, as the client reads it (RFC 4954)."""

from __future__ import annotations

import logging
from base64 import b64encode

import pytest

from tests.unit.adapters.aiosmtpd.conftest import Connect
from tests.unit.adapters.certificates import Certificates
from tests.unit.adapters.conftest import PASSWORD
from tests.unit.adapters.talk import Smtp
from tests.unit.sasl.clients import plain, scram
from ualauth.adapters.smtp_replies import LONGEST


def initial(name: str, password: str) -> str:
    return b64encode(f"\0{name}\0{password}".encode()).decode()


GOOD = initial("jsmith", PASSWORD)
# What is sent after EHLO under TLS -> the last reply.
DIALOGUES = [
    ([f"AUTH PLAIN {GOOD}"], "235 2.7.0"),
    ([f"auth plain {GOOD}"], "235 2.7.0"),
    (["AUTH PLAIN", GOOD], "235 2.7.0"),
    (["AUTH LOGIN", "anNtaXRo", "cGVuY2ls"], "235 2.7.0"),
    (["AUTH LOGIN anNtaXRo", "cGVuY2ls"], "235 2.7.0"),
    (["AUTH LOGIN =", "anNtaXRo", "cGVuY2ls"], "235 2.7.0"),
    (["AUTH PLAIN"], "334 "),
    ([f"AUTH PLAIN {initial('jsmith', 'wrong')}"], "535 5.7.8"),
    ([f"AUTH PLAIN {initial('nobody', PASSWORD)}"], "535 5.7.8"),
    (["AUTH PLAIN ="], "535 5.7.8"),
    (["AUTH PLAIN", ""], "535 5.7.8"),
    ([f"AUTH PLAIN {initial('locked', PASSWORD)}"], "535 5.7.13"),
    ([f"AUTH PLAIN {initial('expired', PASSWORD)}"], "432 4.7.12"),
    ([f"AUTH PLAIN {initial('outage', PASSWORD)}"], "454 4.7.0"),
    (["AUTH PLAIN not-base64!"], "501 5.5.2"),
    (["AUTH PLAIN AAA==AAA"], "501 5.5.2"),
    (["AUTH PLAIN", "not-base64!"], "501 5.5.2"),
    (["AUTH PLAIN", "="], "501 5.5.2"),
    (["AUTH PLAIN", "*"], "501 5.7.0"),
    (["AUTH LOGIN anNtaXRo", "*"], "501 5.7.0"),
    (["AUTH CRAM-MD5 ="], "501 5.7.0"),
    (["AUTH CRAM-MD5 anNtaXRo"], "501 5.7.0"),
    (["AUTH"], "501 5.5.4"),
    (["AUTH PLAIN AAAA AAAA"], "501 5.5.4"),
    (["AUTH NTLM"], "504 5.5.4"),
    (["AUTH EXTERNAL ="], "504 5.5.4"),
    (["AUTH OAUTHBEARER ="], "534 5.7.9"),
    (["AUTH PLAIN", "A" * (LONGEST + 1)], "500 5.5.6"),
    (["AUTH PLAIN", "A" * 500_000], "500 5.5.6"),
    ([f"AUTH PLAIN {'A' * LONGEST}"], "500 5.5.6"),
    (["AUTH PLAIN", "A" * LONGEST], "535 5.7.8"),
    ([f"AUTH PLAIN {GOOD}", f"AUTH PLAIN {GOOD}"], "503 5.5.1"),
    (["MAIL FROM:<js@example.com>", f"AUTH PLAIN {GOOD}"], "503 5.5.1"),
    (["MAIL FROM:<js@example.com>", "RSET", f"AUTH PLAIN {GOOD}"], "235 2.7.0"),
    (["STARTTLS"], "503 5.5.1"),
]


@pytest.mark.parametrize(
    ("sent", "reply"), DIALOGUES, ids=lambda value: repr(value)[:60].replace("/", "_")
)
def test_reply(talk: Smtp, sent: list[str], reply: str) -> None:
    for line in sent[:-1]:
        assert talk.command(line)[-1][:1] in "23"
    assert talk.command(sent[-1])[-1].startswith(reply)
    # The connection goes on.
    if reply != "334 ":
        assert talk.command("NOOP") == ["250 OK"]


@pytest.mark.parametrize("first", [None, "HELO me"])
def test_ehlo_comes_first(connect: Connect, first: str | None) -> None:
    talk = connect()
    if first:
        talk.command(first)
    assert talk.command(f"AUTH PLAIN {GOOD}") == ["503 5.5.1 Send EHLO first"]


def test_plaintext_needs_encryption(connect: Connect) -> None:
    talk = connect(tls=False)
    talk.command("EHLO me")
    refused = "538 5.7.11 Encryption required for requested authentication mechanism"
    assert talk.command(f"AUTH PLAIN {GOOD}") == [refused]
    assert talk.command("AUTH LOGIN") == [refused]


def test_authentication_may_be_required(connect: Connect) -> None:
    talk = connect(auth_required=True)
    talk.command("EHLO me")
    for command in ("MAIL FROM:<js@example.com>", "RCPT TO:<a@example.com>", "DATA", "VRFY a"):
        assert talk.command(command) == ["530 5.7.0 Authentication required"]
    talk.command(f"AUTH PLAIN {GOOD}")
    assert talk.command("MAIL FROM:<js@example.com>") == ["250 OK"]


def test_service_that_cannot_be_used_is_told_from_wrong_passwords(
    connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "ualauth.aiosmtpd"):
        talk = connect("missing", auth_required=True)
        assert talk.mechanisms() == set()
        assert talk.command(f"AUTH PLAIN {GOOD}") == ["454 4.7.0 Temporary authentication failure"]
        assert talk.command("MAIL FROM:<js@example.com>")[0].startswith("451 4.3.5")
    assert "service 'missing'" in caplog.text
    assert GOOD not in caplog.text


def test_number_of_failures_is_bounded(connect: Connect) -> None:
    talk = connect(most_failures=3)
    talk.command("EHLO me")
    wrong = f"AUTH PLAIN {initial('jsmith', 'wrong')}"
    for _ in range(3):
        assert talk.command(wrong)[0].startswith("535")
    assert talk.command(f"AUTH PLAIN {GOOD}") == [
        "421 4.7.0 Too many failed attempts to authenticate"
    ]
    assert talk.read() == ""


def test_starttls_does_not_make_failures_forgotten(
    connect: Connect, certificates: Certificates
) -> None:
    talk = connect(tls=False, most_failures=1)
    client = scram("SCRAM-SHA-256", "jsmith", "wrong")
    assert talk.log_in("SCRAM-SHA-256", client).startswith("535")
    talk.begin_tls(certificates.client_context())
    assert talk.password("jsmith", PASSWORD).startswith("421")


def test_long_tokens_are_read(talk: Smtp) -> None:
    # A name of the longest length, and a password beyond it.
    response = next(plain("jsmith", "x" * 9000))
    assert response is not None
    text = b64encode(response).decode()
    assert 12_000 < len(text) < LONGEST
    assert talk.command(f"AUTH PLAIN {text}")[0].startswith("535")
    talk.command("AUTH PLAIN")
    assert talk.command(text)[0].startswith("535")
