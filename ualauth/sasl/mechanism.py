"""The contract of mechanisms: what one is given, and what it has to find out.

A mechanism reads from the client who it says it is, and makes of the rest a
credential: a `Password`, or an `Exchange` with which a module of the service's
stack goes on. It knows no users and no modules. One object serves one
exchange.

A mechanism MUST raise `Malformed` for whatever its RFC does not allow, and
nothing else; MUST bound what it keeps of the client's; and MUST NOT keep a
secret in an attribute that `repr` shows.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, ClassVar, NamedTuple, TypeVar, cast

from ualauth.codes import ReturnCode
from ualauth.contract.attempt import Abort
from ualauth.contract.credentials import Challenges, Credential, CredentialKind, NameKind
from ualauth.contract.module import Module
from ualauth.contract.requests import Offload, Until
from ualauth.reasons import ReasonCode
from ualauth.text.dataclass import dataclass

T = TypeVar("T")

MAX_RESPONSE = 65_536
"""Bytes of one response. Tokens are the longest; Dovecot takes no more either."""

PACE = 0.005
"""Seconds. What would tell a known user from an unknown one is answered at whole multiples."""


class Malformed(Abort):
    """What the client sent is not of the mechanism: the end of this exchange.

    `why` is for the log only, and has nothing of what was sent.
    """

    def __init__(self, why: str, reason: ReasonCode = ReasonCode.MALFORMED) -> None:
        """Refuse as a wrong password is refused."""
        super().__init__(ReturnCode.AUTH_ERR, why, reason)


@dataclass(frozen=True, slots=True)
class Channel:
    """What the connection is like, and what it vouches for.

    `bindings` has the channel binding data by their type, such as
    `tls-exporter` (RFC 5929, RFC 9266). `offers_plus` is whether mechanisms that
    bind to the channel were offered, which the client must not be talked out
    of. `certificate_name` is whom the client's certificate names, empty without one,
    and `certificate_name_kind` what that name is.
    """

    tls: bool = False
    bindings: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    offers_plus: bool = False
    certificate_name: str = ""
    certificate_name_kind: NameKind = NameKind.AUTHID


UNSAFE = Channel()
"""A connection without TLS."""
SAFE = Channel(tls=True)
"""One with TLS, of which nothing more is known."""
AT_BEST = Channel(tls=True, bindings={"": b""}, certificate_name="?")
"""One with TLS and all that it may bring: something to bind to, a client's certificate."""


class Wire:
    """The client's end of one exchange.

    `initial` is the initial response; `None` is none, which is not the same as
    an empty one (RFC 4422, section 3). `started` is when the last response came.
    """

    __slots__ = ("_challenges", "channel", "initial", "started", "verifiers")

    def __init__(
        self,
        challenges: Challenges,
        channel: Channel,
        verifiers: tuple[Module[Any], ...] = (),
    ) -> None:
        """Begin without a response; `verifiers` are the modules that can judge the mechanism."""
        self._challenges = challenges
        self.channel = channel
        self.verifiers = verifiers
        self.initial: bytes | None = None
        self.started = time.monotonic()

    async def first(self, challenge: bytes = b"") -> bytes:
        """Return the client's first response: the initial one, or that to `challenge`."""
        if self.initial is None:
            return await self.send(challenge)
        return _bounded(self.initial)

    async def send(self, challenge: bytes) -> bytes:
        """Send a challenge, and return the response."""
        response = await self._challenges.challenge(challenge)
        self.started = time.monotonic()
        return response if len(response) <= MAX_RESPONSE else _bounded(response)

    def resource(self, kind: type[T]) -> T:
        """Return what the application shares among modules; see `Attempt.resource`."""
        return self._challenges.resource(kind)

    async def pace(self) -> None:
        """Wait until how long this step takes tells nothing."""
        passed = time.monotonic() - self.started
        await Until(self.started + PACE * (passed // PACE + 1))

    async def offload(self, function: Callable[..., T], *args: Any) -> T:  # noqa: ANN401 - any
        """Return `function(*args)`, called where it may block."""
        return cast("T", await Offload(function, args))


class Claim(NamedTuple):
    """Who the client says it is: prepared, and not yet trusted.

    `authorization` is whom it wants to act for, empty for itself.
    """

    name: str
    credential: Credential
    authorization: str = ""


class Mechanism(ABC):
    """One exchange by one mechanism."""

    name: ClassVar[str]
    """As in IANA's registry of SASL mechanisms: A to Z, digits, hyphen, underscore (RFC 4422)."""
    credential_kind: ClassVar[CredentialKind | str]
    """What a module of the service must be able to judge; a text is a kind of another package."""
    plaintext: ClassVar[bool] = False
    """Whether an eavesdropper learns what lets a client in."""
    binds: ClassVar[bool] = False
    """Whether it binds to the channel: `-PLUS`."""
    server_first: ClassVar[bool] = False
    """Whether it has no initial response, not even an empty one."""
    by_request: ClassVar[bool] = False
    """Whether it is offered only where an administrator names it; for those of other packages."""
    before: ClassVar[str] = "ANONYMOUS"
    """The mechanism of ualauth's before which it is offered, as the stronger one; likewise."""
    requires: ClassVar[tuple[str, ...]] = ()
    """Packages to import without which it cannot be served, and is not offered; likewise."""

    @abstractmethod
    async def begin(self, wire: Wire) -> Claim:
        """Read who the client says it is.

        Raises:
            Malformed: for what the mechanism does not allow.

        """

    def success(self) -> bytes:
        """Return what the client still has to be told when it is let in."""
        return b""

    def failure(self) -> bytes:
        """Return what the client still has to be told before it is refused."""
        return b""


def _bounded(response: bytes) -> bytes:
    if len(response) > MAX_RESPONSE:
        raise Malformed(f"a response of {len(response)} bytes")
    return response


def text_of(data: bytes) -> str:
    """Return `data` as text.

    Raises:
        Malformed: if it is not UTF-8.

    """
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Malformed("not UTF-8") from None
