"""A USERLIST with people who have UNIX accounts, and a configuration folder around it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from ualauth.config.install import shipped_folder
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

BOSS, USER, LOCKED, EXPIRED, EXPIRING = range(1000, 1005)
"""The uids: two administrators who may, a user, and two administrators who may not."""
STRANGER = 4711
ROOT = 0

DAY = timedelta(days=1)
Install = Callable[..., None]


QUICK = """
    [stack]
    fail_delay = false
    [password]
    argon2_passes = 1
    argon2_lanes = 1
    argon2_memory = 8
    """


@pytest.fixture
def userlist(folder: ConfigFolder) -> Iterator[Userlist]:
    folder.settings(QUICK)
    new_userlist = Userlist.create(folder.path)
    now = datetime.now(UTC)
    new_userlist.add(
        "boss", "s3cret", addresses=("boss@example.com",), administrator=True, unix_uid=BOSS
    )
    new_userlist.add("jsmith", "s3cret", addresses=("john@example.com",), unix_uid=USER)
    new_userlist.add("locked", "s3cret", administrator=True, locked=True, unix_uid=LOCKED)
    new_userlist.add(
        "gone", "s3cret", administrator=True, account_expires=now - DAY, unix_uid=EXPIRED
    )
    new_userlist.add(
        "going", "s3cret", administrator=True, account_expires=now + DAY, unix_uid=EXPIRING
    )
    new_userlist.add("abroad", "s3cret", administrator=True)
    yield new_userlist
    new_userlist.close()


@pytest.fixture
def install(folder: ConfigFolder) -> Install:
    """Return a function that makes a shipped example a service, under its name or others."""

    def installed(example: str, *services: str) -> None:
        text = (shipped_folder() / "examples" / example).read_bytes()
        for service in services or (example,):
            folder.service(service, text)

    return installed
