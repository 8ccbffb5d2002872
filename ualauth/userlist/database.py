"""One database: how it is opened, kept open, read and written.

Reads go straight to the driver's cursor with a statement that SQLAlchemy
compiled once, on a connection that is kept: that takes half the time of
`Connection.execute`, and every login pays it. Writes are transactions of
SQLAlchemy. Every error becomes a `StoreError`.
"""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, Select, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from ualauth.errors import ConfigurationError, StoreError
from ualauth.userlist.faults import FAILURES, Place
from ualauth.userlist.revision import check_revision
from ualauth.userlist.rows import Row

T = TypeVar("T")

_LOG_NAME = "ualauth"
# Idle connections that are kept: more threads than that seldom read at once.
_MOST_IDLE = 64
_NO_FILE = (0, 0)


class Database:
    """A database by its SQLAlchemy URL; opens nothing before it is used."""

    def __init__(self, url: str | URL, timeout: float) -> None:
        """Keep `url`, and wait `timeout` seconds for other programs' locks.

        Raises:
            ConfigurationError: for a URL that is none, or of an unknown kind.

        """
        self.url = _read_url(url)
        path = self.url.database or ""
        self.place = Place(path, path, timeout)
        self._begin()
        _databases.add(self)

    def _begin(self) -> None:
        """Start with nothing open."""
        self._lock = threading.Lock()
        self._file: tuple[int, int] | None = None
        self._engine: Engine | None = None
        self._idle: deque[Connection] = deque()
        self._prepared: dict[Select[Any], _Prepared] = {}

    def read(self, statement: Select[Any], values: Mapping[str, object]) -> list[Row]:
        """Return all rows of `statement` with `values` for its parameters.

        The statement is kept for ever: make it once.

        Raises:
            StoreError: if the database cannot be used.

        """
        self._follow()
        idle = self._idle
        try:
            connection = idle.pop()
        except IndexError:
            connection = None
        if connection is None:
            connection = self._connect()
        try:
            prepared = self._prepared.get(statement)
            if prepared is None:
                prepared = self._prepared[statement] = _Prepared(statement, connection)
            rows = prepared.run(connection, values)
        except FAILURES as error:
            fault = self.place.fault(error)
        else:
            if len(idle) < _MOST_IDLE:
                idle.append(connection)
            else:
                connection.close()
            return rows
        connection.invalidate()
        connection.close()
        raise fault

    def write(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` does in a transaction, which is undone if it raises.

        On SQLite it has the only right to write from the start, so that what
        is read in it still holds when it writes.

        Raises:
            StoreError: if the database cannot be used.
            NameTaken: if a name, address or uid belongs to another user.

        """
        self._follow()
        connection = self._connect()
        try:
            with connection.begin():
                return work(connection)
        except FAILURES as error:
            fault = self.place.fault(error)
            connection.invalidate()
        finally:
            connection.close()
        raise fault

    def close(self) -> None:
        """Close what is open and idle; it is opened again when needed."""
        with self._lock:
            engine, self._engine = self._engine, None
            idle, self._idle = self._idle, deque()
        while idle:
            idle.pop().close()
        if engine is not None:
            engine.dispose()

    def forget(self) -> None:
        """Start anew in a child process.

        What the parent opened is kept there unused: SQLite forbids even to
        close it (sqlite.org/howtocorrupt.html, section 2.6).
        """
        _left_behind.append((self._engine, self._idle))
        self._begin()

    def _follow(self) -> None:
        """Leave behind what is open, if another file is in the place of the database.

        It is kept unused: who closes the last connection to a file deletes the
        WAL beside it (sqlite.org/wal.html), which belongs to the other file.
        """
        try:
            status = os.stat(self.place.path)  # noqa: PTH116 - a microsecond less
            found = status.st_dev, status.st_ino
        except OSError:
            found = _NO_FILE
        if found == self._file:
            return
        with self._lock:
            if self._file not in {None, found}:
                _left_behind.append((self._engine, self._idle))
                self._engine, self._idle = None, deque()
            self._file = found

    def _connect(self) -> Connection:
        """Return a connection whose schema was looked at."""
        connection = None
        try:
            connection = self._open_engine().connect()
            if "checked" not in connection.info:
                check_revision(connection, self.place.name)
                connection.info["checked"] = True
        except StoreError:
            if connection is not None:
                connection.close()
            raise
        except FAILURES as error:
            fault = self.place.fault(error)
        else:
            return connection
        if connection is not None:
            connection.invalidate()
            connection.close()
        raise fault

    def _open_engine(self) -> Engine:
        with self._lock:
            if self._engine is None:
                self._engine = new_engine(self.url, self.place)
            return self._engine


class _Prepared:
    """A statement compiled for the driver."""

    __slots__ = ("constants", "names", "text")

    def __init__(self, statement: Select[Any], connection: Connection) -> None:
        """Compile `statement` for the dialect of `connection`."""
        compiled = statement.compile(dialect=connection.dialect)
        self.text = str(compiled)
        # Of the parameters, only numbers of rows have a value already.
        self.constants = {
            name: value for name, value in compiled.params.items() if value is not None
        }
        self.names = compiled.positiontup if compiled.positional else None

    def run(self, connection: Connection, values: Mapping[str, object]) -> list[Row]:
        """Return all rows; none are left behind, so that the lock for reading ends."""
        if self.constants:
            values = {**self.constants, **values}
        parameters = values if self.names is None else [values[name] for name in self.names]
        cursor = connection.connection.cursor()
        cursor.execute(self.text, parameters)
        return list(cursor.fetchall())


def new_engine(url: URL, place: Place) -> Engine:
    """Return an engine for a database that exists; nobody creates one by reading."""
    engine = create_engine(
        url.set(database=f"file:{quote(place.path)}", query={"mode": "rw", "uri": "true"}),
        connect_args={"timeout": place.timeout},
        hide_parameters=True,
        logging_name=_LOG_NAME,
        # Each thread that reads keeps one connection; there must always be
        # another one for who writes.
        max_overflow=-1,
    )
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin_immediate)
    return engine


# At DEBUG, SQLAlchemy logs rows, and those have hashes in them.
logging.getLogger(f"sqlalchemy.engine.Engine.{_LOG_NAME}").setLevel(logging.INFO)


def _set_up(connection: Any, _: object) -> None:  # noqa: ANN401 - the driver's connection
    # Transactions begin where `_begin_immediate` says so, not where the driver
    # thinks fit; reads need none.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    # NORMAL may lose the last transactions when the power fails, and with them
    # a change of password that was confirmed: the old password would be back.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _read_url(text: str | URL) -> URL:
    try:
        url = make_url(text)
    except ArgumentError:
        # The text may have a password.
        raise ConfigurationError("url of the USERLIST: is not like sqlite:////path") from None
    if url.drivername not in {"sqlite", "sqlite+pysqlite"}:
        raise ConfigurationError(
            f"url of the USERLIST: {url.drivername} is not supported, only sqlite:////path is",
        )
    if not url.database or url.database.startswith((":memory:", "file:")) or url.query:
        raise ConfigurationError("url of the USERLIST: name a file, as in sqlite:////path")
    # The working folder may change before it is opened.
    return url.set(database=os.path.abspath(url.database))  # noqa: PTH100 - a path as text


_databases: weakref.WeakSet[Database] = weakref.WeakSet()
_left_behind: list[object] = []


def _forget_all() -> None:
    for database in list(_databases):
        database.forget()


os.register_at_fork(after_in_child=_forget_all)
