"""Many processes change the same database: nothing is lost, nothing counts twice."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import TypeVar

import pytest
from sqlalchemy import Connection, update

from tests.unit.userlist.databases import Database, PostgreSQLDatabase
from ualauth.errors import NameTaken, StaleRecord, StoreError
from ualauth.userlist.database import database as module
from ualauth.userlist.database.tables import users
from ualauth.userlist.names import ORName
from ualauth.userlist.record import NewUser
from ualauth.userlist.store import UserStore

T = TypeVar("T")

PROCESSES = 4
EACH = 25


def in_processes(function: Callable[[str, int], T], url: str) -> list[T]:
    # New interpreters, as other programs are.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=context) as pool:
        return list(pool.map(function, [url] * PROCESSES, range(PROCESSES)))


def change_one(url: str, number: int) -> None:
    """Add addresses to the same user, as often as it takes."""
    with UserStore(url, timeout=30) as store:
        for position in range(EACH):
            while True:
                user = store.get("jsmith")
                addresses = (*user.addresses, f"{number}.{position}@example.org")
                try:
                    store.update(user, addresses=addresses)
                    break
                except StaleRecord:
                    continue


def add_some(url: str, number: int) -> list[str]:
    """Add users with names of which each is wanted by every thread; return which were got."""
    got = []
    with UserStore(url, timeout=30) as store:
        for attempt in range(EACH):
            authid = f"user{attempt}"
            try:
                user = store.add(NewUser(name=ORName(f"{number} {attempt}"), authid=authid))
            except NameTaken:
                continue
            got.append(authid)
            store.update(user, language="de")
    return got


def test_no_change_of_the_same_user_is_lost(store: UserStore, database: Database) -> None:
    store.add(NewUser(name=ORName("Smith"), authid="jsmith"))
    in_processes(change_one, database.url)
    user = store.get("jsmith")
    assert user.revision == 1 + PROCESSES * EACH
    # Each began with what the one before had left.
    assert len(user.addresses) == PROCESSES * EACH
    assert len(database.execute("SELECT key FROM login_names")) == 1 + PROCESSES * EACH


def test_a_name_is_got_by_one(store: UserStore, database: Database) -> None:
    got = [authid for each in in_processes(add_some, database.url) for authid in each]
    wanted = sorted(f"user{attempt}" for attempt in range(EACH))
    assert sorted(got) == wanted
    assert sorted(user.authid for user in store.users()) == wanted
    assert {user.revision for user in store.users()} == {2}


def test_rivals_for_the_same_rows_are_both_served(
    postgresql_database: PostgreSQLDatabase,
) -> None:
    """Two transactions lock the same two rows in opposite order."""
    tries = []
    both = threading.Barrier(2)

    def change(order: list[int]) -> Callable[[Connection], None]:
        begun: list[bool] = []

        def work(connection: Connection) -> None:
            tries.append(order)
            for position, number in enumerate(order):
                statement = update(users).where(users.c.id == number)
                connection.execute(statement.values(revision=users.c.revision + 1))
                if position == 0 and not begun:
                    begun.append(True)
                    both.wait(30)

        return work

    with postgresql_database.open() as store:
        first = store.add(NewUser(name=ORName("Smith"), authid="a"))
        second = store.add(NewUser(name=ORName("Miller"), authid="b"))
        with ThreadPoolExecutor(2) as pool:
            ids = [first.id, second.id]
            works = [change(ids), change(ids[::-1])]
            list(pool.map(store._database.write, works))
        assert len(tries) == 3
        assert (store.get("a").revision, store.get("b").revision) == (3, 3)


@pytest.mark.parametrize("state", ["40001", "40P01"])
def test_a_transaction_does_not_give_way_for_ever(
    postgresql_database: PostgreSQLDatabase, state: str
) -> None:
    postgresql_database.execute(
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$BEGIN RAISE EXCEPTION 'hunter2' USING ERRCODE = '{state}'; END$$",
    )
    tries = []

    def work(connection: Connection) -> None:
        tries.append(connection)
        connection.execute(update(users).values(language="de"))

    with postgresql_database.open() as store:
        user = store.add(NewUser(name=ORName("Smith"), authid="a"))
        postgresql_database.execute(
            "CREATE TRIGGER fails BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION fail()",
        )
        with pytest.raises(StoreError, match="try again") as refused:
            store._database.write(work)
        assert "hunter2" not in str(refused.value)
        assert len(tries) == module._MOST_TRIES
        assert store.get("a") == user
        postgresql_database.execute("DROP TRIGGER fails ON users")
        assert store.update(user, language="de").language == "de"
