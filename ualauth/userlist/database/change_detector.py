"""Whether the database is still as it was: asked at every login, in microseconds.

SQLite counts the changes that other connections make, in every process of the
machine (`PRAGMA data_version`, sqlite.org/pragma.html). A connection that
never writes therefore sees them all. Only if there was one, the table `changes` is
read, which triggers fill, whichever program writes: row 0 has a random mark that is another
one after each change that decides about a login, and the other rows say for which
user a failed login was noted, the newest last.

Other databases have nothing like it, and are asked for the record itself.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sqlite3
import sys
from collections.abc import Callable
from time import monotonic
from typing import Any, Protocol
from urllib.parse import quote

from sqlalchemy import URL

from ualauth.system.forks import LIBRARY_CALLS, new_lock, renew_after_fork
from ualauth.userlist.database.files import (
    PUT_BACK,
    Files,
    files_at,
    log,
    note_lost,
    register,
)

Version = tuple[int, int]
"""A state of what decides: equal versions are the same state, later ones are greater."""

_MOST_NEW = 200
"""Noted changes that are read at a time: more are as good as all."""
_MOST_USERS = 10_000
"""Users whose last failure is known by its number."""

_LOOK_AGAIN = 0.02
"""Seconds after which it is looked for the name of `-shm`: a microsecond that few logins pay.

