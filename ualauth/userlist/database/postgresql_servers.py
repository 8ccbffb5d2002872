"""The servers of a PostgreSQL URL: which one is read from, and which one written to.

Writes need a server that takes them. Reads prefer it, too, since it alone has
every change; while it cannot be reached they go on from any other, and it is
looked for again from time to time by one of those who read.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Mapping
from typing import Any

import psycopg

from ualauth.system.circuit_breaker import CircuitBreaker
from ualauth.userlist.database.postgresql_errors import CannotConnect, NoAnswer

# Seconds until the primary is looked for again, and how many times longer than
# looking took: a server that is down says so at once, one that is cut off says
# nothing until the time is over.
_LOOK_AGAIN = 1.0
_REST = 10

_PRIMARY = "primary"
_MOST_TO_CONNECT = 10
_MOST_IDLE_IN_TRANSACTION = 30
"""Seconds after which a server frees what a program that vanished has locked."""

Parameters = Mapping[str, Any]


class Connection(psycopg.Connection[Any]):
    """A connection that waits no longer than `patience` seconds for an answer.

    The server's own limit does not help if the server itself stands still.
    """

    patience = math.inf
    of_replica = False

    def wait(self, gen: Any, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - of psycopg
        """See psycopg.Connection.wait; raises `NoAnswer`."""
        try:
            return super().wait(_bounded(gen, time.monotonic() + self.patience), *args, **options)
        except NoAnswer:
            # What comes late must not be taken for the next answer.
            self.close()
            raise


class Servers:
    """The servers of a URL; a thread that connects changes what the others do."""

    def __init__(self, parameters: Parameters, timeout: float) -> None:
        """Keep libpq's parameters; each server has `timeout` seconds for each answer."""
        self._timeout = timeout
        self._all = _defaults(parameters, timeout)
        # Who says which server to read from has the say.
        chosen = "target_session_attrs" in parameters
        self._each = [self._all] if chosen else _split(self._all)
        self._replica: Parameters | None = None
        # While one looks for the primary, the others go on with the replica.
        self._breaker = CircuitBreaker(
            0.0,
            lambda _failures, seconds: max(_LOOK_AGAIN, _REST * seconds),
            trial=len(self._each) * (_MOST_TO_CONNECT + timeout),
        )

    def connect_to_write(self) -> Connection:
        """Return a connection to a server that takes changes.

        Raises:
            CannotConnect: if there is none.

        """
        return self._connect(self._all | {"target_session_attrs": "read-write"})

    def connect_to_read(self) -> Connection:
        """Return a connection to the primary, or else to any server.

        Raises:
            CannotConnect: if none can be reached.

        """
        if len(self._each) == 1:
            return self._connect(self._each[0])
        began = self._breaker.begin(_PRIMARY)
        replica = self._replica
        if began is None and replica is not None:
            try:
                return self._mark(self._connect(replica))
            except CannotConnect:
                pass
        return self._look(time.monotonic() if began is None else began)

    def is_outdated(self, connection: Connection) -> bool:
        """Tell whether a connection is to a replica, and it is time to look for the primary."""
        if not connection.of_replica:
            return False
        return self._replica is None or not self._breaker.is_open(_PRIMARY)

    def _look(self, began: float) -> Connection:
        """Connect to each server in turn until one takes changes."""
        first_replica: tuple[Connection, Parameters] | None = None
        errors = []
        for server in self._each:
            try:
                connection = self._connect(server)
                primary = _takes_changes(connection)
            except psycopg.OperationalError as error:
                errors.append(str(error))
                continue
            if primary:
                self._replica = None
                self._breaker.end(_PRIMARY, began, answered=True)
                if first_replica is not None:
                    first_replica[0].close()
                return connection
            if first_replica is None:
                first_replica = connection, server
            else:
                connection.close()
        if first_replica is None:
            self._replica = None
            self._breaker.end(_PRIMARY, began, answered=True)
            raise CannotConnect("; ".join(errors))
        connection, self._replica = first_replica
        self._breaker.end(_PRIMARY, began, answered=False)
        return self._mark(connection)

    def _connect(self, parameters: Parameters) -> Connection:
        try:
            connection = Connection.connect(autocommit=True, **parameters)
        except psycopg.Error as error:
            text = str(error)
        else:
            # A little more than the server itself allows, which says more about it.
            connection.patience = self._timeout + 1
            return connection
        # Raised here: the frames of the first one hold the password.
        raise CannotConnect(text)

    def _mark(self, connection: Connection) -> Connection:
        connection.of_replica = True
        return connection


def _defaults(parameters: Parameters, timeout: float) -> dict[str, Any]:
    """Return the parameters with what keeps a dead server from being waited for."""
    milliseconds = max(1, round(timeout * 1000))
    idle = _MOST_IDLE_IN_TRANSACTION * 1000
    return {
        "application_name": "ualauth",
        "connect_timeout": min(max(2, math.ceil(timeout)), _MOST_TO_CONNECT),
        # Routers forget connections that are silent for some minutes.
        "keepalives_idle": 30,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": milliseconds,
        "options": f"-c statement_timeout={milliseconds} "
        f"-c idle_in_transaction_session_timeout={idle}",
        **parameters,
        "client_encoding": "UTF8",
    }


def _split(parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the parameters of each server."""
    lists = {
        name: str(parameters[name]).split(",")
        for name in ("host", "hostaddr", "port")
        if parameters.get(name)
    }
    count = max(len(lists.get("host", ())), len(lists.get("hostaddr", ())), 1)
    if any(len(values) not in (1, count) for values in lists.values()):
        # libpq says what is wrong with it.
        return [parameters]
    return [
        parameters | {name: values[index % len(values)] for name, values in lists.items()}
        for index in range(count)
    ]


def _takes_changes(connection: Connection) -> bool:
    """Ask the server, as libpq does for target_session_attrs=read-write."""
    row = connection.execute("SHOW transaction_read_only").fetchone()
    return row is not None and row[0] == "off"


def _bounded(generator: Any, deadline: float) -> Generator[Any, Any, Any]:  # noqa: ANN401 - of psycopg
    """Pass on what psycopg waits for and what becomes of it, until the deadline.

    psycopg sends 0 ten times a second while nothing happens.
    """
    try:
        wanted = next(generator)
        while True:
            ready = yield wanted
            if not ready and time.monotonic() > deadline:
                raise NoAnswer("no answer")
            wanted = generator.send(ready)
    except StopIteration as end:
        return end.value
