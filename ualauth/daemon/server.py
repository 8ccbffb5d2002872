"""One worker of the daemon: its sockets, its connections, how it starts, reloads and stops."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field

from ualauth.aio import AsyncAuthenticator, at_once, look_ahead, server_states
from ualauth.config.config import Config
from ualauth.config.listen import ListenSettings
from ualauth.daemon.asking import Asker
from ualauth.daemon.connection import EXPIRES_AFTER, Connection
from ualauth.daemon.house import House
from ualauth.daemon.listener import Listener, Plan, open_listeners
from ualauth.daemon.siblings import Siblings
from ualauth.daemon.synchronizing import Synchronizing
from ualauth.daemon.systemd import handed_over
from ualauth.errors import ConfigurationError, UalauthError
from ualauth.runtime.outcome import Outcome

log = logging.getLogger("ualauth.serve")

_GRACE = 10.0
"""Seconds that clients have, after a stop, to read what they were answered."""


@dataclass(slots=True)
class Worker:
    """Which process of the daemon this is, and what it was given by the first one."""

    siblings: Siblings = field(default_factory=Siblings)
    server: int = field(default_factory=os.getpid)
    """A number that all processes say, as long as the daemon runs."""
    sockets: dict[str, socket.socket] = field(default_factory=dict)
    """Those that listen already, by their places."""
    config: Config | None = None
    """What has been read already."""
    reload: Callable[[], Awaitable[str]] | None = None
    """Has all workers read the configuration anew; returns what is wrong with it."""


class Daemon:
    """Serves the sockets of a configuration; one event loop, one process."""

    def __init__(
        self,
        load: Callable[[], Config],
        *,
        inherited: list[socket.socket] | None = None,
        expires_after: float = EXPIRES_AFTER,
        worker: Worker | None = None,
    ) -> None:
        """`load` reads the configuration, at the start and for each reload.

        `inherited` are sockets that were handed over; by default, those of systemd. `worker`
        is which one of several this is; without it, it is the only one.
        """
        self._load = load
        self._inherited = handed_over() if inherited is None else inherited
        self._expires_after = expires_after
        self._authenticator: AsyncAuthenticator | None = None
        self._listeners: dict[str, Listener] = {}
        self._retired: dict[AsyncAuthenticator, asyncio.TimerHandle] = {}
        """Those of former configurations, until what was begun with them is over."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections: set[Connection] = set()
        self._logins: Counter[tuple[str, str]] = Counter()
        """By protocol and outcome, since the start."""
        self._readers: list[Connection] = []
        """Those that have read something since what was read was answered."""
        self._looking: set[str] = set()
        """Services whose files are looked at just now, before that is due."""
        self._numbers = itertools.count(1)
        self._worker = Worker() if worker is None else worker
        self._stopping = asyncio.Event()
        self._reloads = asyncio.Lock()
        self.reload_all = self._worker.reload or self._reload_alone
        """Has all workers read the configuration anew; returns what is wrong, or nothing."""
        self.house = House(
            self._current, self._worker.siblings, self._status, self.reload_all, EXPIRES_AFTER
        )
        """What the connections share."""
        self._synchronizing = Synchronizing()
        self._empty = asyncio.Event()
        self._empty.set()

    @property
    def addresses(self) -> dict[str, object]:
        """The sockets by their places, and what the system calls each."""
        return {place: each.socket.getsockname() for place, each in self._listeners.items()}

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    async def start(self) -> None:
        """Open all sockets, or none.

        Raises:
            ConfigurationError: if one cannot be opened.

        """
        config = self._worker.config
        if config is None:
            config = await asyncio.to_thread(self._load)
        if not config.listen:
            raise ConfigurationError(
                f"{config.directory}/ualauth.toml names no socket; add a table [[listen]]"
            )
        await self._change(config)
        self._worker.siblings.start()
        if self._worker.siblings.number == 0:
            self._synchronizing.start(lambda: self._current().config)
        for unused in self._inherited:
            log.warning("a socket that was handed over is named by no [[listen]]: %s", unused)

    async def reload(self) -> None:
        """Read the configuration anew, and serve by it; connections stay.

        Raises:
            ConfigurationError: if it cannot be used; then nothing has changed.

        """
        async with self._reloads:
            await self._change(await asyncio.to_thread(self._load))

    async def _reload_alone(self) -> str:
        try:
            await self.reload()
        except UalauthError as error:
            return str(error)
        return ""

    def request_stop(self) -> None:
        """Let `run` come to its end."""
        self._stopping.set()

    async def wait_for_stop(self) -> None:
        """Wait until it was requested to stop."""
        await self._stopping.wait()

    async def stop(self) -> None:
        """Close the sockets, answer what is asked, and end all connections."""
        ending = asyncio.create_task(self._synchronizing.stop())
        for listener in self._listeners.values():
            listener.close()
        self._listeners.clear()
        for connection in list(self._connections):
            connection.stop()
        try:
            async with asyncio.timeout(_GRACE):
                await self._empty.wait()
        except TimeoutError:
            log.warning("%d clients do not read what they were answered", len(self._connections))
            for connection in list(self._connections):
                connection.abort()
        await ending
        self._worker.siblings.stop()
        for timer in self._retired.values():
            timer.cancel()
        for authenticator in (*self._retired, self._authenticator):
            if authenticator is not None:
                await authenticator.close()
        self._retired.clear()
        self._authenticator = None

    # What connections call

    def entered(self, connection: Connection) -> None:
        """See `Connections`."""
        self._connections.add(connection)
        self._empty.clear()

    def left(self, connection: Connection) -> None:
        """See `Connections`."""
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()

    def has_read(self, connection: Connection) -> None:
        """See `Connections`."""
        if not self._readers:
            asyncio.get_running_loop().call_soon(self._carry_on)
        self._readers.append(connection)

    def _carry_on(self) -> None:
        """Answer what was read, of all connections: with one look at the USERLIST."""
        readers, self._readers = self._readers, []
        try:
            look = None if self._authenticator is None else at_once(self._authenticator)
        except Exception as error:  # noqa: BLE001 - a bug: each is asked in the usual way
            log.error("a look failed: raised %s", type(error).__name__)  # noqa: TRY400 - no secret
            look = None
        for connection in readers:
            try:
                connection.carry_on(look)
            except Exception as error:  # noqa: BLE001 - no other connection is hurt
                log.error("a connection ends: raised %s", type(error).__name__)  # noqa: TRY400
                connection.abort()
        if look is not None and self._authenticator is not None:
            for service in look.due_soon:
                if service not in self._looking:
                    self._looking.add(service)
                    self._run(self._look_ahead(self._authenticator, service))

    async def _look_ahead(self, authenticator: AsyncAuthenticator, service: str) -> None:
        """Look at the files of a service meanwhile, so that its logins do not all wait for it."""
        try:
            await look_ahead(authenticator, service)
        except Exception as error:  # noqa: BLE001 - the next login comes to the same, and tells it
            log.debug("the files of %s: raised %s", service, type(error).__name__)
        finally:
            self._looking.discard(service)

    def ended(self, protocol: str, outcome: Outcome, number: int = 1) -> None:
        """See `Connections`."""
        self._logins[protocol, outcome.value] += number

    # Changes

    async def _change(self, config: Config) -> None:
        """Serve by a configuration: all of it, or nothing of it."""
        home = str(config.directory)
        plans = await asyncio.to_thread(lambda: [Plan(each, home) for each in config.listen])
        for plan in plans:
            plan.kind.check(config, plan.own)
        authenticator = AsyncAuthenticator(config)
        opened = await self._open_all(plans)
        # From here on, nothing fails.
        if self._authenticator is not None:
            self._retire(self._authenticator)
        self._authenticator = authenticator
        places = {plan.listen.place for plan in plans}
        for plan in plans:
            if plan.listen.place in self._listeners:
                self._listeners[plan.listen.place].use(plan)
        for place in self._listeners.keys() - places:
            self._listeners.pop(place).close()
        self._listeners |= opened
        for place, listener in opened.items():
            log.info("%s at %s", listener.plan.listen.protocol, _shown(listener, place))

    async def _open_all(self, plans: list[Plan]) -> dict[str, Listener]:
        """Open the sockets that are not open yet: all of them, or none."""
        number, nonce, given = self._worker.server, self.house.nonce, self._worker.sockets
        opened = {
            plan.listen.place: Listener(
                plan, given[plan.listen.place].dup(), number, nonce, is_own=False
            )
            for plan in plans
            if plan.listen.place in given and plan.listen.place not in self._listeners
        }
        try:
            opened |= open_listeners(
                plans, self._listeners | opened, self._inherited, number, nonce
            )
            for listener in opened.values():
                await listener.start(self._numbers, self._connect)
        except BaseException:
            for listener in opened.values():
                listener.close()
            raise
        return opened

    def _retire(self, authenticator: AsyncAuthenticator) -> None:
        """Close one that is asked no more, once all that was begun with it is over."""

        def close() -> None:
            self._retired.pop(authenticator, None)
            self._run(authenticator.close())

        loop = asyncio.get_running_loop()
        seconds = self._expires_after + 2 * authenticator.config.stack.timeout
        self._retired[authenticator] = loop.call_later(seconds, close)

    def _run(self, coroutine: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _connect(self, begin: Callable[..., object]) -> Connection:
        asker = Asker(self._current, self.house)
        return Connection(begin, asker, self, self._expires_after)  # type: ignore[arg-type]

    def _status(self) -> dict[str, object]:
        """Return how this process does, in figures."""
        return {
            "connections": len(self._connections),
            "requests": sum(each.requests for each in self._connections),
            "logins_not_taken": self.house.waiting_logins,
            "hashes_waiting": self._current().hashes_waiting,
            "logins": [[*each, number] for each, number in sorted(self._logins.items())],
            "servers": server_states(self._current()),
            "workers": self._worker.siblings.size,
            "sockets": {
                _shown(each, place): each.plan.listen.protocol
                for place, each in self._listeners.items()
            },
        }

    def _current(self) -> AsyncAuthenticator:
        if self._authenticator is None:
            raise ConfigurationError("the daemon is ending")
        return self._authenticator


def _shown(listener: Listener, place: str) -> str:
    listen: ListenSettings = listener.plan.listen
    if listen.path:
        return place
    host, port = listener.socket.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
