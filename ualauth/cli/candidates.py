"""Words of `ualauth check` that are files: service files that are not installed yet."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from ualauth.cli.invocation import Invocation
from ualauth.errors import UnknownService
from ualauth.sources.files import MAX_FILE_BYTES
from ualauth.stack.candidates import Candidates
from ualauth.stack.folder import ServiceFolder, service_name

_STDIN = "-"


def is_file(word: str) -> bool:
    """Return whether a word is a file, and not the name of a service."""
    return "/" in word or word == _STDIN


def take_candidates(invocation: Invocation, words: Sequence[str], name: str | None) -> list[str]:
    """Let services be what the files among `words` say; return the services that all words name.

    A folder has the files of several services. `name` is the service that one file is for.
    """
    files: dict[str, str] = {}
    typed: dict[str, bytes] = {}
    services: list[str] = []
    folder, dialect = invocation.base.services.folder, invocation.config.dialect
    for word in words:
        if not is_file(word):
            services.append(word)
            continue
        paths = {_STDIN: word} if word == _STDIN else _files_at(word)
        if word == _STDIN:
            typed[word] = sys.stdin.buffer.read(MAX_FILE_BYTES + 1)[: MAX_FILE_BYTES + 1]
        if name is None and word == _STDIN:
            raise click.UsageError("say which service it is for: --as SERVICE")
        for base, path in paths.items():
            service = service_name(name or base, dialect)
            if service in files:
                raise click.UsageError(f"{path} is one of two files for the service {service!r}")
            files[service] = path
            services.append(service)
    if name is not None and len(files) != 1:
        raise click.UsageError("--as is for one file")
    if files:
        invocation.base.services.folder = Candidates(folder, files, typed)
    return services


def _files_at(word: str) -> dict[str, str]:
    """Return the paths of the service files at a path, by their names."""
    path = Path(word)
    if path.is_dir():
        names = ServiceFolder(path).services()
        if not names:
            raise UnknownService(f"there is no service file in {path}")
        return {name: str(path / name) for name in names}
    if not path.exists():
        raise UnknownService(f"there is no file {path}")
    return {path.name: str(path)}
