"""A USERLIST copied into another database: everything, as it was at one moment, or nothing."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Connection, insert, inspect, select

from tests.postgresql import PASSWORD
from tests.unit.userlist.databases import Database, PostgreSQLDatabase, SQLiteDatabase
from tests.unit.userlist.failing import count_failure
from ualauth import AuthenticationFailed, Authenticator
from ualauth.cli.application import application
from ualauth.errors import StoreError
from ualauth.passwords.scram import ScramSecret
from ualauth.sync import store as agreements
from ualauth.sync.agreement import Agreement
from ualauth.sync.products import Product
from ualauth.testing.folder import ConfigFolder
from ualauth.userlist.account.lockout import microseconds_now
from ualauth.userlist.account.submitted import Place
from ualauth.userlist.companies.record import NewCompany
from ualauth.userlist.conditions import Field, Substring
from ualauth.userlist.database.copying import Copied
from ualauth.userlist.database.tables import metadata, sync_groups, sync_links
from ualauth.userlist.group_record import NewGroup, usual_or_name
from ualauth.userlist.last_logins import EVERY
from ualauth.userlist.names import parse
from ualauth.userlist.policy import LockoutRules, SubmissionRules
from ualauth.userlist.record import LastLogin, NewUser
from ualauth.userlist.search import Search
from ualauth.userlist.store import UserStore

NOW = datetime(2026, 11, 29, 19, 30, 1, 2, tzinfo=UTC)
SECRET = ScramSecret("SCRAM-SHA-256", b"\0salt\xff", 4096, b"\1" * 32, b"\2" * 32)
NOT_OURS = {"alembic_version", "changes"}
"""Tables of migrations, and of what SQLite tells its readers: each database has its own."""


@pytest.fixture
def target(
    request: pytest.FixtureRequest, database: Database, tmp_path: Path
) -> Iterator[Database]:
    """A place of the other kind: an empty database, or a file that is not there."""
    if isinstance(database, SQLiteDatabase):
        empty: PostgreSQLDatabase = request.getfixturevalue("empty_postgresql")
        yield empty
    else:
        yield SQLiteDatabase(tmp_path / "target.db")


def fill(store: UserStore) -> None:
    """Put something into every table."""
    for number, authid in enumerate(("ann", "Bob", "gone", "straße%_\\'\"\t".strip())):
        user = store.add(
            NewUser(
                authid=authid,
                name=parse(f"G=A{number}/S=O'Neil/OU1=ny/CN=\N{PILE OF POO} {number}"),
                addresses=(f"{number}@example.com", f"bücher{number}@example.com"),
                locked=number == 1,
                unix_uid=number or None,
                account_expires=NOW if number else None,
                policy='{"history":3}',
            )
        )
        for password in ("{SHA}x", "{SHA}y"):
            user = store.set_password(user, password, [SECRET], changed=NOW, expires=None, keep=3)
        store.note_logins({user.id: LastLogin(NOW, "pop3", "192.0.2.7")}, EVERY)
        rules = LockoutRules(failures=1)
        count_failure(store, authid, user, "192.0.2.7", microseconds_now(), rules)
    store.delete(store.get("gone"))
    sales = store.groups.add(
        NewGroup(name="sales", or_name=usual_or_name("sales"), addresses=("sales@example.com",)),
        ["ann"],
    )
    store.groups.add(NewGroup(name="all", or_name=usual_or_name("all")), ["sales", "Bob"])
    store.count_submission([Place(b"ann", SubmissionRules(), is_user=True)], 3, microseconds_now())
    store.companies.add(NewCompany(name="ny", domains=("ny.example",)))
    ann = store.get("ann")
    store.transaction(lambda connection: synchronize(connection, ann.id, sales.id))


def synchronize(connection: Connection, user: int, group: int) -> None:
    """Put an agreement there, to which a user and a group belong."""
    settings = Agreement(
        name="corp", product=Product.OPENLDAP, uris=("ldap://127.0.0.1",), base="dc=example"
    )
    agreements.add(connection, settings)
    number = agreements.get(connection, "corp").id
    row = {"agreement_id": number, "guid": "1" * 32, "user_id": user}
    connection.execute(insert(sync_links), {**row, "deleted": 5, "was_reason": "left"})
    row = {"agreement_id": number, "guid": "2" * 32, "group_id": group}
    connection.execute(insert(sync_groups), {**row, "deleted": 6})


def contents(store: UserStore) -> dict[str, list[Any]]:
    """Return table -> rows, in any order."""

    def work(connection: Any) -> dict[str, list[Any]]:
        tables = set(inspect(connection).get_table_names()) - NOT_OURS
        # The index of searches is made of the others (`database.search_index`).
        names = {each for each in tables if not each.startswith("search_texts")}
        assert names == set(metadata.tables)
        return {
            name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
            for name, table in metadata.tables.items()
        }

    return store._database.write(work)


def copy(source: UserStore, target: UserStore) -> Copied:
    return source.copy_to(target, lambda copied: None)


def test_everything_comes_over_and_back(store: UserStore, target: Database, tmp_path: Path) -> None:
    fill(store)
    before = contents(store)
    assert all(before.values()), "a table is empty"
    with target.open() as other:
        copied = copy(store, other)
        assert contents(other) == before
        assert copied.rows == {name: len(rows) for name, rows in before.items()}
        assert copied.done == copied.total
        wanted = Search(condition=Substring(Field.SURNAME, any=("'nei",)))
        for each in (store, other):
            assert sum(len(page.hits) for page in each.search(wanted)) == 3
        with UserStore(f"sqlite:///{tmp_path}/back.db") as back:
            copy(other, back)
            assert contents(back) == before
            definitions = SQLiteDatabase(tmp_path / "back.db").definitions()
    with UserStore(f"sqlite:///{tmp_path}/fresh.db") as fresh:
        fresh.create()
        assert SQLiteDatabase(tmp_path / "fresh.db").definitions() == definitions


def test_no_id_that_was_ever_given_is_given_again(store: UserStore, target: Database) -> None:
    """Failed logins of a user are kept by it."""
    ids = [store.add(NewUser(authid=each, name=parse(each))).id for each in ("ann", "bob")]
    store.delete(store.get("bob"))
    group = store.groups.add(NewGroup(name="gone", or_name=usual_or_name("gone")))
    store.groups.delete(group)
    with target.open() as other:
        copy(store, other)
        assert other.add(NewUser(authid="cyd", name=parse("cyd"))).id == max(ids) + 1
        assert (
            other.groups.add(NewGroup(name="new", or_name=usual_or_name("new"))).id == group.id + 1
        )


def test_an_empty_userlist_is_copied_too(store: UserStore, target: Database) -> None:
    with target.open() as other:
        copy(store, other)
        assert other.mock_key() == store.mock_key()
        assert other.add(NewUser(authid="ann", name=parse("ann"))).id == 1


def test_one_that_has_a_user_is_left_alone(store: UserStore, target: Database) -> None:
    fill(store)
    with target.open() as other:
        other.create()
        other.add(NewUser(authid="zoe", name=parse("zoe")))
        before = contents(other)
        with pytest.raises(StoreError, match="is not empty: name a USERLIST that is new"):
            copy(store, other)
        assert contents(other) == before


def test_it_is_one_moment_while_writes_go_on(store: UserStore, target: Database) -> None:
    """Each user is added in one transaction: no copy has a part of one."""
    fill(store)
    begun, over, added = threading.Event(), threading.Event(), threading.Semaphore(0)

    def change() -> None:
        number = 0
        while not over.is_set():
            number += 1
            name, addresses = parse(f"S{number}"), (f"s{number}@example.com",)
            store.add(NewUser(authid=f"u{number}", name=name, addresses=addresses))
            if begun.is_set():
                added.release()

    def wait(_copied: Copied) -> None:
        """Let users be added once the copy has begun."""
        if not begun.is_set():
            begun.set()
            assert all(added.acquire(timeout=60) for _ in range(3))

    thread = threading.Thread(target=change)
    thread.start()
    try:
        with target.open() as other:
            store.copy_to(other, wait)
            copied = contents(other)
    finally:
        over.set()
        thread.join()
    numbers = {row[0] for row in copied["users"]}
    assert len(numbers) < len(contents(store)["users"])
    assert {row[0] for row in copied["or_names"]} == numbers
    assert {row[0] for row in copied["addresses"]} == numbers


@pytest.mark.parametrize("table", ["login_names", "last_logins"])
def test_a_copy_that_fails_leaves_nothing(store: UserStore, target: Database, table: str) -> None:
    fill(store)
    with target.open() as other:
        other.create()
        before, definitions = contents(other), target.definitions()
        if isinstance(target, SQLiteDatabase):
            target.execute(
                f"CREATE TRIGGER fails BEFORE INSERT ON {table} "
                "BEGIN SELECT RAISE(ABORT, 'not today'); END"
            )
        else:
            target.execute(
                "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS "
                "$$BEGIN RAISE EXCEPTION 'not today'; END$$"
            )
            target.execute(
                f"CREATE TRIGGER fails BEFORE INSERT ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION fail()"
            )
        with pytest.raises(StoreError) as raised:
            copy(store, other)
        assert target.name in str(raised.value)
        assert raised.value.__cause__ is None or "x" not in str(raised.value.__cause__)
        assert contents(other) == before
        assert target.definitions() == definitions


def test_a_copy_that_is_not_the_same_does_not_count(store: UserStore, target: Database) -> None:
    """A database that keeps something else than it was given: here a trigger, or a bad disk."""
    fill(store)
    with target.open() as other:
        other.create()
        before = contents(other)
        if isinstance(target, SQLiteDatabase):
            target.execute(
                "CREATE TRIGGER wrong AFTER INSERT ON users BEGIN "
                "UPDATE users SET locked = 0 WHERE id = new.id; END"
            )
        else:
            target.execute(
                "CREATE FUNCTION wrong() RETURNS trigger LANGUAGE plpgsql AS "
                "$$BEGIN new.locked = false; RETURN new; END$$"
            )
            target.execute(
                "CREATE TRIGGER wrong BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION wrong()"
            )
        with pytest.raises(StoreError, match=r"does not hold what was copied \(users: 3 rows of 3"):
            copy(store, other)
        assert contents(other) == before


def test_a_copy_that_is_given_up_leaves_nothing(store: UserStore, target: Database) -> None:
    fill(store)

    def interrupt(copied: Copied) -> None:
        if copied.done == copied.total:
            raise KeyboardInterrupt

    with target.open() as other:
        with pytest.raises(KeyboardInterrupt):
            store.copy_to(other, interrupt)
        assert contents(other)["users"] == []
        copy(store, other)
        assert contents(other) == contents(store)


def test_a_copy_that_is_killed_leaves_nothing(store: UserStore, target: Database) -> None:
    fill(store)
    program = (
        "import os, signal, sys\n"
        "from ualauth.userlist.store import UserStore\n"
        "def end(copied):\n"
        "    if copied.done == copied.total: os.kill(os.getpid(), signal.SIGKILL)\n"
        "UserStore(sys.argv[1]).copy_to(UserStore(sys.argv[2]), end)\n"
    )
    source_url = store._database._text
    ended = subprocess.run([sys.executable, "-c", program, source_url, target.url], check=False)
    assert ended.returncode == -signal.SIGKILL
    with target.open() as other:
        assert contents(other)["users"] == []
        copy(store, other)
        assert contents(other) == contents(store)


# The command


def run(*arguments: str | Path) -> Result:
    given = ["userlist", "copy", *map(str, arguments)]
    return CliRunner().invoke(application, given, prog_name="ualauth")


@pytest.fixture
def file(sqlite_database: SQLiteDatabase) -> Path:
    with sqlite_database.open() as store:
        fill(store)
    return sqlite_database.path


def test_a_file_is_copied_to_one_that_only_its_owner_may_read(file: Path) -> None:
    target = file.with_name("target.db")
    before = os.umask(0)
    try:
        result = run(file, target)
    finally:
        os.umask(before)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"3 users are copied to {target}: ")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    again = run(file, target)
    assert again.exit_code == 2
    assert "is not empty" in again.stderr
    assert again.stderr.startswith("Nothing was copied.\n")


def test_a_configuration_folder_means_its_userlist(file: Path, tmp_path: Path) -> None:
    folder = ConfigFolder(tmp_path / "etc")
    folder.settings(f'[userlist]\nurl = "sqlite:///{tmp_path}/of-folder.db"\n')
    result = run(f"sqlite:///{file}", folder.path)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "of-folder.db").exists()
    assert run(folder.path, tmp_path / "third.db").exit_code == 0


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("postgresql://ann:hunter2@host/db", "Others on this host see arguments"),
        ("postgresql://host/db?password=hunter2", "Others on this host see arguments"),
        ("mysql://host/db", "is like neither"),
        ("none.db", "does not exist"),
    ],
)
def test_a_place_that_cannot_be_is_one_error(tmp_path: Path, source: str, said: str) -> None:
    result = run(source, tmp_path / "target.db")
    assert result.exit_code == 2
    assert said in result.stderr
    assert "hunter2" not in result.output
    assert not (tmp_path / "target.db").exists()


def test_users_log_in_by_the_copy_as_before(
    sqlite_database: SQLiteDatabase,
    empty_postgresql: PostgreSQLDatabase,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = ConfigFolder(tmp_path / "etc")
    cheap = "[password]\nargon2_passes = 1\nargon2_lanes = 1\nargon2_memory = 8\n"
    rules = "[lockout]\nfailures = 2\nfailure_delay = 0\nlongest_delay = 0\n"
    folder.service("pop3", "auth required om_auth\naccount required om_auth\n")
    folder.settings(f'{cheap}{rules}[userlist]\nurl = "{sqlite_database.url}"\n')
    stored = "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="
    with sqlite_database.open() as store:
        for name in ("ann", "bob"):
            store.add(NewUser(authid=name, name=parse(name), password=stored))

    def log_in(name: str) -> bool:
        password = "wrong" if name == "bob" else "secret"
        with Authenticator(folder.config()) as authenticator:
            try:
                authenticator.authenticate("pop3", name, password, tls=True)
            except AuthenticationFailed:
                return False
            return True

    before = [log_in(name) for name in ("ann", "bob", "bob")]
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    url = empty_postgresql.server.url(empty_postgresql.database, password=False)
    result = run(sqlite_database.path, url)
    assert result.exit_code == 0, result.output
    folder.settings(f'{cheap}{rules}[userlist]\nurl = "{url}"\n')
    assert before == [True, False, False]
    assert [log_in("ann"), log_in("bob")] == [True, False]
    with empty_postgresql.open() as store, sqlite_database.open() as original:
        for name in ("ann", "bob"):
            assert store.get(name) == original.get(name)
            assert store.secrets(store.get(name)) == original.secrets(original.get(name))
        assert [each.user.authid for each in store.list_users() if each.is_locked_out] == ["bob"]


def test_an_older_source_is_told_to_be_upgraded_and_a_newer_one_refused(file: Path) -> None:
    database, target = SQLiteDatabase(file), file.with_name("target.db")
    for revision, said in (("0003", "upgrade it with `ualauth init`"), ("9999", "newer version")):
        database.execute(f"UPDATE alembic_version SET version_num = '{revision}'")
        result = run(file, target)
        assert result.exit_code == 2
        assert said in result.stderr
        assert not target.exists()
