"""One database: how it is opened, kept open, read and written.

Reads go straight to the driver's cursor with a statement that SQLAlchemy
compiled once, on a connection that is kept: that takes half the time of
`Connection.execute`, and every login pays it. Writes are transactions of
SQLAlchemy. Every error becomes a `StoreError`.
"""

from __future__ import annotations

import logging
import random
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, TypeVar
from weakref import WeakSet

from sqlalchemy import URL, Connection, Engine, SelectBase

from ualauth.errors import ConfigurationError, StoreError
from ualauth.system.forks import new_lock, renew_after_fork
from ualauth.userlist.database import row_security
from ualauth.userlist.database.backend import LONGEST, Backend
from ualauth.userlist.database.files import (
    PUT_BACK,
    Files,
    files_at,
    is_noted_as_lost,
    register,
    reopen,
)
from ualauth.userlist.database.revision import check_revision
from ualauth.userlist.database.rows import Row
from ualauth.userlist.database.view import (
    SERVER_WIDE,
    View,
    parameters_of,
    restrict,
    restricted_text,
    schema_of,
)

log = logging.getLogger("ualauth.userlist")

T = TypeVar("T")

# Each kind is imported when a URL names it: psycopg is not always there.
BACKENDS: Mapping[str, tuple[str, str]] = {
    "sqlite": ("ualauth.userlist.database.sqlite", "SQLiteBackend"),
    "sqlite+pysqlite": ("ualauth.userlist.database.sqlite", "SQLiteBackend"),
    "postgresql": ("ualauth.userlist.database.postgresql", "PostgreSQLBackend"),
    "postgresql+psycopg": ("ualauth.userlist.database.postgresql", "PostgreSQLBackend"),
}
"""What a URL begins with, and the class of what it names."""

# Idle connections that are kept: more threads than that seldom read at once.
_MOST_IDLE = 64
# A transaction that gives way this often has rivals without end.
_MOST_TRIES = 10
# Not the one that all share: an application may have seeded that.
_random = random.SystemRandom()


