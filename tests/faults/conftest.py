"""What the tests of faults share: a folder with a USERLIST, and counts that are always printed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.running import TOLD
from ualauth.passwords import scram
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

SERVICE = """\
    auth      required  om_auth
    account   required  om_auth
    password  required  om_auth
"""

CHEAP = """\
    [password]
    argon2_passes = 1
    argon2_lanes = 1
    argon2_memory = 8
    minimum_strength = 0
    minimum_length = 1

    [stack]
    fail_delay = false
"""


@pytest.fixture
def tell(record_property: Callable[[str, str], None]) -> Callable[[str], None]:
    """Return what keeps a line for the end of the run."""
    return lambda line: record_property(TOLD, line)


@pytest.fixture
def userlist(folder: ConfigFolder) -> Iterator[Userlist]:
    """Return the USERLIST of a folder with the service pop3, where hashes cost nothing."""
    folder.service("pop3", SERVICE)
    folder.settings(CHEAP)
    userlist = Userlist.create(folder.path)
    yield userlist
    userlist.close()


@pytest.fixture(autouse=True)
def cheap_scram(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let new SCRAM secrets cost nothing; what they cost is kept in each."""
    for name, mechanism in scram.MECHANISMS.items():
        cheap = dataclasses.replace(mechanism, iterations=1)
        monkeypatch.setitem(scram.MECHANISMS, name, cheap)


@pytest.fixture
def database(folder: ConfigFolder) -> Path:
    """Return where that USERLIST is."""
    return folder.path / "userlist.db"
