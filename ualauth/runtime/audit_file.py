"""The file of `[audit]`: one line a record, in a file that logrotate may move away.

Each line is one write(2) at the end of the file (O_APPEND), so that threads and processes share
it without a lock. A record that cannot be written is lost, and no login waits for it or is
refused: the logger `ualauth.audit_file` says so once, and how many were lost when it goes on.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import stat
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from ualauth.config.audit import JSON, AuditSettings
from ualauth.runtime.audit_record import AuditRecord, as_json, as_text
from ualauth.system.forks import new_lock

if TYPE_CHECKING:
    from ualauth.contract.resources import Resources

log = logging.getLogger("ualauth.audit_file")

_LOOK_AGAIN = 1.0
"""Seconds after which it is looked whether the file was moved away: a look takes as long as all."""
_MODE = 0o640
"""It says who logs in, and whence."""
# O_NONBLOCK: neither to open a FIFO nor to write into a full one makes a login wait.
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class AuditFile:
    """Writes the records of one way in, if it is configured to; used by many threads."""

    def __init__(self, settings: AuditSettings, path: str) -> None:
        """Open nothing; an empty path is no file."""
        self.settings = settings
        self.path = path
        self.write: Callable[[AuditRecord, int], None] | None = self._write if path else None
        """Writes a record of a level, and never raises `OSError`; `None` if there is no file."""
        self._is_json = settings.form == JSON
        self._lock = new_lock()
        self._open: _Open | None = None
        self._looked = 0.0
        self._lost = 0

    @classmethod
    def open(cls, resources: Resources) -> Self:
        """Return that of the configuration; see `ualauth.contract.resources`."""
        config = resources.config
        return cls(config.audit, config.audit_path)

    def close(self) -> None:
        """Let go of the file: what is being written is still written."""
        self._open = None

    def _write(self, record: AuditRecord, level: int) -> None:
        file = self._open
        if file is None or not 0 <= record.time - self._looked < _LOOK_AGAIN:
            file = self._look(record.time)
            if file is None:
                return
        text = as_json(record) if self._is_json else _with_time(record, level)
        line = f"{text}\n".encode()
        try:
            written = os.write(file.descriptor, line)
        except OSError as error:
            self._lose(error)
            return
        if written != len(line):
            self._cut(file)
            return
        if self._lost:
            self._go_on()

    def _look(self, moment: float) -> _Open | None:
        """Return the file that has this name now; `None` if it cannot be opened."""
        with self._lock:
            self._looked = moment
            file = self._open
            if file is None or not file.is_at(self.path):
                try:
                    file = self._open = _Open(self.path)
                except (OSError, ValueError) as error:
                    file = self._open = None
                    failure = error
        if file is None:
            self._lose(failure)
        return file

    def _cut(self, file: _Open) -> None:
        """Lose a record of which a part is written: that must not spoil the next one."""
        with contextlib.suppress(OSError):
            os.write(file.descriptor, b"\n")
        self._lose(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))

    def _lose(self, error: OSError | ValueError) -> None:
        with self._lock:
            self._lost += 1
            first = self._lost == 1
        if first:
            log.error("%s cannot be written: %s; records are lost", self.path, why(error))

    def _go_on(self) -> None:
        with self._lock:
            lost, self._lost = self._lost, 0
        if lost:
            log.warning("%s is written again; records that were lost: %d", self.path, lost)


class _Open:
    """A file that is open for as long as a thread has it: its number is given to no other."""

    __slots__ = ("_file", "descriptor")

    def __init__(self, path: str) -> None:
        """Open it, and make it if it is not there.

        Raises:
            OSError: if that cannot be.
            ValueError: if the path has a NUL.

        """
        self.descriptor = -1
        self.descriptor = os.open(path, _FLAGS, _MODE)
        self._file = _identity(os.fstat(self.descriptor))

    def is_at(self, path: str) -> bool:
        """Return whether the path still leads to it."""
        try:
            return _identity(os.stat(path)) == self._file  # noqa: PTH116 - a path as text
        except OSError:
            return False

    def __del__(self) -> None:
        """Close it."""
        if self.descriptor >= 0:
            os.close(self.descriptor)


def problem_of(path: str) -> str:
    """Return why a process of this user cannot write the file; empty if it can.

    It is not made: where there is none, the folder is looked at.
    """
    try:
        status = os.stat(path)  # noqa: PTH116 - a path as text
    except FileNotFoundError:
        folder = os.path.dirname(path)  # noqa: PTH120 - a path as text
        if not os.path.isdir(folder):  # noqa: PTH112 - likewise
            return f"there is no folder {folder}"
        return "" if os.access(folder, os.W_OK | os.X_OK) else "it cannot be made in its folder"
    except (OSError, ValueError) as error:
        return why(error)
    if stat.S_ISDIR(status.st_mode):
        return "it is a folder"
    return "" if os.access(path, os.W_OK) else "this user may not write it"


def why(error: OSError | ValueError) -> str:
    """Return what an error says, without the path."""
    return getattr(error, "strerror", None) or str(error)


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _with_time(record: AuditRecord, level: int) -> str:
    """Return the text behind its time, level and logger, as the log of a program has it."""
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.time))
    millis = int(record.time % 1 * 1000)
    name = logging.getLevelName(level)
    return f"{moment}.{millis:03d}Z {name} ualauth.audit: {as_text(record)}"
