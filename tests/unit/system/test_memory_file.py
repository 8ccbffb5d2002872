"""A private copy for a library that takes a path: readable, ours alone, and gone when it ends."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ualauth.system.memory_file import MemoryFile


@pytest.fixture(params=["in memory", "without such files"])
def file(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> MemoryFile:
    """Return a file of some bytes."""
    if request.param != "in memory":
        monkeypatch.delattr(os, "memfd_create")
    return MemoryFile(b"secret\0bytes")


def test_it_is_read_by_its_path_until_it_is_closed(file: MemoryFile) -> None:
    path = Path(file.path)
    assert path.read_bytes() == path.read_bytes() == b"secret\0bytes"
    file.close()
    assert not path.exists()


def test_it_ends_with_its_object(file: MemoryFile) -> None:
    path = Path(MemoryFile(b"x").path)
    assert not path.exists() or path == Path(file.path)
    file.close()


def test_only_its_user_may_read_a_temporary_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create")
    file = MemoryFile(b"secret")
    assert stat.S_IMODE(Path(file.path).stat().st_mode) == 0o600
    file.close()


def test_a_forked_child_can_read_it(file: MemoryFile) -> None:
    child = os.fork()
    if not child:
        os._exit(0 if Path(file.path).read_bytes() == b"secret\0bytes" else 1)
    assert os.waitpid(child, 0)[1] == 0
    file.close()
