"""Services of the host in a folder of their own, and an account that exists for one test."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from passlib.hash import sha512_crypt

from ualauth.testing.folder import ConfigFolder

UNIX = """
auth     required pam_unix.so nodelay
account  required pam_unix.so
password required pam_unix.so sha512 rounds=1000
session  required pam_permit.so
"""
TYPES = ("auth", "account", "password", "session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip where accounts cannot be made."""
    if os.geteuid():
        here = Path(__file__).parent
        for item in items:
            if here in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="only root can make an account"))


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the host, and its password."""

    name: str
    password: str

    def change(self, *command: str) -> None:
        """Run a program of the package passwd on it."""
        subprocess.run([*command, self.name], check=True, capture_output=True)

    def lock(self) -> None:
        self.change("usermod", "--lock")

    def expire(self) -> None:
        """Let the account end long ago."""
        self.change("chage", "--expiredate", "1")

    def expire_password(self) -> None:
        self.change("chage", "--lastday", "0")


def set_password(name: str, password: str) -> None:
    stored = sha512_crypt.using(rounds=1000).hash(password)
    subprocess.run(
        ["chpasswd", "--encrypted"],
        input=f"{name}:{stored}\n",
        text=True,
        check=True,
        capture_output=True,
    )


@pytest.fixture
def account() -> Iterator[Account]:
    """Make an account that does not exist on any host."""
    account = Account(f"ual-{secrets.token_hex(6)}", "correct horse")
    try:
        subprocess.run(
            ["useradd", "--no-create-home", "--no-user-group", "--no-log-init", account.name],
            check=True,
            capture_output=True,
        )
        set_password(account.name, account.password)
        yield account
    finally:
        subprocess.run(["userdel", "--force", account.name], check=False, capture_output=True)


HostService = Callable[[str, str], Path]


@pytest.fixture
def host(tmp_path: Path) -> HostService:
    """Return a function that makes a service of the host, in a folder that it returns."""
    folder = tmp_path / "host"
    folder.mkdir()
    # What libpam takes where a service has no line of a type.
    (folder / "other").write_text("".join(f"{each} required pam_deny.so\n" for each in TYPES))

    def make(name: str, text: str) -> Path:
        (folder / name).write_text(text)
        return folder

    return make


@pytest.fixture
def mail(folder: ConfigFolder, host: HostService) -> Callable[..., ConfigFolder]:
    """Return a function that makes `mail` ask a service of the host with this text."""

    def make(text: str = UNIX, options: str = "") -> ConfigFolder:
        confdir = host("mailhost", text)
        folder.settings("[stack]\nfail_delay = false\n")
        folder.service(
            "mail",
            "".join(
                f"{each} required pam_linux service=mailhost confdir={confdir} {options}\n"
                for each in TYPES
            ),
        )
        return folder

    return make
