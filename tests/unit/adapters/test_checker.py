"""The checker of twisted.cred, and the Deferreds behind it."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.cred.credentials import UsernamePassword
from twisted.cred.error import LoginFailed, UnauthorizedLogin
from twisted.cred.portal import Portal
from twisted.mail.interfaces import IMailboxPOP3

from tests.unit.adapters.conftest import PASSWORD
from tests.unit.adapters.serving import TwistedServers
from tests.unit.sasl.clients import scram
from ualauth.adapters.twisted import (
    Checker,
    LoginExpired,
    LoginRestricted,
    LoginUnavailable,
    PeerPassword,
)
from ualauth.errors import MechanismUnavailable


def log_in(servers: TwistedServers, credentials: UsernamePassword, service: str = "pop3") -> bytes:
    checker: Any = Checker(servers.authenticator, service, tls=True)
    portal = Portal(servers.realm, [checker])
    _, _, log_out = servers.thread.call(portal.login, credentials, None, IMailboxPOP3)
    avatar: bytes = servers.realm.came[-1][0]
    servers.thread.call(log_out)
    return avatar


def test_right_password_gets_an_avatar(twisted_servers: TwistedServers) -> None:
    assert log_in(twisted_servers, UsernamePassword(b"jsmith", PASSWORD.encode())) == b"jsmith"
    credentials = PeerPassword(b"jsmith", PASSWORD.encode(), rhost="192.0.2.7")
    assert log_in(twisted_servers, credentials) == b"jsmith"


@pytest.mark.parametrize(
    ("name", "password", "expected"),
    [
        (b"jsmith", b"wrong", UnauthorizedLogin),
        (b"nobody", b"pencil", UnauthorizedLogin),
        (b"jsmith", b"\xff", UnauthorizedLogin),
        (b"locked", b"pencil", LoginRestricted),
        (b"expired", b"pencil", LoginExpired),
        (b"outage", b"pencil", LoginUnavailable),
    ],
)
def test_refusal_says_what_kind_it_is(
    twisted_servers: TwistedServers, name: bytes, password: bytes, expected: type[LoginFailed]
) -> None:
    with pytest.raises(LoginFailed) as caught:
        log_in(twisted_servers, UsernamePassword(name, password))
    assert type(caught.value) is expected
    assert isinstance(caught.value, UnauthorizedLogin) is (expected is not LoginUnavailable)


def test_service_that_is_missing_is_an_outage(twisted_servers: TwistedServers) -> None:
    with pytest.raises(LoginUnavailable):
        log_in(twisted_servers, UsernamePassword(b"jsmith", b"pencil"), "missing")


def test_exchange_is_stepped_by_deferreds(twisted_servers: TwistedServers) -> None:
    call = twisted_servers.thread.call
    exchange = twisted_servers.authenticator.sasl("pop3", "SCRAM-SHA-256")
    client = scram("SCRAM-SHA-256", "jsmith", PASSWORD)
    response = next(client)
    while not exchange.done:
        challenge = call(exchange.step, response)
        if challenge is not None:
            response = client.send(challenge)
    assert exchange.identity.authid == "jsmith"


def test_mechanism_that_is_not_offered_fails_the_first_step(
    twisted_servers: TwistedServers,
) -> None:
    exchange = twisted_servers.authenticator.sasl("pop3", "PLAIN", tls=False)
    with pytest.raises(MechanismUnavailable) as caught:
        twisted_servers.thread.call(exchange.step, b"")
    assert caught.value.needs_tls
