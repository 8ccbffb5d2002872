"""The mail nodes of users and groups, and the members of a group, by one question each."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing

import pytest

from tests.unit.userlist.databases import Database, SQLiteDatabase
from ualauth.userlist.bulk import rows_of
from ualauth.userlist.group_record import Member, NewGroup, usual_or_name
from ualauth.userlist.names import ORName
from ualauth.userlist.record import NewUser
from ualauth.userlist.store import UserStore

NODES = (
    *((), ("ny",), ("NY", "hq"), ("ny", "HQ"), ("ny", "a,b"), ("ny", "hq", "x", "y"), ("nyc",)),
    *(("la", "ny"), ("É",), ("straße",), ("STRASSE",)),
)


def user(number: int, units: tuple[str, ...], *, hidden: bool = False) -> NewUser:
    name = ORName(f"n{number}", "", "", "", "", *(*units, "", "", "", "")[:4])
    return NewUser(name=name, authid=f"u{number}", hidden=hidden)


def test_each_mail_node_is_there_once(store: UserStore) -> None:
    new = [user(number, NODES[number % len(NODES)]) for number in range(60)]
    new.append(user(100, ("secret",), hidden=True))
    new.append(user(101, ("nyc",), hidden=True))
    assert not any(store.add_many([rows_of(each, (), 1) for each in new]))
    every = [tuple(unit.casefold() for unit in each) for each in store.mail_nodes().of_users]
    expected = {tuple(unit.casefold() for unit in each) for each in NODES if each}
    assert sorted(every) == sorted({*expected, ("secret",)})
    shown = store.mail_nodes(with_hidden=False).of_users
    assert {tuple(unit.casefold() for unit in each) for each in shown} == expected
    assert len(shown) == len(expected)
    store.delete(store.get("u100"))
    assert ("secret",) not in store.mail_nodes().of_users


def test_the_mail_nodes_of_groups(store: UserStore) -> None:
    for name, units in (("a", ("ny",)), ("b", ("ny",)), ("c", ("ny", "hq")), ("d", ())):
        or_name = ORName("", "", "", "", name, *(*units, "", "", "", "")[:4])
        store.groups.add(NewGroup(name=name, or_name=or_name))
    nodes = store.mail_nodes()
    assert nodes.of_users == []
    assert sorted(nodes.of_groups) == [("ny",), ("ny", "hq")]


def test_the_members_of_a_group(store: UserStore) -> None:
    zoe = store.add(user(2, ("ny", "hq")))
    ann = store.add(user(1, (), hidden=True))
    inner = store.groups.add(NewGroup(name="inner", or_name=ORName("", ou1="la", common_name="i")))
    group = store.groups.add(NewGroup(name="g", or_name=usual_or_name("g")), ["inner", "u2", "u1"])
    assert store.groups.listed(inner) == []
    assert store.groups.listed(group) == [
        Member(is_group=False, id=ann.id, name="u1", units=(), hidden=True),
        Member(is_group=False, id=zoe.id, name="u2", units=("ny", "hq"), hidden=False),
        Member(is_group=True, id=inner.id, name="inner", units=("la",), hidden=False),
    ]


@pytest.mark.parametrize("with_hidden", [True, False])
def test_there_are_as_many_questions_as_mail_nodes(database: Database, with_hidden: bool) -> None:
    with database.recorded() as statements, database.open() as store:
        new = [user(number, (f"ou{number % 3}",)) for number in range(50)]
        assert not any(store.add_many([rows_of(each, (), 1) for each in new]))
        statements.clear()
        assert len(store.mail_nodes(with_hidden=with_hidden).of_users) == 3
        asked = [each for each in statements if re.search("or_names|groups", each[0])]
    # One for each, one that has no answer any more, and one for groups.
    assert len(asked) == 5
    if isinstance(database, SQLiteDatabase):
        with closing(sqlite3.connect(database.path)) as connection:
            for text, _ in asked:
                for row in connection.execute(f"EXPLAIN QUERY PLAN {text}"):
                    assert re.match("SEARCH|SCAN groups USING COVERING INDEX", row[3]), row
