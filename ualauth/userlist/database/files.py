"""The files of a USERLIST in SQLite, as others may change them under a program that has them open.

Who opens and closes the file in a process takes away the locks that SQLite holds there
(sqlite.org/howtocorrupt.html, section 2.2); the next process that closes it then deletes
`-wal` and `-shm`, and this one would go on with files that no other has. So they are looked
at with every question. Connections of one process share what they know of a file, so
all of them have to be closed before one is opened anew: `reopen` does that.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import struct
import sys
import weakref
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from ualauth.system.forks import all_calls_stopped

log = logging.getLogger("ualauth.userlist")

Place = tuple[int, int]
"""Device and inode."""

PUT_BACK = "opened anew; put a copy back by `ualauth userlist restore`, which loses no change"
"""What a log says where another file took the place of a USERLIST, or was written over it."""

# sqlite.org/src, os_unix.c: SHARED_FIRST and SHARED_SIZE.
_SHARED_FIRST, _SHARED_SIZE = 0x40000002, 510


class Files(NamedTuple):
    """Which files they are, and when the database was written last, in nanoseconds."""

    database: Place | None
    wal: Place | None
    shm: Place | None
    written: int

    def lost(self, now: Files) -> bool:
        """Return whether `-wal` or `-shm`, as they were, are not beside the database any more."""
        return any(
            before is not None and before != after
            for before, after in ((self.wal, now.wal), (self.shm, now.shm))
        )


class Holder(Protocol):
    """What has connections to a file."""

    @property
    def path(self) -> str | None:
        """The file."""
        ...

    def drop(self) -> None:
        """Close all of them; no call of the library is under way."""
        ...


def files_at(path: str) -> Files:
    """Return the files of a database as they are now."""
    database, written = _place(path)
    return Files(database, _place(f"{path}-wal")[0], _place(f"{path}-shm")[0], written)


def register(holder: Holder) -> None:
    """Have a holder drop its connections where the files have to be opened anew."""
    _holders.add(holder)


def note_lost(path: str) -> None:
    """Have who reads next open a file anew."""
    _lost.add(path)


def is_noted_as_lost(path: str) -> bool:
    """Return whether that was not done yet."""
    return path in _lost


def reopen(path: str) -> None:
    """Close all connections of this process to a file whose `-wal` or `-shm` is another one."""
    log.warning(
        "%s: another program has taken away the -wal or the -shm beside it: opened anew; "
        "programs must not open the file but by SQLite",
        path,
    )
    with all_calls_stopped(), _without_checkpoint(path):
        for holder in list(_holders):
            if holder.path == path:
                holder.drop()
        _lost.discard(path)


def _place(path: str) -> tuple[Place | None, int]:
    try:
        status = os.stat(path)  # noqa: PTH116 - a microsecond less
    except OSError:
        return None, 0
    return (status.st_dev, status.st_ino), status.st_mtime_ns


@contextlib.contextmanager
def _without_checkpoint(path: str) -> Iterator[None]:
    """Keep who closes the last connection from writing a WAL that is gone into the database.

    SQLite does so only if it gets the database for itself. This lock belongs to the
    descriptor, and not to the process, so that it is in the way (fcntl(2), F_OFD_SETLK).
    """
    number = None
    with contextlib.suppress(OSError):
        number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        if sys.platform == "linux":
            lock = struct.pack("hhqqi4x", fcntl.F_RDLCK, 0, _SHARED_FIRST, _SHARED_SIZE, 0)
            fcntl.fcntl(number, fcntl.F_OFD_SETLK, lock)
    try:
        yield
    finally:
        if number is not None:
            os.close(number)


_lost: set[str] = set()
_holders: weakref.WeakSet[Holder] = weakref.WeakSet()
