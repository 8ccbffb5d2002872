"""Login names: every way to write one, and which index answers it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.postgresql import Server
from tests.unit.userlist.databases import (
    Database,
    PostgreSQLDatabase,
    SQLiteDatabase,
    Statement,
)
from ualauth.errors import UserUnknown
from ualauth.userlist import queries
from ualauth.userlist.names import parse, print_positional, print_tagged
from ualauth.userlist.record import NewUser, User
from ualauth.userlist.store import UserStore

USERS = {
    "jsmith": "John Q Smith III/ny,hq/CN=John Smith",
    "jsmith2": "John Smith/la",
    "mary": "Mary Ann,,Smith,/ny/CN=Mary Smith",
    "jan": "Jan van der Berg/nl",
    "vries": ",,de Vries,/nl",
    "sales": "/ny/CN=Sales",
    "smith": "Peter Miller/uk",
    "john1": "John Plain",
    "john2": "John Plain/ny",
    "joerg": "Jörg Straße/de",
}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    """Return one kind after the other; nobody changes anything, so one of each is enough."""
    if request.param == "sqlite":
        yield SQLiteDatabase(tmp_path_factory.mktemp("resolve") / "userlist.db")
        return
    server: Server = request.getfixturevalue("postgresql")
    server.create("resolve")
    yield PostgreSQLDatabase(server, "resolve")
    server.drop("resolve")


@pytest.fixture(scope="module")
def store(database: Database) -> Iterator[UserStore]:
    with database.open() as store:
        store.create()
        yield store


@pytest.fixture(scope="module")
def users(store: UserStore) -> dict[str, User]:
    """Return authid -> user of a small company."""
    return {
        authid: store.add(
            NewUser(
                authid=authid, name=parse(name), addresses=(f"{authid}@Example.org", f"{authid}@x")
            ),
        )
        for authid, name in USERS.items()
    }


@pytest.mark.parametrize(
    ("login_name", "authid"),
    [
        ("jsmith", "jsmith"),
        ("JSmith", "jsmith"),
        ("jsmith@example.org", "jsmith"),
        ("JSMITH@X", "jsmith"),
        ("John Q Smith III/ny,hq/CN=John Smith", "jsmith"),
        ("john q smith iii/NY,HQ/cn=JOHN SMITH", "jsmith"),
        ("G=John/I=Q/S=Smith/Q=III/OU1=ny/OU2=hq/CN=John Smith", "jsmith"),
        ("s=smith/q=iii", "jsmith"),
        ("John Q Smith III", "jsmith"),
        ("John Q Smith", "jsmith"),
        ("John Smith/ny", "jsmith"),
        ("John Smith/ny,hq", "jsmith"),
        ("Q,,,/ny", None),
        (",Q,Smith,", "jsmith"),
        ("/CN=John Smith", "jsmith"),
        ("CN=john smith", "jsmith"),
        ("Smith/CN=John Smith", "jsmith"),
        ("John Smith/la", "jsmith2"),
        ("Smith/la", "jsmith2"),
        ("Mary Ann Smith", "mary"),
        ("mary ann smith/ny", "mary"),
        ("G=Mary Ann/S=Smith", "mary"),
        ("Mary Smith", None),
        ("Jan van der Berg", "jan"),
        ("van der Berg", "jan"),
        ("van der berg/nl", "jan"),
        ("Berg", None),
        ("de Vries", "vries"),
        ("/CN=Sales", "sales"),
        ("CN=Sales/OU1=ny", "sales"),
        ("JÖRG STRASSE", "joerg"),
        ("jorg strasse", None),
        # Somebody's authid comes before everybody's surname.
        ("smith", "smith"),
        ("Miller", "smith"),
        ("Straße", "joerg"),
        # A user with exactly that name comes before those who have more.
        ("John Plain", "john1"),
        ("G=John/S=Plain", "john1"),
        ("John Plain/ny", "john2"),
        # More than one user.
        ("John Smith", None),
        ("S=Smith", None),
        ("Smith/ny", None),
        ("Plain", None),
        # Nobody.
        ("nobody", None),
        ("jsmith@example.com", None),
        ("John Smith/sf", None),
        ("John Smith/ny,la", None),
        ("Smith/la/CN=John Smith", None),
        ("John X Smith", None),
        ("Smith, John", None),
        ("S=", None),
        ("", None),
        ("   ", None),
        ("\x00", None),
        ("jsmith\x00", None),
        ("jsmith\n", None),
        ("jsmith\ud800", None),
        ("jsmith" + " " * 1019, None),
        ("é" * 513, None),
        ("\\", None),
        ("%", None),
        ("' OR 1=1 --", None),
    ],
)
def test_resolving(
    store: UserStore, users: dict[str, User], login_name: str, authid: str | None
) -> None:
    found = store.resolve(login_name)
    assert found == (users[authid] if authid else None)
    if authid:
        assert store.get(login_name) == found
    else:
        with pytest.raises(UserUnknown):
            store.get(login_name)


def test_every_user_is_found_by_every_full_name(store: UserStore, users: dict[str, User]) -> None:
    for user in users.values():
        for name in (user.authid, *user.addresses, print_positional(user.name)):
            assert store.resolve(name) == user
        assert store.resolve(print_tagged(user.name)) == user


def test_the_longest_names_are_found(store: UserStore) -> None:
    authid, local = "\U0001f600" * 255, "x" * 64
    address = f"{local}@{'y' * 189}"
    user = store.add(NewUser(authid=authid, name=parse("Smith"), addresses=(address,)))
    assert store.resolve(authid) == store.resolve(address) == user
    store.delete(user)


@pytest.fixture
def statements(database: Database, store: UserStore) -> Iterator[list[Statement]]:
    """Return the list that every SQL statement is written to."""
    store.close()
    with database.recorded() as written:
        yield written
    store.close()


@pytest.mark.parametrize("login_name", ["jsmith", "JSMITH@example.org"])
def test_an_authid_or_address_takes_one_query(
    statements: list[Statement], store: UserStore, users: dict[str, User], login_name: str
) -> None:
    store.resolve(login_name)
    statements.clear()
    assert store.resolve(login_name) == users["jsmith"]
    assert len(statements) == 1


def test_every_query_is_answered_by_an_index(
    statements: list[Statement], store: UserStore, users: dict[str, User], database: Database
) -> None:
    statements.clear()
    for name in _every_shape():
        store.resolve(name)
    store.resolve("nobody@example.org")
    store.by_unix_uid(1000)
    store.secrets(users["jsmith"])
    list(store.users())
    selects = {
        text: (text, values)
        for text, values in statements
        if text.startswith("SELECT") and "alembic" not in text
    }
    shapes = queries._meant.cache_info().currsize
    assert len(selects) > shapes > 80
    assert not database.scans(list(selects.values()))


def _every_shape() -> Iterator[str]:
    """Return a name nobody has for each set of parts that a name may lack."""
    personal = [
        {"S": "x"} | dict.fromkeys(parts, "x")
        for size in range(4)
        for parts in itertools.combinations("GIQ", size)
    ]
    nodes = [{f"OU{number}": "x" for number in range(1, size + 1)} for size in range(5)]
    for parts in itertools.product([{}, *personal], nodes, [{}, {"CN": "x"}]):
        elements = {tag: value for part in parts for tag, value in part.items()}
        if "S" in elements or "CN" in elements:
            yield "/".join(f"{tag}={value}" for tag, value in elements.items())
