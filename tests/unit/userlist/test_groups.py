"""Groups in every kind of database: names, members, and what becomes of both."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Barrier
from typing import Any

import pytest

from tests.unit.userlist.databases import Database, SQLiteDatabase, Statement
from ualauth.errors import GroupUnknown, InvalidValue, NameTaken, StaleRecord, UserError
from ualauth.userlist.bulk import rows_of
from ualauth.userlist.cache import UserCache
from ualauth.userlist.group_record import Group, Members, NewGroup, usual_or_name
from ualauth.userlist.names import ORName, parse
from ualauth.userlist.record import NewUser, User
from ualauth.userlist.store import UserStore
from ualauth.userlist.update import Revision


def user(store: UserStore, authid: str, **fields: Any) -> User:
    return store.add(NewUser(authid=authid, name=ORName(authid), **fields))


def new(name: str, *addresses: str, or_name: str = "") -> NewGroup:
    full = parse(or_name) if or_name else usual_or_name(name)
    return NewGroup(name=name, or_name=full, addresses=addresses)


def group(store: UserStore, name: str, *members: str) -> Group:
    return store.groups.add(new(name), members)


def test_a_group_is_kept_as_it_is_given(store: UserStore, database: Database) -> None:
    user(store, "jsmith", addresses=("john@example.com",))
    given = new("Sales ÄÖ", "sales@example.com", "s@bücher.example", or_name="/ny,hq/CN=Verkauf")
    added = store.groups.add(given, ["JOHN@example.com"])
    assert (added.name, added.or_name, added.addresses) == (
        given.name,
        given.or_name,
        given.addresses,
    )
    assert added.revision == 1
    with database.open() as other:
        for name in (
            *("Sales ÄÖ", "sales a\u0308o\u0308", "SALES@example.com", "s@xn--bcher-kva.example"),
            *("/ny,hq/CN=Verkauf", "OU1=NY/OU2=hq/CN=verkauf"),
        ):
            assert other.groups.get(name) == added, name
        assert other.groups.is_named("SALES ÄÖ")
        assert not other.groups.is_named("sales@example.com")
        assert other.groups.members(added) == Members(("jsmith",), ())
    for name in ("", "nosuch", "x" * 2000, "a\nb", "\ud800", "/CN=nosuch", "/"):
        assert store.groups.find(name) is None
        with pytest.raises(GroupUnknown, match="no group in the USERLIST: ualauth group list"):
            store.groups.get(name)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"name": ""}, "name of a group: takes 1 to 64"),
        ({"name": "x" * 65}, "name of a group: takes 1 to 64"),
        ({"name": " x"}, "name of a group: takes 1 to 64"),
        ({"name": "a\tb"}, "name of a group: takes 1 to 64"),
        ({"name": None}, "name of a group: takes 1 to 64"),
        ({"addresses": ("nowhere",)}, "addresses of a group: "),
        ({"addresses": ("a@b", "A@b")}, "addresses of a group: has the same address twice"),
        ({"or_name": "x"}, "O/R name of a group: must be an ORName"),
    ],
)
def test_what_a_field_cannot_hold(fields: dict[str, Any], problem: str) -> None:
    values: dict[str, Any] = {"name": "x", "or_name": usual_or_name("x"), **fields}
    with pytest.raises(InvalidValue, match=problem):
        NewGroup(**values)


CLAIMS: dict[str, dict[str, Any]] = {
    "authid": {"authid": "SALES", "name": ORName("X")},
    "authid is an address": {"authid": "sales@example.com", "name": ORName("X")},
    "address": {"authid": "x", "name": ORName("X"), "addresses": ("Sales@EXAMPLE.com",)},
    "address in another spelling": {
        "authid": "x",
        "name": ORName("X"),
        "addresses": ("s@xn--bcher-kva.example",),
    },
    "O/R name": {"authid": "x", "name": parse("/NY/CN=sales")},
}
SALES = new("sales", "sales@example.com", "s@bücher.example", or_name="/ny/CN=Sales")


@pytest.mark.parametrize("claim", CLAIMS)
def test_what_a_group_has_no_user_gets(claim: str, store: UserStore) -> None:
    store.groups.add(SALES)
    wanted = NewUser(**CLAIMS[claim])
    other = user(store, "other")
    free = NewUser(authid="free", name=ORName("Free"))
    changes = {
        name: each for name, each in CLAIMS[claim].items() if name != "authid" or each != "x"
    }
    with pytest.raises(NameTaken, match="a group"):
        store.add(wanted)
    with pytest.raises(NameTaken, match="a group"):
        store.update(other, **changes)
    rows = [rows_of(each, (), 5) for each in (wanted, free)]
    why = store.taken(rows)
    assert str(why[0]).endswith("already is a group's")
    assert store.add_many(rows) == why
    assert why[1] is None
    if "authid" not in changes:
        revision = Revision(NewUser(**CLAIMS[claim] | {"authid": "other"}), frozenset(changes))
        (result,) = store.revise_many([revision])
        assert isinstance(result, NameTaken)
    assert {each.authid for each in store.users()} == {"other", "free"}


@pytest.mark.parametrize("claim", CLAIMS)
def test_what_a_user_has_no_group_gets(claim: str, store: UserStore) -> None:
    store.add(NewUser(**CLAIMS[claim]))
    other = group(store, "other")
    with pytest.raises(NameTaken, match="a user"):
        store.groups.add(SALES)
    with pytest.raises(NameTaken, match="a user"):
        store.groups.update(other, name="sales", or_name=SALES.or_name, addresses=SALES.addresses)
    assert list(store.groups.all()) == [other]


@pytest.mark.parametrize(
    "other", [new("SALES"), new("x", "S@bücher.example"), new("x", or_name="/Ny/CN=SALES")]
)
def test_no_two_groups_have_the_same_name(other: NewGroup, store: UserStore) -> None:
    store.groups.add(SALES)
    with pytest.raises(NameTaken, match="group"):
        store.groups.add(other)
    free = group(store, "free")
    with pytest.raises(NameTaken, match="group"):
        store.groups.update(free, name=other.name, or_name=other.or_name, addresses=other.addresses)


def test_members_are_users_and_groups_directly_and_by_others(store: UserStore) -> None:
    jsmith, ann = user(store, "jsmith"), user(store, "ann")
    group(store, "interns", "jsmith")
    sales = group(store, "sales", "interns", "ann")
    company = group(store, "company", "sales", "interns")
    assert store.groups.of(jsmith) == ("company", "interns", "sales")
    assert store.groups.of(jsmith, nested=False) == ("interns",)
    assert store.groups.of(ann) == ("company", "sales")
    assert store.groups.users(company) == ("ann", "jsmith")
    assert store.groups.members(company) == Members((), ("interns", "sales"))
    assert store.groups.above(sales) == ("company",)
    # Who is a member already is no mistake.
    sales = store.groups.update(sales, add_members=["ann", "interns"], remove_members=[])
    sales = store.groups.update(sales, remove_members=["interns"], add_members=["jsmith"])
    assert sales.revision == 3
    assert store.groups.members(sales) == Members(("ann", "jsmith"), ())


def test_what_is_wrong_with_members_changes_nothing(store: UserStore) -> None:
    user(store, "jsmith")
    sales = group(store, "sales", "jsmith")
    group(store, "all", "sales")
    for add, remove, problem in (
        (["nosuch"], [], "'nosuch' is neither a user nor a group in the USERLIST"),
        (["a\nb"], [], "neither a user nor a group"),
        (["\ud800"], [], "neither a user nor a group"),
        (["sales"], [], "'x' cannot be its own member"),
        (["all"], [], "'all' has 'x' as a member"),
        ([], ["all"], "'all' is no member of this group"),
        ([], ["nosuch"], "neither a user nor a group"),
        (["nosuch"], ["jsmith"], "neither a user nor a group"),
    ):
        with pytest.raises(InvalidValue, match=problem):
            store.groups.update(sales, name="x", add_members=add, remove_members=remove)
        assert store.groups.get("sales") == sales
        assert store.groups.members(sales) == Members(("jsmith",), ())
    with pytest.raises(InvalidValue, match="nosuch"):
        group(store, "new", "jsmith", "nosuch")
    assert store.groups.find("new") is None


def test_a_user_who_goes_is_no_member_and_one_who_is_renamed_stays_one(store: UserStore) -> None:
    jsmith = user(store, "jsmith")
    ann = user(store, "ann")
    sales = group(store, "sales", "jsmith", "ann")
    store.update(jsmith, authid="john", name=ORName("Other"))
    assert store.groups.members(sales).users == ("ann", "john")
    store.delete(ann)
    user(store, "ann")
    assert store.groups.members(sales).users == ("john",)


def test_a_group_that_goes_takes_no_member_along(store: UserStore) -> None:
    jsmith = user(store, "jsmith")
    sales = store.groups.add(SALES, ["jsmith"])
    company = group(store, "all", "sales")
    store.groups.delete(sales)
    assert store.groups.of(jsmith) == ()
    assert store.groups.members(company) == Members((), ())
    assert user(store, "sales", addresses=("sales@example.com",))
    with pytest.raises(GroupUnknown, match="deleted in the meantime"):
        store.groups.delete(sales)
    with pytest.raises(GroupUnknown, match="deleted in the meantime"):
        store.groups.update(sales, name="x")


def test_a_change_is_refused_if_another_process_made_one(
    store: UserStore, database: Database
) -> None:
    sales = group(store, "sales")
    with database.open() as other:
        other.groups.update(other.groups.get("sales"), addresses=("a@b.example",))
    with pytest.raises(StaleRecord, match="read it again"):
        store.groups.update(sales, name="x")
    with pytest.raises(StaleRecord):
        store.groups.delete(sales)
    assert store.groups.get("a@b.example").name == "sales"


def test_a_new_name_makes_a_new_usual_or_name(store: UserStore) -> None:
    sales = group(store, "sales")
    assert store.groups.find("CN=Sales") == sales
    renamed = store.groups.update(sales, name="Vertrieb")
    assert renamed.or_name == usual_or_name("Vertrieb")
    own = store.groups.update(renamed, or_name=parse("/ny/CN=Own"))
    assert store.groups.update(own, name="Other").or_name == parse("/ny/CN=Own")
    assert store.groups.find("sales") is None
    assert store.groups.find("vertrieb") is None


def test_all_groups_are_read_page_by_page(store: UserStore) -> None:
    for number in range(7):
        group(store, f"g{number}")
    store.groups.add(SALES)
    assert [each.name for each in store.groups.all()] == [*(f"g{n}" for n in range(7)), "sales"]
    many = {f"g{number}" for number in range(40)}
    assert store.groups.named(many) == {f"g{number}" for number in range(7)}
    assert store.groups.named({"g1", "nosuch"}) == {"g1"}


def test_what_is_remembered_of_groups_is_what_the_database_has(
    store: UserStore, database: Database
) -> None:
    user(store, "jsmith")
    sales = group(store, "sales", "jsmith")
    cache = UserCache(store)

    def known() -> tuple[frozenset[str], frozenset[str]]:
        account = cache.recall("jsmith") or cache.read("jsmith")
        again = cache.read_groups(account, ["all", "sales"])
        assert cache.recall_groups(account, ["all", "sales"]) in {again, None}
        return again

    with database.open() as other:
        for _ in range(2):
            assert known() == (frozenset({"sales"}), frozenset({"all"}))
        company = other.groups.add(new("All"), ["sales"])
        assert known() == (frozenset({"sales", "all"}), frozenset())
        sales = other.groups.update(sales, remove_members=["jsmith"])
        assert known() == (frozenset(), frozenset())
        other.groups.update(company, add_members=["jsmith"])
        assert known() == (frozenset({"all"}), frozenset())
        other.groups.delete(sales)
        assert known() == (frozenset({"all"}), frozenset({"sales"}))
    cache.close()


def at_once(*calls: Callable[[], object]) -> list[object]:
    """Return the result of each call, or its error, made at the same moment."""
    together = Barrier(len(calls))

    def run(call: Callable[[], object]) -> object:
        together.wait()
        try:
            return call()
        except UserError as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_two_writers_never_make_groups_members_of_each_other(
    store: UserStore, database: Database
) -> None:
    with database.open() as other:
        for number in range(10):
            one, two = group(store, f"a{number}"), group(store, f"b{number}")

            def add_two(one: Group = one, two: Group = two) -> object:
                return store.groups.update(one, add_members=[two.name])

            def add_one(one: Group = one, two: Group = two) -> object:
                return other.groups.update(two, add_members=[one.name])

            results = at_once(add_two, add_one)
            assert sorted(isinstance(each, InvalidValue) for each in results) == [False, True]


def test_a_user_and_a_group_never_get_the_same_name(store: UserStore, database: Database) -> None:
    with database.open() as other:
        for number in range(10):
            name = f"x{number}"
            results = at_once(
                lambda name=name: user(store, name),  # type: ignore[misc]
                lambda name=name: group(other, name),  # type: ignore[misc]
            )
            assert sorted(isinstance(each, NameTaken) for each in results) == [False, True]
            assert (store.resolve(name) is None) is (store.groups.find(name) is not None)


def test_groups_in_a_circle_are_read_to_an_end(store: UserStore, database: Database) -> None:
    """No writer makes one; a program that knows nothing of it may."""
    jsmith = user(store, "jsmith")
    one, two = group(store, "one", "jsmith"), group(store, "two")
    for pair in ((one.id, two.id), (two.id, one.id)):
        database.execute(
            f"INSERT INTO group_groups (group_id, member_id) VALUES {pair} RETURNING 1"
        )
    assert store.groups.of(jsmith) == ("one", "two")
    assert store.groups.users(two) == ("jsmith",)
    group(store, "three", "one")
    with pytest.raises(InvalidValue, match="members of each other"):
        store.groups.update(one, add_members=["three"])
    assert store.groups.update(one, remove_members=["two"])


def test_a_member_of_its_own_is_refused_by_the_database(
    store: UserStore, database: Database
) -> None:
    one = group(store, "one")
    with pytest.raises(database.refusal):
        database.execute(f"INSERT INTO group_groups VALUES ({one.id}, {one.id}) RETURNING 1")


@pytest.fixture
def statements(database: Database, store: UserStore) -> Iterator[list[Statement]]:
    """Return the list that every SQL statement is written to."""
    store.close()
    with database.recorded() as written:
        yield written
    store.close()


def test_no_query_reads_a_whole_table(
    statements: list[Statement], store: UserStore, database: Database
) -> None:
    jsmith = user(store, "jsmith")
    sales = group(store, "sales", "jsmith")
    company = store.groups.add(SALES_TOO, ["sales"])
    statements.clear()
    store.groups.update(company, name="every", remove_members=["sales"], add_members=["jsmith"])
    for name in ("sales", "/CN=sales"):
        store.groups.get(name)
    store.groups.is_named("sales")
    store.groups.of(jsmith)
    store.groups.of(jsmith, nested=False)
    store.groups.members(sales)
    store.groups.users(sales)
    store.groups.above(sales)
    selects = {
        text: (text, values)
        for text, values in statements
        if text.startswith(("SELECT", "WITH")) and "alembic" not in text
    }
    assert len(selects) > 8
    plans = database.scans(list(selects.values()))
    # What is followed from group to group is a table of its own, which is short.
    assert not [plan for plan in plans if not any(word in plan for word in ("above", "below"))]
    assert not any("SCAN groups" in plan or "SCAN group_" in plan for plan in plans)


SALES_TOO = new("all", "all@example.com")


def test_a_file_that_may_only_be_read_has_its_groups_read(
    sqlite_database: SQLiteDatabase,
) -> None:
    with sqlite_database.open() as store:
        jsmith = user(store, "jsmith")
        group(store, "sales", "jsmith")
    with closing(sqlite3.connect(sqlite_database.path)) as connection:
        connection.execute("PRAGMA query_only = ON")
        with sqlite_database.open() as store:
            assert store.groups.of(jsmith) == ("sales",)
