"""New files tried as `ualauth check` tries them, before they are written anywhere."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ualauth.cli.migrate.outcome import Migration
from ualauth.errors import ServiceFileError, UnknownService
from ualauth.sources.problem import Problem
from ualauth.stack.compile import compile_service
from ualauth.stack.dialect import Dialect
from ualauth.stack.folder import ServiceFolder
from ualauth.stack.line import FindModule


def mistakes(
    migration: Migration, beside: dict[str, str], find_module: FindModule, dialect: Dialect
) -> list[tuple[str, Problem]]:
    """Return what `check` would call an error: the new file that it is in, and the problem.

    `beside` are files of the configuration folder that the new ones rely on.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        for target, text in {**beside, **migration.files}.items():
            path = folder / target
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8", "surrogateescape")
            path.chmod(0o600)
        services = ServiceFolder(folder / "pam.d")
        problems: dict[Problem, None] = {}
        for target in migration.files:
            if target.startswith("pam.d/"):
                problems |= dict.fromkeys(_problems(target[6:], services, find_module, dialect))
        return [
            (str(Path(each.source.file).relative_to(folder)), each)
            for each in problems
            if not each.warning and Path(each.source.file).is_relative_to(folder)
        ]


def _problems(
    service: str, folder: ServiceFolder, find_module: FindModule, dialect: Dialect
) -> list[Problem]:
    try:
        return list(compile_service(service, folder, find_module, dialect).problems)
    except ServiceFileError as error:
        return [each for each in error.problems if isinstance(each, Problem)]
    except UnknownService:
        return []
