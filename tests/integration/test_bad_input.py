"""Every kind of bad input: a clear error, no user let in, and nothing changed."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import Way
from tests.machine import patience
from ualauth import (
    AuthenticationError,
    AuthenticationFailed,
    Authenticator,
    ConfigurationError,
    ServiceFileError,
    TemporaryFailure,
    UnknownService,
)
from ualauth.codes import Operation, ReturnCode
from ualauth.testing.conversation import ScriptedConversation
from ualauth.testing.folder import ConfigFolder

LONG = "x" * 1_000_000


@pytest.fixture(autouse=True)
def unchanged(mail: ConfigFolder) -> object:
    """Compare the USERLIST before and after."""
    before = people(mail)
    yield
    assert people(mail) in (before, "unreadable")


def people(mail: ConfigFolder) -> object:
    """Return what the USERLIST holds, but for failed logins, and secrets that a login adds."""
    try:
        url = f"file:{mail.path}/userlist.db?mode=ro"
        with closing(sqlite3.connect(url, uri=True)) as database:
            lines = database.iterdump()
            grows = ("login_failures", "sasl_passwords", "changes")
            return "\n".join(line for line in lines if not any(each in line for each in grows))
    except sqlite3.DatabaseError:
        return "unreadable"


@pytest.mark.parametrize(
    "service",
    ["", "/", "mail/", "/mail", "../mail", "..", ".", "a/b", "mail\0", "mail\n", "\x1b[2J", LONG],
)
def test_a_service_name_that_is_none(way: Way, mail: ConfigFolder, service: str) -> None:
    with pytest.raises(UnknownService, match="is not a service name") as raised:
        way.login(mail.config(), service, "jsmith", "s3cret")
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 300


@pytest.mark.parametrize(
    "user", ["", "\0", "jsmith\0", "js\nmith", LONG, "\ud800", "*", "%", "'; DROP TABLE users; --"]
)
def test_a_user_name_that_no_user_has(way: Way, mail: ConfigFolder, user: str) -> None:
    with pytest.raises(AuthenticationFailed):
        way.login(mail.config(), "mail", user, "s3cret")


@pytest.mark.parametrize(
    "password", ["", "\0", "s3cret\0", "s3cret\0x", LONG, "\ud800", "s3cret\n"]
)
def test_a_password_that_no_user_has(way: Way, mail: ConfigFolder, password: str) -> None:
    with pytest.raises(AuthenticationFailed):
        way.login(mail.config(), "mail", "jsmith", password)


@pytest.mark.parametrize("password", ["\0", LONG, "\ud800"])
def test_a_new_password_that_none_can_be(way: Way, mail: ConfigFolder, password: str) -> None:
    with pytest.raises(AuthenticationError):
        way.change(mail.config(), "mail", "jsmith", "s3cret", password)


@pytest.mark.parametrize("answer", ["s3cret\0", LONG, "\ud800"])
def test_an_answer_that_no_password_can_be(way: Way, mail: ConfigFolder, answer: str) -> None:
    with way.begin(mail.config(), "mail", "jsmith", ScriptedConversation(answer)) as transaction:
        assert way.perform(transaction, Operation.AUTHENTICATE) is ReturnCode.AUTH_ERR


def unreadable(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def world_writable(path: Path) -> None:
    path.chmod(path.stat().st_mode | stat.S_IWOTH)


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def huge_line(path: Path) -> None:
    path.write_text(f"auth required pam_permit {LONG}{LONG}\n")


def unfinished(path: Path) -> None:
    path.write_text("auth required pam_permit \\\n")


@pytest.mark.parametrize("spoil", [unreadable, folder, world_writable, pipe, huge_line, unfinished])
def test_a_service_file_that_cannot_be_used(
    way: Way, mail: ConfigFolder, spoil: Callable[[Path], object]
) -> None:
    path = mail.services / "mail"
    spoil(path)
    with pytest.raises(ServiceFileError) as raised:
        way.login(mail.config(), "mail", "jsmith", "s3cret")
    assert str(path) in str(raised.value)
    assert "cure: " in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        os.urandom(5000),
        b"\x7fELF\x02\x01\x01" + bytes(4000),
        b"auth required pam_permit\r\naccount required pam_permit\r\n",
        b"auth required no_such_module\naccount required pam_permit\n",
        b"auth required om_auth nulok\naccount required pam_permit\n",
        b"auth requird pam_permit\naccount required pam_permit\n",
        b"auth include mail\naccount required pam_permit\n",
        b"auth include mail\n" * 20,
        b"auth substack mail\n" * 20,
        b"@include mail\n" * 20,
        b"auth\n",
        b"",
    ],
)
def test_a_service_file_full_of_mistakes_lets_no_user_in(
    way: Way, mail: ConfigFolder, text: bytes
) -> None:
    mail.service("mail", text)
    started = time.monotonic()
    with pytest.raises((AuthenticationError, ConfigurationError)):
        way.login(mail.config(), "mail", "jsmith", "s3cret")
    # Files that include themselves must not be read for ever.
    assert time.monotonic() - started < patience(10)


def test_no_configuration_folder() -> None:
    with pytest.raises(ConfigurationError, match=r"there is no configuration folder .* init"):
        Authenticator("/no/such/folder")


def test_every_mistake_of_the_settings_is_told_at_once(mail: ConfigFolder) -> None:
    mail.settings("[stack]\ndialekt = 'x'\ntimeout = -1\n[userlst]\n[password]\nscheme = 'rot13'\n")
    with pytest.raises(ConfigurationError) as raised:
        mail.config()
    text = str(raised.value)
    assert text.count(str(mail.path / "ualauth.toml")) == 4
    assert "did you mean 'dialect'?" in text
    assert "did you mean 'userlist'?" in text


def test_a_corrupt_database_is_a_temporary_failure(way: Way, mail: ConfigFolder) -> None:
    (mail.path / "userlist.db").write_bytes(os.urandom(8192))
    with pytest.raises(TemporaryFailure):
        way.login(mail.config(), "mail", "jsmith", "s3cret")


def test_a_locked_database_is_a_temporary_failure(way: Way, mail: ConfigFolder) -> None:
    mail.settings("[userlist]\ntimeout = 0.2\n")
    path = mail.path / "userlist.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        # In WAL mode, readers are kept out by this only.
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("BEGIN EXCLUSIVE")
        with pytest.raises(TemporaryFailure):
            way.login(mail.config(), "mail", "jsmith", "s3cret")


def test_a_missing_database_is_a_temporary_failure(way: Way, mail: ConfigFolder) -> None:
    (mail.path / "userlist.db").rename(mail.path / "elsewhere.db")
    with pytest.raises(TemporaryFailure):
        way.login(mail.config(), "mail", "jsmith", "s3cret")
    assert not (mail.path / "userlist.db").exists()
    (mail.path / "elsewhere.db").rename(mail.path / "userlist.db")


FULL_DISK = """
import resource, sys
from ualauth import Authenticator, TemporaryFailure

authenticator = Authenticator(sys.argv[1])
authenticator.authenticate("mail", "jsmith", "s3cret")
# From here on, no file can grow beyond one byte, as on a full disk.
resource.setrlimit(resource.RLIMIT_FSIZE, (1, 1))
try:
    authenticator.change_password("mail", "jsmith", "s3cret", "n3w s3cret")
except TemporaryFailure:
    print(authenticator.authenticate("mail", "jsmith", "s3cret").user)
"""


def test_a_full_disk_refuses_a_change_and_still_lets_in(mail: ConfigFolder) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, mail.path],
        capture_output=True,
        text=True,
        check=True,
        timeout=patience(60),
    )
    assert done.stdout == "jsmith\n"
