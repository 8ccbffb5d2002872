"""Which thread carries out a login of Twisted's: the reactor's, as long as nothing waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from tests.unit.adapters.certificates import Certificates
from tests.unit.adapters.conftest import PASSWORD, Side
from tests.unit.adapters.serving import TwistedServers
from ualauth import AuthenticationFailed, ConfigurationError, MechanismUnavailable

pytestmark = pytest.mark.usefixtures("unbroken")
MESSAGE = f"\0jsmith\0{PASSWORD}".encode()
RHOST = "192.0.2.9"


@pytest.fixture
def call(twisted_servers: TwistedServers) -> Callable[..., tuple[bool, Any]]:
    """Return how to ask in the reactor's thread: whether the answer was there at once, and it."""

    def ask(function: Callable[..., Deferred[Any]]) -> tuple[bool, Any]:
        at_once: list[bool] = []

        def begin() -> Deferred[Any]:
            answer = function()
            at_once.append(bool(answer.called))
            return answer.addErrback(lambda failure: failure.value)

        result = twisted_servers.thread.call(begin)
        return at_once[0], result

    return ask


def test_remembered_login_asks_no_other_thread(
    twisted_servers: TwistedServers, call: Callable[..., tuple[bool, Any]]
) -> None:
    auth = twisted_servers.authenticator

    def log_in() -> Deferred[Any]:
        return auth.sasl("imap", "PLAIN", rhost=RHOST, tls=True).step(MESSAGE)

    call(log_in)
    assert call(log_in)[0]
    assert call(lambda: auth.authenticate("imap", "jsmith", PASSWORD, rhost=RHOST, tls=True))[0]
    assert call(lambda: auth.mechanisms("imap", tls=True))[0]


def test_what_waits_is_done_elsewhere_and_ends_the_same(
    twisted_servers: TwistedServers, call: Callable[..., tuple[bool, Any]]
) -> None:
    auth = twisted_servers.authenticator
    at_once, wrong = call(
        lambda: auth.authenticate("imap", "jsmith", "wrong", rhost=RHOST, tls=True)
    )
    assert isinstance(wrong, AuthenticationFailed)
    assert not at_once


def test_errors_come_by_the_deferred(
    twisted_servers: TwistedServers, call: Callable[..., tuple[bool, Any]]
) -> None:
    auth = twisted_servers.authenticator
    assert isinstance(call(lambda: auth.mechanisms("../x"))[1], ConfigurationError)
    refused = call(lambda: auth.sasl("imap", "NOSUCH", tls=True).step(b""))[1]
    assert isinstance(refused, MechanismUnavailable)


@pytest.mark.parametrize("behind", ["CAPA", "USER jsmith", "AUTH NOSUCH"])
def test_lines_that_all_end_at_once_do_not_pile_up(
    sides: Callable[[str], Side], certificates: Certificates, behind: str
) -> None:
    with sides("twisted-pop3").connect(certificates.client_context(), most_failures=99) as talk:
        # The first one waits, so that the others come ahead of its end.
        talk.socket.sendall("\r\n".join(["USER jsmith", "PASS wrong", *[behind] * 60, ""]).encode())
        assert talk.read() == "+OK USER accepted, send PASS"
        assert talk.read().startswith("-ERR [AUTH]")
        talk.send("STAT")
        answers = list(iter(talk.read, "-ERR Log in first"))
        expected = {"CAPA": "+OK", "USER jsmith": "+OK", "AUTH NOSUCH": "-ERR"}[behind]
        assert len([line for line in answers if line.startswith(expected)]) == 60
