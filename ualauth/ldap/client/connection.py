"""What the client needs of a library: connections that take one request at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from ualauth.ldap.client.credentials import BindCredentials
from ualauth.ldap.client.faults import Lost
from ualauth.ldap.client.settings import LdapSettings, Uri
from ualauth.ldap.client.values import LdapEntry, Modification, Requester, Search

T = TypeVar("T")

Control = tuple[str, bytes | None]
"""An object identifier and a value, if it has one; critical are those of `controls.CRITICAL`."""


# Made at each login, and so not frozen: that takes five times as long.
@dataclass(slots=True)
class Reply:
    """What a server answered to one request; its code may be a refusal."""

    code: int
    text: str = ""
    controls: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    entries: Sequence[LdapEntry] = field(default=(), repr=False)
    value: bytes | None = field(default=None, repr=False)
    """Of an extended operation."""


class Connection(Protocol):
    """One connection; its user has it alone, and sends one request after the other.

    Every request returns a `Reply`, whatever its code, or raises a
    `DirectoryFault`; after that, or when it was not waited for to its end, the
    connection MUST be closed: another answer may still be on its way.
    """

    def fileno(self) -> int:
        """Return its file descriptor, or -1 if it has none any more."""
        ...

    def encryption(self) -> str:
        """Return the version of TLS and the cipher, or nothing."""
        ...

    def close(self) -> None:
        """Close it; never waits, and may be called twice."""
        ...

    async def bind(
        self,
        requester: Requester,
        login: BindCredentials,
        controls: Sequence[Control],
        seconds: float,
    ) -> Reply:
        """Bind by name and password."""
        ...

    def sasl_bind(self, mechanism: str, credentials: bytes, seconds: float) -> Reply:
        """Send a step of a SASL bind, and return the answer with the server's part; blocks."""
        ...

    async def search(
        self, requester: Requester, search: Search, controls: Sequence[Control], seconds: float
    ) -> Reply:
        """Search; with a code that is no success come the entries that were sent before it."""
        ...

    async def compare(
        self, requester: Requester, dn: str, attribute: str, value: bytes, seconds: float
    ) -> Reply:
        """Compare a value."""
        ...

    async def modify(
        self,
        requester: Requester,
        dn: str,
        modifications: Sequence[Modification],
        controls: Sequence[Control],
        seconds: float,
    ) -> Reply:
        """Modify an entry."""
        ...

    async def extended(
        self,
        requester: Requester,
        name: str,
        value: bytes | None,
        controls: Sequence[Control],
        seconds: float,
    ) -> Reply:
        """Ask for an extended operation."""
        ...


class Connector(Protocol):
    """A library."""

    name: str

    def connect(self, uri: Uri, settings: LdapSettings) -> Connection:
        """Return a connection that is encrypted if the settings want it; blocks.

        A library may connect only when the first request is sent, which then
        raises what is raised here.

        Raises:
            DirectoryFault: `Unreachable`, `TimedOut` or `TlsFault`.

        """
        ...


class Lifetime:
    """Lets a thread finish what it does with a connection before that is closed.

    A descriptor that is closed under a thread may at once be another's.
    """

    def __init__(self, close: Callable[[], None], interrupt: Callable[[], None]) -> None:
        """Take what closes it, and what makes a thread that waits for it give up."""
        self._close = close
        self._interrupt = interrupt
        self._lock = threading.Lock()
        self._busy = False
        self._ended = threading.Event()

    def run(self, function: Callable[..., T], *args: Any) -> T:  # noqa: ANN401
        """Return what `function` returns, called in this thread."""
        with self._lock:
            if self._ended.is_set():
                raise Lost("the connection is closed")
            self._busy = True
        try:
            return function(*args)
        finally:
            with self._lock:
                self._busy = False
                if self._ended.is_set():
                    self._close()

    def close(self) -> None:
        """Close it now, or as soon as the thread that uses it has finished."""
        with self._lock:
            if not self._ended.is_set():
                self._ended.set()
                if self._busy:
                    self._interrupt()
                else:
                    self._close()
