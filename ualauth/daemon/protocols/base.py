"""The contract of protocols: bytes in, requests and bytes out.

One object serves one connection. What holds it calls `open`, `receive`, `answer`, `end` and
`stop`, one at a time, and carries out what `take` returns after each of them. It never has to
know what the bytes mean.

A protocol MUST answer each request of a client, with a refusal that says "not now" in its own
way wherever the answer is no `Granted` and no `AuthenticationError`; MUST do no input or output,
and look at no clock; MUST bound what it keeps of the client's; and MUST show no secret in a
`repr` or a log.
"""

from __future__ import annotations

import logging
import ssl
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from ualauth.config.listen import ListenSettings
from ualauth.daemon.requests import Answer, FinishedLogin, Request, Tag
from ualauth.runtime.peer import ConnectionInfo

log = logging.getLogger("ualauth.serve")

MAX_BUFFER = 65_536
"""Bytes that a protocol keeps of a request that is not complete yet."""


@dataclass(frozen=True, slots=True)
class NoSettings:
    """A protocol that has no settings of its own."""

    def mistakes(self) -> list[tuple[str, str]]:
        """Return the keys that are wrong, and how, as `must be ...`; empty if all is well."""
        return []


class Caller(NamedTuple):
    """The process at the other end of a UNIX socket, as the kernel has it."""

    uid: int
    pid: int = 0
    """0 if it is not known."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a protocol knows of its connection."""

    listen: ListenSettings
    own: Any
    """The settings of the protocol: an object of its `settings_type`."""
    server: int = 1
    """A number that stays as long as the daemon runs: the pid of its first process."""
    number: int = 1
    """A number that no other connection of the daemon has."""
    nonce: bytes = field(default=bytes(16), repr=False)
    """Sixteen bytes by chance."""
    secret: bytes = field(default=b"", repr=False)
    """What stands in the `secret_file`, empty if there is none."""
    caller: Caller | None = None
    """Who has connected, if that is known."""
    address: str | None = None
    """The client's address, `None` on a UNIX socket."""
    has_tls: bool = False
    """Whether the connection began with TLS."""
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    """What TLS begins with later, when the protocol asks for it by `start_tls`."""
    connection: Callable[[], ConnectionInfo] = field(default=ConnectionInfo, repr=False)
    """Returns what is known of the connection as it began, for SASL exchanges."""
    left: Callable[[], None] = field(default=lambda: None, repr=False)
    """Is to be called when the connection is over."""
    is_peer: bool = False
    """Whether that is root, the daemon's own user, or one of the `peers`."""


class Effects(NamedTuple):
    """What is to be done after a call: requests in their order, exchanges to give up, bytes."""

    requests: list[tuple[Tag, Request]]
    given_up: list[Tag]
    output: bytes
    closes: bool
    finished: Sequence[FinishedLogin] = ()
    """Logins for `Take`."""
    starts_tls: bool = False
    """Whether TLS begins after the output: then `secured` is called."""


