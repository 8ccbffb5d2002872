"""A configuration folder with users, of which logins are explained."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.explaining.stacks import SETTINGS, add_users
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.store import UserStore


@pytest.fixture
def folder(tmp_path: Path) -> ConfigFolder:
    """The folder."""
    folder = ConfigFolder(tmp_path)
    folder.settings(SETTINGS)
    (tmp_path / "allowed").write_text("plain\nlocked\nold\n")
    (tmp_path / "hosts").write_text("192.0.2.7\n")
    return folder


@pytest.fixture(scope="session")
def all_users(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A USERLIST in a file, with one user of each kind: made once, and copied."""
    folder = tmp_path_factory.mktemp("users")
    userlist = Userlist.create(folder)
    add_users(userlist)
    userlist.close()
    return folder / "userlist.db"


@pytest.fixture
def userlist(folder: ConfigFolder, all_users: Path) -> Iterator[Userlist]:
    """The USERLIST of the folder."""
    path = folder.path / "userlist.db"
    shutil.copyfile(all_users, path)
    path.chmod(0o600)
    userlist = Userlist(UserStore(f"sqlite:///{path}"))
    yield userlist
    userlist.close()