class Database:
    """A database by its URL; opens nothing before it is used."""

    def __init__(self, url: str, timeout: float, *, read_only: bool = False) -> None:
        """Keep `url`, and wait `timeout` seconds for other programs and for an answer.

        One that is `read_only` is never changed by it.

        Raises:
            ConfigurationError: for a URL that is none, or of an unknown kind;
                or if the library for its kind is not installed.

        """
        self.backend = _backend(url, timeout)
        self.backend.read_only = read_only
        self._text = url
        self.path = self.backend.path
        self._begin()
        renew_after_fork(self)
        if self.path is not None:
            register(self)

    @property
    def url(self) -> URL:
        """The URL as SQLAlchemy has it, without what is secret: it tells the kind."""
        return self.backend.url

    def anew(self, *, patient: bool = False) -> Database:
        """Return the same database with nothing open; a `patient` one waits for large tables."""
        backend = self.backend
        timeout = max(backend.timeout, LONGEST) if patient else backend.timeout
        return Database(self._text, timeout, read_only=backend.read_only)

    def _begin(self) -> None:
        """Start with nothing open."""
        self._lock = new_lock()
        self._files: Files | None = None
        self._engines: dict[bool, Engine] = {}
        self._idle: deque[Connection] = deque()
        self._dropped: WeakSet[Engine] = WeakSet()
        """Engines that were closed, whose connections are closed as they come back."""
        self._prepared: dict[SelectBase, _Prepared] = {}
        self._prepared_for_companies: dict[SelectBase, _Prepared] = {}

    view: View = SERVER_WIDE
    """What is seen of it."""

    def seen_by(self, view: View) -> Database:
        """Return the same database as another sees it; it shares the connections.

        Only who sees all can let others see some of it.

        Raises:
            StoreError: if this is what a company sees.

        """
        return self if view == self.view else SeenDatabase(self, view)

    def read(
        self, statement: SelectBase, values: Mapping[str, object], *, keep: bool = True
    ) -> list[Row]:
        """Return all rows of `statement` with `values` for its parameters, as far as they are seen.

        The statement is kept for ever, unless not to `keep` it: make it once. If a connection
        was lost while it was idle, another one is asked.

        Raises:
            StoreError: if the database cannot be used.

        """
        return self.read_as(self.view, statement, values, keep=keep)

    def read_as(
        self,
        view: View,
        statement: SelectBase,
        values: Mapping[str, object],
        *,
        keep: bool = True,
    ) -> list[Row]:
        """Return the rows of `statement` that `view` sees; otherwise as `read`."""
        self._follow()
        with self.backend.calls:
            return self._read(view, statement, values, keep)

    def _read(
        self,
        view: View,
        statement: SelectBase,
        values: Mapping[str, object],
        keep: bool,  # noqa: FBT001 - of `read`
    ) -> list[Row]:
        idle = self._idle
        connection = self._take_idle()
        was_idle = connection is not None
        while True:
            if connection is None:
                connection = self._connect(writing=False)
            try:
                known = self._prepared if view.company is None else self._prepared_for_companies
                prepared = known.get(statement)
                if prepared is None:
                    prepared = _Prepared(statement, connection, view)
                    if keep:
                        known[statement] = prepared
                rows = prepared.run(connection, values, view)
            except self.backend.failures as error:
                lost = was_idle and self.backend.is_lost(error)
                fault = self.backend.fault(error)
            else:
                self._put_back(connection, idle)
                return rows
            _throw_away(connection)
            if not lost:
                raise fault
            # What ended this one has ended those as well.
            while idle:
                _throw_away(idle.pop())
            connection, was_idle = None, False

    def write(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` does in a transaction, which is undone if it raises.

        On SQLite it has the only right to write from the start, so that what
        is read in it still holds when it writes. Elsewhere others write at the
        same time (READ COMMITTED): what `work` has read holds only if a
        constraint says so, or if it locked the row before, by changing it or
        with FOR UPDATE. A transaction that was undone for another's sake is
        repeated: `work` may be called several times.

        Raises:
            StoreError: if the database cannot be used.
            NameTaken: if a name, address or uid belongs to another user.

        """
        return self.write_as(self.view, work)

    def write_as(self, view: View, work: Callable[[Connection], T]) -> T:
        """Return what `work` does where it sees and changes what `view` sees; see `write`."""
        if self.backend.read_only:
            raise StoreError(f"{self.backend.name}: is opened for reading alone")
        self._follow()
        tries = 0
        while True:
            tries += 1
            with self.backend.calls:
                connection = self._connect(writing=True)
                try:
                    restrict(connection, view)
                    with connection.begin():
                        if view.company is not None:
                            row_security.begin(connection, view)
                        return work(connection)
                except self.backend.failures as error:
                    repeat = tries < _MOST_TRIES and self.backend.is_conflict(error)
                    fault = self.backend.fault(error)
                    if not repeat:
                        connection.invalidate()
                finally:
                    self._close(connection)
            if not repeat:
                raise fault
            # Rivals that wait for different times do not meet again.
            time.sleep(_random.random() * 0.001 * 2**tries)

    def close(self) -> None:
        """Close what is open and idle; it is opened again when needed."""
        with self.backend.calls:
            self.drop()

    def drop(self) -> None:
        """See `files.Holder.drop`."""
        with self._lock:
            engines, self._engines = self._engines, {}
            idle, self._idle = self._idle, deque()
            self._files = None
            self._dropped.update(engines.values())
        while idle:
            idle.pop().close()
        for engine in engines.values():
            engine.dispose()

    def __del__(self) -> None:
        """Close what is open, at no moment at which another thread forks."""
        # An argument may have been wrong: then there is nothing.
        if hasattr(self, "_engines") and not sys.is_finalizing():
            self.close()

    def begin_in_child(self) -> None:
        """See `Renewable.begin_in_child`.

        What the parent opened is kept there unused: SQLite forbids even to
        close it (sqlite.org/howtocorrupt.html, section 2.6), and to close a
        connection to a server would end the parent's.
        """
        _left_behind.append((self._engines, self._idle))
        self._begin()

    def _follow(self) -> None:
        """Open anew what is open, if the files under it are others, or were written by others."""
        if self.path is None:
            return
        before, now = self._files, files_at(self.path)
        if now == before and not is_noted_as_lost(self.path):
            return
        if before is None or before.database != now.database:
            self._leave_behind(now)
        elif before.lost(now) or is_noted_as_lost(self.path):
            with _reopening:
                if self._files is before:
                    reopen(self.path)
        else:
            if before.written != now.written:
                self._replace_connections()
            self._files = now

    def _leave_behind(self, now: Files) -> None:
        """Leave behind what is open, if another file is in the place of the database.

        It is kept unused: who closes the last connection to a file deletes the
        WAL beside it (sqlite.org/wal.html), which belongs to the other file.
        """
        with self._lock:
            # Another thread may have seen it first.
            if self._files is not None and self._files.database not in {None, now.database}:
                log.warning("%s: is another file now: %s", self.backend.name, PUT_BACK)
                _left_behind.append((self._engines, self._idle))
                self._engines, self._idle = {}, deque()
            self._files = now

    def _replace_connections(self) -> None:
        """Read by new connections, as old ones may remember what the file had before.

        SQLite writes it now and then (a checkpoint), and so does who copies a backup over it.
        The new one comes first: the last one to be closed would write its WAL there.
        """
        with self.backend.calls:
            with self._lock:
                engines, self._engines = self._engines, {}
                idle, self._idle = self._idle, deque()
                self._dropped.update(engines.values())
            if not idle and not engines:
                return
            try:
                self._put_back(self._connect(writing=False), idle)
            except StoreError:
                # What comes next will say so.
                log.warning("%s: was written over, and cannot be read: %s", self.path, PUT_BACK)
            while idle:
                idle.pop().close()
            for engine in engines.values():
                engine.dispose()

    def _take_idle(self) -> Connection | None:
        """Return a connection to read with that is still good, if there is one."""
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return None
            if not self.backend.is_outdated(connection):
                return connection
            _throw_away(connection)

    def _put_back(self, connection: Connection, before: deque[Connection]) -> None:
        """Keep what was read with; close it if others were closed since `before` was taken."""
        with self._lock:
            if connection.engine is self._engines.get(False):
                idle = self._idle
            elif connection.engine in self._dropped:
                idle = None
            else:
                # Of a file that was left behind.
                idle = before
            if idle is not None and len(idle) < _MOST_IDLE:
                idle.append(connection)
                return
        self._close(connection)

    def _close(self, connection: Connection) -> None:
        """Give a connection back to its engine, or close it if that was closed meanwhile."""
        with self._lock:
            dropped = connection.engine in self._dropped
            if not dropped:
                # Within the lock: the engine is closed after this, with what it has by then.
                connection.close()
        if dropped:
            _throw_away(connection)

    def _connect(self, *, writing: bool) -> Connection:
        """Return a connection whose schema was looked at."""
        connection = None
        try:
            connection = self._open_engine(writing=writing).connect()
            if "checked" not in connection.info:
                check_revision(connection, self.backend.name)
                connection.info["checked"] = True
                self._note_files()
        except StoreError:
            if connection is not None:
                connection.close()
            raise
        except self.backend.failures as error:
            fault = self.backend.fault(error)
        else:
            return connection
        if connection is not None:
            _throw_away(connection)
        raise fault

    def _note_files(self) -> None:
        """Note which files a first connection has made beside the database."""
        before = self._files
        if before is not None and self.path is not None and before.shm is None:
            self._files = files_at(self.path)._replace(written=before.written)

    def _open_engine(self, *, writing: bool) -> Engine:
        with self._lock:
            engine = self._engines.get(writing)
            if engine is None:
                engine = self._engines[writing] = self.backend.new_engine(writing=writing)
            return engine


class SeenDatabase(Database):
    """A database as a company sees it, over the connections of one that sees all."""

    def __init__(self, shared: Database, view: View) -> None:
        """See what `view` does, of a database that is seen as a whole."""
        if not shared.view.is_server_wide:
            raise StoreError("a company lets no other see the USERLIST")
        self._shared = shared
        self.view = view
        self.backend = shared.backend
        self.path = shared.path

    def read(
        self, statement: SelectBase, values: Mapping[str, object], *, keep: bool = True
    ) -> list[Row]:
        """See `Database.read`."""
        return self._shared.read_as(self.view, statement, values, keep=keep)

    def write(self, work: Callable[[Connection], T]) -> T:
        """See `Database.write`."""
        return self._shared.write_as(self.view, work)

    def read_as(
        self,
        view: View,
        statement: SelectBase,
        values: Mapping[str, object],
        *,
        keep: bool = True,
    ) -> list[Row]:
        """See `Database.read_as`: a company asks for itself alone."""
        if view != self.view:
            raise StoreError("a company sees nothing of others")
        return self.read(statement, values, keep=keep)

    def write_as(self, view: View, work: Callable[[Connection], T]) -> T:
        """See `Database.write_as`: a company asks for itself alone."""
        if view != self.view:
            raise StoreError("a company sees nothing of others")
        return self.write(work)

    def anew(self, *, patient: bool = False) -> Database:
        """See `Database.anew`."""
        return SeenDatabase(self._shared.anew(patient=patient), self.view)

    def close(self) -> None:
        """Close nothing: others use the connections."""


class _Prepared:
    """A statement compiled for the driver, of all there is or of what a company sees."""

    __slots__ = ("constants", "names", "text")

    def __init__(self, statement: SelectBase, connection: Connection, view: View) -> None:
        """Compile `statement` for the dialect of `connection`."""
        compiled = statement.compile(dialect=connection.dialect)
        self.text = str(compiled)
        if not view.is_server_wide:
            self.text = restricted_text(self.text, view, schema_of(connection))
        # Of the parameters, only numbers of rows have a value already.
        self.constants = {
            name: value for name, value in compiled.params.items() if value is not None
        }
        self.names = compiled.positiontup if compiled.positional else None

    def run(self, connection: Connection, values: Mapping[str, object], view: View) -> list[Row]:
        """Return all rows; none are left behind, so that the lock for reading ends."""
        if self.constants:
            values = {**self.constants, **values}
        parameters = values if self.names is None else [values[name] for name in self.names]
        cursor = connection.connection.cursor()
        if view.company is not None:
            return self._run_for_company(connection, cursor, parameters, view)
        cursor.execute(self.text, parameters)
        return list(cursor.fetchall())

    def _run_for_company(
        self,
        connection: Connection,
        cursor: Any,  # noqa: ANN401 - of the driver
        parameters: Any,  # noqa: ANN401 - likewise
        view: View,
    ) -> list[Row]:
        with row_security.reading(connection, cursor, view):
            cursor.execute(self.text, parameters_of(self.text, parameters, view))
            return list(cursor.fetchall())


def _throw_away(connection: Connection) -> None:
    connection.invalidate()
    connection.close()


def _backend(url: str, timeout: float) -> Backend:
    kind = url.partition(":")[0]
    if kind not in BACKENDS:
        # The text may have a password.
        raise ConfigurationError(
            "url of the USERLIST: is like neither sqlite:////path nor "
            "postgresql://user@host/database",
        )
    module, name = BACKENDS[kind]
    backend: Backend = getattr(import_module(module), name)(url, timeout)
    return backend


_left_behind: list[object] = []
_reopening = new_lock()
