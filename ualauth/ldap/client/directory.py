"""A directory with pools of connections to each of its servers.

A connection that a server has closed meanwhile fails no login: what was asked on
it is asked again on a new one, once. What was answered is never asked again.
"""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ualauth.ldap.client import answers
from ualauth.ldap.client.blocking import BLOCKING, run_blocking
from ualauth.ldap.client.connection import Connection, Connector
from ualauth.ldap.client.credentials import BindCredentials
from ualauth.ldap.client.faults import (
    DirectoryFault,
    Lost,
    ServiceRefused,
    TimedOut,
    Unanswered,
    Unreachable,
)
from ualauth.ldap.client.operations import Operations
from ualauth.ldap.client.pending import PendingConnection
from ualauth.ldap.client.servers import Purpose, Server, Servers
from ualauth.ldap.client.settings import LdapSettings
from ualauth.ldap.client.srv import Resolver, resolve
from ualauth.ldap.client.values import (
    Answer,
    Attributes,
    Connected,
    How,
    LdapEntry,
    Modification,
    Requester,
    Search,
)

T = TypeVar("T")

_REFUSED_FOR = 5.0
"""Seconds for which the service's refused password is not tried again: it may lock the account."""

# Connections that belong to the process from which this one was forked: closing them here
# would say goodbye in its name.
_OF_THE_PARENT: list[Connection] = []


@dataclass(slots=True)
class Lease(Generic[T]):
    """A place in a pool with its connection, and what was answered first on it."""

    server: Server
    purpose: Purpose
    on: Operations
    result: T
    servers: Servers
    """As they were when it was taken."""


