"""Service files that are not installed yet, seen as if they were: `ualauth check FILE`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ualauth.sources.files import Found, Text
from ualauth.sources.watched import Stamp
from ualauth.stack.folder import ServiceFolder


class Candidates(ServiceFolder):
    """The folder of service files, with some of them replaced by candidates, or added."""

    def __init__(
        self,
        installed: ServiceFolder,
        files: Mapping[str, str],
        typed: Mapping[str, bytes] | None = None,
    ) -> None:
        """Take `files`, the paths of candidates by the names of their services.

        `typed` has what stands at a path that is none: standard input.
        """
        super().__init__(installed.folder, trusting=installed.rules.trusting)
        self._files = {name: str(Path(path).absolute()) for name, path in files.items()}
        self._typed = {
            str(Path(path).absolute()): Text(path, data.decode(errors="surrogateescape"))
            for path, data in (typed or {}).items()
        }

    def path(self, name: str) -> str:
        """Return where `name` is looked up: a candidate comes first."""
        return self._files.get(name) or super().path(name)

    def look(self, path: str) -> tuple[Stamp, Found]:
        """See `ServiceFolder.look`."""
        return (None, self._typed[path]) if path in self._typed else super().look(path)
