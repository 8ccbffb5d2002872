"""Service files on disk: the only place that opens them.

A name is looked up in the service folder, an absolute path is taken as it is.
A file that everybody may write to is refused, and so is anything that is not a
regular file, because whoever can change a service file can let anybody in.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from ualauth.errors import UnknownService
from ualauth.stack.control import ascii_lower
from ualauth.stack.dialect import Dialect

MAX_FILE_BYTES = 1 << 20
"""Largest service file. A thousand times the usual; bounds the work on a wrong file."""
MAX_SERVICE_NAME = 64
"""Longest service name."""
# Two changes within one tick of a file system's clock leave the same time stamp;
# FAT's tick, two seconds, is the longest.
_SETTLED = 2 * 10**9


@dataclass(frozen=True, slots=True)
class Missing:
    """There is no file of that name."""

    path: str


@dataclass(frozen=True, slots=True)
class Unusable:
    """There is something, and it cannot be taken as a service file: why, and the cure."""

    path: str
    reason: str
    cure: str


@dataclass(frozen=True, slots=True)
class Text:
    """A file that was read. Bytes that are no UTF-8 are kept as surrogates."""

    path: str
    text: str = field(repr=False)
    public: bool = field(default=False, compare=False)
    """Whether everybody on the host may read it."""


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
        self._max_bytes = max_bytes
        self._trusting = trusting

    def path(self, name: str) -> str:
        """Return where `name` is looked up."""
        return name if name.startswith("/") else f"{self.folder}/{name}"

    def beside(self, path: str) -> str:
        """Return where a file of settings is: a relative path is one in the folder around this."""
        # Absolute, or `read` would look for it in this folder.
        return path if path.startswith("/") else str((self.folder.parent / path).absolute())

    def read(self, name: str) -> Text | Missing | Unusable:
        """Read one file; never raises, never blocks on a pipe."""
        path = self.path(name)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return Missing(path)
        except (OSError, ValueError) as error:
            return Unusable(path, f"cannot be read: {_reason(error)}", "let this process read it")
        try:
            return self._content(path, descriptor)
        finally:
            os.close(descriptor)

    def _content(self, path: str, descriptor: int) -> Text | Unusable:
        status = os.fstat(descriptor)
        if self._trusting and stat.S_ISDIR(status.st_mode):
            return Text(path, "")
        fault = None if self._trusting else _fault(status)
        if fault is not None:
            return Unusable(path, *fault)
        try:
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                data = file.read(self._max_bytes + 1)
        except OSError as error:
            return Unusable(path, f"cannot be read: {_reason(error)}", "check the disk")
        if len(data) > self._max_bytes:
            size = f"is larger than {self._max_bytes >> 20} MiB"
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


def _reason(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error)


def _fault(status: os.stat_result) -> tuple[str, str] | None:
    if stat.S_ISDIR(status.st_mode):
        return "is a folder", "put a file there, or include the files in it one by one"
    if not stat.S_ISREG(status.st_mode):
        return "is not a regular file", "put a file there"
    if status.st_mode & stat.S_IWOTH:
        return "can be written by everybody", "run: chmod o-w on it"
    return None


Stamp = tuple[int, int, int, int, int] | None
"""Device, inode, size, and both times of a file; `None` if there is none."""


def stamps(paths: tuple[str, ...]) -> tuple[Stamp, ...]:
    """Return what tells one state of these files from another."""
    return tuple(map(_stamp, paths))


def is_settled(taken: tuple[Stamp, ...], now: int) -> bool:
    """Return whether a change after `now` (in nanoseconds) must show in the stamps.

    The time of the last change of status decides: nobody can set it back.
    """
    return all(stamp is None or now - stamp[-1] > _SETTLED for stamp in taken)


def _stamp(path: str) -> Stamp:
    try:
        status = os.stat(path)  # noqa: PTH116 - twice a second for every file in use
    except (OSError, ValueError):
        return None
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
