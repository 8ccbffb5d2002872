"""A USERLIST in a file of SQLite."""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from itertools import islice
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, Table, event, make_url
from sqlalchemy.exc import ArgumentError

from ualauth.errors import ConfigurationError, StoreError, UalauthError
from ualauth.sources.files import FileRules, Unusable
from ualauth.sources.opening import inspect
from ualauth.system.forks import LIBRARY_CALLS
from ualauth.userlist.database.backend import (
    NO_USERLIST,
    Backend,
    original_of,
    quiet_engine,
    taken,
    unusable,
)

_DAMAGED = "is damaged, or is not a database: restore it from a backup"
_PATIENCE = 30.0
"""Seconds that others may take who create the same USERLIST."""
_LOCKED = "is locked by another program for longer than {timeout} s: end that, or try again"

_CURES: Mapping[int, str] = {  # https://www.sqlite.org/rescode.html
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_FULL: "cannot grow, since the disk is full: make room on it",
    sqlite3.SQLITE_IOERR: "cannot be read or written: see whether its disk is full or broken",
    sqlite3.SQLITE_READONLY: "may only be read: let this user write the file and its folder",
    sqlite3.SQLITE_PERM: "may not be used: let this user read and write the file and its folder",
    sqlite3.SQLITE_AUTH: "may not be used: let this user read and write the file and its folder",
    # Tables or columns that are missing.
    sqlite3.SQLITE_ERROR: NO_USERLIST,
}

_SUFFIXES = ("", "-wal", "-shm", "-journal")
"""What SQLite keeps in a folder (sqlite.org/tempfiles.html)."""
_NO_FILE = (0, 0)
_AT_A_TIME = 5000
"""Rows that are handed to the driver at once."""
_SYNCHRONOUS = "FULL"
"""NORMAL may lose the last transactions when the power fails, and with them a change of password
that was confirmed: the old password would be back."""
_USUAL_WAL = 8 << 20
"""Octets to which a WAL is cut when all of it is in the database: twice what it mostly has."""

_UNIQUE = (sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)


