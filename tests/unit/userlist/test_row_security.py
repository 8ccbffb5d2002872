"""Row-level security of PostgreSQL: what it holds back where the first lock is left out."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, Engine, Table, delete, event, insert, select, update

from tests.postgresql import PASSWORD, Server
from tests.unit.userlist.databases import PostgreSQLDatabase
from tests.unit.userlist.test_companies import ACME, BOLT, user
from ualauth.errors import StoreError
from ualauth.userlist.bulk import rows_of
from ualauth.userlist.database import database, tables
from ualauth.userlist.database.view import View
from ualauth.userlist.group_record import NewGroup
from ualauth.userlist.names import ORName
from ualauth.userlist.store import UserStore

ROLE = "owner_of_tables"
"""It owns the tables, and is no superuser."""
_numbers = itertools.count()


@contextlib.contextmanager
def owned(server: Server) -> Iterator[str]:
    """Return the URL of an empty database, for a role that owns it."""
    name = f"owned_{next(_numbers)}"
    if not server.execute("postgres", f"SELECT 1 FROM pg_roles WHERE rolname = '{ROLE}'"):
        server.execute("postgres", f"CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'")
    server.create(name, options=f"OWNER {ROLE}")
    yield server.url(name).replace("//ualauth:", f"//{ROLE}:")
    server.drop(name)


def fill(store: UserStore) -> None:
    for company in (ACME, BOLT):
        store.companies.add(company)
    for name in ("acme", "bolt"):
        for who in ("ann", "bob"):
            address = f"a.{who}@{name}.example"
            store.add(user(f"{who}@{name}.example", name, addresses=(address,)))
        node = ORName("", common_name="Staff", ou1=name)
        group = NewGroup(name=f"staff@{name}.example", or_name=node)
        store.groups.add(group, [f"ann@{name}.example"])
    store.add(user("root"))
    store.companies.switch_on(store.companies.plan())


@pytest.fixture(scope="module")
def url(postgresql: Server) -> Iterator[str]:
    """Return the URL of a USERLIST that hosts two companies; tests put back what they change."""
    with owned(postgresql) as url:
        with UserStore(url) as store:
            store.create()
            fill(store)
        yield url


@pytest.fixture
def hosted(url: str) -> Iterator[UserStore]:
    with UserStore(url) as store:
        yield store


@pytest.fixture
def acme(hosted: UserStore) -> UserStore:
    return hosted.seen_by(View.of(hosted.companies.get("acme").id))


@pytest.fixture
def no_first_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what a `View` does to statements: as if it had forgotten all of them."""

    def same_text(text: str, _view: View, _schema: str) -> str:
        return text

    def same_parameters(_text: str, parameters: Any, _view: View) -> Any:
        return parameters

    monkeypatch.setattr(database, "restricted_text", same_text)
    monkeypatch.setattr(database, "parameters_of", same_parameters)
    monkeypatch.setattr(database, "restrict", lambda _connection, _view: None)


def rows_of_all(connection: Connection) -> dict[str, int]:
    return {
        name: len(connection.execute(select(table)).all())
        for name, table in tables.metadata.tables.items()
    }


OWN = {
    "users": 2,
    "or_names": 2,
    "addresses": 2,
    "login_names": 4,
    "groups": 1,
    "group_names": 1,
    "group_users": 1,
    "companies": 1,
    "company_domains": 2,
}
"""Table -> rows of the first company; of all others it has none."""


def _do(statement: Any, row: Mapping[str, object], connection: Connection) -> int:
    return connection.execute(statement, row).rowcount


@pytest.mark.usefixtures("no_first_lock")
def test_the_second_lock_alone_shows_a_company_only_its_own(
    hosted: UserStore, acme: UserStore
) -> None:
    expected = dict.fromkeys(tables.metadata.tables, 0) | OWN
    assert acme._database.write(rows_of_all) == expected
    # Those that are kept between questions, more often than psycopg takes to prepare a statement.
    for _ in range(12):
        for name, table in tables.metadata.tables.items():
            assert len(acme._database.read(select(table), {})) == expected[name]
    assert acme.by_authid("bob@bolt.example") is None
    assert [each.authid for each in acme.users()] == ["ann@acme.example", "bob@acme.example"]
    everything = hosted._database.write(rows_of_all)
    assert (everything["users"], everything["companies"]) == (5, 2)
    assert len(list(hosted.users())) == 5


@pytest.mark.usefixtures("no_first_lock")
def test_the_second_lock_alone_lets_a_company_change_only_its_own(
    hosted: UserStore, acme: UserStore
) -> None:
    bolt = hosted.companies.get("bolt").id
    other = hosted.get("bob@bolt.example")
    before = hosted._database.write(rows_of_all)

    def changed(statement: Any, **row: object) -> int:
        return acme._database.write(partial(_do, statement, row))

    assert changed(update(tables.users).where(tables.users.c.id == other.id), locked=True) == 0
    assert changed(update(tables.users), language="de") == 2
    assert changed(update(tables.users), language="") == 2
    for table in (tables.companies, tables.company_domains, tables.keys):
        assert changed(delete(table)) == 0
    assert changed(update(tables.companies), user_limit=7) == 0
    assert changed(delete(tables.users).where(tables.users.c.company_id == bolt)) == 0
    assert changed(delete(tables.login_names).where(tables.login_names.c.user_id == other.id)) == 0
    refused: tuple[tuple[Table, dict[str, object]], ...] = (
        (tables.addresses, {"user_id": other.id, "position": 7, "address": "x@bolt.example"}),
        (tables.login_names, {"key": "stolen", "user_id": other.id}),
        (tables.company_domains, {"key": "x.example", "company_id": bolt}),
        (tables.keys, {"name": "x", "key": b"x"}),
    )
    for table, row in refused:
        with pytest.raises(StoreError):
            changed(insert(table), **row)
    with pytest.raises(StoreError):
        changed(update(tables.users), company_id=bolt)
    assert hosted._database.write(rows_of_all) == before
    assert hosted.get("bob@bolt.example") == other


