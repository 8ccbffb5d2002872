"""Adding many users at once: what becomes of each, and how the database is asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.userlist.databases import Database, Statement
from ualauth.passwords.scram import ScramSecret
from ualauth.userlist.bulk import Rows, rows_of
from ualauth.userlist.database import loading, queries
from ualauth.userlist.names import parse
from ualauth.userlist.record import NewUser
from ualauth.userlist.store import UserStore
from ualauth.userlist.update import Revision

SECRETS = (ScramSecret("SCRAM-SHA-1", b"salt", 4096, b"s", b"k"),)
JSMITH = NewUser(
    authid="JSmith",
    name=parse("John Smith/ny"),
    addresses=("j@x.org", "jsmith@x.org"),
    password="hash",
    unix_uid=7,
)


def rows(authid: str, name: str, *addresses: str, uid: int | None = None) -> Rows:
    new = NewUser(authid=authid, name=parse(name), addresses=addresses, unix_uid=uid)
    return rows_of(new, (), 5)


def test_a_user_is_the_same_however_added(store: UserStore, tmp_path: Path) -> None:
    one = store.add(JSMITH)
    with UserStore(f"sqlite:///{tmp_path / 'other.db'}") as other:
        other.create()
        assert other.add_many([rows_of(JSMITH, SECRETS, 5)]) == [None]
        many = other.get("jsmith")
        assert other.secrets(many) == SECRETS
    for field in NewUser.__dataclass_fields__:
        assert getattr(one, field) == getattr(many, field)
    assert (one.id, one.revision) == (many.id, many.revision)


def test_each_is_told_why_it_was_not_added(store: UserStore) -> None:
    store.add(JSMITH)
    new = [
        rows("jsmith", "Another Name"),
        rows("ann", "Ann Miller", "J@X.org"),
        rows("j@x.org", "Ann Miller"),
        rows("bob", "john  smith/NY"),
        rows("carl", "Carl Jones", uid=7),
        rows("dora", "Dora Y", uid=8),
        rows("eve", "Eve Y", uid=8),
        rows("fred", "DORA y"),
    ]
    said = [
        "the user 'jsmith' is there already",
        "the login name 'j@x.org' already is another user's",
        "the login name 'j@x.org' already is another user's",
        "the O/R name 'john smith/ny' already is another user's",
        "the UNIX uid '7' already is another user's",
        "None",
        "the UNIX uid '8' already is another user's",
        "the O/R name 'dora y' already is another user's",
    ]
    assert list(map(str, store.taken(new))) == said
    assert [user.authid for user in store.users()] == ["JSmith"]
    assert list(map(str, store.add_many(new))) == said
    assert [user.authid for user in store.users()] == ["dora", "JSmith"]
    assert store.add_many([]) == []


@pytest.mark.parametrize(
    "text", ["Smith", "Ann  Q STRASSE Jr/NY,hq,x,y/CN=Ä  B", "/ny/CN=Sales", ",,van der Berg,/nl"]
)
def test_the_key_of_a_name_is_the_same_in_queries(text: str) -> None:
    name = parse(text)
    assert queries.name_keys(name)["name_key"] == name.key


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
    store.add(JSMITH)
    statements.clear()
    new = [rows(f"u{n}", f"User{n} X", f"u{n}@x.org", uid=n + 100) for n in range(30)]
    store.add_many(new)
    store.add_many(new)
    revision = Revision(JSMITH, frozenset({"password", "addresses"}), SECRETS)
    store.differ([revision])
    store.revise_many([revision])
    selects = {
        text: (text, values)
        for text, values in statements
        if text.startswith("SELECT") and "alembic" not in text
    }
    assert len(selects) > 5
    assert not database.scans(list(selects.values()))


def test_all_users_are_added_in_however_many_pieces(
    store: UserStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "_IN_A_COPY", 7)
    number = 22
    new = [rows(f"user{each}", f"n{each}", f"user{each}@x.org") for each in range(number)]
    assert store.add_many(new) == [None] * number
    assert sum(1 for _ in store.users()) == number
    assert store.get(f"user{number - 1}@x.org").name == parse(f"n{number - 1}")
