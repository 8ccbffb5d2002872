"""Creating and upgrading the tables."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from tests.migrated import migrate_as_before
from tests.postgresql import Server
from tests.unit.userlist.databases import Database, SQLiteDatabase
from ualauth.errors import StoreError
from ualauth.userlist.database.constraints import with_constraints
from ualauth.userlist.database.postgresql import _Dialect
from ualauth.userlist.database.revision import REVISION
from ualauth.userlist.database.tables import login_names
from ualauth.userlist.group_record import NewGroup
from ualauth.userlist.names import ORName
from ualauth.userlist.record import NewUser
from ualauth.userlist.store import UserStore

USER = NewUser(name=ORName("Smith"), authid="jsmith", addresses=("j@example.org",))


@pytest.fixture
def migrated_once() -> None:
    """Let the migrations run each time."""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def empty(request: pytest.FixtureRequest, path: Path) -> Database:
    """Return a database without tables, of one kind after the other."""
    if request.param == "sqlite":
        path.touch()
        return SQLiteDatabase(path)
    postgresql: Database = request.getfixturevalue("empty_postgresql")
    return postgresql


def test_the_migrations_make_the_tables(store: UserStore, database: Database) -> None:
    migrated = database.definitions()
    backend = store._database.backend
    engine = backend.new_engine(writing=True)
    with engine.begin() as connection:
        tables = with_constraints()
        tables.drop_all(connection)
        tables.create_all(connection)
    engine.dispose()
    assert "users" in migrated
    assert database.definitions() == migrated


def test_the_tables_of_other_tests_are_those_of_the_migrations(path: Path) -> None:
    path.touch()
    repeated = SQLiteDatabase(path)
    engine = create_engine(repeated.url)
    with engine.begin() as connection:
        migrate_as_before(connection)
    engine.dispose()
    migrated = SQLiteDatabase(path.with_name("migrated.db"))
    with migrated.open() as store:
        store.create()
    for statement in (
        "SELECT type, name, sql FROM sqlite_master ORDER BY name",
        "SELECT version_num FROM alembic_version",
        "SELECT name, length(key) FROM keys",
        "SELECT number, length(mark), key FROM changes",
    ):
        assert repeated.execute(statement) == migrated.execute(statement)
    assert repeated.execute("SELECT key FROM keys") != migrated.execute("SELECT key FROM keys")


def test_the_newest_migration_is_the_one_that_is_asked_for() -> None:
    config = Config()
    config.set_main_option("script_location", "ualauth.userlist.database:migrations")
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_heads() == [REVISION]
    revisions = [script.revision for script in scripts.walk_revisions()]
    assert revisions == sorted(revisions, reverse=True)


def test_creating_twice_changes_nothing(store: UserStore, database: Database) -> None:
    user = store.add(USER)
    before = database.definitions()
    assert store.create() is False
    assert database.definitions() == before
    assert store.get("jsmith") == user


def test_a_database_without_a_revision_is_upgraded_in_place(empty: Database) -> None:
    empty.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    with empty.open() as store:
        uses: list[Callable[[], object]] = [
            store.check,
            lambda: store.resolve("jsmith"),
            lambda: store.add(USER),
        ]
        for use in uses:
            with pytest.raises(
                StoreError, match=r"older version of ualauth.*ualauth init"
            ) as refused:
                use()
            assert empty.name in str(refused.value)
        assert store.create() is False
        store.check()
        assert store.add(USER)


@pytest.mark.parametrize("before", ["0002", "0003", "0004", "0005"])
def test_a_database_of_each_older_version_is_upgraded_with_what_is_in_it(
    before: str, path: Path
) -> None:
    path.touch()
    database = SQLiteDatabase(path)
    config = Config()
    config.set_main_option("script_location", "ualauth.userlist.database:migrations")
    engine = create_engine(database.url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, before)
    engine.dispose()
    database.execute(
        "INSERT INTO users (authid, authid_key, locked, administrator, mailbox_administrator, "
        "mailbox_class, language, revision, created, changed, surname, given_name, initials, "
        "generation, common_name, ou1, ou2, ou3, ou4) "
        "VALUES ('old', 'old', 0, 0, 0, 'full', 'de_DE.UTF-8', "
        "1, 0, 0, 'Old', '', '', '', '', '', '', '', '')"
    )
    database.execute("INSERT INTO login_names (key, user_id) VALUES ('old', 1)")
    database.execute("INSERT INTO login_failures VALUES (x'00', 'here', '1', 0, 9000000000000000)")
    with database.open() as store:
        with pytest.raises(StoreError, match="older version"):
            store.get("old")
        detector = store.change_detector()
        # The first version that can tell states apart is 0005.
        assert (detector.version() is None) is (before < "0005")
        assert store.create() is False
        user = store.get("old")
        assert user.name == ORName("Old")
        assert (user.language, user.mailbox_limit, user.hidden) == ("de-DE", 0, False)
        limits = (user.limit_outbound_mail, user.limit_inbound_mail, user.limit_notify_user)
        assert limits == (False, False, False)
        assert list(store.groups.all()) == []
        first = detector.version()
        store.update(user, language="de")
        second = detector.version()
        store.groups.add(NewGroup(name="sales", or_name=ORName("", common_name="sales")), ["old"])
        third = detector.version()
        assert second is not None
        assert third is not None
        assert third > second
        assert store.groups.of(user) == ("sales",)
        assert first is not None
        assert second is not None
        assert second > first
        detector.close()
    assert database.execute("SELECT count(*) FROM login_failures") == [(1,)]


def test_a_newer_database_is_refused_and_left_alone(store: UserStore, database: Database) -> None:
    user = store.add(USER)
    database.execute("UPDATE alembic_version SET version_num = '9999'")
    before = database.definitions()
    with database.open() as other:
        for use in (
            other.check,
            lambda: other.get("jsmith"),
            lambda: other.delete(user),
            other.create,
        ):
            with pytest.raises(
                StoreError, match=r"newer version of ualauth.*upgrade ualauth"
            ) as refused:
                use()
            assert database.name in str(refused.value)
    assert database.definitions() == before
    # Who looks at it again notices too.
    with pytest.raises(StoreError, match="newer version"):
        store.check()


def test_creation_is_all_or_nothing(empty: Database) -> None:
    # A table that is in the way makes the last steps fail.
    empty.execute("CREATE TABLE sasl_passwords (x INTEGER)")
    before = empty.definitions()
    with empty.open() as store:
        with pytest.raises(StoreError, match=re.escape(empty.name)):
            store.create()
        assert empty.definitions() == before
        empty.execute("DROP TABLE sasl_passwords")
        assert store.create() is True
        store.check()


def test_several_may_create_it_at_once(empty: Database) -> None:
    stores = [empty.open() for _ in range(4)]
    with ThreadPoolExecutor(len(stores)) as pool:
        new = list(pool.map(UserStore.create, stores))
    assert sorted(new) == [False, False, False, True]
    stores[0].check()
    assert stores[0].add(USER)
    for store in stores:
        store.close()


def test_who_creates_it_waits_for_those_who_let_others_read_it(tmp_path: Path) -> None:
    """SQLite does not wait by itself where several switch to WAL at once."""
    for number in range(8):
        url = f"sqlite:///{tmp_path}/{number}.db"
        stores = [UserStore(url) for _ in range(8)]
        together = Barrier(len(stores))

        def create(store: UserStore, together: Barrier = together) -> bool:
            together.wait()
            return store.create()

        with ThreadPoolExecutor(len(stores)) as pool:
            assert sorted(pool.map(create, stores)) == [False] * 7 + [True]
        for store in stores:
            store.close()


def test_several_processes_may_create_it_at_once(empty: Database) -> None:
    with ProcessPoolExecutor(4) as pool:
        assert sorted(pool.map(create, [empty.url] * 4)) == [False, False, False, True]


def create(url: str) -> bool:
    with UserStore(url, timeout=30) as store:
        return store.create()


@pytest.mark.parametrize(("collates", "type_of_key"), [(True, 'TEXT COLLATE "C"'), (False, "TEXT")])
def test_keys_are_compared_by_octets_where_that_has_to_be_said(
    collates: bool, type_of_key: str
) -> None:
    dialect = _Dialect()  # type: ignore[no-untyped-call]  # as in SQLAlchemy
    dialect.collates = collates
    assert login_names.c.key.type.compile(dialect) == type_of_key


def test_a_database_that_cannot_hold_every_character_is_refused(postgresql: Server) -> None:
    options = "ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C'"
    postgresql.create("latin", options=options)
    try:
        with UserStore(postgresql.url("latin")) as store:
            with pytest.raises(StoreError, match=r"encoding is LATIN1.*ENCODING 'UTF8'"):
                store.create()
            with pytest.raises(StoreError, match="holds no USERLIST"):
                store.check()
    finally:
        postgresql.drop("latin")
