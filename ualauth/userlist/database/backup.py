"""A copy of a USERLIST in SQLite, and the way back: whole, while programs go on with it.

Both are SQLite's own (sqlite.org/backup.html): the copy is one moment of the database, and
what is put back is one change, which every program sees as it sees any other.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from ualauth.errors import StoreError
from ualauth.system.forks import LIBRARY_CALLS
from ualauth.userlist.database.backend import Backend
from ualauth.userlist.database.revision import REVISION


def back_up(backend: Backend, target: Path) -> None:
    """Write a copy that only its owner may read, in the place of `target` once it is whole.

    Raises:
        StoreError: with the cure.

    """
    path = _file_of(backend)
    try:
        number, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        raise StoreError(f"{target}: cannot be written ({error.strerror})") from None
    os.close(number)
    try:
        with (
            backend.calls,
            closing(_open(path, "rw")) as source,
            closing(sqlite3.connect(name)) as copy,
        ):
            _check(source, path)
            source.backup(copy)
            # One file is easier to carry than three.
            copy.execute("PRAGMA journal_mode = DELETE")
            _check_whole(copy, name)
        _sync(name)
        Path(name).replace(target)
        _sync(str(target.parent))
    except sqlite3.Error as error:
        raise backend.fault(error) from None
    except OSError as error:
        raise StoreError(f"{target}: cannot be written ({error.strerror})") from None
    finally:
        Path(name).unlink(missing_ok=True)


def check_copy(copy: Path) -> None:
    """Raise `StoreError` for a file that is no whole USERLIST."""
    try:
        with LIBRARY_CALLS, closing(_open(str(copy), "ro")) as source:
            _check(source, str(copy))
            _check_whole(source, str(copy))
    except sqlite3.Error:
        raise StoreError(f"{copy}: is damaged, or no USERLIST") from None


def put_back(backend: Backend, copy: Path) -> None:
    """Make a USERLIST what a copy says, in one change; it has to be there, if only empty.

    Raises:
        StoreError: with the cure.

    """
    path = _file_of(backend)
    try:
        with (
            backend.calls,
            closing(_open(str(copy), "ro")) as source,
            closing(_open(path, "rw", backend.timeout)) as target,
        ):
            source.backup(target)
            target.execute("PRAGMA journal_mode = WAL")
    except sqlite3.Error as error:
        raise backend.fault(error) from None


def _file_of(backend: Backend) -> str:
    if backend.path is None:
        raise StoreError(f"{backend.name}: PostgreSQL has its own ways: use pg_dump, pg_restore")
    return backend.path


def _open(path: str, mode: str, timeout: float = 5.0) -> sqlite3.Connection:
    name = f"file:{quote(os.path.abspath(path))}?mode={mode}"  # noqa: PTH100 - a path as text
    try:
        return sqlite3.connect(name, uri=True, timeout=timeout, isolation_level=None)
    except sqlite3.OperationalError:
        raise StoreError(f"{path}: cannot be opened: see whether it is there, and yours") from None


def _check(connection: sqlite3.Connection, path: str) -> None:
    """Refuse what is no USERLIST, or one of a newer version."""
    try:
        rows = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    except sqlite3.Error:
        rows = []
    if not rows:
        raise StoreError(f"{path}: is no USERLIST")
    if str(rows[0][0]) > REVISION:
        raise StoreError(f"{path}: was made by a newer version of ualauth: upgrade ualauth")


def _check_whole(connection: sqlite3.Connection, path: str) -> None:
    if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
        raise StoreError(f"{path}: is damaged")


def _sync(path: str) -> None:
    number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(number)
    finally:
        os.close(number)
