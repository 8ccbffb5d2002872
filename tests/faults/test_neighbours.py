"""Other programs that treat the USERLIST as any file: noticed, and never a wrong grant."""

from __future__ import annotations

import logging
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.conftest import Way
from ualauth.errors import AccountRestricted, AuthenticationError, TemporaryFailure
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.database import change_detector
from ualauth.userlist.store import UserStore

LogIn = Callable[[], str]
SERVICE = "auth required om_auth\naccount required om_auth\n"


def lock_elsewhere(database: Path, *, locked: bool) -> None:
    """Lock or unlock all users in another process, which then closes the file."""
    program = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); "
        "c.execute('UPDATE users SET locked = ?, revision = revision + 1', (int(sys.argv[2]),)); "
        "c.commit(); c.close()"
    )
    subprocess.run([sys.executable, "-c", program, database, str(int(locked))], check=True)


def read_as_any_file(database: Path) -> None:
    """Open and close it in this process, which ends the locks that SQLite has there."""
    database.read_bytes()


def beside(database: Path) -> list[Path]:
    return [path for end in ("-wal", "-shm") if (path := Path(f"{database}{end}")).exists()]


@pytest.fixture
def logged_in(folder: ConfigFolder, userlist: Userlist, way: Way) -> LogIn:
    """Return what logs anna in, who is remembered, and whose USERLIST is open."""
    folder.service("pop3", SERVICE)
    userlist.add("anna", "s3cret")
    userlist.close()
    authenticator = way.authenticator(folder.config())

    def log_in() -> str:
        user: str = way.run(authenticator.authenticate("pop3", "anna", "s3cret")).user
        return user

    for _ in range(3):
        assert log_in() == "anna"
    return log_in


def test_a_program_that_reads_it_as_any_file_hides_no_change(
    logged_in: LogIn, database: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        read_as_any_file(database)
        # The one that closes it last takes what is beside it away; the next one makes its own.
        lock_elsewhere(database, locked=False)
        lock_elsewhere(database, locked=True)
        with pytest.raises(AccountRestricted):
            logged_in()
        lock_elsewhere(database, locked=False)
        assert logged_in() == "anna"
    warnings = [each for each in caplog.records if each.levelno == logging.WARNING]
    assert any("opened anew" in each.getMessage() for each in warnings)


def test_a_program_that_takes_away_what_is_beside_it_hides_no_change(
    logged_in: LogIn, database: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for path in beside(database):
        path.unlink()
    lock_elsewhere(database, locked=True)
    with pytest.raises(AccountRestricted):
        logged_in()
    assert "opened anew" in caplog.text
    lock_elsewhere(database, locked=False)
    assert logged_in() == "anna"


@pytest.mark.parametrize("taking", ["deletes", "reads"])
def test_what_is_deleted_beside_it_is_noticed_at_once(
    logged_in: LogIn, database: Path, monkeypatch: pytest.MonkeyPatch, taking: str
) -> None:
    """However lately it was looked for the names of the files."""
    monkeypatch.setattr(change_detector, "_LOOK_AGAIN", 3600.0)
    lock_elsewhere(database, locked=False)
    for _ in range(2):
        assert logged_in() == "anna"
    if taking == "deletes":
        for path in beside(database):
            path.unlink()
    else:
        read_as_any_file(database)
        # It closes the file as the last one, as far as SQLite can tell, and cleans up.
        lock_elsewhere(database, locked=False)
    lock_elsewhere(database, locked=True)
    with pytest.raises(AccountRestricted):
        logged_in()
    lock_elsewhere(database, locked=False)
    assert logged_in() == "anna"


def test_looking_at_what_is_beside_it_ends_no_lock(logged_in: LogIn, database: Path) -> None:
    """As closing a descriptor does that was opened to read (fcntl(2))."""
    detector = change_detector.SQLiteChangeDetector(str(database))
    assert detector.version() is not None
    detector.drop()
    # Another program that closes the file leaves what is beside it, as this one has it open.
    before = {path: path.stat().st_ino for path in beside(database)}
    assert len(before) == 2
    lock_elsewhere(database, locked=True)
    assert {path: path.stat().st_ino for path in beside(database)} == before
    with pytest.raises(AccountRestricted):
        logged_in()


def test_a_wal_that_is_taken_away_hides_no_change(logged_in: LogIn, database: Path) -> None:
    Path(f"{database}-wal").unlink()
    # SQLite has lost what was in there, and mostly says so in each program.
    try:
        lock_elsewhere(database, locked=True)
    except subprocess.CalledProcessError:
        with closing(sqlite3.connect(database)) as connection, suppress(sqlite3.Error):
            assert connection.execute("SELECT max(locked) FROM users").fetchone() != (1,)
        return
    with pytest.raises(AuthenticationError):
        logged_in()


@pytest.mark.parametrize("way_back", ["cp", "mv"])
def test_a_backup_that_is_put_back_holds_for_the_very_next_login(
    logged_in: LogIn, database: Path, way_back: str, caplog: pytest.LogCaptureFixture
) -> None:
    lock_elsewhere(database, locked=True)
    backup = database.with_name("backup.db")
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(backup)) as target:
        source.backup(target)
    lock_elsewhere(database, locked=False)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert logged_in() == "anna"
    if way_back == "cp":
        shutil.copyfile(backup, database)
    else:
        backup.replace(database)
    with pytest.raises((AccountRestricted, TemporaryFailure)):
        logged_in()
    what = "is another file now" if way_back == "mv" else "was written over"
    told = [each.getMessage() for each in caplog.records if what in each.getMessage()]
    assert len(told) == 1
    assert "`ualauth userlist restore`" in told[0]
    for _ in range(3):
        with suppress(AuthenticationError):
            logged_in()
    assert caplog.text.count(what) == 1


def test_what_is_restored_by_ualauth_is_no_other_program(
    logged_in: LogIn, database: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = UserStore(f"sqlite:///{database}")
    copy = database.with_name("copy.db")
    lock_elsewhere(database, locked=True)
    store.back_up(copy)
    lock_elsewhere(database, locked=False)
    assert logged_in() == "anna"
    store.put_back(copy)
    with pytest.raises(AccountRestricted):
        logged_in()
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with pytest.raises(AccountRestricted):
        logged_in()
    store.close()
    assert "another" not in caplog.text
    assert "written over" not in caplog.text


def test_reading_goes_on_beside_checkpoints(
    logged_in: LogIn, database: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(5):
        lock_elsewhere(database, locked=False)
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert logged_in() == "anna"
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(20):
        lock_elsewhere(database, locked=False)
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert logged_in() == "anna"
    assert len(list(Path("/proc/self/fd").iterdir())) <= descriptors
    assert "written over" not in caplog.text
