"""What looks at the files of the USERLIST takes none of this process's locks on them away.

To close any descriptor of a file ends all locks that the process has there (fcntl(2)), those of
SQLite, too (sqlite.org/howtocorrupt.html, section 2.2): another process would then write
at the same time, and undo what was confirmed.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from ualauth import Authenticator
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.database.sqlite import SQLiteBackend
from ualauth.userlist.store import UserStore

WRITER = """
import sqlite3, sys
try:
    sqlite3.connect(sys.argv[1], timeout=0, isolation_level=None).execute("BEGIN IMMEDIATE")
except sqlite3.OperationalError as error:
    print(error)
else:
    print("writes")
"""


def other_process(path: Path) -> str:
    """Return what becomes of another process that wants to write."""
    program = [sys.executable, "-c", WRITER, str(path)]
    return subprocess.run(program, check=True, capture_output=True, text=True).stdout.strip()


def looks(folder: ConfigFolder, path: Path) -> dict[str, Callable[[], object]]:
    """Return what looks at the files of a USERLIST that is in use."""
    url = f"sqlite:///{path}"

    def read_anew() -> None:
        with UserStore(url) as store:
            assert store.get("jsmith").authid == "jsmith"

    def log_in_anew() -> None:
        with Authenticator(folder.config()) as authenticator:
            authenticator.authenticate("pop3", "jsmith", "s3cret")

    return {
        "the backend": SQLiteBackend(url, 1.0).problem,
        "a store": read_anew,
        "a login": log_in_anew,
    }


@pytest.mark.parametrize("which", ["the backend", "a store", "a login"])
def test_a_lock_holds_whatever_looks_at_the_file(tmp_path: Path, which: str) -> None:
    folder = ConfigFolder(tmp_path)
    folder.service("pop3", "auth required om_auth\naccount required om_auth\n")
    # A login that wants to write waits for the lock below, which it never gets.
    folder.settings("[userlist]\ntimeout = 0.2\n")
    userlist = Userlist.create(tmp_path)
    userlist.add("jsmith", "s3cret")
    path = tmp_path / "userlist.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        assert other_process(path) == "writes"
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE users SET language = 'de'")
        looks(folder, path)[which]()
        assert other_process(path) == "database is locked"
        connection.execute("COMMIT")
    assert userlist.store.get("jsmith").language == "de"
