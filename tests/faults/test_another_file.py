"""The file of the USERLIST goes away, never was there, or another one takes its place."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Way
from ualauth.errors import AccountRestricted, StoreError, TemporaryFailure
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist


def files(database: Path) -> list[Path]:
    """Return the files beside the database, and then itself."""
    return [path for end in ("-wal", "-shm", "") if (path := Path(f"{database}{end}")).exists()]


@pytest.mark.parametrize("failures", [0, 10])
@pytest.mark.parametrize("method", ["authenticate", "change_password"])
def test_a_userlist_that_is_not_there_is_no_reason_to_call_a_password_wrong(
    folder: ConfigFolder, way: Way, failures: int, method: str
) -> None:
    folder.service("pop3", "auth required om_auth\npassword required om_auth\n")
    folder.settings(f"[lockout]\nfailures = {failures}\n")
    passwords = ("s3cret", "violet 7 anchor")[: 1 + (method == "change_password")]
    with pytest.raises(TemporaryFailure):
        way.run(getattr(way.authenticator(folder.config()), method)("pop3", "anna", *passwords))


def test_an_account_in_a_userlist_that_is_not_there_cannot_be_checked(
    folder: ConfigFolder, way: Way
) -> None:
    folder.service("pop3", "auth required pam_permit\naccount required om_auth\n")
    with pytest.raises(TemporaryFailure):
        way.login(folder.config(), "pop3", "anna", "s3cret")


def test_a_stack_without_om_auth_needs_no_userlist(folder: ConfigFolder, way: Way) -> None:
    folder.service("pop3", "auth required pam_permit\naccount required pam_permit\n")
    assert way.login(folder.config(), "pop3", "anna", "s3cret").user == "anna"


def test_an_open_file_that_was_moved_away_lets_no_user_in(
    folder: ConfigFolder, userlist: Userlist, database: Path, way: Way
) -> None:
    user = userlist.add("anna", "s3cret")
    authenticator = way.authenticator(folder.config())
    for _ in range(2):
        way.run(authenticator.authenticate("pop3", "anna", "s3cret"))
        away = database.rename(database.with_name("away.db"))
        with pytest.raises(TemporaryFailure):
            way.run(authenticator.authenticate("pop3", "anna", "s3cret"))
        uses: tuple[Callable[[], object], ...] = (
            lambda: userlist.store.get("anna"),
            lambda: userlist.store.update(user, locked=True),
        )
        for use in uses:
            with pytest.raises(StoreError, match="does not exist"):
                use()
        away.rename(database)
    assert not userlist.store.get("anna").locked


def test_a_backup_that_was_restored_holds_for_the_very_next_login(
    folder: ConfigFolder, userlist: Userlist, database: Path, way: Way
) -> None:
    user = userlist.store.update(userlist.add("anna", "s3cret"), locked=True)
    backup = database.with_name("backup.db")
    with (
        contextlib.closing(sqlite3.connect(database)) as source,
        contextlib.closing(sqlite3.connect(backup)) as target,
    ):
        source.backup(target)
    userlist.store.update(user, locked=False)
    authenticator = way.authenticator(folder.config())
    way.run(authenticator.authenticate("pop3", "anna", "s3cret"))
    for path in files(database):
        path.unlink()
    backup.rename(database)
    with pytest.raises(AccountRestricted):
        way.run(authenticator.authenticate("pop3", "anna", "s3cret"))
    assert userlist.store.get("anna").locked
