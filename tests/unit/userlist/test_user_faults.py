"""Files that cannot be used: every error says which one, and the cure."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import event

from ualauth.errors import StoreError
from ualauth.passwords.scram import ScramSecret
from ualauth.userlist.names import ORName
from ualauth.userlist.record import NewUser, User
from ualauth.userlist.store import UserStore

NOW = datetime(2024, 1, 1, tzinfo=UTC)
USER = NewUser(name=ORName("Smith"), authid="jsmith", password="$hunter2")
NOBODY = 65534  # the uid of a user without rights


def every_use(store: UserStore, user: User) -> list[Callable[[], object]]:
    """Return all that may be asked of a store."""
    return [
        store.check,
        lambda: store.resolve("jsmith"),
        lambda: store.resolve("John Smith"),
        lambda: store.get("jsmith"),
        lambda: list(store.users()),
        lambda: store.secrets(user),
        lambda: store.add(USER),
        lambda: store.update(user, language="de"),
        lambda: store.set_password(user, "$hunter2", (), changed=NOW, expires=None),
        lambda: store.replace_hash(user, "$hunter2", "$hunter3"),
        lambda: store.delete(user),
    ]


def assert_refused(uses: Iterable[Callable[[], object]], path: Path | str, *words: str) -> None:
    """Assert that each use raises an error with the path and the words, and no secret."""
    for use in uses:
        with pytest.raises(StoreError) as refused:
            use()
        for word in (str(path), *words):
            assert word in str(refused.value)
        assert_no_secret(refused.value)


def assert_no_secret(error: BaseException) -> None:
    seen: BaseException | None = error
    while seen is not None:
        assert "hunter" not in str(seen)
        assert "hunter" not in repr(seen)
        seen = seen.__cause__


@pytest.fixture
def store(path: Path) -> Iterator[UserStore]:
    """Return an empty USERLIST in a file; `test_postgresql_faults` has the servers."""
    with UserStore(f"sqlite:///{path}", timeout=0.2) as store:
        store.create()
        yield store


@pytest.fixture
def user(store: UserStore) -> User:
    return store.add(USER)


def test_a_missing_file_is_not_created_by_reading_or_writing(
    path: Path, store: UserStore, user: User
) -> None:
    with UserStore(f"sqlite:///{path}x") as missing:
        assert_refused(every_use(missing, user), f"{path}x", "does not exist", "ualauth init")
    assert not Path(f"{path}x").exists()


def test_check_notices_that_the_file_is_gone(path: Path, store: UserStore, user: User) -> None:
    assert store.get("jsmith") == user
    path.unlink()
    assert_refused([store.check], path, "does not exist")


def test_a_missing_folder(tmp_path: Path, store: UserStore, user: User) -> None:
    path = tmp_path / "nowhere" / "x.db"
    with UserStore(f"sqlite:///{path}") as missing:
        assert_refused(every_use(missing, user), path, "does not exist")
        assert_refused([missing.create], path, "cannot be created", "folder must exist")


def test_a_folder_in_place_of_the_file(tmp_path: Path, store: UserStore, user: User) -> None:
    with UserStore(f"sqlite:///{tmp_path}") as folder:
        assert_refused([*every_use(folder, user), folder.create], tmp_path, "is a folder")


def test_an_empty_file_is_no_userlist_yet(tmp_path: Path, store: UserStore, user: User) -> None:
    path = tmp_path / "empty.db"
    path.touch()
    with UserStore(f"sqlite:///{path}") as empty:
        assert_refused(every_use(empty, user), path, "holds no USERLIST", "ualauth init")
        empty.create()
        assert empty.add(USER)


def test_a_file_of_another_kind(tmp_path: Path, store: UserStore, user: User) -> None:
    path = tmp_path / "text.db"
    path.write_text("root:x:0:0:root:/root:/bin/sh\n" * 100)
    before = path.read_bytes()
    with UserStore(f"sqlite:///{path}") as other:
        assert_refused([*every_use(other, user), other.create], path, "is damaged", "backup")
    assert path.read_bytes() == before


def test_a_database_of_another_program(tmp_path: Path, store: UserStore, user: User) -> None:
    path = tmp_path / "other.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (x)")
    connection.close()
    with UserStore(f"sqlite:///{path}") as other:
        assert_refused(every_use(other, user), path, "holds no USERLIST")


def test_a_truncated_file(path: Path, store: UserStore, user: User) -> None:
    store.close()
    os.truncate(path, 3 * 4096)
    # Neither right answers nor wrong ones, but errors, come of what is cut off.
    assert_refused(every_use(store, user)[1:], path, "is damaged")


def test_pages_of_garbage(path: Path, store: UserStore, user: User) -> None:
    store.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)
    assert_refused(every_use(store, user), path, "is damaged")


def test_a_record_with_a_value_that_ualauth_did_not_write(
    path: Path, store: UserStore, user: User
) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for column, value in [
            ("created", "'$hunter2'"),
            ("changed", "9223372036854775807"),
            ("surname", "' Smith'"),
            ("ou2", "'hq'"),
        ]:
            (before,) = connection.execute(f"SELECT {column} FROM users").fetchone()
            connection.execute(f"UPDATE users SET {column} = {value}")
            connection.commit()
            with pytest.raises(StoreError, match="damaged record") as refused:
                store.get("jsmith")
            assert_no_secret(refused.value)
            connection.execute(f"UPDATE users SET {column} = ?", (before,))
            connection.commit()
    assert store.get("jsmith") == user


def test_a_hash_that_is_not_text_is_not_shown(path: Path, store: UserStore, user: User) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE users SET password = CAST(x'2468756e74657232ff' AS TEXT)")
        connection.commit()
    assert_refused([lambda: store.get("jsmith")], path, "is damaged")
    with pytest.raises(StoreError) as refused:
        store.get("jsmith")
    assert refused.value.__cause__ is refused.value.__context__ is None


def test_a_locked_database_is_waited_for_and_then_reported(
    path: Path, store: UserStore, user: User
) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        # Who writes keeps no reader from reading.
        assert store.get("jsmith") == user
        assert_refused(every_use(store, user)[6:7], path, "is locked", "longer than 0.2 s")
        connection.execute("ROLLBACK")
        assert store.update(user, language="de").language == "de"


def test_a_database_that_another_program_has_to_itself(
    path: Path, store: UserStore, user: User
) -> None:
    store.close()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        assert_refused([lambda: store.get("jsmith"), store.create], path, "is locked")
        connection.execute("ROLLBACK")
    assert store.get("jsmith") == user


def test_a_full_database_changes_nothing(path: Path, store: UserStore, user: User) -> None:
    def small(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # the size that it has

    store.close()
    event.listen(store._database._open_engine(writing=True), "connect", small)
    many = tuple(f"{number}@{'.'.join(['x' * 60] * 3)}" for number in range(900))
    with pytest.raises(StoreError, match="disk is full: make room") as refused:
        store.update(user, addresses=many)
    assert str(path) in str(refused.value)
    assert store.get("jsmith") == user
    store.close()
    assert store.update(user, addresses=many[:2]).addresses == many[:2]


def test_a_limit_of_the_system_changes_nothing(path: Path, store: UserStore, user: User) -> None:
    store.close()
    many = tuple(f"{number}@{'.'.join(['x' * 60] * 3)}" for number in range(900))
    secret = ScramSecret("SCRAM-SHA-256", b"hunter", 1, b"hunter", b"hunter")

    def limited() -> str:
        resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, 64 * 1024))
        changed = store.set_password(user, "$hunter3", [secret], changed=NOW, expires=None)
        with pytest.raises(StoreError) as refused:
            store.update(changed, addresses=many)
        assert_no_secret(refused.value)
        return str(refused.value)

    message = in_child(limited)
    assert str(path) in message
    assert "disk is full" in message
    assert store.get("jsmith").addresses == ()


@pytest.fixture
def public() -> Iterator[Path]:
    """Return a folder that every user of this machine can reach."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.root
