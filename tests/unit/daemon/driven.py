"""A protocol of the daemon, driven by a test: no socket, no loop, no library."""

from __future__ import annotations

from typing import Any

from ualauth.config.listen import ListenSettings
from ualauth.contract.identity import Identity, Person
from ualauth.daemon.protocols.base import Caller, Endpoint, Protocol
from ualauth.daemon.protocols.registry import settings_of
from ualauth.daemon.requests import Answer, FinishedLogin, Granted, Request, Tag


class Driven:
    """One connection; what it asks and says is collected."""

    def __init__(
        self,
        protocol: str,
        secret: bytes = b"",
        caller: Caller | None = None,
        *,
        is_peer: bool = False,
        **listen: Any,
    ) -> None:
        usual = {} if "address" in listen else {"path": "/x"}
        self.settings = ListenSettings(protocol=protocol, **{**usual, **listen})
        kind, own = settings_of(self.settings)
        endpoint = Endpoint(
            self.settings, own, server=7, number=3, secret=secret, caller=caller, is_peer=is_peer
        )
        self.protocol: Protocol = kind(endpoint)
        self.requests: list[tuple[Tag, Request]] = []
        self.given_up: list[Tag] = []
        self.finished: list[FinishedLogin] = []
        self.closes = False
        self.protocol.open()
        self.greeting = self._take()

    def send(self, data: bytes) -> bytes:
        """Return what is said to bytes of the client."""
        self.protocol.receive(data)
        return self._take()

    def answer(self, answer: Answer, tag: Tag = "the last") -> bytes:
        """Return what is said to the answer to a request: the last one, unless it is named."""
        if tag == "the last":
            tag, _ = self.requests[-1]
        self.protocol.answer(tag, answer)
        return self._take()

    def end(self) -> bytes:
        self.protocol.end()
        return self._take()

    def stop(self) -> bytes:
        self.protocol.stop()
        return self._take()

    @property
    def last(self) -> Any:
        """The last request."""
        return self.requests[-1][1]

    def _take(self) -> bytes:
        effects = self.protocol.take()
        self.requests += effects.requests
        self.given_up += effects.given_up
        self.finished += effects.finished
        self.closes = effects.closes
        return effects.output


def granted(user: str, *, anonymous: bool = False) -> Granted:
    return Granted(Identity("imap", user, user, Person(user), anonymous=anonymous))