def test_both_locks_let_a_company_and_the_server_do_what_is_theirs(
    hosted: UserStore, acme: UserStore
) -> None:
    """Rows of an import go another way than by COPY, which PostgreSQL refuses here."""
    for store, name in ((acme, "acme"), (hosted, "bolt")):
        new = [user(f"i{number}@{name}.example", name) for number in range(3)]
        assert store.add_many([rows_of(each, (), 1) for each in new]) == [None] * 3
        user_ = store.add(user(f"zoe@{name}.example", name))
        user_ = store.update(user_, language="de")
        group = store.groups.get(f"staff@{name}.example")
        group = store.groups.update(group, add_members=(user_.authid,))
        assert len(store.groups.members(group)) == 2
        for authid in (user_.authid, *(each.authid for each in new)):
            store.delete(store.get(authid))
    assert len(list(hosted.users())) == 5


def test_the_server_asks_as_few_statements_as_without_hosting(url: str) -> None:
    """What a login asks costs no round trip more; a company's question waits for three answers."""
    written: list[str] = []

    class Recording(psycopg.Cursor[Any]):
        def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
            written.append(str(query))
            return super().execute(query, params, **options)

    def connected(connection: psycopg.Connection, _: object) -> None:
        connection.cursor_factory = Recording

    def asked(ask: Callable[[], object]) -> int:
        ask()
        written.clear()
        ask()
        return len(written)

    event.listen(Engine, "connect", connected)
    try:
        with UserStore(url) as store:
            acme = store.seen_by(View.of(store.companies.get("acme").id))
            assert asked(lambda: store.by_address("a.bob@acme.example")) == 1
            assert asked(lambda: store.resolve("bob@acme.example")) == 1
            assert "set_config" not in str(written)
            assert asked(lambda: acme.by_address("a.bob@acme.example")) == 3
    finally:
        event.remove(Engine, "connect", connected)


def test_policies_come_and_go_with_hosting_and_with_copies(
    postgresql: Server, tmp_path: Path
) -> None:
    with owned(postgresql) as url:
        place = PostgreSQLDatabase(postgresql, url.rpartition("/")[2])

        def locked() -> set[tuple[bool, bool]]:
            rows = place.execute(
                "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE relkind = 'r' "
                "AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'"
            )
            return {(row[0], row[1]) for row in rows}

        with UserStore(url) as store, UserStore(f"sqlite:///{tmp_path}/userlist.db") as source:
            source.create()
            fill(source)
            store.create()
            assert locked() == {(False, False)}
            source.copy_to(store, lambda _: None)
            assert locked() == {(True, True)}
            assert not store.companies.has_bypassed_lock()
            with UserStore(place.url) as superuser:
                assert superuser.companies.has_bypassed_lock()
            with UserStore(f"sqlite:///{tmp_path}/back.db") as target:
                assert store.copy_to(target, lambda _: None).rows["users"] == 5
            store.companies.switch_off()
            assert locked() == {(False, False)}
            assert place.execute("SELECT * FROM pg_policies") == []


MANY = 10_000
_ROWS = """
    INSERT INTO companies (name, name_key, revision, created, changed)
    SELECT 'c' || i, 'c' || i, 1, 0, 0 FROM generate_series(1, {many}) AS i
"""


def test_no_question_of_a_company_reads_what_others_have(postgresql: Server) -> None:
    with owned(postgresql) as url, UserStore(url) as store:
        store.create()
        fill(store)
        place = PostgreSQLDatabase(postgresql, url.rpartition("/")[2])
        place.execute(_ROWS.format(many=MANY))
        place.execute("ANALYZE")
        number = store.companies.get("acme").id
        with place.recorded() as statements, UserStore(url) as asked:
            acme = asked.seen_by(View.of(number))
            acme.resolve("bob@acme.example")
            acme.resolve("bob smith")
            list(acme.users())
            list(acme.groups.all())
            acme.companies.get("acme.example")
            asked.companies.get("acme.example")
            asked.resolve("smith/acme")
        with contextlib.closing(psycopg.connect(url, autocommit=True)) as connection:
            connection.execute("SET enable_seqscan = off")
            cursor = psycopg.ClientCursor(connection)
            for text, parameters in statements:
                if not text.startswith(("SELECT", "WITH")) or "set_config" in text:
                    continue
                connection.execute(f"SET ualauth.company = '{number}'")
                rows = cursor.execute(f"EXPLAIN {text}".encode(), parameters).fetchall()
                plan = "\n".join(row[0] for row in rows)
                assert "Seq Scan" not in plan, f"{text}\n{plan}"


def test_switching_takes_as_long_as_it_has_to(postgresql: Server) -> None:
    """All users are written: no login waits for so long."""
    with owned(postgresql) as url:
        with UserStore(url) as store:
            store.create()
            store.companies.add(ACME)
            store.add(user("ann@acme.example", "acme"))
        with contextlib.closing(psycopg.connect(url, autocommit=True)) as connection:
            connection.execute(
                "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS "
                "'BEGIN PERFORM pg_sleep(2.5); RETURN NULL; END'"
            )
            connection.execute(
                "CREATE TRIGGER slow AFTER UPDATE ON users FOR EACH STATEMENT "
                "EXECUTE FUNCTION slow()"
            )
        with UserStore(url, timeout=1.0) as store:
            store.companies.switch_on(store.companies.plan())
            assert store.companies.is_hosting
            store.companies.switch_off()
            assert not store.companies.is_hosting
