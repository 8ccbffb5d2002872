"""A resolver that does not come back: the caller goes on when the time is up."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator

import pytest

from tests.machine import patience
from ualauth.codes import ReturnCode
from ualauth.imap.connection import log_in
from ualauth.imap.settings import Server, Tls
from ualauth.oauth.fetching import Unavailable, fetch_json
from ualauth.system.time_limit import Overdue, within

NAME = "mail.example.com"


class Resolver:
    """getaddrinfo(3), which waits until `over`; `hangs` is whether it still waits."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.gave_up = False

    def __call__(self, *_: object, **__: object) -> list[object]:
        self.gave_up = not self.over.wait(patience(60))
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resolver]:
    resolver = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    yield resolver
    resolver.over.set()


def test_an_issuer_is_not_waited_for_longer_than_its_time(resolver: Resolver) -> None:
    with pytest.raises(Unavailable, match="does not answer in time"):
        fetch_json(f"https://{NAME}/keys", 0.2)
    assert not resolver.gave_up


def test_an_imap_server_is_not_waited_for_longer_than_its_time(resolver: Resolver) -> None:
    server, deadline = Server(NAME, 993), time.monotonic() + 0.2
    context = ssl.create_default_context()
    answer = log_in(server, Tls.IMPLICIT, context, deadline, "jsmith", "secret")
    assert (answer.code, answer.answered) == (ReturnCode.AUTHINFO_UNAVAIL, False)
    assert answer.why == "the server does not answer in time"
    assert not resolver.gave_up


def test_a_call_within_its_time_returns_and_raises_as_it_does() -> None:
    assert within(patience(60), lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        within(patience(60), lambda: 1 // 0)


def test_a_call_that_takes_longer_is_left() -> None:
    over = threading.Event()
    with pytest.raises(Overdue):
        within(0.01, lambda: over.wait(patience(60)))
    over.set()
