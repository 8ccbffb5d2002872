"""Twisted's own protocols ask ualauth by the checker, for what brings a name and a password."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.cred.portal import Portal
from twisted.internet.protocol import Factory
from twisted.mail import imap4, pop3, smtp

from tests.unit.adapters.conftest import PASSWORD
from tests.unit.adapters.serving import TwistedServers, reactor
from tests.unit.adapters.talk import Imap, Pop3, Smtp, Talk
from tests.unit.sasl.clients import login, plain
from ualauth.adapters.twisted import Checker

CHALLENGERS = {b"PLAIN": imap4.PLAINCredentials, b"LOGIN": imap4.LOGINCredentials}
PROTOCOLS: dict[str, tuple[type[Talk], str, Callable[[], Any], str]] = {
    "imap": (Imap, "imap", lambda: imap4.IMAP4Server(CHALLENGERS), "a OK"),
    "pop3": (Pop3, "pop3", pop3.POP3, "+OK"),
    "smtp": (Smtp, "smtpd.auth", lambda: smtp.ESMTP(CHALLENGERS), "235"),
}


@pytest.fixture(params=PROTOCOLS)
def stock(request: pytest.FixtureRequest, twisted_servers: TwistedServers) -> Iterator[Any]:
    """Return a kind of client, its port, and how success is said."""
    kind, service, make, success = PROTOCOLS[request.param]
    checker: Any = Checker(twisted_servers.authenticator, service)

    def protocol() -> Any:
        stock_protocol = make()
        stock_protocol.portal = Portal(twisted_servers.realm, [checker])
        return stock_protocol

    factory, thread = Factory.forProtocol(protocol), twisted_servers.thread
    port = thread.call(lambda: reactor.listenTCP(0, factory, interface="127.0.0.1"))
    yield kind, port.getHost().port, success
    thread.call(port.stopListening)


@pytest.mark.parametrize("password", [PASSWORD, "wrong"])
def test_stock_protocol_asks_the_checker(stock: Any, password: str) -> None:
    kind, port, success = stock
    with kind(port) as talk:
        right = password == PASSWORD
        if kind is Pop3:
            assert talk.password("jsmith", password).startswith(success) == right
            return
        assert talk.mechanisms() >= {"PLAIN", "LOGIN"}
        reply = talk.log_in("PLAIN", plain("jsmith", password), initially=kind is Smtp)
        assert reply.startswith(success) == right
    with kind(port) as talk:
        assert by_login(talk, password).startswith(success) == right


def by_login(talk: Talk, password: str) -> str:
    """Log in by LOGIN, whose questions Twisted words in its own way."""
    client, reply = login("jsmith", password), talk.begin_login("LOGIN")
    next(client)
    for question in (b"Username:", b"Password:"):
        talk.send(b64encode(client.send(question) or b""))
        reply = talk.challenge()
    return reply
