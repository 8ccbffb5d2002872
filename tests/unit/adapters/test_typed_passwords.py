"""Services that take no typed password, as the servers of each protocol say it."""

from __future__ import annotations

from base64 import b64encode

import pytest
from twisted.cred.credentials import UsernamePassword
from twisted.cred.error import UnauthorizedLogin

from tests.unit.adapters.certificates import Certificates
from tests.unit.adapters.conftest import PASSWORD, Side
from tests.unit.adapters.serving import TwistedServers
from tests.unit.adapters.talk import Imap, Pop3, Talk
from tests.unit.adapters.test_checker import log_in
from tests.unit.sasl.clients import scram

# SMTP has a reply of its own for mechanisms that are known, and not allowed.
REFUSED = {"imap": "NO Unsupported", "pop3": "-ERR Unsupported", "smtp": "534 5.7.9 "}


@pytest.fixture(params=[True, False], ids=["tls", "plain"])
def talk(request: pytest.FixtureRequest, side: Side, certificates: Certificates) -> Talk:
    """Return a connection to a server whose service takes SCRAM-SHA-256 only."""
    context = certificates.client_context() if request.param else None
    return side.connect(context, service="proving")


def test_nothing_is_offered_that_shows_a_password(talk: Talk) -> None:
    with talk:
        names = talk.mechanisms()
        assert {name.removesuffix("-PLUS") for name in names} == {"SCRAM-SHA-256"}
        if isinstance(talk, Imap):
            assert "LOGINDISABLED" in talk.capabilities()
        if isinstance(talk, Pop3):
            assert "USER" not in " ".join(talk.command("CAPA")).split()


@pytest.mark.parametrize("password", [PASSWORD, "wrong"])
def test_a_password_that_is_typed_all_the_same_is_refused(
    side: Side, talk: Talk, password: str, caplog: pytest.LogCaptureFixture
) -> None:
    initial = b64encode(f"\0jsmith\0{password}".encode()).decode()
    expected = REFUSED[side.protocol]
    with talk:
        assert expected in talk.begin_login("PLAIN", initial)
        assert expected in talk.begin_login("LOGIN")
        if side.protocol != "smtp":
            # By a command of its own; POP3 refuses it before the password is there.
            assert expected in (
                talk.command("USER jsmith")[-1]
                if isinstance(talk, Pop3)
                else talk.password("jsmith", password)
            )
    assert "PLAIN is refused" in caplog.text
    assert 'it is not in [service."proving"] mechanisms' in caplog.text
    assert password not in caplog.text


def test_who_proves_to_know_it_gets_in(side: Side, talk: Talk) -> None:
    with talk:
        reply = talk.log_in("SCRAM-SHA-256", scram("SCRAM-SHA-256", "jsmith", PASSWORD))
    assert {"imap": "OK", "pop3": "+OK", "smtp": "235"}[side.protocol] in reply


@pytest.mark.parametrize("password", [PASSWORD, "wrong"])
def test_the_checker_of_twisted_refuses(twisted_servers: TwistedServers, password: str) -> None:
    with pytest.raises(UnauthorizedLogin) as caught:
        log_in(twisted_servers, UsernamePassword(b"jsmith", password.encode()), "proving")
    assert type(caught.value) is UnauthorizedLogin