class Protocol(ABC):
    """One connection of one protocol."""

    name: ClassVar[str]
    """As `protocol` of a `[[listen]]` has it."""
    settings_type: ClassVar[type[Any]] = NoSettings
    """A dataclass with the settings that the protocol alone has, and a method `mistakes`."""
    needs_secret: ClassVar[bool] = False
    """Whether `secret_file` is needed for an address, which every user of a host can reach."""
    reads_secret: ClassVar[bool] = False
    """Whether `secret_file` means something."""
    needs_path: ClassVar[bool] = False
    """Whether it is for UNIX sockets alone: it has to know who asks."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Begin with a client of which nothing is known."""
        self.endpoint = endpoint
        self.closes = False
        """Whether the connection ends when the output is sent."""
        self._starts_tls = False
        self._output = bytearray()
        self._requests: list[tuple[Tag, Request]] = []
        self._given_up: list[Tag] = []
        self._finished: list[FinishedLogin] = []

    @classmethod  # noqa: B027 - most serve any configuration
    def check(cls, config: Any, own: Any) -> None:  # noqa: ANN401 - a `Config`; as above
        """Refuse a configuration that the protocol cannot serve.

        Raises:
            ConfigurationError: with the cure.

        """

    @classmethod
    def begins_tls_later(cls, own: Any) -> bool:  # noqa: ANN401, ARG003 - as `settings_type`
        """Return whether TLS begins when a client asks for it, and not with the connection."""
        return False

    @classmethod
    def most_of_address(cls, own: Any) -> int | None:  # noqa: ANN401, ARG003 - as `settings_type`
        """Return how many connections one client may have at a time; `None` without a limit."""
        return None

    # What the connection calls

    def open(self) -> None:
        """Take note that the client has connected."""
        self._guarded(self.opened)

    def receive(self, data: bytes) -> None:
        """Take bytes of the client, in pieces of any size."""
        if not self.closes:
            self._guarded(self.received, data)

    def answer(self, tag: Tag, answer: Answer) -> None:
        """Take the answer to a request."""
        if not self.closes:
            self._guarded(self.answered, tag, answer)

    def secured(self, connection: Callable[[], ConnectionInfo]) -> None:
        """Take note that TLS has begun, as `start_tls` asked for it, and what it is like now."""
        if not self.closes:
            self._guarded(self.tls_began, connection)

    def end(self) -> None:
        """Take note that the client sends no more; it may still read."""
        if not self.closes:
            self._guarded(self.ended)

    def stop(self) -> None:
        """Answer all that is asked with "not now", and close."""
        if not self.closes:
            try:
                self.give_up()
            except Exception as error:  # noqa: BLE001 - a bug refuses
                self._tell(error)
            self.close()

    def take(self) -> Effects:
        """Return what is to be done, once."""
        effects = Effects(
            self._requests,
            self._given_up,
            bytes(self._output),
            self.closes,
            self._finished,
            self._starts_tls,
        )
        self._requests, self._given_up, self._finished = [], [], []
        self._starts_tls = False
        self._output.clear()
        return effects

    # What a protocol does

    def opened(self) -> None:  # noqa: B027 - most have nothing to do
        """See `open`."""

    @abstractmethod
    def received(self, data: bytes) -> None:
        """See `receive`."""

    @abstractmethod
    def answered(self, tag: Tag, answer: Answer) -> None:
        """See `answer`."""

    def ended(self) -> None:  # noqa: B027 - most have nothing to do
        """See `end`; what was asked is answered before the connection is closed."""

    @abstractmethod
    def give_up(self) -> None:
        """Answer each open request of the client with "not now"; the connection is closed."""

    def tls_began(self, connection: Callable[[], ConnectionInfo]) -> None:  # noqa: B027 - few have it
        """See `secured`."""

    @property
    def idle_seconds(self) -> float | None:
        """How long a client may ask for nothing before it is told that it is sent away."""
        return None

    @property
    def is_busy(self) -> bool:
        """Whether the client has to wait with what it sends next: it is not read meanwhile."""
        return False

    # What a protocol says

    def send(self, data: bytes) -> None:
        """Send bytes to the client."""
        self._output += data

    def ask(self, tag: Tag, request: Request) -> None:
        """Request something; the answer has the same tag, which no other open request has."""
        self._requests.append((tag, request))

    def drop(self, tag: Tag) -> None:
        """Give up what was requested; it is not answered any more."""
        self._given_up.append(tag)

    def start_tls(self) -> None:
        """Begin TLS when the output is sent; nothing that came before is looked at."""
        self._starts_tls = True

    def keep(self, login: FinishedLogin) -> None:
        """Keep a login for the `Take` of another connection; before the client hears of it."""
        self._finished.append(login)

    def close(self) -> None:
        """End the connection when the output is sent."""
        self.closes = True

    def _guarded(self, function: Any, *args: Any) -> None:  # noqa: ANN401 - a method of its own
        try:
            function(*args)
        except Exception as error:  # noqa: BLE001 - a bug refuses
            self._tell(error)
            self.stop()

    def _tell(self, error: Exception) -> None:
        # Not the text of the error, nor its lines: they may repeat what the client sent.
        kind = type(error).__name__
        traceback = error.__traceback__
        while traceback is not None and traceback.tb_next is not None:
            traceback = traceback.tb_next
        place = "" if traceback is None else f" at {_place(traceback)}"
        log.error("%s: raised %s%s; the connection ends", self.name, kind, place)


def _place(traceback: Any) -> str:  # noqa: ANN401 - types.TracebackType
    code = traceback.tb_frame.f_code
    return f"{code.co_filename}:{traceback.tb_lineno}"
