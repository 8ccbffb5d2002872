"""Sender: and Resent-From: are compared where the settings say so, as From: is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.smtp_access.clients import PASSWORD
from tests.smtp_access.conftest import JOHN, NewSession, host
from tests.smtp_access.servers import Recorder, serving
from tests.smtp_access.test_aiosmtpd import client, submit
from ualauth.smtp_access.events import Action
from ualauth.smtp_access.message import read_message
from ualauth.smtp_access.settings import SmtpAccessSettings

RULES = "AUTH_MISMATCH Reject *\nAUTH_SUCCESS Accept *\nDELEGATE jsmith info@example.com"
SETTINGS = {
    "From": "compare_from",
    "Sender": "compare_sender",
    "Resent-From": "compare_resent_from",
    "Resent-Sender": "compare_resent_from",
}


def action(
    new_session: NewSession,
    content: bytes,
    *names: str,
    sender: str = "js@example.com",
) -> Action:
    running = new_session(RULES, **{SETTINGS[name]: True for name in names})
    running.connected(host("192.0.2.7"))
    assert not running.mail_from(sender, JOHN).refuses
    running.rcpt_to("ann@far.example")
    return running.judge(read_message(content)).action


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("spelling", [str, str.upper, str.lower])
def test_a_header_is_compared_if_asked(
    session: NewSession, name: str, spelling: Callable[[str], str]
) -> None:
    for value, expected in (
        ("js@example.com", Action.ACCEPT),
        ("Info <info@example.com>", Action.ACCEPT),
        ("boss@example.com", Action.REJECT),
        ("js@example.com,\r\n boss@example.com", Action.REJECT),
        ("", Action.REJECT),
        ("a group: js@example.com;", Action.REJECT),
    ):
        header = f"{spelling(name)}: {value}\r\n"
        content = f"To: x\r\n{header}\r\nx\r\n".encode()
        assert action(session, content, name) is expected
        assert action(session, content) is Action.ACCEPT
        others = [each for each in SETTINGS if SETTINGS[each] != SETTINGS[name]]
        assert action(session, content, *others) is Action.ACCEPT


@pytest.mark.parametrize("name", SETTINGS)
def test_every_one_of_them_counts(session: NewSession, name: str) -> None:
    own, other = f"{name}: js@example.com\r\n", f"{name}: boss@example.com\r\n"
    for header in (own + other, other + own, own + "To: x\r\n" + own + other):
        assert action(session, f"{header}\r\n".encode(), name) is Action.REJECT
    assert action(session, f"{own}{own}\r\n".encode(), name) is Action.ACCEPT
    # Without any, the envelope says who it is.
    assert action(session, b"To: x\r\n\r\n", name) is Action.ACCEPT


@pytest.mark.parametrize("name", SETTINGS)
def test_an_ambiguous_header_names_no_user_whatever_is_compared(
    session: NewSession, name: str
) -> None:
    content = b"  \r\nFrom: js@example.com\r\n\r\nx\r\n"
    assert action(session, content, name) is Action.REJECT
    assert action(session, content) is Action.ACCEPT
    # The null sender names no user.
    assert action(session, content, sender="<>") is Action.REJECT


def test_for_the_null_sender_other_headers_do_not_stand_for_from(session: NewSession) -> None:
    content = b"Sender: js@example.com\r\nResent-From: js@example.com\r\n\r\n"
    assert action(session, content, *SETTINGS, sender="<>") is Action.REJECT
    own = b"From: js@example.com\r\n" + content
    assert action(session, own, *SETTINGS, sender="<>") is Action.ACCEPT
    assert action(session, b"Sender: boss@example.com\r\n" + own, sender="<>") is Action.ACCEPT
    assert action(session, b"Sender: boss@example.com\r\n" + own, "Sender", sender="<>") is (
        Action.REJECT
    )


def test_the_first_address_that_is_not_the_users_is_named(session: NewSession) -> None:
    running = session("AUTH_MISMATCH Header *", compare_from=True, compare_sender=True)
    running.connected(host("192.0.2.7"))
    running.mail_from("js@example.com", JOHN)
    content = b"Sender: ceo@example.com\r\nFrom: js@example.com\r\n\r\n"
    (header,) = running.judge(read_message(content)).headers
    assert header.value.startswith("Message originated from ceo@example.com, but")


def test_a_server_compares_them(tmp_path: Path) -> None:
    settings = SmtpAccessSettings(compare_sender=True, compare_resent_from=True)
    application = Recorder()
    with (
        serving(tmp_path, RULES, application, settings=settings) as server,
        client(server) as connected,
    ):
        connected.login("jsmith", PASSWORD)
        for header, code in (
            (b"From: boss@example.com", 250),
            (b"Sender: boss@example.com", 550),
            (b"Resent-From: boss@example.com", 550),
            (b"Resent-Sender: Boss <boss@example.com>", 550),
            (b"Sender: js@example.com\r\nResent-From: info@example.com", 250),
            (b"  \r\nSender: js@example.com", 550),
        ):
            message = header + b"\r\nSubject: x\r\n\r\nHello.\r\n"
            assert submit(connected, "ann@x", sender="js@example.com", message=message)[-1] == code
    assert len(application.messages) == 2
