"""A copy of the demonstration's folder for each page and example."""

from __future__ import annotations

import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs import forked
from tests.docs.pages import ROOT
from tests.docs.play import ENVIRONMENT


@dataclass(frozen=True, slots=True)
class Demonstration:
    """The folder that `make demo` makes, and what it printed."""

    folder: Path
    output: str


@pytest.fixture(scope="session")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> Demonstration:
    folder = tmp_path_factory.mktemp("demonstration") / "demo"
    command: list[str | Path] = [sys.executable, ROOT / "examples" / "demo.py", folder]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Demonstration(folder, done.stdout)


@pytest.fixture
def etc(demonstration: Demonstration) -> Iterator[Path]:
    """Provide a copy whose path is as long as /etc/ualauth."""
    folder = Path(f"/tmp/u{secrets.token_hex(3)}")
    assert len(str(folder)) == len("/etc/ualauth")
    folder.mkdir(mode=0o700)
    shutil.copytree(demonstration.folder, folder, dirs_exist_ok=True)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def here(tmp_path: Path, etc: Path) -> Path:
    """Provide a working folder in which `demo` is that copy."""
    (tmp_path / "demo").symlink_to(etc)
    return tmp_path


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Provide a folder with `ualauth`, which starts at once."""
    with forked.programs(tmp_path_factory.mktemp("programs"), ENVIRONMENT) as folder:
        yield folder
