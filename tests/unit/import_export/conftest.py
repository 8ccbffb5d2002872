"""Files in every format, read into a USERLIST and written from it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.import_export.arrivals import House
from ualauth.import_export.formats import FORMATS
from ualauth.import_export.line import BadLine, Line, Reading, UserLine
from ualauth.userlist.store import UserStore

HASH = "$6$rounds=1000$saltsalt$" + "x" * 86


@pytest.fixture
def store(tmp_path: Path) -> Iterator[UserStore]:
    """Return an empty USERLIST."""
    with UserStore(f"sqlite:///{tmp_path / 'userlist.db'}") as store:
        store.create()
        yield store


def lines_of(kind: str, text: str, reading: Reading | None = None) -> list[Line]:
    """Return what a text amounts to."""
    return list(FORMATS[kind].read(text.splitlines(keepends=True), reading or Reading()))


def user_of(kind: str, text: str, reading: Reading | None = None) -> UserLine:
    """Return the one user of a text."""
    (line,) = lines_of(kind, text, reading)
    assert isinstance(line, UserLine), line
    return line


def problem_of(kind: str, text: str, reading: Reading | None = None) -> str:
    """Return what is wrong with the one line of a text."""
    (line,) = lines_of(kind, text, reading)
    assert isinstance(line, BadLine), line
    return line.problem


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Return an empty USERLIST with services that ask it."""
    house = House(tmp_path / "here")
    yield house
    house.store.close()
