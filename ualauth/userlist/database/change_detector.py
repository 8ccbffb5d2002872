"""Whether the database is still as it was: asked at every login, in microseconds.

SQLite counts the changes that other connections make, in every process of the
machine (`PRAGMA data_version`, sqlite.org/pragma.html). A connection that
never writes therefore sees them all. Other databases have nothing like it, and
are asked for the record itself.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from stat import ST_DEV, ST_INO
from typing import Protocol
from urllib.parse import quote

from sqlalchemy import URL

Version = tuple[int, int]
"""A state of the database: equal versions are the same state."""


class ChangeDetector(Protocol):
    """Tells whether something changed."""

    def version(self) -> Version | None:
        """Return the present state, or `None` if it cannot be told; never waits."""
        ...

    def close(self) -> None:
        """Close what is open; it is opened again when needed."""
        ...


class NoChangeDetector:
    """The change detector of a database that cannot tell."""

    def version(self) -> Version | None:
        """Return `None`."""
        return None

    def close(self) -> None:
        """Do nothing."""


class SQLiteChangeDetector:
    """The change detector of a file."""

    def __init__(self, path: str) -> None:
        """Remember the file; opens nothing."""
        self._path = path
        self._generation = 0
        self._begin()
        _open.add(self)

    def _begin(self) -> None:
        """Start with nothing open."""
        self._lock = threading.Lock()
        self._file: tuple[int, int] | None = None
        self._cursor: sqlite3.Cursor | None = None

    def version(self) -> Version | None:
        """See `ChangeDetector.version`."""
        with self._lock:
            try:
                found = os.stat(self._path)  # noqa: PTH116 - a microsecond less
            except OSError:
                return None
            try:
                # Another file may have been put in its place.
                file = found[ST_DEV], found[ST_INO]
                if self._file != file:
                    self._open(file)
                rows = self._cursor.execute("PRAGMA data_version")  # type: ignore[union-attr]
                return self._generation, rows.fetchone()[0]
            except sqlite3.Error:
                self._file = None
                return None

    def close(self) -> None:
        """See `ChangeDetector.close`."""
        with self._lock:
            self._drop()

    def _open(self, file: tuple[int, int]) -> None:
        if self._file is None:
            self._drop()
        else:
            # Closing it would delete the WAL that belongs to the other file now.
            _left_behind.append(self._cursor)
            self._cursor = None
        # Versions of another connection mean nothing.
        self._generation += 1
        self._cursor = sqlite3.connect(
            f"file:{quote(self._path)}?mode=rw",
            uri=True,
            timeout=0,
            isolation_level=None,
            check_same_thread=False,
        ).cursor()
        self._file = file

    def forget(self) -> None:
        """Start anew in a child process.

        SQLite forbids it even to close what the parent opened
        (sqlite.org/howtocorrupt.html, section 2.6).
        """
        _left_behind.append(self._cursor)
        self._begin()

    def _drop(self) -> None:
        cursor, self._cursor, self._file = self._cursor, None, None
        if cursor is not None:
            cursor.close()
            cursor.connection.close()


def change_detector_of(url: URL) -> ChangeDetector:
    """Return what tells whether a database has changed."""
    if url.get_backend_name() == "sqlite":
        return SQLiteChangeDetector(url.database or "")
    return NoChangeDetector()


_open: weakref.WeakSet[SQLiteChangeDetector] = weakref.WeakSet()
_left_behind: list[sqlite3.Cursor | None] = []
"""Each with its connection."""


def _forget_all() -> None:
    for detector in list(_open):
        detector.forget()


os.register_at_fork(after_in_child=_forget_all)
