"""Compiling texts in a folder of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ualauth.stack.compile import compile_service
from ualauth.stack.dialect import LINUX_PAM, Dialect
from ualauth.stack.folder import ServiceFolder
from ualauth.stack.model import Service
from ualauth.stack.registry import ModuleRegistry

Compile = Callable[..., Service]


@pytest.fixture
def compile_files(tmp_path: Path) -> Compile:
    """Return a function that writes files and compiles the service `test`."""

    def run(
        text: str | bytes | None = None,
        *,
        name: str = "test",
        dialect: Dialect = LINUX_PAM,
        **files: str | bytes,
    ) -> Service:
        if text is not None:
            files["test"] = text
        for file, content in files.items():
            data = content if isinstance(content, bytes) else content.encode()
            (tmp_path / file).write_bytes(data)
        return compile_service(name, ServiceFolder(tmp_path), ModuleRegistry().find, dialect)

    return run
