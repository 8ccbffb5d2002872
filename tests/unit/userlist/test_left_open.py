"""A connection that a thread uses while others are closed is closed when it comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from tests.databases import DATABASES
from tests.unit.userlist.databases import SQLiteDatabase
from ualauth.userlist.database import queries
from ualauth.userlist.database.database import Database
from ualauth.userlist.store import UserStore


class Meanwhile(Mapping[str, object]):
    """The values of a statement, which do something when they are asked for."""

    def __init__(self, deed: Callable[[], object]) -> None:
        self._deed = deed

    def __getitem__(self, name: str) -> object:
        self._deed()
        return {"after": ""}[name]

    def __iter__(self) -> Iterator[str]:
        return iter(["after"])

    def __len__(self) -> int:
        return 1


def read(database: Database, deed: Callable[[], object]) -> None:
    database.read(queries.next_page(), Meanwhile(deed))


def write(database: Database, deed: Callable[[], object]) -> None:
    database.write(lambda _: deed())


@pytest.mark.parametrize("use", [read, write])
@pytest.mark.parametrize("deed", [Database._replace_connections, Database.drop])
def test_it_is_not_left_open(use: Any, deed: Any, sqlite_database: SQLiteDatabase) -> None:
    with UserStore(sqlite_database.url) as store:
        database = store._database
        database.read(queries.next_page(), {"after": ""})
        use(database, lambda: deed(database))
    # Nothing is left to the garbage collector.
    assert DATABASES.end() == 0


def test_threads_that_open_it_at_once_leave_nothing_behind(
    sqlite_database: SQLiteDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    with UserStore(sqlite_database.url) as store:
        database = store._database
        database.read(queries.next_page(), {"after": ""})
        assert database._files is not None
        # Another thread asked for the files before this one had opened them.
        database._leave_behind(database._files)
        database.read(queries.next_page(), {"after": ""})
    assert DATABASES.end() == 0
    assert caplog.records == []
