"""What a protocol may request of the library, and what it is answered.

A protocol gives each request a tag, and is given the answer with the same tag. The requests of
one SASL exchange, a `Begin` and then a `Respond` for each `Challenge`, have one tag.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from ualauth.contract.identity import Identity
from ualauth.runtime.peer import ConnectionInfo, Peer

Tag = Hashable


@dataclass(frozen=True, slots=True)
class Offer:
    """Asks which mechanisms some service of several offers; the answer is `Offered`."""

    services: tuple[str, ...]
    connection: ConnectionInfo = field(default_factory=ConnectionInfo)


@dataclass(frozen=True, slots=True)
class Begin:
    """Begins a SASL exchange; `initial` is `None` if there is no initial response."""

    service: str
    mechanism: str
    initial: bytes | None = field(default=None, repr=False)
    connection: ConnectionInfo = field(default_factory=ConnectionInfo)


@dataclass(frozen=True, slots=True)
class Respond:
    """Goes on with the exchange of the same tag."""

    response: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Login:
    """A login by name and typed password."""

    service: str
    user: str
    password: str = field(repr=False)
    peer: Peer = field(default_factory=Peer)


@dataclass(frozen=True, slots=True)
class HttpLogin:
    """A login by the headers Authorization of a request of HTTP.

    A refusal is answered by a `Failed` whose error is an `HttpRefusal`.
    """

    service: str
    realm: str
    authorization: tuple[str, ...] = field(repr=False)
    rhost: str | None = None
    tls: bool = False


@dataclass(frozen=True, slots=True)
class ChangePassword:
    """Changes a user's password by the old one; the answer is `Changed`."""

    service: str
    user: str
    old: str = field(repr=False)
    new: str = field(repr=False)
    peer: Peer = field(default_factory=Peer)


@dataclass(frozen=True, slots=True)
class Call:
    """Calls a function that may block, with what an application shares; the answer is `Done`.

    `kind` is a class that opens itself (`ualauth.contract.resources`); the function is given
    the one of the application.
    """

    kind: type[Any]
    function: Callable[[Any], object] = field(repr=False)


Request = Offer | Begin | Respond | Login | HttpLogin | ChangePassword | Call


@dataclass(frozen=True, slots=True)
class Offered:
    """The mechanisms, the strongest first."""

    mechanisms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Challenge:
    """What to send to the client, whose response is awaited.

    `is_last` is whether the outcome is decided, and any response a formality.
    """

    data: bytes = field(repr=False)
    is_last: bool = False


@dataclass(frozen=True, slots=True)
class Granted:
    """The client is let in. This alone is a yes."""

    identity: Identity


@dataclass(frozen=True, slots=True)
class Failed:
    """The client is not let in: by one of the library's errors, or by a bug.

    An error that is no `AuthenticationError` says nothing about the user or the password: the
    protocol answers that it could not be checked.
    """

    error: Exception


@dataclass(frozen=True, slots=True)
class Changed:
    """The password is changed."""


@dataclass(frozen=True, slots=True)
class Done:
    """It is done; `value` is what a function returned."""

    value: object = field(default=None, repr=False)


Answer = Offered | Challenge | Granted | Failed | Changed | Done


class Expired(Exception):
    """The client has not gone on with an exchange for too long."""
