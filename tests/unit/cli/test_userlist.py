"""`ualauth userlist`: a copy of the USERLIST, and the way back."""

from __future__ import annotations

import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Program
from ualauth import AccountRestricted, Authenticator


def change_all_the_time(program: Program, over: threading.Event) -> None:
    number = 0
    while not over.is_set():
        program.userlist.add(f"user{number}")
        number += 1


def test_a_copy_is_whole_under_load_and_only_its_owners(program: Program, tmp_path: Path) -> None:
    program.userlist.add("jsmith", "s3cret")
    over, copy = threading.Event(), tmp_path / "copy.db"
    thread = threading.Thread(target=change_all_the_time, args=(program, over))
    thread.start()
    try:
        for _ in range(3):
            assert program.succeed("userlist", "backup", str(copy)) == f"{copy} is written.\n"
    finally:
        over.set()
        thread.join()
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.glob("*copy.db*")] == ["copy.db"]
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        names = connection.execute("SELECT count(*) FROM users").fetchone()
        assert connection.execute("SELECT count(*) FROM or_names").fetchone() == names


def test_what_is_put_back_holds_for_the_very_next_login(program: Program, tmp_path: Path) -> None:
    program.folder.service("pop3", "auth required om_auth\naccount required om_auth\n")
    user = program.userlist.add("jsmith", "s3cret", locked=True)
    copy = tmp_path / "copy.db"
    program.succeed("userlist", "backup", str(copy))
    program.userlist.store.update(user, locked=False)
    with Authenticator(program.folder.path) as authenticator:
        for _ in range(3):
            authenticator.authenticate("pop3", "jsmith", "s3cret")
        assert program.run("userlist", "restore", str(copy), answers="n\n").exit_code != 0
        authenticator.authenticate("pop3", "jsmith", "s3cret")
        program.succeed("userlist", "restore", "--yes", str(copy))
        with pytest.raises(AccountRestricted):
            authenticator.authenticate("pop3", "jsmith", "s3cret")
    with closing(sqlite3.connect(tmp_path / "userlist.db")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_userlist_that_is_gone_is_made_of_the_copy(program: Program, tmp_path: Path) -> None:
    program.userlist.add("jsmith")
    copy, place = tmp_path / "copy.db", tmp_path / "userlist.db"
    program.succeed("userlist", "backup", str(copy))
    program.userlist.close()
    place.unlink()
    program.succeed("userlist", "restore", "--yes", str(copy))
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert "jsmith" in program.succeed("user", "list")


@pytest.mark.parametrize("content", [b"", b"no database" * 1000])
def test_what_is_no_copy_changes_nothing(program: Program, tmp_path: Path, content: bytes) -> None:
    program.userlist.add("jsmith")
    copy = tmp_path / "copy.db"
    copy.write_bytes(content)
    result = program.run("userlist", "restore", "--yes", str(copy))
    assert result.exit_code != 0
    assert str(copy) in result.stderr
    assert "jsmith" in program.succeed("user", "list")
