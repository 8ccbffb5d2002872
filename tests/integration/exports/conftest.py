"""A USERLIST for files that Dovecot reads, too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.import_export.arrivals import House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Return an empty USERLIST with services that ask it."""
    house = House(tmp_path / "here")
    yield house
    house.store.close()
