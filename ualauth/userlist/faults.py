"""What went wrong in the database, as a `StoreError` that names the cure.

No text shows values: neither parameters of statements nor columns. What is
chained are SQLite's own fixed texts; a driver's texts that may quote a row are
left out.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ualauth.errors import NameTaken, StoreError, UalauthError

FAILURES = (SQLAlchemyError, sqlite3.Error, OSError)
"""What a database raises if it cannot be used."""

_DAMAGED = "is damaged, or is not a database: restore it from a backup"
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
    sqlite3.SQLITE_ERROR: "holds no USERLIST: create it with `ualauth init`",
}

_UNIQUE = (sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a USERLIST is: `name` for people, `path` if it is a file."""

    name: str
    path: str
    timeout: float

    def fault(self, error: Exception) -> UalauthError:
        """Return what to raise in place of one of `FAILURES`; its cause is set.

        Raise it outside of the handler of `error`, which would become its
        context, with whatever that quotes.
        """
        original = error.orig if isinstance(error, DBAPIError) else error
        if not isinstance(original, sqlite3.Error):
            return StoreError(f"{self.name}: cannot be used ({type(original).__name__})")
        code = getattr(original, "sqlite_errorcode", None)
        if code is None:
            # Python found it, mostly text that is not UTF-8, and quotes it.
            return StoreError(f"{self.name}: {_DAMAGED} ({type(original).__name__})")
        fault = self._fault(code, original.sqlite_errorname)
        fault.__cause__ = original
        return fault

    def _fault(self, code: int, name: str) -> UalauthError:
        if code in _UNIQUE:
            return NameTaken("another user has that authid, address, O/R name or UNIX uid")
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
