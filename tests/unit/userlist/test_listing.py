"""Which users a list has, and whom a login name fits."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from tests.seeds import SEED
from tests.unit.userlist.databases import Database, SQLiteDatabase
from tests.unit.userlist.failing import count_failure
from ualauth.errors import GroupUnknown, InvalidValue
from ualauth.passwords.policy import PasswordRules
from ualauth.userlist.account.lockout import microseconds_now, user_key
from ualauth.userlist.account.reservation import Place
from ualauth.userlist.bulk import rows_of
from ualauth.userlist.database import queries
from ualauth.userlist.database.queries import Rank
from ualauth.userlist.group_record import NewGroup, usual_or_name
from ualauth.userlist.last_logins import EVERY
from ualauth.userlist.listing import UserFilter
from ualauth.userlist.names import ORName, parse
from ualauth.userlist.policy import LockoutRules, Policy
from ualauth.userlist.record import LastLogin, NewUser, User
from ualauth.userlist.store import UserStore

NOW = datetime.now(UTC)
PAST, FUTURE = NOW - timedelta(days=40), NOW + timedelta(days=40)
AGED = Policy(password=PasswordRules(maximum_age_days=30))


def add(store: UserStore, authid: str, name: str = "", **fields: object) -> User:
    return store.add(NewUser(authid=authid, name=parse(name or authid), **fields))  # type: ignore[arg-type]


def lock_out(store: UserStore, user: User) -> None:
    rules = LockoutRules(failures=1)
    count_failure(store, user.authid, user, "192.0.2.7", microseconds_now(), rules)


def authids(store: UserStore, policy: Policy | None = None, **wanted: object) -> list[str]:
    chosen = UserFilter(**wanted)  # type: ignore[arg-type]
    return [each.user.authid for each in store.list_users(chosen, policy)]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a*", ["ann"]),
        ("ANN", ["ann"]),
        ("an?", ["ann"]),
        ("an", []),
        ("*@EXAMPLE.com", ["ann", "zoe"]),
        ("*smith*", ["ann", "Bob"]),
        ("ann smith", ["ann"]),
        ("ann q smith jr/ny,hq/cn=annie", []),
        ("ann smith/ny,hq/cn=annie", ["ann"]),
        ("*/ny,*", ["ann"]),
        ("annie", ["ann"]),
        ("cn=*", []),
        ("*", ["ann", "Bob", "under_score", "zoe", "µ%!"]),
        ("under_s*", ["under_score"]),
        ("unde__score", []),
        ("*%*", ["µ%!"]),
        ("*!", ["µ%!"]),
        ("STRASSE*", ["zoe"]),
        ("", ["ann", "Bob", "under_score", "zoe", "µ%!"]),
        (" ", ["ann", "Bob", "under_score", "zoe", "µ%!"]),
    ],
)
def test_a_pattern_fits_authids_addresses_and_names(
    store: UserStore, pattern: str, expected: list[str]
) -> None:
    add(store, "zoe", "Zoe Straße", addresses=("straße@example.com",))
    add(store, "ann", "Ann Smith/ny,hq/CN=Annie", addresses=("a.s@Example.COM", "x@y.example"))
    add(store, "Bob", "Bob Smith-Jones/la")
    add(store, "under_score")
    add(store, "underxscore2")
    store.delete(store.get("underxscore2"))
    add(store, "µ%!", "CN=percent")
    assert authids(store, match=pattern) == expected


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ("example.com", ["ann", "joe@example.com"]),
        ("@Example.COM", ["ann", "joe@example.com"]),
        ("ample.com", []),
        ("sub.example.com", ["bob"]),
        ("bücher.example", ["zoe"]),
        ("xn--bcher-kva.example", ["zoe"]),
        ("%", []),
    ],
)
def test_a_domain_is_that_of_an_address_or_an_authid(
    store: UserStore, domain: str, expected: list[str]
) -> None:
    add(store, "ann", addresses=("ann@other.example", "ann@example.com"))
    add(store, "bob", addresses=("bob@sub.example.com",))
    add(store, "joe@example.com")
    add(store, "zoe", addresses=("zoe@bücher.example",))
    assert authids(store, domain=domain) == expected


def test_who_has_expired_by_a_date_or_by_age(store: UserStore) -> None:
    add(store, "account", account_expires=PAST)
    add(store, "password", password_expires=PAST)
    add(store, "later", account_expires=FUTURE, password_expires=FUTURE)
    old = add(store, "old", password="x", password_changed=PAST)
    own = '{"maximum_age_days":7}'
    add(store, "own", password="x", password_changed=PAST, policy=own)
    free = '{"maximum_age_days":0}'
    add(store, "free", password="x", password_changed=PAST, policy=free)
    assert authids(store, expired=True) == ["account", "own", "password"]
    assert authids(store, AGED, expired=True) == ["account", "old", "own", "password"]
    store.update(old, password_changed=NOW)
    assert authids(store, AGED, expired=True) == ["account", "own", "password"]


def test_a_policy_that_makes_no_sense_hides_no_user(store: UserStore, database: Database) -> None:
    add(store, "ann")
    database.execute('UPDATE users SET policy = \'{"maximum_age_days": "x"}\'')
    assert authids(store) == ["ann"]
    assert authids(store, expired=True) == []
    assert authids(store, AGED, expired=True) == []


def test_who_is_locked_out_and_who_never_logged_in(store: UserStore) -> None:
    users = [add(store, f"u{number}", locked=number == 2) for number in (3, 1, 2, 0)]
    lock_out(store, users[0])
    lock_out(store, users[2])
    store.note_logins({users[0].id: LastLogin(NOW, "pop3", "")}, EVERY)
    assert authids(store, locked_out=True) == ["u2", "u3"]
    assert authids(store, locked_out=True, locked=True) == ["u2"]
    assert authids(store, locked_out=True, never_logged_in=True, match="*2") == ["u2"]
    assert authids(store, never_logged_in=True) == ["u0", "u1", "u2"]
    assert authids(store, locked=True) == ["u2"]
    listed = {each.user.authid: each for each in store.list_users()}
    assert [name for name, each in listed.items() if each.is_locked_out] == ["u2", "u3"]
    assert listed["u3"].last_login == LastLogin(NOW, "pop3", "")
    store.forget_all_failures(users[2])
    assert authids(store, locked_out=True) == ["u3"]
    assert store.authids_of_failures() == {key: "u3" for key, _, _ in store.every_failure()}


def test_who_is_in_a_group_also_by_groups_in_it(store: UserStore) -> None:
    for name in ("ann", "bob", "cyd", "dan"):
        add(store, name, locked=name == "bob")
    store.groups.add(
        NewGroup(name="sales", or_name=usual_or_name("sales"), addresses=("sales@example.com",)),
        ["bob", "ann"],
    )
    store.groups.add(NewGroup(name="all", or_name=usual_or_name("all")), ["sales", "dan"])
    store.groups.add(NewGroup(name="empty", or_name=usual_or_name("empty")))
    assert authids(store, group="Sales") == ["ann", "bob"]
    assert authids(store, group="sales@example.com", locked=True) == ["bob"]
    assert authids(store, group="all") == ["ann", "bob", "dan"]
    assert authids(store, group="empty") == []
    lock_out(store, store.get("ann"))
    lock_out(store, store.get("cyd"))
    assert authids(store, group="all", locked_out=True) == ["ann"]
    with pytest.raises(GroupUnknown, match="'sails' is the name of no group"):
        authids(store, group="sails")


def test_more_than_a_page_of_each_is_told(store: UserStore) -> None:
    number, rules, now = 1100, LockoutRules(failures=1), microseconds_now()
    new = [
        NewUser(authid=f"u{each:04}", name=ORName(f"S{each}"), addresses=(f"{each}@x.example",))
        for each in range(number)
    ]
    assert store.add_many([rows_of(user, (), now) for user in new]) == [None] * number
    expected = [user.authid for user in new]
    assert authids(store, domain="x.example") == expected
    places = [Place(user_key(user.id), "192.0.2.7", rules, by_name=False) for user in store.users()]
    store.change_failures(places, lambda rows: [row.one_more(now, rules) for row in rows], now)
    assert authids(store, locked_out=True) == expected


def test_a_list_asks_a_page_at_a_time_and_for_no_user_by_itself(
    sqlite_database: SQLiteDatabase,
) -> None:
    with sqlite_database.open() as store:
        for number in range(20):
            add(store, f"u{number}", addresses=(f"u{number}@example.com",))
    with sqlite_database.recorded() as statements, sqlite_database.open() as store:
        assert len(authids(store, domain="example.com", never_logged_in=True)) == 20
    asked = [text for text, _ in statements if "FROM" in text and "alembic" not in text]
    # Who is locked out, a page, and that there is no other.
    assert len(asked) == 3


@pytest.mark.parametrize("text", ["a\0", "a\n", "\udcff"])
def test_a_pattern_with_what_no_name_has_is_refused(store: UserStore, text: str) -> None:
    for wanted in (UserFilter(match=text), UserFilter(domain=text)):
        with pytest.raises(InvalidValue, match="control characters"):
            list(store.list_users(wanted))


# Whom a name fits


def test_a_name_fits_all_whom_its_parts_fit(store: UserStore) -> None:
    for number, node in enumerate(("ny", "la", "sf")):
        add(store, f"js{number}", f"John Smith/{node}/CN=John Smith {number}")
    add(store, "whole", "John Smith")
    by_name = store.fitting("john smith")
    assert ([user.authid for user in by_name.users], by_name.rank) == (["whole"], Rank.NAME)
    store.delete(store.get("whole"))
    parts = store.fitting("john smith")
    assert [user.authid for user in parts.users] == ["js0", "js1", "js2"]
    assert parts.rank is Rank.PARTS
    assert [user.authid for user in store.fitting("smith/la").users] == ["js1"]
    one = store.fitting("JS2")
    assert ([user.authid for user in one.users], one.rank) == (["js2"], Rank.LOGIN_NAME)
    for name in ("nobody", "", "\0", "a=b=c", "x" * 2000):
        assert store.fitting(name).users == []


def test_a_login_gets_the_only_one_whom_a_name_fits(store: UserStore) -> None:
    """The same for any name: a login finds a user if exactly one fits, and that one."""
    chance = random.Random(SEED)
    words = ["John", "Ann", "Smith", "van", "Berg", "Q", "Jr"]
    known = []
    for number in range(40):
        name = " ".join(chance.choices(words, k=chance.randint(1, 4)))
        node = f"/{chance.choice(['ny', 'la'])}" if chance.random() < 0.5 else ""
        name += f"{node}/CN={chance.choice(words)} {number}"
        known.append(str(add(store, f"u{number}", name).name))
    for _ in range(150):
        name = chance.choice(known)
        text = " ".join(chance.sample(words, chance.randint(1, 3)))
        for asked in (name, name.split("/")[0], name.rpartition("/")[0] or name, text):
            users = store.fitting(asked).users
            assert store.resolve(asked) == (users[0] if len(users) == 1 else None), asked


def test_of_a_million_namesakes_some_are_told(
    store: UserStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ualauth.userlist.listing.MOST_FITTING", 3)
    for number in range(5):
        add(store, f"u{number}", f"John Smith/CN={number}")
    assert 3 <= len(store.fitting("smith").users) <= 5


def test_parameters_of_fewer_ids_than_a_page_has_are_filled() -> None:
    values = queries.some_ids([7, 9])
    assert len(values) == queries.PAGE
    assert set(values.values()) == {7, 9}
