"""Service files on disk, opened by `ualauth.sources.opening`.

A name is looked up in the service folder, an absolute path is taken as it is.
"""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from ualauth.errors import UnknownService
from ualauth.sources.files import FileRules, Found, Missing, Text, Unusable, is_unusable
from ualauth.sources.following import Parse, Watched
from ualauth.sources.opening import inspect, look
from ualauth.sources.problem import Problem
from ualauth.sources.watched import CHECK_INTERVAL, CLOCK, Clock, Stamp, SteadyFile, stamp_at
from ualauth.stack.control import ascii_lower
from ualauth.stack.dialect import Dialect

T = TypeVar("T")

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
    ) -> None:
        """Remember the folder; opens nothing."""
        self.folder = folder
        self.rules = FileRules(trusting=trusting)

    tells_of_missing = True
    """Whether a file of a module's that is not there is a problem of its service."""

    @property
    def home(self) -> str:
        """The configuration folder, which is around this one."""
        return str(self.folder.parent)

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
        return look(path, self.rules, self.home)

    def watch(
        self, path: str, parse: Parse[T], rules: FileRules
    ) -> tuple[Watched[T], Sequence[Problem]]:
        """Return a file of a module's, and what is wrong with it now."""
        watched = Watched(self.beside(path), parse, rules, home=self.home)
        return watched, watched.read_now()

    def inspect(self, path: str, rules: FileRules) -> Found:
        """Look at a file that a library opens; see `ualauth.sources.opening.inspect`."""
        return inspect(self.beside(path), rules, self.home)

    def services(self) -> list[str]:
        """Return the names of all services here, sorted; empty if there is no folder."""
        try:
            names = sorted(entry.name for entry in os.scandir(self.folder) if entry.is_file())
        except OSError:
            return []
        return [name for name in names if not name.startswith(".") and not name.endswith("~")]

    def dangling(self) -> list[str]:
        """Return the names of the links here that lead nowhere, sorted."""
        try:
            entries = list(os.scandir(self.folder))
        except OSError:
            return []
        links = (entry for entry in entries if entry.is_symlink())
        return sorted(entry.name for entry in links if not Path(entry.path).exists())


class FilesNow:
    """The files of a configuration folder as they are now: `Files` where no login uses them."""

    def __init__(self, folder: ServiceFolder) -> None:
        """Read from the folder around the one with the service files."""
        self._folder = folder

    def read(self, path: str) -> Text | Missing | Unusable:
        """See `Files.read`."""
        return self._folder.read(self._folder.beside(path))

    def watch(self, path: str, parse: Parse[T], rules: FileRules | None = None) -> Watched[T]:
        """See `Files.watch`."""
        return self._folder.watch(path, parse, rules or FileRules())[0]

    def inspect(self, path: str, rules: FileRules | None = None) -> Text | Missing | Unusable:
        """See `Files.inspect`."""
        return self._folder.inspect(path, rules or FileRules())


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
        # Kept by the modules that use them: what was good lasts while a service is compiled anew.
        self._watched: WeakValueDictionary[Hashable, Watched[Any]] = WeakValueDictionary()

    def watched(self, path: str, parse: Parse[T], rules: FileRules) -> Watched[T]:
        """Return a file as a value: the same as long as it is kept anywhere."""
        watched = Watched(
            self.folder.beside(path),
            parse,
            rules,
            home=self.folder.home,
            interval=self._interval,
            clock=self._clock,
        )
        return self._watched.setdefault(watched.key, watched)

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
            file = SteadyFile(
                path,
                self.folder.look,
                is_blank=self.folder.rules.is_blank,
                depends_on_more=is_unusable,
                interval=self._interval,
                clock=self._clock,
            )
            self._files[path] = file
        return file.current(stamp_at(path))

    def is_changing(self, paths: Iterable[str]) -> bool:
        """Return whether one of these files has changed, and is not in use yet."""
        return any(self._files[path].is_changing for path in paths if path in self._files)


class Snapshot(ServiceFolder):
    """The files of a followed folder at one moment: each is the same however often it is read."""

    # It may come later: what is not there is only logged.
    tells_of_missing = False

    def __init__(self, followed: FollowedFolder) -> None:
        """Begin with no file read."""
        folder = followed.folder
        super().__init__(folder.folder, trusting=folder.rules.trusting)
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

    def watch(
        self, path: str, parse: Parse[T], rules: FileRules
    ) -> tuple[Watched[T], Sequence[Problem]]:
        """Return a file of a module's as it is in use, and what is wrong with that.

        Raises:
            UnsteadyFile: if it is being written, and nothing of it is in use yet.

        """
        watched = self._followed.watched(path, parse, rules)
        return watched, watched.begin()
