"""SQLite, by the standard library: a file that is opened to be read, and never written.

A file counts only if no user but its administrators can have put it there, as with every file
that decides about logins.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Mapping
from urllib.parse import quote

from ualauth.sources.files import FileRules, Unusable
from ualauth.sources.opening import inspect
from ualauth.sources.watched import Stamp, stamp_at
from ualauth.sql.drivers.driver import MOST_ROWS, Answer
from ualauth.sql.faults import Locked, Lost, NotLetIn, SqlFault, Unreachable, WrongQuery
from ualauth.sql.settings import Address, SqlSettings
from ualauth.sql.statement import Statement
from ualauth.system.forks import LIBRARY_CALLS

_STEPS = 10_000
"""Instructions of SQLite's machine after which it looks at the time: less than a millisecond."""
_DAMAGED = "it is damaged, or is no database of SQLite"
_FAULTS: Mapping[int, tuple[type[SqlFault], str, str]] = {
    # https://www.sqlite.org/rescode.html
    sqlite3.SQLITE_BUSY: (Locked, "it is locked by another program", "end that, or try again"),
    sqlite3.SQLITE_LOCKED: (Locked, "it is locked by another program", "end that, or try again"),
    sqlite3.SQLITE_INTERRUPT: (Locked, "the answer takes too long", "is there an index for it?"),
    sqlite3.SQLITE_CANTOPEN: (Unreachable, "it cannot be opened", "let this process read it"),
    sqlite3.SQLITE_PERM: (NotLetIn, "it may not be read", "let this process read it"),
    sqlite3.SQLITE_AUTH: (NotLetIn, "it may not be read", "let this process read it"),
    sqlite3.SQLITE_READONLY: (
        NotLetIn,
        "it cannot be read without writing beside it",
        "let this process write its folder, or end what uses the database",
    ),
    sqlite3.SQLITE_CORRUPT: (Unreachable, _DAMAGED, "restore it from a backup"),
    sqlite3.SQLITE_NOTADB: (Unreachable, _DAMAGED, "correct the path, or restore it from a backup"),
    sqlite3.SQLITE_IOERR: (Unreachable, "it cannot be read", "check the disk"),
}


class SqliteConnection(sqlite3.Connection):
    """A connection, and the file that it was opened for."""

    stamp: Stamp = None
    path = ""


class Sqlite:
    """See `Driver`."""

    def connect(self, address: Address, settings: SqlSettings) -> SqliteConnection:
        """See `Driver.connect`.

        Raises:
            SqlFault: if the file may have been put there by another user.

        """
        folder = os.path.dirname(address.path)  # noqa: PTH120 - a path as text
        file = inspect(address.path, FileRules(), folder, locked=True)
        if isinstance(file, Unusable) and file.unsafe:
            raise Unreachable(f"it is not used: {file.path} {file.reason}", file.cure)
        with LIBRARY_CALLS:
            connection = sqlite3.connect(
                f"file:{quote(address.path)}?mode=ro",
                uri=True,
                timeout=settings.query_timeout,
                isolation_level=None,
                check_same_thread=False,
                factory=SqliteConnection,
            )
            connection.path, connection.stamp = address.path, stamp_at(address.path)
            # What is no UTF-8 is told of by `columns`, and SQLite would quote it.
            connection.text_factory = bytes
            try:
                for pragma in ("query_only = ON", "trusted_schema = OFF"):
                    connection.execute(f"PRAGMA {pragma}").close()
            except BaseException:
                connection.close()
                raise
        return connection

    def ask(
        self,
        connection: SqliteConnection,
        statement: Statement,
        values: dict[str, str],
        seconds: float,
    ) -> Answer:
        """See `Driver.ask`."""
        until = time.monotonic() + seconds
        text = statement.render(str, lambda name: f":{name}")
        with LIBRARY_CALLS:
            connection.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
            cursor = connection.cursor()
            try:
                cursor.execute(text, values)
                rows = cursor.fetchmany(MOST_ROWS)
                return Answer(tuple(each[0] for each in cursor.description), tuple(rows))
            finally:
                # A statement that is not at its end holds a lock.
                cursor.close()

    def is_dead(self, connection: SqliteConnection) -> bool:
        """See `Driver.is_dead`: whether another file is there now."""
        now = stamp_at(connection.path)
        return now is None or connection.stamp is None or now[:2] != connection.stamp[:2]

    def abort(self, connection: SqliteConnection) -> None:
        """See `Driver.abort`."""
        connection.interrupt()

    def close(self, connection: SqliteConnection) -> None:
        """See `Driver.close`."""
        with LIBRARY_CALLS:
            connection.close()

    def fault(self, error: Exception, settings: SqlSettings) -> SqlFault:
        """See `Driver.fault`."""
        if not isinstance(error, sqlite3.Error):
            return Unreachable(f"it cannot be used ({type(error).__name__})")
        code = getattr(error, "sqlite_errorcode", None)
        if code is None:
            # Python's own, which has no text of the database.
            return WrongQuery(f"the query cannot be asked ({error})", "try it with sqlite3(1)")
        kind, text, cure = _FAULTS.get(
            code & 0xFF, (Lost, f"it cannot be used ({error.sqlite_errorname})", "")
        )
        if code & 0xFF == sqlite3.SQLITE_ERROR:
            # Its text names a table, a column or a word of the query.
            return WrongQuery(f"the query is wrong: {error}", "see the names of tables and columns")
        if kind is Locked:
            text = f"{text} for longer than {settings.query_timeout:g} s"
        return kind(f"{text} ({error.sqlite_errorname})", cure)

    def version(self, _connection: SqliteConnection) -> str:
        """See `Driver.version`."""
        return f"SQLite {sqlite3.sqlite_version}"
