"""An authority and a server for all tests of directories."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ldap.authority import Authority
from tests.ldap.slapd import Slapd, running


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return the authority that tests trust."""
    folder: Path = tmp_path_factory.mktemp("authority")
    return Authority(folder)


@pytest.fixture(scope="session")
def slapd(authority: Authority) -> Iterator[Slapd]:
    """Return a server that nobody stops; tests may add entries of their own."""
    with running(authority) as server:
        yield server
