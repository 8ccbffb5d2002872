"""No room on the disk: nothing is lost, who can be judged is, and no user is judged by halves.

The disk is a small tmpfs, where that can be mounted, and everywhere a limit on
the size of files, which SQLite meets as a disk error.
"""

from __future__ import annotations

import resource
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.conftest import Way
from tests.faults.conftest import CHEAP, SERVICE
from ualauth.errors import AuthenticationFailed, PasswordExpired, StoreError, TemporaryFailure
from ualauth.passwords.scram import verifies
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.administration import set_password

RIGHT, WRONG, NEW = "violet 7 anchor", "violet 8 anchor", "copper 6 lantern"
ANOTHER = "192.0.2.9"


class Limit:
    """No file may grow beyond what the USERLIST's journal has now."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def full(self) -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        size = (self.folder / "userlist.db-wal").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)


class SmallDisk:
    """A file system without a free block."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def full(self) -> Iterator[None]:
        ballast = self.folder / "ballast"
        with ballast.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):  # noqa: PT012
            while True:
                file.write(b"\0" * 4096)
        try:
            yield
        finally:
            ballast.unlink()


Disk = Limit | SmallDisk


def mount(folder: Path) -> bool:
    """Return whether a small file system could be mounted."""
    program = shutil.which("mount")
    if program is None:
        return False
    command = [program, "-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs", str(folder)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def kinds(where: Path) -> list[str]:
    """Return what this machine lets us do."""
    if not mount(where):
        return ["limit"]
    subprocess.run(["umount", str(where)], check=True)
    return ["limit", "small disk"]


@pytest.fixture(scope="session")
def mountable(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return kinds(tmp_path_factory.mktemp("mount"))


@pytest.fixture(params=["limit", "small disk"])
def place(
    request: pytest.FixtureRequest, tmp_path: Path, mountable: list[str]
) -> Iterator[tuple[ConfigFolder, Disk]]:
    """Return a folder, and what fills the disk that it is on.

    Where nothing can be mounted, the limit serves twice.
    """
    path = tmp_path / "etc"
    path.mkdir()
    if request.param not in mountable or request.param == "limit":
        yield ConfigFolder(path), Limit(path)
        return
    assert mount(path)
    try:
        yield ConfigFolder(path), SmallDisk(path)
    finally:
        subprocess.run(["umount", str(path)], check=True)


def test_a_full_disk_loses_nothing_and_lets_no_user_in_unjudged(
    place: tuple[ConfigFolder, Disk], way: Way, tell: Callable[[str], None]
) -> None:
    folder, disk = place
    folder.service("pop3", SERVICE)
    folder.settings(CHEAP.replace("[password]", "[password]\n    grace_logins = 2"))
    userlist = Userlist.create(folder.path)
    for name in ("anna", "bert", "carla"):
        user = userlist.add(name)
        set_password(userlist.store, userlist.hasher, user, RIGHT)
    userlist.store.update(
        userlist.store.get("carla"), password_expires=datetime.now(UTC) - timedelta(days=1)
    )
    userlist.store.set_password(
        userlist.add("plain"), f"{{PLAIN}}{RIGHT}", (), changed=datetime.now(UTC), expires=None
    )
    # More than the 32 KiB that SQLite needs to share its journal's index.
    while (folder.path / "userlist.db-wal").stat().st_size < 64 * 1024:
        userlist.store.update(userlist.store.get("bert"), language="de")
    authenticator = way.authenticator(folder.config())

    def login(user: str, password: str, rhost: str = "192.0.2.7") -> str:
        identity = way.run(authenticator.authenticate("pop3", user, password, rhost=rhost))
        return str(identity.user)

    with pytest.raises(AuthenticationFailed):
        login("anna", WRONG)
    before = list(userlist.store.users())
    secrets = [userlist.store.secrets(user) for user in before]
    tried = 0
    for _ in range(2):
        with disk.full():
            for name in ("anna", "bert", "plain"):
                # Neither the failure that cannot be forgotten nor the hash that cannot be
                # replaced keeps a user out.
                assert login(name, RIGHT) == name
            for name in ("anna", "bert", "plain", "nobody"):
                # A failure that cannot be counted is not told: guessing would be free.
                with pytest.raises(TemporaryFailure):
                    login(name, WRONG, ANOTHER)
            # Nor is a grace login that cannot be counted granted.
            with pytest.raises(TemporaryFailure):
                login("carla", RIGHT)
            for name in ("anna", "bert", "carla"):
                with pytest.raises(TemporaryFailure):
                    way.run(authenticator.change_password("pop3", name, RIGHT, NEW))
            for user in before:
                with pytest.raises(StoreError, match="disk is full"):
                    userlist.store.update(user, locked=True)
                with pytest.raises(StoreError, match="disk is full"):
                    set_password(userlist.store, userlist.hasher, user, NEW)
                with pytest.raises(StoreError, match="disk is full"):
                    userlist.store.delete(user)
            assert list(userlist.store.users()) == before
            assert [userlist.store.secrets(user) for user in before] == secrets
            tried += 11 + 3 * len(before)
    # With room again, all goes on as if nothing had been.
    for user, some in zip(before, secrets, strict=True):
        assert all(verifies(secret, RIGHT) for secret in some)
        assert len(some) == (0 if user.authid == "plain" else 3)
    with pytest.raises(AuthenticationFailed):
        login("anna", WRONG)
    assert [login("carla", RIGHT) for _ in range(2)] == ["carla"] * 2
    with pytest.raises(PasswordExpired):
        login("carla", RIGHT)
    way.run(authenticator.change_password("pop3", "anna", RIGHT, NEW))
    assert login("anna", NEW) == "anna"
    with pytest.raises(AuthenticationFailed):
        login("anna", RIGHT)
    userlist.close()
    way.run(authenticator.close())
    name = "asyncio" if way.asynchronous else "blocking"
    tell(f"disk full ({type(disk).__name__}, {name}): {tried} logins and changes, 0 lost, 0 wrong")
