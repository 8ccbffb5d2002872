"""A database on one server or several: who is asked, and what becomes of servers that fail.

The servers are asked in order, those that are well first. One that keeps silent is left alone,
so that not every login waits for it, and is tried beside the logins.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

from ualauth.sql.drivers.driver import Answer, Driver
from ualauth.sql.faults import SqlFault, TimedOut, Unreachable
from ualauth.sql.server import SqlServer
from ualauth.sql.settings import SqlSettings
from ualauth.sql.statement import Statement
from ualauth.sql.watch import Watch
from ualauth.system.circuit_breaker import CircuitBreaker

# Not the one that all share: an application may have seeded that.
_random = random.SystemRandom()
_SILENCE = 0.5
"""Seconds in vain after which a server is one that keeps silent: one that refuses does at once."""


class Database:
    """The servers of one om_sql.conf; for many threads."""

    def __init__(self, settings: SqlSettings, driver: Driver) -> None:
        """Connect to nothing yet."""
        self.settings = settings
        self.servers: Sequence[SqlServer] = [
            SqlServer(address, settings, driver) for address in settings.addresses
        ]
        self._breaker = CircuitBreaker(_SILENCE, self._pause)
        self._faults: dict[str, SqlFault] = {}
        self._watch = Watch(self)

    def ask(self, statement: Statement, values: dict[str, str]) -> Answer:
        """Return the answer of the first server that can say; blocks, for `timeout` at most.

        Raises:
            SqlFault: if none can.
            NameNotThere: if no user can have such a name.

        """
        until = time.monotonic() + self.settings.timeout
        fault: SqlFault | None = None
        for server in self._in_order():
            began = time.monotonic()
            if began >= until:
                break
            try:
                answer = server.ask(statement, values, until)
            except SqlFault as error:
                if not error.is_of_server:
                    self.succeeded(server)
                    raise
                fault = fault or error
                if error.counts:
                    self.failed(server, error, time.monotonic() - began)
                continue
            self.succeeded(server)
            return answer
        raise (fault or TimedOut("no server has answered in time")).again()

    def _in_order(self) -> Sequence[SqlServer]:
        """Return whom to ask, in this order.

        Raises:
            SqlFault: if asking any of them would only cost time.

        """
        well = [each for each in self.servers if self._breaker.is_well(each.name)]
        if len(well) == len(self.servers):
            return well
        open_names = [each for each in self.servers if self._breaker.is_open(each.name)]
        others = [each for each in self.servers if each not in well and each not in open_names]
        if not well and not others:
            first = self.servers[0].name
            raise self._faults.get(first, Unreachable("not tried", "", first)).again()
        return [*well, *others]

    def failed(self, server: SqlServer, fault: SqlFault, seconds: float) -> None:
        """Remember that a server is not well, and have it looked after."""
        self._faults[server.name] = fault.again()
        server.clear()
        self._breaker.failed(server.name, seconds, silent=seconds >= _SILENCE)
        self._watch.begin()

    def succeeded(self, server: SqlServer) -> None:
        """Remember that a server is well."""
        self._breaker.succeeded(server.name)

    def next_look(self) -> float | None:
        """Return when a server is to be tried that is not well (time.monotonic); `None`: never."""
        times = [
            self._breaker.retry_at(each.name)
            for each in self.servers
            if not self._breaker.is_well(each.name)
        ]
        return min(times, default=None)

    def look(self) -> None:
        """Try the servers whose time it is; blocks."""
        for server in self.servers:
            name = server.name
            if self._breaker.is_well(name) or time.monotonic() < self._breaker.retry_at(name):
                continue
            began = time.monotonic()
            try:
                server.look()
            except SqlFault as fault:
                if fault.counts:
                    seconds = time.monotonic() - began
                    self._faults[name] = fault.again()
                    self._breaker.failed(name, seconds, silent=seconds >= _SILENCE)
                    continue
            self.succeeded(server)

    def close(self) -> None:
        """Close every connection, and end the thread that looks after servers."""
        self._watch.end()
        for each in self.servers:
            each.close()

    def __del__(self) -> None:
        """Close what no entry uses any more, as a changed file makes another one."""
        self._watch.stop()
        for each in self.servers:
            each.clear()

    def _pause(self, failures: int, _seconds: float) -> float:
        longest: float = self.settings.retry_first * 2 ** min(failures - 1, 20)
        # At different times, so that not all clients of a server come back at once.
        return min(longest, self.settings.retry_most) * _random.uniform(0.5, 1.0)
