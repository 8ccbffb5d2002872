"""Opening a file of the administrator: what is looked at is what is used.

A path is walked name by name, each opened in the folder before it, so that no other program
can put something else into the way between a look and the use. A file counts only if no
user but an administrator can have put it there: decision 0043.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from ualauth.sources.files import FileRules, Found, Missing, Text, Unusable
from ualauth.sources.watched import Stamp, stamp_at, stamp_of

# With O_PATH, a folder need not be readable, and nothing happens to a device (open(2)). Where
# the system has none, a link cannot be opened, and is refused.
_LOOK = getattr(os, "O_PATH", os.O_RDONLY) | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = _LOOK | os.O_DIRECTORY
# O_NONBLOCK: a FIFO that is put there after the look must not make a login wait.
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_LINKS = 40
"""Symbolic links on the way, as in Linux (path_resolution(7))."""
_LIMIT = "let it open more files: ulimit -n, or LimitNOFILE= of its unit"
_CURES = {
    errno.EMFILE: _LIMIT,
    errno.ENFILE: "let the host open more files: sysctl fs.file-max",
    errno.ENOMEM: "give the host more memory, or let this process have more of it",
    errno.EIO: "check the disk",
    errno.ELOOP: "let the links lead to a file",
}


class _Unsafe(Exception):
    """A file that its administrators alone cannot have put there; has reason and cure."""

    def __init__(self, reason: str, cure: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.cure = cure


def owners(home: str = "") -> frozenset[int]:
    """Return the uids whose files count: root's, this process's, and those of two folders' owners.

    The folder `home` holds the configuration: its owner decides everything anyway. Where the
    owner of `/` has another number than root, this is a container in which root has that one.
    """
    uids = {0, os.geteuid()}
    for folder in filter(None, ("/", home)):
        try:
            uids.add(os.stat(folder).st_uid)  # noqa: PTH116 - a path as text
        except (OSError, ValueError):
            continue
    return frozenset(uids)


def look(path: str, rules: FileRules, home: str = "") -> tuple[Stamp, Found]:
    """Return the stamp and the content of the file at a path; never raises, never waits."""
    try:
        with _opened(path, rules, home) as descriptor:
            content = _content(path, descriptor, rules)
            # The stamp after reading: what changed meanwhile has another one.
            return stamp_of(os.fstat(descriptor)), content
    except (FileNotFoundError, NotADirectoryError):
        return None, Missing(path)
    except _Unsafe as error:
        return stamp_at(path), Unusable(path, error.reason, error.cure, unsafe=True)
    except (OSError, ValueError) as error:
        return stamp_at(path), _unreadable(path, error)


def inspect(path: str, rules: FileRules, home: str = "", *, locked: bool = False) -> Found:
    """Look at a file, or folder, that a library will open by its path; what is found has no text.

    What it opens is the same: only administrators could put something else there. A file that is
    `locked`, maybe by this very process, is not opened: to close any descriptor of it would take
    away all locks that the process has on it (fcntl(2)).
    """
    try:
        with _opened(path, rules, home, _LOOK if locked else _FILE) as descriptor:
            return Text(path, "", is_public(os.fstat(descriptor)))
    except (FileNotFoundError, NotADirectoryError):
        return Missing(path)
    except _Unsafe as error:
        return Unusable(path, error.reason, error.cure, unsafe=True)
    except (OSError, ValueError) as error:
        return _unreadable(path, error)


def is_public(status: os.stat_result) -> bool:
    """Return whether every user of the host may read a file."""
    return bool(status.st_mode & stat.S_IROTH)


def _unreadable(path: str, error: OSError | ValueError) -> Unusable:
    number = getattr(error, "errno", None)
    cure = _CURES.get(number or 0, f"let this process read it; its uid is {os.geteuid()}")
    return Unusable(path, f"cannot be read: {getattr(error, 'strerror', None) or error}", cure)


@contextmanager
def _opened(path: str, rules: FileRules, home: str, how: int = _FILE) -> Iterator[int]:
    """Hold the file, or folder, at a path, which only its administrators can have put there."""
    if rules.trusting:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    else:
        descriptor = _Way(path, owners(home), rules, how).walk()
    try:
        yield descriptor
    finally:
        os.close(descriptor)


class _Way:
    """The way from `/` to a file."""

    def __init__(self, path: str, trusted: frozenset[int], rules: FileRules, how: int) -> None:
        if not path:
            raise FileNotFoundError
        absolute = path if path.startswith("/") else f"{os.getcwd()}/{path}"  # noqa: PTH109 - as text
        self._names = _names(absolute)
        self._trusted = trusted
        self._rules = rules
        self._how = how
        """The flags with which the file is opened (open(2))."""
        self._links = 0
        self._folder = -1
        self._place = "/"
        """The folder's path, to be shown."""

    def walk(self) -> int:
        """Return a descriptor of the file, or folder, at the end of the way."""
        self._enter(os.open("/", _FOLDER), "/")
        try:
            while self._names:
                name = self._names.pop()
                shown = os.path.join(self._place, name)  # noqa: PTH118 - a path as text
                try:
                    folder = os.open(name, _FOLDER, dir_fd=self._folder)
                except NotADirectoryError:
                    if not self._follow(name, shown):
                        return self._file(name, shown)
                else:
                    self._enter(folder, shown)
            if not self._rules.folder:
                raise _Unsafe("is a folder", "put a file there, or name the files in it one by one")
            return os.dup(self._folder)
        finally:
            os.close(self._folder)

    def _enter(self, folder: int, shown: str) -> None:
        """Go into a folder."""
        before, self._folder = self._folder, folder
        if before >= 0:
            os.close(before)
        status = os.fstat(folder)
        around = self._names or not self._rules.folder
        which = f"is in {shown}, which" if around else "is a folder that"
        self._check_owner(status, which)
        # With the sticky bit, only its owner can exchange what stands there (chmod(2)).
        if status.st_mode & stat.S_IWOTH and not (around and status.st_mode & stat.S_ISVTX):
            raise _Unsafe(f"{which} can be written by every user", f"run: chmod o-w {shown}")
        self._place = shown

    def _follow(self, name: str, shown: str) -> bool:
        """Go on where a link leads; return whether it is one. A device is not opened for it."""
        descriptor = os.open(name, _LOOK, dir_fd=self._folder)
        try:
            status = os.fstat(descriptor)
            is_link = stat.S_ISLNK(status.st_mode)
            if self._names and not is_link:
                raise NotADirectoryError
            self._check(status, shown)
            if not is_link:
                return False
            # The very link that was looked at (readlink(2)).
            target = os.readlink("", dir_fd=descriptor)
        finally:
            os.close(descriptor)
        if not self._names and not self._rules.links:
            raise _Unsafe("is a symbolic link", "put the file itself there")
        self._links += 1
        if self._links > _MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if target.startswith("/"):
            self._enter(os.open("/", _FOLDER), "/")
        self._names += _names(target)
        return True

    def _file(self, name: str, shown: str) -> int:
        """Open what is at the end of the way."""
        descriptor = os.open(name, self._how, dir_fd=self._folder)
        try:
            self._check(os.fstat(descriptor), shown)
        except _Unsafe:
            os.close(descriptor)
            raise
        return descriptor

    def _check(self, status: os.stat_result, shown: str) -> None:
        """Check a link, or the file."""
        self._check_owner(status, "")
        if stat.S_ISLNK(status.st_mode):
            return
        if self._rules.folder or not stat.S_ISREG(status.st_mode):
            kind = "folder" if self._rules.folder else "regular file"
            raise _Unsafe(f"is not a {kind}", f"put a {kind} there")
        if status.st_mode & stat.S_IWOTH:
            raise _Unsafe("can be written by every user", f"run: chmod o-w {shown}")

    def _check_owner(self, status: os.stat_result, which: str) -> None:
        if status.st_uid not in self._trusted:
            reason = f"{which} belongs to uid {status.st_uid}".strip()
            raise _Unsafe(reason, "let it belong to root, or to whom the configuration folder does")


def _names(path: str) -> list[str]:
    """Return the names in a path, the last one first."""
    return [name for name in reversed(path.split("/")) if name not in {"", "."}]


def _content(path: str, descriptor: int, rules: FileRules) -> Text | Unusable:
    status = os.fstat(descriptor)
    if rules.folder:
        return Text(path, "\n".join(_files_in(descriptor)))
    if rules.trusting and stat.S_ISDIR(status.st_mode):
        return Text(path, "")
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        data = file.read(rules.max_bytes + 1)
    if len(data) > rules.max_bytes:
        size = f"is larger than {rules.max_bytes >> 20} MiB"
        return Unusable(path, size, "split it, or remove what need not be there")
    return Text(path, data.decode(errors="surrogateescape"), is_public(status))


def _files_in(folder: int) -> list[str]:
    """Return the names of the files in a folder, sorted."""
    # Not by the descriptor itself, which is one to look only.
    listed = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    try:
        with os.scandir(listed) as entries:
            return sorted(entry.name for entry in entries if entry.is_file())
    finally:
        os.close(listed)