class PooledDirectory:
    """See `Directory`."""

    servers_kind: type[Servers] = Servers

    def __init__(
        self, settings: LdapSettings, connector: Connector, resolver: Resolver = resolve
    ) -> None:
        """Connect nowhere yet."""
        self._settings = settings
        self._connector = connector
        self._resolver = resolver
        self._refused: tuple[float, ServiceRefused] | None = None
        self._start_servers()

    def server_states(self) -> list[tuple[str, bool]]:
        """Return its servers, and whether each answered when it was asked for the last time."""
        return [(each.name, each.health.well) for each in self._servers.all]

    # What has one thing to wait for is no coroutine itself: each costs a step of every wait.

    def search(self, requester: Requester, search: Search) -> Coroutine[Any, Any, list[LdapEntry]]:
        """See `DirectoryOperations.search`."""
        return self._once(requester, Purpose.SERVICE, lambda on: on.search(requester, search))

    def compare(
        self, requester: Requester, dn: str, attribute: str, value: bytes
    ) -> Coroutine[Any, Any, bool]:
        """See `DirectoryOperations.compare`."""
        return self._once(
            requester, Purpose.SERVICE, lambda on: on.compare(requester, dn, attribute, value)
        )

    def modify(
        self, requester: Requester, dn: str, modifications: Sequence[Modification]
    ) -> Coroutine[Any, Any, Answer]:
        """See `DirectoryOperations.modify`."""
        return self._once(
            requester, Purpose.SERVICE, lambda on: on.modify(requester, dn, modifications)
        )

    def change_password(
        self, requester: Requester, dn: str, old: str | None, new: str, how: How
    ) -> Coroutine[Any, Any, Answer]:
        """See `DirectoryOperations.change_password`."""
        return self._once(
            requester,
            Purpose.SERVICE,
            lambda on: on.change_password(requester, dn, old, new, how),
        )

    def bind(self, requester: Requester, login: BindCredentials) -> Coroutine[Any, Any, Answer]:
        """See `Directory.bind`."""
        return self._once(requester, Purpose.USER, lambda on: on.bind(requester, login))

    def session(self, requester: Requester, login: BindCredentials) -> BoundSession:
        """See `Directory.session`."""
        return BoundSession(self, requester, login)

    async def root_dse(self, requester: Requester) -> LdapEntry:
        """See `Directory.root_dse`."""
        entries = await self.search(requester, Search("", attributes=("*", "+")))
        return entries[0] if entries else LdapEntry("", Attributes({}))

    async def connected(self, requester: Requester) -> Connected:
        """See `Directory.connected`."""

        async def look(on: Operations) -> Connected:
            # Something has to be asked: a connection that was kept may be at its end.
            await on.search(requester, Search(""))
            return Connected(on.server, self._connector.name, on.connection.encryption())

        return await self._once(requester, Purpose.SERVICE, look)

    def close(self) -> None:
        """See `Directory.close`."""
        servers = self._servers
        self._finalizer.detach()
        self._start_servers()
        servers.close()
        servers.join()

    async def begin(
        self,
        requester: Requester,
        purpose: Purpose,
        action: Callable[[Operations], Awaitable[T]],
    ) -> Lease[T]:
        """Do the first thing on a connection, and return it with the result.

        The next server is asked where one cannot be.
        """
        if self._process != os.getpid():
            self._leave_to_parent()
        faults: list[DirectoryFault] = []
        for server in await self._servers.in_order(requester):
            if not server.health.well and server.health.resting:
                faults.append(server.health.last_fault())
                continue
            try:
                held = await self._begin_at(requester, server, purpose, action)
            except ServiceRefused:
                raise
            except Unanswered as fault:
                if fault.code not in answers.ELSEWHERE:
                    raise
                self._servers.failed(server, fault)
                faults.append(fault)
            except DirectoryFault as fault:
                faults.append(fault)
            else:
                # It may have failed another login meanwhile.
                if not server.health.well:
                    self._servers.succeeded(server)
                return held
        raise _together(faults)

    def end(self, held: Lease[T]) -> None:
        """Give a connection back."""
        keep = held.on.usable and self._keeps(held)
        if not keep:
            held.on.connection.close()
        held.server.pools[held.purpose].give_back(held.on.connection if keep else None)

    def _keeps(self, held: Lease[T]) -> bool:
        """Return whether a connection is wanted that comes back."""
        # Who was asking while the directory was closed closes the connection.
        return held.servers is self._servers and self._servers.is_preferred(held.server)

    async def _once(
        self,
        requester: Requester,
        purpose: Purpose,
        action: Callable[[Operations], Awaitable[T]],
    ) -> T:
        held = await self.begin(requester, purpose, action)
        self.end(held)
        return held.result

    async def _begin_at(
        self,
        requester: Requester,
        server: Server,
        purpose: Purpose,
        action: Callable[[Operations], Awaitable[T]],
    ) -> Lease[T]:
        pool, servers = server.pools[purpose], self._servers
        connection = await pool.take(requester, self._settings.bind_timeout)
        on = Operations(connection, server.name, self._settings) if connection is not None else None
        try:
            if on is not None:
                try:
                    return Lease(server, purpose, on, await action(on), servers)
                except Lost:
                    # It was closed just now; so may all the others have been.
                    on.connection.close()
                    server.clear()
                    on = None
            connection = await self._connect(requester, server, purpose)
            on = Operations(connection, server.name, self._settings)
            return Lease(server, purpose, on, await action(on), servers)
        except BaseException as error:
            keep = on is not None and on.usable and servers is self._servers
            if on is not None and not keep:
                on.connection.close()
            pool.give_back(on.connection if on is not None and keep else None)
            if isinstance(error, DirectoryFault):
                error.server = server.name
                if not isinstance(error, Unanswered | ServiceRefused):
                    # The next caller shall not wait for a connection as long.
                    slow = on is None and isinstance(error, TimedOut)
                    self._servers.failed(server, error, slow=slow)
            raise

    async def _connect(self, requester: Requester, server: Server, purpose: Purpose) -> Connection:
        """Return a new connection, on which the service has bound if it is for that."""
        by_sasl = purpose is Purpose.SERVICE and self._settings.sasl is not None
        if by_sasl:
            self._check_refused()
        pending = PendingConnection(self._connector, server.uri, self._settings, by_sasl=by_sasl)
        try:
            connection = await requester.offload(pending.wait)
        except BaseException as error:
            pending.abandon()
            if isinstance(error, ServiceRefused):
                error.server = server.name
                self._refused = time.monotonic() + _REFUSED_FOR, error.again()
            raise
        if purpose is Purpose.SERVICE:
            try:
                await self._bind_as_service(requester, server, connection)
            except BaseException:
                connection.close()
                raise
        return connection

    async def _bind_as_service(
        self, requester: Requester, server: Server, connection: Connection
    ) -> None:
        """Bind as the service, if it has a name."""
        login = self._settings.login
        if login is None:
            return
        self._check_refused()
        reply = await connection.bind(requester, login, (), self._settings.connect_timeout)
        if reply.code in answers.ELSEWHERE:
            raise answers.unanswered(reply, server.name)
        if reply.code != answers.SUCCESS:
            text = f"the service may not bind as {login.name}: code {reply.code} {reply.text}"
            fault = ServiceRefused(text.strip(), server.name)
            self._refused = time.monotonic() + _REFUSED_FOR, fault.again()
            raise fault
        self._refused = None

    def _check_refused(self) -> None:
        """Refuse for a while what the servers have just refused to the service."""
        if self._refused is not None and time.monotonic() < self._refused[0]:
            raise self._refused[1].again()

    def _start_servers(self) -> None:
        """Begin with no connection, which all end with this directory."""
        connector, settings = self._connector, self._settings

        def probe(server: Server) -> None:
            """Tell whether a server answers; knows nothing of this directory, which may end."""
            connection = PendingConnection(connector, server.uri, settings).wait()
            try:
                search = Search("", attributes=("1.1",))
                run_blocking(connection.search(BLOCKING, search, (), settings.connect_timeout))
            finally:
                connection.close()

        self._process = os.getpid()
        self._servers = self.servers_kind(settings, self._resolver, probe)
        self._finalizer = weakref.finalize(self, self._servers.close)
        self._finalizer.atexit = False

    def _leave_to_parent(self) -> None:
        """Begin anew in a process that was forked."""
        for server in self._servers.all:
            for pool in server.pools.values():
                _OF_THE_PARENT.extend(pool.forget())
        self._finalizer.detach()
        self._start_servers()


def _together(faults: Sequence[DirectoryFault]) -> DirectoryFault:
    """Return one fault for all servers: of their kind, if it is the same."""
    if len(faults) == 1:
        return faults[0]
    kinds = {type(each) for each in faults}
    kind = kinds.pop() if len(kinds) == 1 else Unreachable
    text = "; ".join(str(each) for each in faults)
    return Unreachable(text) if kind is Unanswered else kind(text)


class BoundSession:
    """A connection on which a user has bound, for as long as an `async with` statement lasts."""

    def __init__(
        self, directory: PooledDirectory, requester: Requester, login: BindCredentials
    ) -> None:
        """Bind no user yet."""
        self._directory = directory
        self._requester = requester
        self._login = login
        self._held: Lease[Answer]

    async def __aenter__(self) -> Operations:
        """Bind, and return what can be asked on the connection."""
        self._held = await self._directory.begin(
            self._requester, Purpose.USER, lambda on: on.bind(self._requester, self._login)
        )
        return self._held.on

    async def __aexit__(self, *_: object) -> None:
        """Give the connection back."""
        self._directory.end(self._held)
