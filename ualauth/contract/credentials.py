"""What a person brings along, so that nothing has to be asked.

A credential answers for the person when a module asks for an authentication
token. It is never printed.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from dataclasses import field
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ualauth.codes import ReturnCode
from ualauth.text.dataclass import dataclass

if TYPE_CHECKING:
    from ualauth.codes import ReturnCode


T = TypeVar("T")


class Challenges(Protocol):
    """What can put a challenge to the client: an `Attempt`."""

    async def challenge(self, data: bytes) -> bytes:
        """Send `data`, and return the client's response."""
        ...

    def resource(self, kind: type[T]) -> T:
        """Return what the application shares; see `Attempt.resource`."""
        ...

    async def offload(self, function: Callable[..., T], *args: Any) -> T:  # noqa: ANN401
        """Return `function(*args)`, called where it may block; see `Attempt.offload`."""
        ...


MAX_PASSWORD_BYTES = 1024
"""Longest password, in bytes of UTF-8. Bounds the work an anonymous peer can cause."""
MAX_NAME_BYTES = 1024
"""Longest login name, in bytes of UTF-8. A tagged O/R name needs a few hundred."""

ANONYMOUS = "anonymous"
"""What stands where a name has to, of a login without one (RFC 4505). It is no user's."""


@dataclass(frozen=True, slots=True)
class Password:
    """A typed password."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PasswordChange:
    """The current password and the one to take its place."""

    old: str = field(repr=False)
    new: str = field(repr=False)


class CredentialKind(enum.Enum):
    """What a mechanism has of a person, and a module must be able to judge."""

    PASSWORD = "password"  # noqa: S105 - the kind, not one
    SCRAM = "scram"
    CRAM_MD5 = "cram-md5"
    TOKEN = "token"  # noqa: S105 - likewise
    CERTIFICATE = "certificate"
    KERBEROS = "kerberos"
    NOTHING = "nothing"
    """An anonymous person has none."""

    # Enum's own takes a call of Python, and every exchange looks its kind up.
    __hash__ = object.__hash__


class NameKind(enum.Enum):
    """What the name of a login is, and so how the USERLIST is asked for it."""

    TYPED = "typed"
    """Typed by a person who then shows to know the password: the USERLIST finds whose it is."""
    AUTHID = "authid"
    """Written by a KDC, an issuer, an authority or a directory: an authid, octet by octet."""
    ADDRESS = "address"
    """As `AUTHID`, or an e-mail address of the USERLIST, in which the case of ASCII is nothing."""
    NO_USER = "no user"
    """No name at all: an anonymous login (RFC 4505). The USERLIST is not asked."""


PASSWORD_ONLY: frozenset[CredentialKind | str] = frozenset({CredentialKind.PASSWORD})
"""What a module can judge that says nothing else of itself."""
NO_CREDENTIAL: frozenset[CredentialKind | str] = frozenset()
"""What a module verifies that looks at something else than the person's proof."""


class Exchange:
    """A running SASL exchange: the credential of a user who did not send a password.

    A module that can judge it goes on with it; most kinds have a method `verify` for
    that. It calls `accept` on its way to `SUCCESS`: an exchange that no module accepted
    lets no client in, whatever the stack concludes.
    """

    mechanism: str
    """Its name in SASL, such as `SCRAM-SHA-256-PLUS`."""
    name_kind: NameKind = NameKind.AUTHID
    """What the name is that the mechanism read. `TYPED` is only for proofs of a password."""
    credential_kind: CredentialKind
    verified: bool = False
    """Whether a module accepted it; the runtime takes back what came with another answer."""
    spent: bool = False
    """Whether the client was answered already, by `Attempt.challenge`: another module comes too
    late."""

    judged: tuple[int, ReturnCode] | None = None
    """Of whose secret it was judged to be a proof, by the user's id, and with what result."""
    afterwards: Callable[[], Awaitable[ReturnCode]] | None = None
    """What a module that could not judge it wants done when none could: count a failure.

    What it answers is what the exchange ends with, instead of the stack's code.
    """

    def accept(self) -> None:
        """Say that the client is who it says: for a module on its way to `SUCCESS`."""
        self.verified = True

    async def mock(self, attempt: Challenges) -> None:
        """Go on as if there were a user with a secret: no module has asked the client anything."""


Credential = Password | PasswordChange | Exchange


def is_acceptable(text: str, limit: int) -> bool:
    """Return whether `text` is UTF-8 without NUL of at most `limit` bytes.

    The limit is checked before the text is encoded: a text of a gigabyte
    costs nothing.
    """
    if len(text) > limit or "\0" in text:
        return False
    if text.isascii():
        return True
    try:
        return len(text.encode()) <= limit
    except UnicodeEncodeError:
        return False
