"""A database of every older version: upgraded with all that is in it, and logged in with.

`older/` has one of each, as the code of that version made it (`older/make.py`).
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from click.testing import CliRunner
from sqlalchemy import Boolean, Engine, MetaData, create_engine, text

from tests.unit.userlist.databases import Database, PostgreSQLDatabase, SQLiteDatabase
from tests.unit.userlist.older.make import PASSWORD, USERS
from ualauth import AccountRestricted, AuthenticationFailed, Authenticator
from ualauth.cli.application import application
from ualauth.errors import StoreError
from ualauth.passwords.scram import verifies
from ualauth.testing.folder import ConfigFolder
from ualauth.userlist.database.revision import REVISION
from ualauth.userlist.record import User
from ualauth.userlist.store import UserStore

FOLDER = Path(__file__).parent / "older"
OLDER = sorted(path.stem for path in FOLDER.glob("*.sql"))
CHEAP = "[password]\nargon2_passes = 1\nargon2_lanes = 1\nargon2_memory = 8\n"


def scripts() -> Config:
    config = Config()
    config.set_main_option("script_location", "ualauth.userlist.database:migrations")
    return config


def test_there_is_one_of_each_older_version() -> None:
    revisions = ScriptDirectory.from_config(scripts()).walk_revisions()
    assert sorted(each.revision for each in revisions) == [*OLDER, REVISION]


@pytest.fixture(params=OLDER)
def revision(request: pytest.FixtureRequest) -> str:
    older: str = request.param
    return older


def as_it_was(revision: str, path: Path) -> SQLiteDatabase:
    """Return a file with what the code of that version made."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((FOLDER / f"{revision}.sql").read_text(encoding="utf-8"))
        connection.execute("PRAGMA journal_mode = WAL")
    return SQLiteDatabase(path)


@pytest.fixture
def older(revision: str, path: Path) -> SQLiteDatabase:
    return as_it_was(revision, path)


@pytest.fixture
def older_in_postgresql(
    revision: str, older: SQLiteDatabase, empty_postgresql: PostgreSQLDatabase
) -> PostgreSQLDatabase:
    """The same rows in tables that the migrations make as far as that version."""
    url = empty_postgresql.url.replace("postgresql:", "postgresql+psycopg:")
    engine, files = create_engine(url), create_engine(older.url)
    config = scripts()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    _copy_rows(files, engine)
    engine.dispose()
    files.dispose()
    return empty_postgresql


def _copy_rows(files: Engine, engine: Engine) -> None:
    tables = MetaData()
    tables.reflect(engine)
    with files.connect() as source, engine.begin() as target:
        for table in tables.sorted_tables:
            if table.name == "alembic_version":
                continue
            target.execute(table.delete())
            names = ", ".join(each.name for each in table.columns)
            rows = source.execute(text(f"SELECT {names} FROM {table.name}")).mappings()
            flags = {each.name for each in table.columns if isinstance(each.type, Boolean)}
            values: list[Any] = [
                {name: bool(each) if name in flags else each for name, each in row.items()}
                for row in rows
            ]
            if values:
                target.execute(table.insert(), values)
        target.execute(text("SELECT setval('users_id_seq', 3)"))


def check(database: Database, folder: Path) -> None:
    """Upgrade a database by the command that does it; see that it is what it was."""
    etc = ConfigFolder(folder / "etc")
    etc.settings(f'{CHEAP}[userlist]\nurl = "{database.url}"\n')
    etc.service("pop3", "auth required om_auth\naccount required om_auth\n")
    with database.open() as store, pytest.raises(StoreError, match=r"older.*ualauth init"):
        store.get("ann")
    upgraded = CliRunner().invoke(application, ["--config-dir", str(etc.path), "init"])
    assert upgraded.exit_code == 0, upgraded.output
    with database.open() as store:
        store.check()
        _check_users(store)
        _check_logins(etc)
        for user in store.users():
            assert (store.last_login(user) is not None) is (user.authid == "ann")


def _check_users(store: UserStore) -> None:
    users = list(store.users())
    assert [user.id for user in users] == [1, 2, 3]
    for user, new in zip(users, USERS, strict=True):
        for field in ("authid", "name", "addresses", "locked", "administrator", "unix_uid"):
            assert getattr(user, field) == getattr(new, field)
        assert (user.password, user.account_expires) == (PASSWORD, new.account_expires)
        (secret,) = store.secrets(user)
        assert verifies(secret, "secret")
    for name in ("ANN", "ann@example.com", "bü@example.com", "Miller/ny", "cn=annie"):
        assert _id_of(store.resolve(name)) == 1
    assert _id_of(store.resolve("bob strasse")) == 2
    assert len(store.mock_key()) == 32


def _id_of(user: User | None) -> int | None:
    return None if user is None else user.id


def _check_logins(folder: ConfigFolder) -> None:
    with Authenticator(folder.config()) as authenticator:
        login = authenticator.authenticate("pop3", "ann miller/ny", "secret", tls=True)
        assert login.user == "ann"
        with pytest.raises(AuthenticationFailed):
            authenticator.authenticate("pop3", "ann", "wrong", tls=True)
        for name in ("bob", "cyd"):
            with pytest.raises(AccountRestricted):
                authenticator.authenticate("pop3", name, "secret", tls=True)


def test_a_file_of_an_older_version_holds_its_users(
    older: SQLiteDatabase, revision: str, tmp_path: Path
) -> None:
    check(older, tmp_path)
    with UserStore(f"sqlite:///{tmp_path}/new.db") as store:
        store.create()
    assert older.definitions() == SQLiteDatabase(tmp_path / "new.db").definitions()
    assert older.execute("PRAGMA integrity_check") == [("ok",)]
    assert older.execute("PRAGMA foreign_key_check") == []
    if revision > "0001":
        assert older.execute("SELECT password FROM former_passwords") == [(PASSWORD,)]
        assert older.execute("SELECT name FROM login_failures WHERE moments = '1'") == [(b"\0",)]


@pytest.mark.servers
def test_a_database_of_postgresql_of_an_older_version_holds_its_users(
    older_in_postgresql: PostgreSQLDatabase,
    tmp_path: Path,
    userlist_template: str,
) -> None:
    check(older_in_postgresql, tmp_path)
    new = PostgreSQLDatabase(older_in_postgresql.server, userlist_template)
    assert _without_order(older_in_postgresql) == _without_order(new)


def _without_order(database: PostgreSQLDatabase) -> dict[str, list[str]]:
    return {name: sorted(map(str, each)) for name, each in database.definitions().items()}


def test_a_backup_of_an_older_version_is_put_back_and_upgraded(
    older: SQLiteDatabase, tmp_path: Path
) -> None:
    with UserStore(f"sqlite:///{tmp_path}/current.db") as store:
        store.create()
        store.put_back(older.path)
        _check_users(store)
