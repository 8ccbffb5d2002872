"""Words of `ualauth diff`: a service, a file, or a folder, each as one side of a comparison."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import click

from ualauth.cli.candidates import is_file
from ualauth.cli.invocation import Invocation
from ualauth.config.config import Config
from ualauth.errors import UnknownService
from ualauth.runtime.base import BaseAuthenticator
from ualauth.sources.files import MAX_FILE_BYTES, FileRules, Found, Missing
from ualauth.sources.following import Parse, Watched
from ualauth.sources.problem import Problem, Source
from ualauth.sources.watched import Stamp
from ualauth.stack.candidates import Candidates
from ualauth.stack.folder import ServiceFolder, service_name
from ualauth.stack.model import Service

T = TypeVar("T")

_STDIN = "-"
_SERVICES = "pam.d"


class Noting(ServiceFolder):
    """A folder that notes which other files its services read."""

    def __init__(self, folder: ServiceFolder) -> None:
        """Read from a folder."""
        super().__init__(folder.folder, trusting=folder.rules.trusting)
        self._folder = folder
        self.files: dict[str, None] = {}

    def path(self, name: str) -> str:
        """See `ServiceFolder.path`."""
        return self._folder.path(name)

    def look(self, path: str) -> tuple[Stamp, Found]:
        """See `ServiceFolder.look`."""
        self.files.setdefault(path)
        return self._folder.look(path)

    def watch(
        self, path: str, parse: Parse[T], rules: FileRules
    ) -> tuple[Watched[T], Sequence[Problem]]:
        """See `ServiceFolder.watch`."""
        self.files.setdefault(self.beside(path))
        return self._folder.watch(path, parse, rules)

    def inspect(self, path: str, rules: FileRules) -> Found:
        """See `ServiceFolder.inspect`."""
        self.files.setdefault(self.beside(path))
        return self._folder.inspect(path, rules)


@dataclass(frozen=True, slots=True)
class Side:
    """One side: `service` is the one that is meant, empty for a folder as a whole."""

    shown: str
    config: Config
    base: BaseAuthenticator
    folder: Noting
    service: str
    has_settings: bool
    """Whether it is a configuration folder, with settings of its own."""

    def names(self) -> list[str]:
        """Return the services that have a file here."""
        return [name for name in self.folder.services() if self._is_name(name)]

    def has_file(self, name: str) -> bool:
        """Return whether a service has a file of its own."""
        return not isinstance(self.folder.read(name), Missing)

    def compile(self, name: str) -> Service | None:
        """Return a service; `None` if there is neither its file nor one for `other`."""
        try:
            return self.base.services.compile(name)
        except UnknownService:
            return None

    def place(self, source: Source) -> str:
        """Return where an entry stands: `file:line`, without the folder of this side."""
        file = source.file.removeprefix(f"{self.folder.folder}/")
        if is_file(self.shown) and file == str(Path(self.shown).absolute()):
            file = Path(self.shown).name
        return f"{file}:{source.line}"

    def _is_name(self, name: str) -> bool:
        try:
            return service_name(name, self.config.dialect) == name
        except UnknownService:
            return False


def sides(invocation: Invocation, words: tuple[str, str], service: str | None) -> tuple[Side, Side]:
    """Return what two words mean, where `service` names one of folders, or what files are to be.

    Raises:
        ConfigurationError: if there is no such thing.

    """
    if words == (_STDIN, _STDIN):
        raise click.UsageError("only one of OLD and NEW can be standard input")
    names = [_name(invocation, word) for word in words]
    if service is None and None in names and names != [None, None]:
        raise click.UsageError("a service and a folder: name the SERVICE of the folder")
    if service is not None and all(not is_file(word) for word in words):
        raise click.UsageError("OLD and NEW are services already: SERVICE is for files and folders")
    # What comes from standard input is named like the other one.
    named = service or next((name for name in names if name), None) or ""
    if _STDIN in words and not named:
        raise click.UsageError("say which service standard input is: name the SERVICE")
    first, second = (
        _side(invocation, word, service or (named if word == _STDIN else name or ""))
        for word, name in zip(words, names, strict=True)
    )
    return first, second


def one_side(invocation: Invocation, word: str) -> Side:
    """Return what a word means that is a service, or a file for one.

    Raises:
        ConfigurationError: if there is no such thing.

    """
    name = _name(invocation, word)
    if not name:
        raise click.UsageError("name a service, or a service file")
    return _side(invocation, word, name)


def _name(invocation: Invocation, word: str) -> str | None:
    """Return the service that a word means by itself; `None` for a folder, empty for `-`."""
    if word == _STDIN:
        return ""
    path = Path(word)
    if not is_file(word):
        return word
    if path.is_dir():
        return None
    if not path.exists():
        raise UnknownService(f"there is no file {path}")
    return service_name(path.name, invocation.settings.dialect)


def _side(invocation: Invocation, word: str, service: str) -> Side:
    path = Path(word)
    if is_file(word) and path.is_dir():
        has_settings = (path / _SERVICES).is_dir()
        config = Config.load(path) if has_settings else invocation.settings
        folder = config.service_folder if has_settings else path.absolute()
        side = _opened(
            word, config, ServiceFolder(folder, trusting=config.dialect.trusting), service
        )
        side = Side(word, config, side.base, side.folder, service, has_settings)
        if not side.names():
            raise UnknownService(f"there is no service file in {folder}")
        missing = f"in {word}"
    else:
        config = invocation.settings
        installed = ServiceFolder(config.service_folder, trusting=config.dialect.trusting)
        if is_file(word):
            typed = {word: sys.stdin.buffer.read(MAX_FILE_BYTES + 1)} if word == _STDIN else {}
            name = service_name(service, config.dialect)
            installed = Candidates(installed, {name: word}, typed)
        side = _opened(word, config, installed, service)
        missing = f"in {config.service_folder}"
    if service and not side.has_file(service_name(service, config.dialect)):
        near = invocation.near(service) if not is_file(word) else ""
        if not is_file(word) and path.exists():
            near = f"; if you mean the file or folder, write ./{word}"
        raise UnknownService(f"there is no service file {service!r} {missing}{near}")
    return side


def _opened(word: str, config: Config, folder: ServiceFolder, service: str) -> Side:
    base = BaseAuthenticator(config)
    click.get_current_context().call_on_close(base.close)
    noting = Noting(folder)
    base.services.folder = noting
    return Side(word, config, base, noting, service, has_settings=False)


def files_beside(side: Side) -> Iterator[str]:
    """Yield the files in the configuration folder that services read, by their names in it."""
    home = f"{side.folder.home}/"
    services = f"{side.folder.folder}/"
    for path in side.folder.files:
        if path.startswith(home) and not path.startswith(services):
            yield path.removeprefix(home)
