"""One server of a database: its connections, and a limit of time for each call.

A call that hangs is left behind in its thread; how many may hang is bounded, for each server.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from ualauth.sql.drivers.driver import Answer, Driver, DriverConnection
from ualauth.sql.faults import Busy, Lost, NameNotThere, SqlFault, TimedOut
from ualauth.sql.settings import Address, SqlSettings
from ualauth.sql.statement import Statement
from ualauth.system.forks import RenewedSemaphore, new_lock, renew_after_fork
from ualauth.system.time_limit import Overdue, TimeLimit, TooManyHang

T = TypeVar("T")

_SLACK = 2.0
"""Seconds that a driver, whose own limit says more, has beyond it."""


class SqlServer:
    """At most `settings.pool_size` calls at once, each with a connection of its own."""

    def __init__(self, address: Address, settings: SqlSettings, driver: Driver) -> None:
        """Begin with no connection."""
        self.name = str(address)
        self._address = address
        self._settings = settings
        self._driver = driver
        self._limit = TimeLimit(settings.pool_size)
        self._places = RenewedSemaphore(settings.pool_size)
        self._lock = new_lock()
        self._idle: list[tuple[DriverConnection, float]] = []
        self._inherited: list[tuple[DriverConnection, float]] = []
        """Connections of the parent, which a child may neither use nor close."""
        self._is_closed = False
        renew_after_fork(self)

    def begin_in_child(self) -> None:
        """See `forks.Renewable`."""
        self._inherited += self._idle
        self._idle = []

    @property
    def left_behind(self) -> int:
        """How many threads hang in calls whose time is up."""
        return self._limit.left_behind

    def ask(self, statement: Statement, values: dict[str, str], until: float) -> Answer:
        """Return the answer to a query; blocks, for as long as the settings say or `until`.

        Raises:
            SqlFault: if it cannot be had.
            NameNotThere: if no user can have such a name.

        """
        if not self._places.acquire(timeout=max(0.0, until - time.monotonic())):
            raise Busy(f"all {self._settings.pool_size} connections are in use", _POOL, self.name)
        try:
            return self._ask_again(statement, values, until)
        finally:
            self._places.release()

    def _ask_again(self, statement: Statement, values: dict[str, str], until: float) -> Answer:
        """Return the answer; a connection that has ended meanwhile is replaced once."""
        while True:
            connection = self._take()
            is_fresh = connection is None
            if connection is None:
                connection = self._connect(until)
            try:
                return self._ask(connection, statement, values, until)
            except Lost:
                self.clear()
                if is_fresh:
                    raise

    def look(self) -> str:
        """Connect, and return what the server is; blocks.

        Raises:
            SqlFault: if it is not well.

        """
        connection = self._connect(time.monotonic() + self._settings.connect_timeout)
        version = self._driver.version(connection)
        self._give_back(connection)
        return version

    def clear(self) -> None:
        """Close the connections that no caller uses."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection, _ in idle:
            self._driver.close(connection)

    def close(self) -> None:
        """Close all; one that is used is closed when it is given back."""
        self._is_closed = True
        self.clear()
        self._limit.close()

    def _ask(
        self,
        connection: DriverConnection,
        statement: Statement,
        values: dict[str, str],
        until: float,
    ) -> Answer:
        left = max(0.0, until - time.monotonic())
        seconds = min(self._settings.query_timeout, left)
        use = _Use(self._driver, connection)
        ask = partial(use.run, partial(self._driver.ask, connection, statement, values, seconds))
        try:
            answer = self._call(min(seconds + _SLACK, left), ask)
        except NameNotThere:
            self._give_back(connection)
            raise
        except BaseException:
            use.abandon()
            raise
        self._give_back(connection)
        return answer

    def _connect(self, until: float) -> DriverConnection:
        seconds = min(self._settings.connect_timeout, max(0.0, until - time.monotonic()))
        connect = partial(self._driver.connect, self._address, self._settings)
        return self._call(seconds, connect, discard=self._driver.close)

    def _call(
        self,
        seconds: float,
        function: Callable[[], T],
        *,
        discard: Callable[[T], object] = lambda _: None,
    ) -> T:
        """Return what a call into the library returns, or raise a `SqlFault`."""
        try:
            return self._limit.call(seconds, function, discard)
        except Overdue:
            fault: SqlFault = TimedOut(f"there is no answer within {seconds:.3g} s", _SILENT)
        except TooManyHang:
            hang = self._limit.left_behind
            text = f"all {self._settings.pool_size} connections are in use"
            fault = TimedOut(f"{hang} calls hang", _SILENT) if hang else Busy(text, _POOL)
        except NameNotThere:
            raise
        except SqlFault as error:
            fault = error
        except Exception as error:  # noqa: BLE001 - as many kinds as libraries
            fault = self._driver.fault(error, self._settings)
        # Raised here, and nothing is chained: texts of libraries may quote what they were given.
        raise fault.at(self.name)

    def _take(self) -> DriverConnection | None:
        """Return the connection that was used last, if it is still good."""
        oldest = time.monotonic() - self._settings.idle_lifetime
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection, since = self._idle.pop()
            if since >= oldest and not self._driver.is_dead(connection):
                return connection
            self._driver.close(connection)

    def _give_back(self, connection: DriverConnection) -> None:
        with self._lock:
            if not self._is_closed:
                self._idle.append((connection, time.monotonic()))
                # What has waited longest is closed, although others are used again and again.
                oldest = time.monotonic() - self._settings.idle_lifetime
                old = [each for each in self._idle if each[1] < oldest]
                self._idle = [each for each in self._idle if each[1] >= oldest]
            else:
                old = [(connection, 0.0)]
        for each, _ in old:
            self._driver.close(each)


class _Use:
    """One question on a connection, which is closed by whom uses it last."""

    def __init__(self, driver: Driver, connection: DriverConnection) -> None:
        self._driver = driver
        self._connection = connection
        self._lock = new_lock()
        self._is_running = self._is_abandoned = False

    def run(self, ask: Callable[[], T]) -> T:
        with self._lock:
            self._is_running = True
        try:
            return ask()
        finally:
            with self._lock:
                self._is_running = False
                is_last = self._is_abandoned
            if is_last:
                self._driver.close(self._connection)

    def abandon(self) -> None:
        """Close the connection, or let the thread do it that waits for it, soon."""
        with self._lock:
            self._is_abandoned = True
            if self._is_running:
                self._driver.abort(self._connection)
                return
        self._driver.close(self._connection)


_POOL = "see pool_size, and what keeps the server busy"
_SILENT = "see whether the server runs and can be reached"
