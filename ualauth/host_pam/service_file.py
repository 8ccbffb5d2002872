"""The file of a host's service, read as libpam reads it: what `ualauth check` tells of it.

libpam decides, and reads it again at each login: what it goes on with is a warning here, and an
error is what it refuses as a whole. Nothing of this keeps an entry from being asked.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from ualauth.contract.module import Files, Module
from ualauth.contract.options import OptionProblem
from ualauth.errors import ModuleUnavailable, ServiceFileError, UnsteadyFile
from ualauth.host_pam.service import HostService
from ualauth.sources.files import FileRules, Text, Unusable
from ualauth.sources.opening import inspect
from ualauth.sources.problem import Problem, Source
from ualauth.stack.compile import OTHER, compile_service
from ualauth.stack.dialect import DEBIAN
from ualauth.stack.folder import ServiceFolder
from ualauth.stack.syntax import parse

_DIALECT = replace(DEBIAN, trusting=True)
_FOLDERS_OF_MODULES = ("/lib/*/security", "/lib/security", "/lib64/security", "/usr/lib/*/security")
_KNOWN = "pam_permit.so"
"""A module that is there wherever libpam is: by it, the folder of modules is known."""


def follow(service: HostService, files: Files) -> None:
    """Have the file of a service looked at, or the host's `other` where that decides."""
    path = service.path(service.name)
    if service.or_other and not os.path.lexists(path):
        path = service.path(OTHER)
    text = f"the host has no service {path.name}"
    problem = Problem(Source(str(path), 1, 1), text, "write it, or name another one by service=")
    rules = FileRules(missing=(problem,))
    # A program that logs users in asks libpam, which takes the file as it is.
    with contextlib.suppress(UnsteadyFile):
        files.watch(str(path), ReadsHostService(service), rules)


@dataclass(frozen=True, slots=True)
class ReadsHostService:
    """Reads the file of a service of the host, with all that it includes."""

    service: HostService

    def __call__(self, file: Text) -> tuple[None, Sequence[Problem]]:
        """Return what is wrong with it."""
        return None, tuple(self._problems(file))

    def _problems(self, file: Text) -> Iterator[Problem]:
        folder = _HostFolder(self.service)
        if not any(line.tokens for line in parse(file.text, _DIALECT).lines):
            text = "there is no line in it: the host's other decides"
            at = Source(file.path, 1, 1)
            yield Problem(at, text, "write auth and account lines", warning=True)
        try:
            compiled = compile_service(
                os.path.basename(file.path),  # noqa: PTH119 - a path as text
                folder,
                _find_module,
                _DIALECT,
            )
        except ServiceFileError as error:
            # libpam answers ABORT.
            for refused in error.problems:
                if isinstance(refused, Problem):
                    yield _of_host(refused)
        else:
            for problem in compiled.problems:
                yield replace(_of_host(problem), warning=True)
        for path in folder.read_paths:
            # The service's own file is looked at by who reads it.
            target = inspect(path, FileRules()) if path != file.path else None
            if isinstance(target, Unusable) and target.unsafe:
                text = f"the file {target.reason}"
                yield Problem(Source(path, 1, 1), text, target.cure, warning=True)


class _HostFolder(ServiceFolder):
    """Where libpam looks for files."""

    def __init__(self, service: HostService) -> None:
        """Read whatever libpam would."""
        super().__init__(service.folders[0], trusting=True)
        self._service = service
        self.read_paths: dict[str, None] = {}
        """What was looked for, in this order."""

    def path(self, name: str) -> str:
        """Return where a file is that has this name, or this path."""
        path = name if name.startswith("/") else str(self._service.path(name))
        self.read_paths.setdefault(path)
        return path


@dataclass(frozen=True, slots=True)
class _AnyOptions:
    """The arguments of a C module: only that knows them."""

    @classmethod
    def from_arguments(cls, _arguments: Sequence[str]) -> tuple[Self, list[OptionProblem]]:
        """Take them all."""
        return cls(), []


class _CModule(Module[_AnyOptions]):
    """A module of the host's PAM."""

    options_type = _AnyOptions


_NO_MODULE = "libpam has no module"


def _find_module(name: str) -> type[Module[Any]]:
    """Return what stands for a C module.

    Raises:
        ModuleUnavailable: if libpam finds none.

    """
    if name.startswith("/"):
        # The part that depends on the machine is libpam's to fill in.
        missing = "$ISA" not in name and not Path(name).exists()
    else:
        folders = [
            folder
            for pattern in _FOLDERS_OF_MODULES
            for folder in Path("/").glob(pattern.removeprefix("/"))
            if (folder / _KNOWN).exists()
        ]
        missing = bool(folders) and not any((folder / name).exists() for folder in folders)
    if missing:
        raise ModuleUnavailable(f"{_NO_MODULE} {name[:64]!r}: it answers module_unknown")
    return _CModule


def _of_host(problem: Problem) -> Problem:
    """Return a problem with a cure that is one for the host's files."""
    if problem.text.startswith(_NO_MODULE):
        return replace(problem, cure="install the Debian package that has it, or correct the name")
    return problem
