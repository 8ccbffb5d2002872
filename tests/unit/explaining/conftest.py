"""A configuration folder with users, of which logins are explained."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.explaining.stacks import SETTINGS, add_users
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist


@pytest.fixture
def folder(tmp_path: Path) -> ConfigFolder:
    """The folder."""
    folder = ConfigFolder(tmp_path)
    folder.settings(SETTINGS)
    (tmp_path / "allowed").write_text("plain\nlocked\nold\n")
    (tmp_path / "hosts").write_text("192.0.2.7\n")
    return folder


@pytest.fixture
def userlist(folder: ConfigFolder) -> Iterator[Userlist]:
    """The USERLIST, with one user of each kind."""
    userlist = Userlist.create(folder.path)
    add_users(userlist)
    yield userlist
    userlist.close()
