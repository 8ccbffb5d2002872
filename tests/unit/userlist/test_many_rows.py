"""Many rows at once: what they change is noted as if they came one by one."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.seeds import SEED
from ualauth.errors import StoreError
from ualauth.userlist.bulk import Rows, rows_of
from ualauth.userlist.database.change_detector import SQLiteChangeDetector
from ualauth.userlist.group_record import NewGroup, usual_or_name
from ualauth.userlist.names import ORName
from ualauth.userlist.record import NewUser
from ualauth.userlist.store import UserStore

MANY = 300
"""More than what is inserted with the triggers as they are."""
_TRIGGERS = "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name"
_MARK = "SELECT mark FROM changes WHERE number = 0"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[UserStore]:
    """A USERLIST without users."""
    with UserStore(f"sqlite:///{tmp_path / 'userlist.db'}") as new_store:
        new_store.create()
        yield new_store


@pytest.fixture
def shell(store: UserStore) -> Iterator[sqlite3.Connection]:
    """The file as an administrator has it."""
    with closing(sqlite3.connect(store.backend, isolation_level=None)) as connection:
        yield connection


@pytest.fixture
def detector(store: UserStore) -> Iterator[SQLiteChangeDetector]:
    """One that has looked."""
    new_detector = SQLiteChangeDetector(store.backend)
    assert new_detector.version() is not None
    yield new_detector
    new_detector.close()


def users(number: int, prefix: str = "user") -> list[Rows]:
    return [
        rows_of(
            NewUser(
                authid=f"{prefix}{each}",
                name=ORName(f"{prefix}{each}"),
                addresses=(f"{prefix}{each}@example.com",),
                unix_uid=None if each % 2 else each,
                locked=each % 3 == 0,
            ),
            (),
            5,
        )
        for each in range(number)
    ]


def test_a_detector_elsewhere_sees_many_new_users_and_every_change_after_them(
    store: UserStore, detector: SQLiteChangeDetector
) -> None:
    versions = [detector.version()]
    assert store.add_many(users(MANY)) == [None] * MANY
    versions.append(detector.version())
    # What one statement of each table changes is noted, by the triggers that are there again.
    store.update(store.get("user7"), addresses=("other@example.com",))
    versions.append(detector.version())
    store.add(NewUser(authid="ann", name=ORName("Ann")))
    versions.append(detector.version())
    assert all(versions)
    assert len(set(versions)) == len(versions)


def test_the_triggers_are_as_they_were(store: UserStore, shell: sqlite3.Connection) -> None:
    before = shell.execute(_TRIGGERS).fetchall()
    mark = shell.execute(_MARK).fetchone()
    assert len(before) > 12
    store.add_many(users(MANY))
    assert shell.execute(_TRIGGERS).fetchall() == before
    assert shell.execute(_MARK).fetchone() != mark


def test_each_table_with_many_new_rows_is_noted(
    store: UserStore, shell: sqlite3.Connection
) -> None:
    store.add_many(users(MANY))
    group = NewGroup(name="all", or_name=usual_or_name("all"))
    for table in ("login_names", "or_names", "addresses", "group_users"):
        before = shell.execute(_MARK).fetchone()
        if table == "group_users":
            store.groups.add(group, [f"user{each}" for each in range(1, MANY)])
        else:
            shell.execute(f"DELETE FROM {table} WHERE user_id = 1")
        assert shell.execute(_MARK).fetchone() != before
    assert len(store.groups.members(store.groups.get("all")).users) == MANY - 1


def test_a_trigger_of_an_administrator_is_run_for_each_row(
    store: UserStore, shell: sqlite3.Connection
) -> None:
    shell.execute("CREATE TABLE audit (key TEXT)")
    shell.execute(
        "CREATE TRIGGER audited AFTER INSERT ON login_names "
        "BEGIN INSERT INTO audit VALUES (new.key); END"
    )
    # Another one of the name, which does more than to note a change.
    shell.execute("DROP TRIGGER decided_or_names_insert")
    shell.execute(
        "CREATE TRIGGER decided_or_names_insert AFTER INSERT ON or_names BEGIN "
        "UPDATE changes SET mark = randomblob(16) WHERE number = 0; "
        "INSERT INTO audit VALUES (new.surname_key); END"
    )
    before = shell.execute(_TRIGGERS).fetchall()
    store.add_many(users(MANY))
    assert shell.execute("SELECT count(*) FROM audit").fetchone() == (3 * MANY,)
    assert shell.execute(_TRIGGERS).fetchall() == before


@pytest.mark.parametrize("table", ["or_names", "login_names", "addresses"])
def test_an_insertion_that_fails_leaves_the_triggers_and_no_user(
    store: UserStore, shell: sqlite3.Connection, table: str
) -> None:
    shell.execute(
        f"CREATE TRIGGER fails BEFORE INSERT ON {table} WHEN new.user_id > {MANY - 5} "
        "BEGIN SELECT RAISE(ABORT, 'not today'); END"
    )
    before = shell.execute(_TRIGGERS).fetchall()
    with pytest.raises(StoreError):
        store.add_many(users(MANY))
    assert shell.execute(_TRIGGERS).fetchall() == before
    assert shell.execute("SELECT count(*) FROM users").fetchone() == (0,)
    shell.execute("DROP TRIGGER fails")
    assert store.add_many(users(MANY)) == [None] * MANY


def test_a_reader_that_goes_on_meanwhile_sees_the_triggers(
    store: UserStore, shell: sqlite3.Connection
) -> None:
    before = shell.execute(_TRIGGERS).fetchall()
    shell.execute("BEGIN")
    assert shell.execute("SELECT count(*) FROM users").fetchone() == (0,)
    store.add_many(users(MANY))
    assert shell.execute("SELECT count(*) FROM users").fetchone() == (0,)
    assert shell.execute(_TRIGGERS).fetchall() == before
    shell.execute("COMMIT")
    assert shell.execute("SELECT count(*) FROM users").fetchone() == (MANY,)
    assert shell.execute(_TRIGGERS).fetchall() == before


def test_users_are_the_same_in_any_mixture(store: UserStore, tmp_path: Path) -> None:
    """What all rows have alike stands in the statement: any mixture gives the same rows."""
    numbers = random.Random(SEED)
    some = users(MANY)
    numbers.shuffle(some)
    store.add_many(some)
    apart = UserStore(f"sqlite:///{tmp_path / 'apart.db'}")
    with apart:
        apart.create()
        for start in range(0, MANY, 9):
            apart.add_many(some[start : start + 9])
        fields = NewUser.__dataclass_fields__
        for user in store.users():
            other = apart.get(user.authid)
            assert all(getattr(user, name) == getattr(other, name) for name in fields)
        assert [user.authid for user in store.users()] == [user.authid for user in apart.users()]


def test_many_rows_are_noted_once_for_each_table(
    store: UserStore, shell: sqlite3.Connection
) -> None:
    shell.execute("CREATE TABLE noted (mark BLOB)")
    shell.execute(
        "CREATE TRIGGER counted AFTER UPDATE ON changes BEGIN "
        "INSERT INTO noted VALUES (new.mark); END"
    )
    store.add_many(users(MANY))
    assert shell.execute("SELECT count(*) FROM noted").fetchone() == (3,)