@pytest.mark.parametrize(
    ("file_mode", "folder_mode", "reading"),
    [(0o600, 0o755, False), (0o644, 0o755, None), (0o644, 0o700, False), (0o444, 0o777, None)],
)
def test_files_and_folders_without_rights(
    public: Path, file_mode: int, folder_mode: int, reading: bool | None
) -> None:
    path = public / "userlist.db"
    with UserStore(f"sqlite:///{path}") as store:
        store.create()
        user = store.add(USER)
        store.close()
        path.chmod(file_mode)
        public.chmod(folder_mode)

        def without_rights() -> str:
            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            assert_refused(every_use(store, user)[7:], path, "let this user")
            if reading is False:
                assert_refused(every_use(store, user), path, "let this user")
            return "done"

        try:
            assert in_child(without_rights) == "done"
        finally:
            public.chmod(0o755)
        assert store.get("jsmith") == user


@pytest.mark.parametrize("suffix", ["", "-wal"])
def test_files_that_every_user_may_write_to_are_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "userlist.db"
    with UserStore(f"sqlite:///{path}") as store:
        store.create()
        user = store.add(USER)
        other = tmp_path / f"userlist.db{suffix}"
        mode = other.stat().st_mode
        other.chmod(0o666)
        with UserStore(f"sqlite:///{path}") as anew:
            assert_refused(every_use(anew, user), other, f"run: chmod o-w {other}")
            other.chmod(mode)
            assert anew.get("jsmith") == user


