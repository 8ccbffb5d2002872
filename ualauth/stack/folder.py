"""Service files on disk: the only place that opens them.

A name is looked up in the service folder, an absolute path is taken as it is.
A file that every user may write to is refused, and so is anything that is not a
regular file, because a user who can change a service file can let any client in.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from ualauth.errors import UnknownService
from ualauth.sources.files import MAX_FILE_BYTES, Found, Missing, Text, Unusable, is_blank
from ualauth.sources.watched import (
    CHECK_INTERVAL,
    CLOCK,
    Clock,
    Stamp,
    SteadyFile,
    stamp_at,
    stamp_of,
)
from ualauth.stack.control import ascii_lower
from ualauth.stack.dialect import Dialect

MAX_SERVICE_NAME = 64
"""Longest service name."""
_MOST_FILES = 10_000
"""Files that are followed. A service has few."""


def service_name(name: str, dialect: Dialect) -> str:
    """Return the file name that stands for service `name`: ASCII lower case.

    Raises:
        UnknownService: if `name` cannot be the name of a service.

    """
    if dialect.trusting:
        return ascii_lower(name.rpartition("/")[2])
    plain = name.isprintable() and "/" not in name and not name.startswith(".")
    if not plain or not 0 < len(name) <= MAX_SERVICE_NAME:
        raise UnknownService(
            f"{name[:80]!r} is not a service name: use 1 to {MAX_SERVICE_NAME} printable "
            "characters without '/', not starting with '.'",
        )
    return ascii_lower(name)


class ServiceFolder:
    """The folder that holds the service files."""

    def __init__(
        self,
        folder: Path,
        *,
        trusting: bool = False,
        max_bytes: int = MAX_FILE_BYTES,
    ) -> None:
        """Remember the folder; opens nothing."""
        self.folder = folder
        self.max_bytes = max_bytes
        self.trusting = trusting

    def path(self, name: str) -> str:
        """Return where `name` is looked up."""
        return name if name.startswith("/") else f"{self.folder}/{name}"

    def beside(self, path: str) -> str:
        """Return where a file of settings is: a relative path is one in the folder around this."""
        # Absolute, or `read` would look for it in this folder.
        return path if path.startswith("/") else str((self.folder.parent / path).absolute())

    def read(self, name: str) -> Found:
        """Read one file as it is now; never raises, never blocks on a pipe."""
        return self.look(self.path(name))[1]

    def look(self, path: str) -> tuple[Stamp, Found]:
        """Return the stamp and the content of the file at a path; see `read`."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return None, Missing(path)
        except (OSError, ValueError) as error:
            unusable = Unusable(
                path, f"cannot be read: {_reason(error)}", "let this process read it"
            )
            return stamp_at(path), unusable
        try:
            found = self._content(path, descriptor)
            # The stamp after reading: what changed meanwhile has another one.
            return stamp_of(os.fstat(descriptor)), found
        finally:
            os.close(descriptor)

    def _content(self, path: str, descriptor: int) -> Text | Unusable:
        status = os.fstat(descriptor)
        if self.trusting and stat.S_ISDIR(status.st_mode):
            return Text(path, "")
        fault = None if self.trusting else _why_unusable(status)
        if fault is not None:
            return Unusable(path, *fault)
        try:
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                data = file.read(self.max_bytes + 1)
        except OSError as error:
            return Unusable(path, f"cannot be read: {_reason(error)}", "check the disk")
        if len(data) > self.max_bytes:
            size = f"is larger than {self.max_bytes >> 20} MiB"
            return Unusable(path, size, "split it, or remove what is no entry")
        text = data.decode(errors="surrogateescape")
        return Text(path, text, bool(status.st_mode & stat.S_IROTH))

    def services(self) -> list[str]:
        """Return the names of all services here, sorted; empty if there is no folder."""
        try:
            names = sorted(entry.name for entry in os.scandir(self.folder) if entry.is_file())
        except OSError:
            return []
        return [name for name in names if not name.startswith(".") and not name.endswith("~")]


class FollowedFolder:
    """The files that a running program uses, each as it was left (`ualauth.sources.watched`)."""

    def __init__(
        self, folder: ServiceFolder, interval: float = CHECK_INTERVAL, clock: Clock = CLOCK
    ) -> None:
        """Follow the files of a folder; opens nothing."""
        self.folder = folder
        self._interval = interval
        self._clock = clock
        self._files: dict[str, SteadyFile[Found]] = {}

    def current(self, path: str) -> Found:
        """Return what is in use of a file: the same object until that changes.

        Raises:
            UnsteadyFile: if it is being written, and nothing of it is in use yet.

        """
        file = self._files.get(path)
        if file is None:
            if len(self._files) >= _MOST_FILES:
                # Only names that a client makes up are so many: none of them has a file.
                self._files = {at: each for at, each in self._files.items() if not each.is_missing}
            look = self.folder.look
            file = SteadyFile(path, look, is_blank, self._interval, self._clock)
            self._files[path] = file
        return file.current(stamp_at(path))

    def is_changing(self, paths: Iterable[str]) -> bool:
        """Return whether one of these files has changed, and is not in use yet."""
        return any(self._files[path].is_changing for path in paths if path in self._files)


class Snapshot(ServiceFolder):
    """The files of a followed folder at one moment: each is the same however often it is read."""

    def __init__(self, followed: FollowedFolder) -> None:
        """Begin with no file read."""
        folder = followed.folder
        super().__init__(folder.folder, trusting=folder.trusting, max_bytes=folder.max_bytes)
        self.contents: dict[str, Found] = {}
        """What was read, by path."""
        self._followed = followed

    def read(self, name: str) -> Found:
        """Return what is in use of one file.

        Raises:
            UnsteadyFile: if it is being written, and nothing of it is in use yet.

        """
        path = self.path(name)
        if path not in self.contents:
            self.contents[path] = self._followed.current(path)
        return self.contents[path]


def _reason(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error)


def _why_unusable(status: os.stat_result) -> tuple[str, str] | None:
    if stat.S_ISDIR(status.st_mode):
        return "is a folder", "put a file there, or include the files in it one by one"
    if not stat.S_ISREG(status.st_mode):
        return "is not a regular file", "put a file there"
    if status.st_mode & stat.S_IWOTH:
        return "can be written by every user", "run: chmod o-w on it"
    return None
