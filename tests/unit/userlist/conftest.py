"""A USERLIST of its own for each test, in every kind of database."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgresql import Server
from tests.unit.userlist.databases import Database, PostgreSQLDatabase, SQLiteDatabase
from ualauth.userlist.store import UserStore

_numbers = itertools.count()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the USERLIST of the test is, if it is a file."""
    return tmp_path / "userlist.db"


@pytest.fixture(scope="session")
def userlist_template(postgresql: Server) -> str:
    """A database with an empty USERLIST: copying it takes less time than creating one."""
    name = "userlist_template"
    postgresql.create(name)
    with UserStore(postgresql.url(name)) as store:
        store.create()
    return name


@pytest.fixture
def empty_postgresql(postgresql: Server) -> Iterator[PostgreSQLDatabase]:
    """A database with nothing in it."""
    name = f"empty_{next(_numbers)}"
    postgresql.create(name)
    yield PostgreSQLDatabase(postgresql, name)
    postgresql.drop(name)


@pytest.fixture
def postgresql_database(postgresql: Server, userlist_template: str) -> Iterator[PostgreSQLDatabase]:
    """A database with an empty USERLIST."""
    name = f"test_{next(_numbers)}"
    postgresql.create(name, userlist_template)
    yield PostgreSQLDatabase(postgresql, name)
    postgresql.drop(name)


@pytest.fixture
def sqlite_database(path: Path) -> SQLiteDatabase:
    """A file with an empty USERLIST."""
    database = SQLiteDatabase(path)
    with database.open() as store:
        store.create()
    return database


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def database(request: pytest.FixtureRequest) -> Database:
    """Return one kind after the other, with an empty USERLIST."""
    chosen: Database = request.getfixturevalue(f"{request.param}_database")
    return chosen


@pytest.fixture
def store(database: Database) -> Iterator[UserStore]:
    """Return an empty USERLIST."""
    with database.open() as store:
        yield store