So long a change may stay unseen that another program makes after a third one has given `-shm`
another name, which none should.
"""
_NAME_AGAIN = 0.0002
"""Seconds after which it is looked whether `-shm` was deleted: no program can delete it, open the
file anew and commit in less. Steps of an exchange, and logins without a pause, share a look.
"""
_TO_LOOK_ONLY = getattr(os, "O_PATH", 0)
"""How to open a file so that closing it ends no lock of this process (open(2))."""

_NEWEST = (
    "SELECT number, mark, key FROM changes WHERE number = 0 UNION ALL SELECT * FROM "
    "(SELECT number, mark, key FROM changes WHERE number > 0 ORDER BY number DESC LIMIT 1)"
)
_SINCE = (
    "SELECT number, mark, key FROM changes WHERE number = 0 UNION ALL SELECT * FROM "
    "(SELECT number, mark, key FROM changes WHERE number >= ? LIMIT ?)"
)


class ChangeDetector(Protocol):
    """Tells whether something changed."""

    noted: int
    """A number for the state of all failures, as far as `version` has looked: later ones are
    greater, also among several detectors of this process."""

    def version(self) -> Version | None:
        """Look; return the present state, or `None` if it cannot be told; never waits."""
        ...

    def is_unchanged(self, key: bytes, since: int) -> bool:
        """Return whether the failures of a user are as they were when `noted` was `since`.

        `key` is what they are kept under (`lockout.user_key`).
        """
        ...

    def note_difference(self, since: Version) -> None:
        """Take note that a record is not as it was at `since`: a warning, if none changed it."""
        ...

    def close(self) -> None:
        """Close what is open; it is opened again when needed."""
        ...


class NoChangeDetector:
    """The change detector of a database that cannot tell."""

    noted = 0

    def version(self) -> Version | None:
        """Return `None`."""
        return None

    def is_unchanged(self, _key: bytes, _since: int) -> bool:
        """Return `False`."""
        return False

    def note_difference(self, since: Version) -> None:
        """Do nothing: it cannot be told."""

    def close(self) -> None:
        """Do nothing."""


class SQLiteChangeDetector:
    """The change detector of a file."""

    def __init__(self, path: str) -> None:
        """Remember the file; opens nothing."""
        self.path = path
        self._shm = f"{path}-shm"
        self._generation = 0
        self._begin()
        renew_after_fork(self)
        register(self)

    def _begin(self) -> None:
        """Start with nothing open."""
        self._lock = new_lock(held_by_fork=True)
        self._files: Files | None = None
        """Those that are open, as they were when they were opened."""
        self._written = 0
        self._look_again = self._name_again = 0.0
        self._inode: int | None = None
        self._shm_inode: int | None = None
        self._shm_number = -1
        """A descriptor that shows whether -shm, as it was opened, still has a name."""
        self._cursor: sqlite3.Cursor | None = None
        self._version: Version | None = None
        self._same_as: Version | None = None
        """What the file said before it was written lately, if there was no commit since."""
        self._commits: tuple[int, ...] = ()
        self._decided = b""
        self._newest = (0, b"")
        self._forget_changed()

    def version(self) -> Version | None:
        """See `ChangeDetector.version`."""
        with self._lock:
            try:
                status = os.stat(self.path)  # noqa: PTH116 - a microsecond less
                now = monotonic()
                has_name = True
                if now >= self._name_again and self._inode is not None:
                    self._name_again = now + _NAME_AGAIN
                    has_name = os.fstat(self._shm_number).st_nlink > 0
                if (
                    status.st_mtime_ns != self._written
                    or status.st_ino != self._inode
                    or not has_name
                    or (now >= self._look_again and self._is_lost())
                ) and not self._follow():
                    return None
                commits = self._ask("PRAGMA data_version").fetchone()
                if commits != self._commits and not self._read_changes(commits):
                    return None
            except FileNotFoundError:
                return self._version_without()
            except (OSError, sqlite3.Error):
                self._inode = self._files = None
                return None
            return self._version

    def is_unchanged(self, key: bytes, since: int) -> bool:
        """See `ChangeDetector.is_unchanged`."""
        return since >= self._known_since and self._changed.get(key, 0) <= since

    def close(self) -> None:
        """See `ChangeDetector.close`."""
        with self._lock:
            self.drop()

    def _is_lost(self) -> bool:
        """Look whether -shm is still the one that is open, by its name."""
        self._look_again = monotonic() + _LOOK_AGAIN
        return os.stat(self._shm).st_ino != self._shm_inode  # noqa: PTH116 - as above

    def _version_without(self) -> Version | None:
        """Return the version where a file is missing: the database, or what is beside it.

        There is no -shm while no program has the database open, nor where it has no WAL.
        """
        try:
            before = self._files
            same = before is not None and before.shm is None and before == files_at(self.path)
            if not same and not self._follow():
                return None
            commits = self._ask("PRAGMA data_version").fetchone()
            if commits != self._commits and not self._read_changes(commits):
                return None
        except (OSError, sqlite3.Error):
            self._inode = self._files = None
            return None
        return self._version

    def _follow(self) -> bool:
        """Open what is there now; return whether it can be told what state that is."""
        before, now = self._files, files_at(self.path)
        if now.database is None:
            return False
        if before is not None and before.database == now.database and before.lost(now):
            return self._note_lost()
        cursor, self._cursor = self._cursor, None
        if before is not None and before.database != now.database:
            # Closing it would delete the WAL that belongs to the other file now.
            _left_behind.append(cursor)
            cursor = None
        version, commits, decided = self._version, self._commits, self._decided
        try:
            self._open(now)
            self._same_as = None
            if cursor is not None and commits:
                mark = self._rows(_NEWEST)[0][1]
                if cursor.execute("PRAGMA data_version").fetchone() == commits:
                    # Written without a commit: a checkpoint, which changes nothing, or a copy.
                    self._same_as = version
                    if mark != decided:
                        self._warn_of_copy()
        finally:
            # Afterwards: it was not the last one.
            _close(cursor)
        return True

    def note_difference(self, since: Version) -> None:
        """See `ChangeDetector.note_difference`."""
        with self._lock, contextlib.suppress(sqlite3.Error):
            if since is self._same_as and self._ask("PRAGMA data_version").fetchone() == (
                self._commits
            ):
                self._warn_of_copy()

    def _warn_of_copy(self) -> None:
        self._same_as = None
        log.warning("%s: was written over by another program: %s", self.path, PUT_BACK)

    def _note_lost(self) -> bool:
        """Tell nothing more until who reads next has closed all connections of this process."""
        note_lost(self.path)
        self._inode = None
        return False

    def _open(self, now: Files) -> None:
        # Versions of another connection mean nothing.
        self._generation += 1
        self._version = None
        self._commits = ()
        self._cursor = sqlite3.connect(
            f"file:{quote(self.path)}?mode=rw",
            uri=True,
            timeout=0,
            isolation_level=None,
            check_same_thread=False,
        ).cursor()
        self._ask: Callable[..., sqlite3.Cursor] = self._cursor.execute
        # The first question makes what has to be beside the file.
        self._ask("PRAGMA data_version").fetchone()
        self._files = files_at(self.path)._replace(written=now.written)
        self._written = now.written
        self._inode = now.database[1] if now.database else None
        self._shm_inode = self._files.shm[1] if self._files.shm else None
        # Something that is never deleted, where there is nothing to look at.
        path = self._shm if _TO_LOOK_ONLY and self._files.shm else os.devnull
        self._close_number()
        self._shm_number = os.open(path, _TO_LOOK_ONLY | os.O_CLOEXEC)

    def _read_changes(self, commits: tuple[int, ...]) -> bool:
        """Find out what the commits were about; return whether that can be told.

        What is committed between the question for their number and this one is
        found now, and once more then.
        """
        if self._files is None or self._files.lost(files_at(self.path)):
            return self._note_lost()
        before = self._newest
        (_, decided, _), *noted = self._rows(_SINCE, max(before[0], 1), _MOST_NEW + 2)
        if self._version is None or len(noted) > _MOST_NEW or not _continues(before, noted):
            (_, decided, _), *noted = self._rows(_NEWEST)
            self._newest = noted[0][:2] if noted else (0, b"")
            self._forget_changed()
        elif noted and noted[-1][:2] != before:
            self._newest = noted[-1][:2]
            if len(self._changed) > _MOST_USERS:
                self._forget_changed()
            now = next(_states)
            self._changed.update((key, now) for number, _, key in noted if number != before[0])
            # Last, as other threads look at it without the lock.
            self.noted = now
        if self._version is None or decided != self._decided:
            self._decided = decided
            self._version = self._generation, commits[0]
        self._commits = commits
        return True

    def _rows(self, question: str, *parameters: int) -> list[Any]:
        rows = self._ask(question, parameters).fetchall()
        if not rows or rows[0][0] != 0:
            raise sqlite3.DatabaseError("the mark of what decides is missing")
        return rows

    def _forget_changed(self) -> None:
        """Begin to know anew whose failures change, and nothing of what was before."""
        # In this order, as other threads look at it without the lock.
        self._known_since = next(_states)
        self._changed: dict[bytes, int] = {}
        """Key -> `noted` as it was after its last change."""
        self.noted = self._known_since

    def begin_in_child(self) -> None:
        """See `Renewable.begin_in_child`.

        SQLite forbids it even to close what the parent opened
        (sqlite.org/howtocorrupt.html, section 2.6).
        """
        _left_behind.append(self._cursor)
        self._close_number()
        self._begin()

    def __del__(self) -> None:
        """Close what is open, at no moment at which another thread forks."""
        if not sys.is_finalizing():
            with LIBRARY_CALLS:
                self.drop()

    def drop(self) -> None:
        """See `files.Holder.drop`; the lock is held."""
        cursor, self._cursor = self._cursor, None
        self._files = self._inode = self._shm_inode = None
        self._close_number()
        _close(cursor)

    def _close_number(self) -> None:
        number, self._shm_number = self._shm_number, -1
        if number >= 0:
            os.close(number)


def _close(cursor: sqlite3.Cursor | None) -> None:
    if cursor is not None:
        cursor.close()
        cursor.connection.close()


def _continues(newest: tuple[int, bytes], noted: list[Any]) -> bool:
    """Return whether noted changes are those since the newest that was known, and all of them."""
    if newest[0] == 0:
        return not noted or noted[0][0] == 1
    return bool(noted) and noted[0][:2] == newest


def change_detector_of(url: URL) -> ChangeDetector:
    """Return what tells whether a database has changed."""
    if url.get_backend_name() == "sqlite":
        return SQLiteChangeDetector(url.database or "")
    return NoChangeDetector()


_states = itertools.count(1)
_left_behind: list[sqlite3.Cursor | None] = []
"""Each with its connection."""
