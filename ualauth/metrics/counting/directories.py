"""Counts requests to LDAP servers, and knows which servers answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeVar

from ualauth.ldap.client.directory import Lease, PooledDirectory
from ualauth.ldap.client.faults import DirectoryFault
from ualauth.ldap.client.operations import Operations
from ualauth.ldap.client.servers import Purpose, Server, Servers
from ualauth.ldap.client.settings import Uri
from ualauth.ldap.client.shared import Directories
from ualauth.ldap.client.values import Requester
from ualauth.metrics.families import DIRECTORY_SECONDS, DIRECTORY_UP

if TYPE_CHECKING:
    from ualauth.metrics.metrics import Metrics

T = TypeVar("T")


def counting(kind: type[Directories], metrics: Metrics) -> type[Directories]:
    """Return a subclass that counts."""
    events = metrics.events
    time = events.time(DIRECTORY_SECONDS)

    def tell(server: Server, *, up: bool) -> None:
        events.set(events.amount(DIRECTORY_UP, server.name), float(up))

    class CountingServers(Servers):
        """All servers, in order, and whether each answers."""

        def __init__(self, *args: Any) -> None:  # noqa: ANN401 - as `Servers` takes them
            """Begin with all that are known well."""
            super().__init__(*args)
            self._tell_all()

        def _tell_all(self) -> None:
            for each in self.all:
                tell(each, up=each.health.well)

        def _replace(self, uris: Sequence[Uri]) -> None:
            super()._replace(uris)
            self._tell_all()

        def failed(self, server: Server, fault: DirectoryFault, *, slow: bool = False) -> None:
            """See `Servers.failed`."""
            super().failed(server, fault, slow=slow)
            tell(server, up=False)

        def succeeded(self, server: Server) -> None:
            """See `Servers.succeeded`."""
            super().succeeded(server)
            tell(server, up=True)

    class CountingDirectory(PooledDirectory):
        """A directory with pools of connections, whose requests are counted."""

        servers_kind = CountingServers

        async def begin(
            self,
            requester: Requester,
            purpose: Purpose,
            action: Callable[[Operations], Awaitable[T]],
        ) -> Lease[T]:
            """See `PooledDirectory.begin`."""
            began = perf_counter()
            try:
                return await super().begin(requester, purpose, action)
            finally:
                time(perf_counter() - began)

    class CountingDirectories(kind):  # type: ignore[misc, valid-type]  # a class that is not known before
        """The directories of an application, whose requests are counted."""

        directory_kind = CountingDirectory

    return CountingDirectories
