"""The daemon: its sockets, its connections, and how it starts, reloads and stops."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import signal
import socket
from collections.abc import Callable

from ualauth.aio import AsyncAuthenticator
from ualauth.config.config import Config
from ualauth.config.listen import ListenSettings
from ualauth.daemon import sockets
from ualauth.daemon.asking import Asker
from ualauth.daemon.connection import EXPIRES_AFTER, Connection
from ualauth.daemon.listener import Listener, Plan, check_same_kind
from ualauth.daemon.systemd import Notifier, handed_over, is_for
from ualauth.errors import ConfigurationError, UalauthError

log = logging.getLogger("ualauth.serve")

_GRACE = 10.0
"""Seconds that clients have, after a stop, to read what they were answered."""


class Daemon:
    """Serves the sockets of a configuration; one event loop, one process."""

    def __init__(
        self,
        load: Callable[[], Config],
        *,
        notifier: Notifier | None = None,
        inherited: list[socket.socket] | None = None,
        expires_after: float = EXPIRES_AFTER,
    ) -> None:
        """`load` reads the configuration, at the start and for each reload.

        `inherited` are sockets that were handed over; by default, those of systemd.
        """
        self._load = load
        self._notifier = Notifier() if notifier is None else notifier
        self._inherited = handed_over() if inherited is None else inherited
        self._expires_after = expires_after
        self._authenticator: AsyncAuthenticator | None = None
        self._listeners: dict[str, Listener] = {}
        self._retired: dict[AsyncAuthenticator, asyncio.TimerHandle] = {}
        """Those of former configurations, until what was begun with them is over."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections: set[Connection] = set()
        self._numbers = itertools.count(1)
        self._number = os.getpid()
        self._stopping = asyncio.Event()
        self._reloads = asyncio.Lock()
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

    async def run(self, ready: Callable[[], object] | None = None) -> None:
        """Serve until `stop`, or SIGTERM or SIGINT; SIGHUP reloads.

        `ready` is called once clients can connect.

        Raises:
            ConfigurationError: if it cannot start.

        """
        await self.start()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)

        def reload() -> None:
            task = loop.create_task(self._reload_or_tell())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        loop.add_signal_handler(signal.SIGHUP, reload)
        watchdog = loop.create_task(self._feed_watchdog())
        try:
            self._notifier.ready()
            if ready is not None:
                ready()
            await self.wait_for_stop()
        finally:
            watchdog.cancel()
            self._notifier.stopping()
            await self.stop()
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                loop.remove_signal_handler(number)

    async def start(self) -> None:
        """Open all sockets, or none.

        Raises:
            ConfigurationError: if one cannot be opened.

        """
        config = await asyncio.to_thread(self._load)
        if not config.listen:
            raise ConfigurationError(
                f"{config.directory}/ualauth.toml names no socket; add a table [[listen]]"
            )
        await self._change(config)
        for unused in self._inherited:
            log.warning("a socket that was handed over is named by no [[listen]]: %s", unused)

    async def reload(self) -> None:
        """Read the configuration anew, and serve by it; connections stay.

        Raises:
            ConfigurationError: if it cannot be used; then nothing has changed.

        """
        async with self._reloads:
            self._notifier.reloading()
            try:
                await self._change(await asyncio.to_thread(self._load))
            finally:
                self._notifier.ready()

    def request_stop(self) -> None:
        """Let `run` come to its end."""
        self._stopping.set()

    async def wait_for_stop(self) -> None:
        """Wait until it was requested to stop."""
        await self._stopping.wait()

    async def stop(self) -> None:
        """Close the sockets, answer what is asked, and end all connections."""
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
        opened: dict[str, Listener] = {}
        try:
            for plan in plans:
                place = plan.listen.place
                if place in self._listeners:
                    check_same_kind(self._listeners[place], plan)
                    if self._listeners[place].is_own:
                        sockets.give_rights(plan.listen)
                else:
                    opened[place] = self._open(plan)
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
            task = loop.create_task(authenticator.close())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        loop = asyncio.get_running_loop()
        seconds = self._expires_after + 2 * authenticator.config.stack.timeout
        self._retired[authenticator] = loop.call_later(seconds, close)

    def _open(self, plan: Plan) -> Listener:
        for inherited in self._inherited:
            if is_for(inherited, plan.listen):
                self._inherited.remove(inherited)
                return Listener(plan, inherited, self._number, is_own=False)
        return Listener(plan, sockets.listening(plan.listen), self._number, is_own=True)

    def _connect(self, begin: Callable[..., object]) -> Connection:
        return Connection(begin, Asker(self._current), self, self._expires_after)  # type: ignore[arg-type]

    def _current(self) -> AsyncAuthenticator:
        if self._authenticator is None:
            raise ConfigurationError("the daemon is ending")
        return self._authenticator

    async def _reload_or_tell(self) -> None:
        try:
            await self.reload()
        except UalauthError as error:
            log.error("the configuration is not used, and the one before stays: %s", error)  # noqa: TRY400
        except Exception as error:  # noqa: BLE001 - it goes on with what it has
            log.error("the configuration was not read: raised %s", type(error).__name__)  # noqa: TRY400
        else:
            log.info("the configuration was read anew")

    async def _feed_watchdog(self) -> None:
        interval = self._notifier.watchdog_interval
        while interval:
            self._notifier.watchdog()
            await asyncio.sleep(interval)


def _shown(listener: Listener, place: str) -> str:
    listen: ListenSettings = listener.plan.listen
    if listen.path:
        return place
    host, port = listener.socket.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