class SQLiteBackend(Backend):
    """A file; one process at a time may write, from the start of its transaction."""

    failures = (*Backend.failures, sqlite3.Error)
    calls = LIBRARY_CALLS
    path: str

    def __init__(self, url: str, timeout: float) -> None:
        """Read `sqlite:////path`.

        Raises:
            ConfigurationError: for anything else.

        """
        super().__init__(timeout)
        try:
            parsed = make_url(url)
        except ArgumentError:
            raise ConfigurationError("url of the USERLIST: is not like sqlite:////path") from None
        path = parsed.database
        if not path or path.startswith((":memory:", "file:")) or parsed.query:
            raise ConfigurationError("url of the USERLIST: name a file, as in sqlite:////path")
        # The working folder may change before it is opened.
        self.name = self.path = os.path.abspath(path)  # noqa: PTH100 - a path as text
        self.url = parsed.set(database=self.path)

    def new_engine(self, *, writing: bool) -> Engine:  # noqa: ARG002 - both are alike
        """See `Backend.new_engine`."""
        engine = quiet_engine(
            self.url.set(database=f"file:{quote(self.path)}", query={"mode": "rw", "uri": "true"}),
            connect_args={"timeout": self.timeout},
            # Each thread that reads keeps a connection.
            max_overflow=-1,
        )
        event.listen(engine, "do_connect", self._check_files)
        event.listen(engine, "connect", _set_up)
        event.listen(engine, "begin", _begin_immediate)
        return engine

    def _check_files(self, *_: object) -> None:
        """Refuse files that others may write: what they say decides who is let in.

        Raises:
            StoreError: if there is one.

        """
        problem = self.problem()
        if problem is not None:
            cure = f"{problem.cure}, and let this user use it as its owner, or by its group"
            raise StoreError(f"{self.name}: is not used: {problem.path} {problem.reason}; {cure}")

    def problem(self) -> Unusable | None:
        """Return what of the USERLIST others may write, its folder or a file, if they may."""
        folder = os.path.dirname(self.path)  # noqa: PTH120 - a path as text
        # In one like /tmp, too, another user can put a journal beside the database.
        looks = [inspect(folder, FileRules(folder=True), folder)]
        # Who owns the folder has the say about what is in it: mostly the servers' user.
        files = (f"{self.path}{suffix}" for suffix in _SUFFIXES)
        looks += [inspect(file, FileRules(), folder, locked=True) for file in files]
        unsafe = (each for each in looks if isinstance(each, Unusable) and each.unsafe)
        return next((each for each in unsafe if os.path.exists(each.path)), None)  # noqa: PTH110

    def new_creating_engine(self) -> Engine:
        """See `Backend.new_creating_engine`: makes an empty file unless there is one."""
        _create_file(self.path)
        engine = self.new_engine(writing=True)
        event.listen(engine, "connect", _let_read)
        return engine

    def newest_id(self, table: Table) -> str:
        """See `Backend.newest_id`."""
        return f"SELECT seq FROM sqlite_sequence WHERE name = '{table.name}'"  # noqa: S608 - ours

    def stream(self, driver: Any) -> AbstractContextManager[Any]:  # noqa: ANN401 - of the driver
        """See `Backend.stream`."""
        return closing(driver.cursor())

    def fill(
        self, connection: Connection, table: Table, rows: Iterable[Sequence[Any]]
    ) -> Iterator[int]:
        """See `Backend.fill`."""
        from ualauth.userlist.database.loading import insert_rows  # noqa: PLC0415 - for administrators only

        columns = [column.name for column in table.columns]
        number, rows = 0, iter(rows)
        while some := list(islice(rows, _AT_A_TIME)):
            insert_rows(connection, table, columns, some)
            number += len(some)
            yield number

    def use_no_id_again(self, connection: Connection, table: Table, newest: int) -> None:
        """See `Backend.use_no_id_again` (sqlite.org/autoinc.html)."""
        connection.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name = ?", (table.name,))
        values = (table.name, newest)
        connection.exec_driver_sql("INSERT INTO sqlite_sequence VALUES (?, ?)", values)

    def warnings(self) -> list[tuple[str, str]]:
        """See `Backend.warnings`: a WAL that is many times the database, as one reader holds it."""
        try:
            size = os.stat(self.path).st_size  # noqa: PTH116 - a path of the URL, used as it is
            wal = os.stat(f"{self.path}-wal").st_size  # noqa: PTH116 - likewise
        except OSError:
            return []
        if wal <= max(_USUAL_WAL, 2 * size):
            return []
        return [
            (
                f"{self.path}-wal has {wal >> 20} MiB, since a program reads without an end",
                "end it, such as an open shell of sqlite3: the next changes make the file small",
            )
        ]

    def fault(self, error: Exception) -> UalauthError:
        """See `Backend.fault`; what is chained are SQLite's own fixed texts."""
        original = original_of(error)
        if not isinstance(original, sqlite3.Error):
            return unusable(self.name, original)
        code = getattr(original, "sqlite_errorcode", None)
        if code is None:
            # Python found it, mostly text that is not UTF-8, and quotes it.
            return StoreError(f"{self.name}: {_DAMAGED} ({type(original).__name__})")
        fault = self._error_of(code, original.sqlite_errorname)
        fault.__cause__ = original
        return fault

    def _error_of(self, code: int, name: str) -> UalauthError:
        if code in _UNIQUE:
            return taken()
        primary = code & 0xFF
        if primary == sqlite3.SQLITE_CANTOPEN:
            cure = self._cannot_open()
        else:
            cure = _CURES.get(primary, "cannot be used")
        return StoreError(f"{self.name}: {cure.format(timeout=self.timeout)} ({name})")

    def _cannot_open(self) -> str:
        try:
            mode = os.stat(self.path).st_mode  # noqa: PTH116 - a path of the URL, used as it is
        except (FileNotFoundError, NotADirectoryError):
            return "does not exist: create it with `ualauth init`"
        except OSError as error:
            return f"cannot be opened ({error.strerror}): let this user reach it"
        if stat.S_ISDIR(mode):
            return "is a folder: name the file of the USERLIST"
        return "cannot be opened: let this user read and write the file and its folder"


def _set_up(connection: Any, _: object) -> None:  # noqa: ANN401 - the driver's connection
    # Transactions begin where `_begin_immediate` says so, not where the driver
    # thinks fit; reads need none.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute(f"PRAGMA synchronous = {_SYNCHRONOUS}")
    # Otherwise a WAL keeps the size that one long reader gave it.
    cursor.execute(f"PRAGMA journal_size_limit = {_USUAL_WAL}")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _let_read(connection: Any, _: object) -> None:  # noqa: ANN401 - the driver's connection
    # Readers go on while a process writes. The file remembers it.
    cursor = connection.cursor()
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError as error:
            # SQLite does not wait here if others do the same (sqlite.org/c3ref/busy_handler.html).
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.01)
    cursor.close()


def _create_file(path: str) -> None:
    """Create an empty file that only its owner may read, unless there is one."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be created ({error.strerror}): its folder must exist, "
            "and this user be allowed to write there",
        ) from error
    os.close(file)
