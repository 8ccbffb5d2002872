"""Searches of the USERLIST: what a condition holds of, by the index and by no index."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from random import Random

import pytest

from tests.unit.userlist.databases import Database, SQLiteDatabase
from ualauth.errors import InvalidValue
from ualauth.userlist.bulk import rows_of
from ualauth.userlist.conditions import (
    ALL_FIELDS,
    And,
    AtLeast,
    AtMost,
    Condition,
    Equals,
    Field,
    Not,
    Or,
    Present,
    Substring,
    Undefined,
    evaluate,
)
from ualauth.userlist.database import search_index
from ualauth.userlist.group_record import NewGroup, usual_or_name
from ualauth.userlist.names import ORName, parse
from ualauth.userlist.record import NewUser, User
from ualauth.userlist.search import Kind, Page, Scope, Search, Values
from ualauth.userlist.store import UserStore

PARTS = ("jo", "hn", "Smi", "th", "ß", "van der", "É", "x", "ann", "a_b", "c%", "q!", '"', "\\")
NODES = ((), ("ny",), ("ny", "hq"), ("NY", "hq", "a"), ("nyc",), ("n",), ("la", "ny"))
FIELDS = (
    *(Field.AUTHID, Field.SURNAME, Field.GIVEN_NAME, Field.INITIALS, Field.COMMON_NAME),
    *(Field.PERSONAL_NAME, Field.ADDRESS, Field.OU1, Field.MAIL_NODE, Field.HIDDEN),
    *(Field.GROUP_NAME, Field.ID, Field.CREATED, Field.PRIMARY_ADDRESS, Field.OR_NAME),
    Field.LIMIT_INBOUND_MAIL,
)


def new_user(random: Random, number: int) -> NewUser:
    def text(most: int = 3) -> str:
        return "".join(random.choices(PARTS, k=random.randint(1, most))).strip()

    units = random.choice(NODES)
    local = "".join(random.choices(("jo", "ann", "smi", "th", "."), k=3)).strip(".")
    return NewUser(
        name=ORName(
            *(text(), text(), random.choice(("", "q", "jr")), "", f"{text()} {number}"),
            *(*units, "", "", "", "")[:4],
        ),
        authid=f"{local}{number}",
        addresses=tuple(
            f"{random.choice('jox')}{number}.{each}@bücher.example"
            for each in range(random.randint(0, 2))
        ),
        hidden=random.random() < 0.3,
    )


def condition(random: Random, depth: int = 3) -> Condition:
    if depth and random.random() < 0.5:
        inner = tuple(condition(random, depth - 1) for _ in range(random.randint(0, 3)))
        return random.choice((And(inner), Or(inner), Not(condition(random, depth - 1))))
    field = random.choice(FIELDS)
    text = random.choice((*PARTS, "johnsmi", "ny,hq", "nn s", "jo", "@b", "@xn--", "1", "\0", " "))
    return random.choice(
        (
            Undefined(),
            Present(field),
            Equals(field, text),
            Equals(field, random.choice((True, 3))),
            Substring(field, initial=text),
            Substring(field, any=(text, random.choice(PARTS))),
            Substring(field, final=text),
            Substring(field, random.choice(PARTS), (), text),
            AtLeast(field, random.choice((text, 3))),
            AtMost(field, random.choice((text, datetime.now(UTC)))),
        )
    )


@pytest.fixture
def users(store: UserStore) -> list[User]:
    random = Random(5)
    now = 1_700_000_000_000_000
    rows = [rows_of(new_user(random, number), (), now) for number in range(300)]
    assert not any(store.add_many(rows))
    return sorted(store.users(), key=lambda user: user.id)


def hits(store: UserStore, wanted: Search) -> list[int]:
    return [each.id for page in store.search(wanted) for each in page.hits]


def is_below(user: User, units: tuple[str, ...], scope: Scope) -> bool:
    own = tuple(each.lower() for each in user.name.units)
    return own[: len(units)] == units and (scope is Scope.SUB or len(own) == len(units))


def test_hits_are_those_of_which_the_condition_holds(store: UserStore, users: list[User]) -> None:
    random = Random(7)
    some = 0
    for _ in range(300):
        wanted = condition(random)
        visible = ALL_FIELDS - set(random.choices(FIELDS, k=random.randint(0, 2)))
        units, scope = random.choice(((), ("ny",), ("ny", "hq"), ("n",))), random.choice([*Scope])
        expected = [
            user.id
            for user in users
            if is_below(user, units, scope)
            and evaluate(wanted, Values(store._database, user), visible) is True
        ]
        some += bool(expected) and len(expected) < len(users)
        asked = Search(condition=wanted, visible=visible, units=units, scope=scope)
        assert hits(store, asked) == expected, asked
    assert some > 50


def test_a_search_goes_on_from_a_position_and_ends_at_its_limit(
    store: UserStore, users: list[User]
) -> None:
    wanted = Substring(Field.AUTHID, any=("ann",))
    everything = hits(store, Search(condition=wanted))
    assert len(everything) > 20
    parts: list[int] = []
    position = 0
    while True:
        page: Page | None = None
        for page in store.search(Search(condition=wanted, after=position, limit=7)):
            parts += [each.id for each in page.hits]
        if page is None:
            break
        position = page.position
    assert parts == everything


def test_nothing_is_held_between_pages(store: UserStore, users: list[User]) -> None:
    pages = store.search(Search())
    first = next(pages)
    last = users[-1]
    # A writer need not wait, and what it changes is seen.
    store.delete(last)
    rest = [each.id for page in pages for each in page.hits]
    assert [*(each.id for each in first.hits), *rest] == [each.id for each in users[:-1]]


@pytest.mark.parametrize("hidden", [True, False])
def test_a_field_that_is_not_visible_tells_nothing(
    store: UserStore, users: list[User], hidden: bool
) -> None:
    visible = ALL_FIELDS - {Field.HIDDEN}
    wanted = Equals(Field.HIDDEN, hidden)
    for each in (wanted, Not(wanted), Not(Not(wanted)), Or((wanted, Not(wanted)))):
        assert not hits(store, Search(condition=each, visible=visible))
    assert hits(store, Search(condition=Or((wanted, And())), visible=visible))
    assert hits(store, Search(condition=wanted))


def one(**values: object) -> NewUser:
    usual = {"name": ORName("Miller", "Ann", ou1="ny"), "authid": "ann", "addresses": ("a@b.c",)}
    return NewUser(**(usual | values))  # type: ignore[arg-type]


def by(store: UserStore, field: Field, text: str, kind: Kind = Kind.USERS) -> bool:
    return bool(hits(store, Search(condition=Substring(field, any=(text,)), kind=kind)))


def test_every_change_is_found_at_once(store: UserStore) -> None:
    user = store.add(one())
    assert by(store, Field.SURNAME, "ille")
    user = store.update(user, name=parse("Bob Stone/la"), addresses=("bob@example.org",))
    assert not by(store, Field.SURNAME, "ille")
    assert by(store, Field.SURNAME, "STON")
    assert by(store, Field.ADDRESS, "ob@exa")
    assert hits(store, Search(units=("LA",))) == [user.id]
    user = store.update(user, authid="stoneman")
    assert by(store, Field.AUTHID, "onema")
    assert not by(store, Field.AUTHID, "ann")
    store.delete(user)
    assert not by(store, Field.AUTHID, "onema")


def test_ids_are_looked_up(store: UserStore, users: list[User]) -> None:
    for number in (0, -1, 1 << 40, 1 << 80):
        assert not hits(store, Search(condition=Equals(Field.ID, number)))
    second, third = users[2].id, users[3].id
    assert hits(store, Search(condition=Equals(Field.ID, second))) == [second]
    assert hits(store, Search(condition=Equals(Field.ID, second), after=second)) == []
    either = Or((Equals(Field.ID, third), Equals(Field.ID, second)))
    assert hits(store, Search(condition=either)) == [second, third]
    both = And((Equals(Field.ID, third), Equals(Field.AUTHID, users[3].authid)))
    assert hits(store, Search(condition=both)) == [third]


def test_hidden_members_are_not_shown(store: UserStore) -> None:
    store.add(one(hidden=True))
    group = store.groups.add(NewGroup(name="g", or_name=usual_or_name("g")), ["ann"])
    for field, count in ((Field.MEMBER, 1), (Field.SHOWN_MEMBER, 0), (Field.MEMBER_GROUP, 0)):
        for condition in (Present(field), Equals(field, "ann")):
            assert len(hits(store, Search(condition=condition, kind=Kind.GROUPS))) == count
            assert store.holds(condition, group) is bool(count)
    assert store.holds(Equals(Field.HIDDEN, True), store.get("ann"))


def test_groups_are_found(store: UserStore) -> None:
    user = store.add(one())
    group = store.groups.add(
        NewGroup(name="Sales team", or_name=parse("/ny/CN=Sellers"), addresses=("s@b.c",)), ["ann"]
    )
    store.groups.add(NewGroup(name="all", or_name=usual_or_name("all")), ["Sales team"])
    for field, text in (
        (Field.GROUP_NAME, "les t"),
        (Field.COMMON_NAME, "ellers"),
        (Field.ADDRESS, "s@b"),
    ):
        wanted = Substring(field, any=(text,))
        assert hits(store, Search(condition=wanted, kind=Kind.GROUPS)) == [group.id]
        assert not hits(store, Search(condition=wanted))
    assert hits(store, Search(kind=Kind.GROUPS, units=("ny",))) == [group.id]
    member = Equals(Field.MEMBER, "ANN")
    assert hits(store, Search(condition=member, kind=Kind.GROUPS)) == [group.id]
    assert hits(store, Search(condition=Equals(Field.GROUP, "sales team"))) == [user.id]
    assert not hits(store, Search(condition=member))
    for each in (Not(Equals(Field.GROUP, "all")), Or((member, Equals(Field.GROUP, "sales team")))):
        assert hits(store, Search(condition=each)) == [user.id]
    outer = Equals(Field.GROUP, "ALL")
    assert hits(store, Search(condition=outer, kind=Kind.GROUPS)) == [group.id]
    inner = Equals(Field.MEMBER_GROUP, "sales team")
    assert len(hits(store, Search(condition=inner, kind=Kind.GROUPS))) == 1
    group = store.groups.update(group, name="Buyers")
    assert by(store, Field.GROUP_NAME, "buyer", Kind.GROUPS)
    assert not by(store, Field.GROUP_NAME, "sales", Kind.GROUPS)
    store.groups.delete(group)
    assert not by(store, Field.GROUP_NAME, "buyer", Kind.GROUPS)


def test_the_index_is_what_the_tables_say(
    store: UserStore, users: list[User], database: Database
) -> None:
    user = store.update(users[3], name=parse("Bob Stone/la"))
    store.delete(users[4])
    store.groups.add(NewGroup(name="g", or_name=usual_or_name("g"), addresses=("g@b.c",)))
    question = "SELECT rowid, names, node FROM search_texts ORDER BY rowid"
    before = database.execute(question)
    words = [
        sorted(each[0].split("  "))
        for each in database.execute("SELECT logins FROM search_texts ORDER BY rowid")
    ]
    store._database.write(search_index.fill)
    assert database.execute(question) == before
    assert len(before) == 300
    assert words == [
        sorted(each[0].split("  "))
        for each in database.execute("SELECT logins FROM search_texts ORDER BY rowid")
    ]
    assert user.id in [row[0] for row in before]


def test_users_are_found_whom_statements_have_changed(
    store: UserStore, users: list[User], database: Database
) -> None:
    database.execute(f"UPDATE or_names SET ou1_key = 'paris' WHERE user_id = {users[0].id}")
    numbers = [each.id for each in users[:2]]
    store._database.write(lambda connection: search_index.refresh_users(connection, numbers))
    rows = database.execute("SELECT rowid FROM search_texts WHERE node LIKE '%  paris  %'")
    assert rows == [(users[0].id,)]


def test_levels_without_end_are_refused(store: UserStore) -> None:
    deep: Condition = And()
    for _ in range(100):
        deep = Not(deep)
    with pytest.raises(InvalidValue, match="levels"):
        hits(store, Search(condition=deep))


QUESTIONS = (
    Search(condition=Substring(Field.SURNAME, any=("smi",))),
    Search(condition=Substring(Field.SURNAME, initial="s"), units=("ny", "hq")),
    Search(condition=Or((Equals(Field.AUTHID, "x"), Substring(Field.ADDRESS, final=".example")))),
    Search(condition=Equals(Field.ADDRESS, "j1.0@bücher.example")),
    Search(condition=Substring(Field.GROUP_NAME, any=("sal",)), kind=Kind.GROUPS),
    Search(condition=Not(Present(Field.ADDRESS))),
    Search(kind=Kind.GROUPS),
    Search(condition=And((Present(Field.ADDRESS), Equals(Field.GROUP, "sales")))),
    Search(condition=Equals(Field.GROUP, "sales"), kind=Kind.GROUPS),
    Search(condition=Equals(Field.MEMBER, "ann"), kind=Kind.GROUPS),
    Search(condition=Equals(Field.MEMBER_GROUP, "sales"), kind=Kind.GROUPS),
    Search(condition=Equals(Field.SHOWN_MEMBER, "ann"), kind=Kind.GROUPS),
    Search(condition=Equals(Field.ID, 1)),
    Search(condition=Equals(Field.PRIMARY_ADDRESS, "a@b.c")),
)


_ONE_ROW = ("sqlite_master", "alembic_version", "search_texts_config")
"""What tells of the database itself."""


@pytest.mark.parametrize("number", range(len(QUESTIONS)))
def test_no_table_is_read_from_one_end_to_the_other(database: Database, number: int) -> None:
    with database.recorded() as statements, database.open() as store:
        store.groups.add(NewGroup(name="sales", or_name=usual_or_name("sales")))
        store.add(one())
        statements.clear()
        hits(store, QUESTIONS[number])
        # What FTS5 asks itself is traced as comments.
        asked = [
            each
            for each in statements
            if each[0].startswith("SELECT") and not any(name in each[0] for name in _ONE_ROW)
        ]
    if isinstance(database, SQLiteDatabase):
        with closing(sqlite3.connect(database.path)) as connection:
            steps = [
                row[3]
                for text, _ in asked
                for row in connection.execute(f"EXPLAIN QUERY PLAN {text}")
            ]
        # FTS5 calls each way to answer a scan: 0:M is one that looks for an expression.
        scans = [
            each for each in steps if each.startswith("SCAN") and "VIRTUAL TABLE INDEX" not in each
        ]
        assert steps
        assert not scans
        virtual = [each for each in steps if "VIRTUAL" in each]
        assert all(":M" in each for each in virtual)
    else:
        assert not database.scans(asked)


@pytest.fixture
def plain(sqlite_database: SQLiteDatabase) -> Iterator[UserStore]:
    """A USERLIST that was made by an SQLite without FTS5."""
    sqlite_database.execute("DROP TABLE search_texts")
    sqlite_database.execute(search_index._PLAIN)
    with sqlite_database.open() as store:
        yield store


def test_searches_are_right_where_there_are_no_trigrams(plain: UserStore) -> None:
    random = Random(5)
    rows = [rows_of(new_user(random, number), (), 1) for number in range(100)]
    assert not any(plain.add_many(rows))
    for _ in range(100):
        wanted = condition(random)
        expected = [
            user.id
            for user in sorted(plain.users(), key=lambda user: user.id)
            if evaluate(wanted, Values(plain._database, user), ALL_FIELDS) is True
        ]
        assert hits(plain, Search(condition=wanted)) == expected
