"""Creating and upgrading the tables."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect

from ualauth.errors import StoreError
from ualauth.userlist.names import ORName
from ualauth.userlist.record import NewUser
from ualauth.userlist.revision import REVISION
from ualauth.userlist.store import UserStore
from ualauth.userlist.tables import metadata

USER = NewUser(name=ORName("Smith"), authid="jsmith", addresses=("j@example.org",))


def definitions(path: Path) -> dict[str, list[str]]:
    """Return name -> columns, constraints and indexes of every table, in any order."""
    engine = create_engine(f"sqlite:///{path}")
    found = inspect(engine)
    tables = {
        name: sorted(
            str(sorted(each.items(), key=str))
            for each in (
                *found.get_columns(name),
                *found.get_indexes(name),
                *found.get_unique_constraints(name),
                *found.get_check_constraints(name),
                *found.get_foreign_keys(name),
                found.get_pk_constraint(name),
                found.get_table_options(name),
            )
        )
        for name in found.get_table_names()
        if name != "alembic_version"
    }
    engine.dispose()
    return tables


def execute(path: Path, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)
        connection.commit()


def test_the_migrations_make_the_tables(store: UserStore, path: Path, tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/tables.db")
    metadata.create_all(engine)
    engine.dispose()
    assert definitions(path) == definitions(tmp_path / "tables.db")


def test_the_newest_migration_is_the_one_that_is_asked_for() -> None:
    config = Config()
    config.set_main_option("script_location", "ualauth.userlist:migrations")
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_heads() == [REVISION]
    revisions = [script.revision for script in scripts.walk_revisions()]
    assert revisions == sorted(revisions, reverse=True)


def test_creating_twice_changes_nothing(store: UserStore, path: Path) -> None:
    user = store.add(USER)
    before = definitions(path)
    store.create()
    assert definitions(path) == before
    assert store.get("jsmith") == user


def test_a_database_without_a_revision_is_upgraded_in_place(path: Path) -> None:
    execute(path, "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    with UserStore(f"sqlite:///{path}") as store:
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
            assert str(path) in str(refused.value)
        store.create()
        store.check()
        assert store.add(USER)


def test_a_newer_database_is_refused_and_left_alone(store: UserStore, path: Path) -> None:
    user = store.add(USER)
    execute(path, "UPDATE alembic_version SET version_num = '9999'")
    before = definitions(path)
    with UserStore(f"sqlite:///{path}") as other:
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
            assert str(path) in str(refused.value)
    assert definitions(path) == before
    # Who looks at it again notices too.
    with pytest.raises(StoreError, match="newer version"):
        store.check()


def test_creation_is_all_or_nothing(path: Path) -> None:
    # A table that is in the way makes the last steps fail.
    execute(path, "CREATE TABLE sasl_passwords (x)")
    before = definitions(path)
    with UserStore(f"sqlite:///{path}") as store:
        with pytest.raises(StoreError, match=str(path)):
            store.create()
        assert definitions(path) == before
        execute(path, "DROP TABLE sasl_passwords")
        store.create()
        store.check()


def test_several_may_create_it_at_once(path: Path) -> None:
    stores = [UserStore(f"sqlite:///{path}", timeout=30) for _ in range(4)]
    failures = []

    def create(store: UserStore) -> None:
        try:
            store.create()
        except StoreError as error:
            failures.append(error)

    threads = [threading.Thread(target=create, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    stores[0].check()
    assert stores[0].add(USER)
    for store in stores:
        store.close()