def test_a_folder_that_every_user_may_write_to_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    path = folder / "userlist.db"
    with UserStore(f"sqlite:///{path}") as store:
        store.create()
        user = store.add(USER)
    # As in /tmp, no other user can exchange the file, but put a journal beside it.
    for mode in (0o777, 0o1777):
        folder.chmod(mode)
        with UserStore(f"sqlite:///{path}") as anew:
            assert_refused(every_use(anew, user), folder, f"run: chmod o-w {folder}")


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_a_file_belongs_to_the_owner_of_its_folder_or_to_root(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    path = folder / "userlist.db"
    with UserStore(f"sqlite:///{path}") as store:
        store.create()
        user = store.add(USER)
    os.chown(path, NOBODY, -1)
    with UserStore(f"sqlite:///{path}") as anew:
        assert_refused(every_use(anew, user), path, f"belongs to uid {NOBODY}")
        os.chown(folder, NOBODY, -1)
        assert anew.get("jsmith") == user


def test_a_new_file_is_private(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    previous = os.umask(0)
    try:
        with UserStore(f"sqlite:///{path}") as store:
            store.create()
            store.add(USER)
            modes = {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
            assert len(list(tmp_path.iterdir())) == 3
    finally:
        os.umask(previous)
    assert modes == {0o600}


def in_child(function: Callable[[], str]) -> str:
    """Return the text that `function` returns in a forked process."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            text = function()
        except BaseException as error:  # noqa: BLE001 - told to the parent
            text = f"{type(error).__name__}: {error}"
        os.write(write, text.encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as stream:
        text = stream.read().decode()
    os.waitpid(child, 0)
    return text


def test_no_hash_is_logged_by_a_program_that_logs_everything(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    # The library's own say nothing below a warning; this is what a program can turn on.
    caplog.set_level("INFO", logger="sqlalchemy.engine.Engine.ualauth")
    with UserStore(f"sqlite:///{tmp_path}/userlist.db") as store:
        store.create()
        user = store.add(USER)
        user = store.set_password(user, "$hunter3", (), changed=NOW, expires=None)
        store.update(user, language="de")
        assert store.replace_hash(user, "$hunter3", "$hunter4")
        list(store.users())
    assert "UPDATE users" in caplog.text
    assert "hunter" not in caplog.text
