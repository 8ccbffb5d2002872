"""A USERLIST in a file of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ualauth.userlist.store import UserStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the USERLIST of the test is."""
    return tmp_path / "userlist.db"


@pytest.fixture
def store(path: Path) -> Iterator[UserStore]:
    """Return an empty USERLIST."""
    with UserStore(f"sqlite:///{path}", timeout=0.2) as store:
        store.create()
        yield store
