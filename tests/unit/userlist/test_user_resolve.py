"""Login names: every way to write one, and which index answers it."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from tests.postgresql import Server
from tests.seeds import SEED, rounds
from tests.unit.userlist.databases import (
    Database,
    PostgreSQLDatabase,
    SQLiteDatabase,
    Statement,
)
from ualauth.errors import InvalidValue, UserUnknown
from ualauth.userlist.bulk import rows_of
from ualauth.userlist.database import queries
from ualauth.userlist.names import LIMITS, ORName, parse, print_positional, print_tagged
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
    "Ann Other": "Eve Other/fr",
    "a/b=c": "Ann Other/fr",
    "max1": "Max Q Muster/fr/CN=Max One",
    "max2": "Max Muster/fr,sud/CN=Max Two",
}
PLACES = ("Example.org", "x")


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)]
)
def database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    """Return one kind after the other; no test changes anything, so one of each is enough."""
    if request.param == "sqlite":
        yield SQLiteDatabase(tmp_path_factory.mktemp("resolve") / "userlist.db")
        return
    server: Server = request.getfixturevalue("postgresql")
    server.create("resolve")
    yield PostgreSQLDatabase(server, "resolve")
    server.drop("resolve")


@pytest.fixture(scope="module")
def users(database: Database) -> dict[str, User]:
    """Return authid -> user of a small company."""
    with database.open() as store:
        store.create()
        return {
            authid: store.add(
                NewUser(
                    authid=authid,
                    name=parse(name),
                    addresses=tuple(f"{authid.replace(' ', '.')}@{place}" for place in PLACES),
                ),
            )
            for authid, name in USERS.items()
        }


@pytest.fixture
def store(database: Database, users: dict[str, User]) -> Iterator[UserStore]:
    with database.open() as store:
        yield store


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
        # An authid comes before any surname.
        ("smith", "smith"),
        ("Miller", "smith"),
        ("Straße", "joerg"),
        # A user with exactly that name comes before those who have more.
        ("John Plain", "john1"),
        ("G=John/S=Plain", "john1"),
        ("John Plain/ny", "john2"),
        # An authid comes first even if it looks like an O/R name, or like a wrong one.
        ("Ann Other", "Ann Other"),
        ("ann  OTHER", "Ann Other"),
        ("Ann Other/fr", "a/b=c"),
        ("A/B=C", "a/b=c"),
        ("Eve Other", "Ann Other"),
        # Words that begin another's personal name are not that name.
        ("Max Q", None),
        ("Max Q Muster", "max1"),
        ("Max Q Muster/fr", "max1"),
        ("Max Muster/fr", None),
        ("Max Muster/fr,sud", "max2"),
        ("Max Muster/sud", None),
        ("Max Muster/fr/CN=Max Two", "max2"),
        ("Max Muster/fr/CN=Max One", "max1"),
        ("Max Muster/fr/CN=Max Three", None),
        # More than one user.
        ("John Smith", None),
        ("S=Smith", None),
        ("Smith/ny", None),
        ("Plain", None),
        # No user.
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
    user = store.resolve(login_name)
    assert user == (users[authid] if authid else None)
    if authid:
        assert store.get(login_name) == user
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
    address = f"{local}@{'y' * 61}.{'y' * 63}.{'y' * 63}"
    user = store.add(NewUser(authid=authid, name=parse("Smith"), addresses=(address,)))
    assert store.resolve(authid) == store.resolve(address) == user
    store.delete(user)


@pytest.mark.slow
def test_random_names_are_resolved_as_a_scan_of_all_users_would(tmp_path: Path) -> None:
    # Few words, so that names share them, and words mean one part here and another there.
    words = random.Random(SEED)
    with UserStore(f"sqlite:///{tmp_path / 'userlist.db'}") as store:
        store.create()
        new = [NewUser(authid=f"u{number}", name=_random_name(words)) for number in range(150)]
        store.add_many([rows_of(user, (), 1) for user in new])
        known = list(store.users())
        asked = [*map(_random_name, [words] * rounds(500)), *(user.name for user in known)]
        resolved = []
        for name in asked:
            for text in {print_positional(name), print_tagged(name)}:
                meant = _scan(known, parse(text))
                assert store.resolve(text) == meant, text
                resolved.append(meant)
    assert len(known) > 100
    assert 100 < resolved.count(None) < len(resolved) - 100


def _random_name(words: random.Random) -> ORName:
    while True:
        parts = {part: words.choice(("", "a", "b", "a b", "b a")) for part in LIMITS}
        with suppress(InvalidValue):
            return ORName(**parts)


def _scan(users: Sequence[User], name: ORName) -> User | None:
    """Return whom a name means, found without keys and indexes."""
    key = name.key
    for user in users:
        if user.name.key == key:
            return user
    matching = [user for user in users if _has_parts(user.name, name)]
    return matching[0] if len(matching) == 1 else None


def _has_parts(own: ORName, name: ORName) -> bool:
    personal = ("given_name", "initials", "surname", "generation")
    same = {part: getattr(own, part) == text for part in LIMITS if (text := getattr(name, part))}
    others = all(same[part] for part in same if part not in personal)
    words = name.personal_name
    return others and (
        all(same[part] for part in same if part in personal)
        or words in {own.surname, own.personal_name}
    )


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
    # Other tests ask questions of other shapes.
    queries._meant.cache_clear()
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
    """Return a name that no user has for each set of parts that a name may lack."""
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
