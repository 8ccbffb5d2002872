"""Adding, reading, changing and deleting users."""

from __future__ import annotations

import dataclasses
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from tests.unit.userlist.databases import Database
from ualauth.errors import (
    ConfigurationError,
    InvalidValue,
    NameTaken,
    StaleRecord,
    StoreError,
    UserUnknown,
)
from ualauth.identity import MailboxClass
from ualauth.passwords.scram import ScramSecret
from ualauth.userlist import user_changes
from ualauth.userlist.database import queries
from ualauth.userlist.names import ORName, parse
from ualauth.userlist.record import Changes, NewUser
from ualauth.userlist.store import UserStore

EASTERN = timezone(timedelta(hours=-5))
TIME = datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=EASTERN)
LATER = TIME + timedelta(days=90)
HASH = "$5$rounds=5000$salt$first"
SECRETS = (
    ScramSecret("SCRAM-SHA-1", b"\x00salt1", 4096, b"\x01" * 20, b"\x02" * 20),
    ScramSecret("SCRAM-SHA-256", b"\xffsalt2", 8192, b"\x03" * 32, b"\x04" * 32),
    ScramSecret("SCRAM-SHA-512", b"salt3", 9999, b"\x05" * 64, b"\x06" * 64),
)
EVERYTHING = NewUser(
    name=parse("John Q Smith III/ny,hq,a,b/CN=John Smith"),
    authid="JSmith",
    addresses=("John.Smith@Example.org", "js@example.org", "smith@example.com"),
    password=HASH,
    locked=True,
    account_expires=TIME,
    password_changed=TIME - timedelta(days=1),
    password_expires=LATER,
    administrator=True,
    mailbox_administrator=True,
    unix_uid=2**32 - 2,
    mailbox_class=MailboxClass.LIMITED,
    language="de-CH",
)


def new(authid: str, name: str | None = None, **fields: Any) -> NewUser:
    """Return a user with a name of their own."""
    return NewUser(authid=authid, name=parse(name) if name else ORName(f"Of {authid}"), **fields)


def test_every_field_round_trips(store: UserStore) -> None:
    before = datetime.now(UTC)
    user = store.add(EVERYTHING)
    assert store.get("jsmith") == user
    for field in dataclasses.fields(NewUser):
        assert getattr(user, field.name) == getattr(EVERYTHING, field.name), field.name
    assert user.revision == 1
    assert before <= user.created == user.changed <= datetime.now(UTC)
    for time in (user.account_expires, user.password_changed, user.password_expires, user.created):
        assert time is not None
        assert time.tzinfo is UTC


def test_defaults_round_trip(store: UserStore) -> None:
    user = store.add(new("jsmith"))
    assert store.get("jsmith") == user
    for field in dataclasses.fields(NewUser):
        assert getattr(user, field.name) == getattr(new("jsmith"), field.name), field.name


def test_flags_are_read_as_flags(store: UserStore) -> None:
    user = store.add(EVERYTHING)
    assert (user.locked, user.administrator, user.mailbox_administrator) == (True, True, True)
    user = store.update(user, locked=False, administrator=False, mailbox_administrator=False)
    assert user.locked is user.administrator is user.mailbox_administrator is False
    assert store.get("jsmith").locked is False


@pytest.mark.parametrize("year", [1, 1969, 9999])
def test_any_time_round_trips(store: UserStore, year: int) -> None:
    time = datetime(year, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    user = store.add(new("jsmith", account_expires=time))
    assert user.account_expires == time


def test_two_stores_see_the_same(store: UserStore, database: Database) -> None:
    user = store.add(EVERYTHING)
    with database.open() as other:
        assert other.get("JSMITH") == user
        changed = other.update(user, language="fr")
    assert store.get("jsmith") == changed


@pytest.mark.parametrize(
    ("taken", "wanted"),
    [
        ("jsmith", "JSMITH"),
        ("straße", "STRASSE"),
        ("Σίσυφος", "ΣΊΣΥΦΟΣ"),
        ("\u03c3\u03b1\u03c2", "\u03c3\u03b1\u03c3"),  # final and other sigma
        ("jo\u0308rg", "JÖRG"),
        ("ﬁsh", "FISH"),
        ("a b", "A  b"),
    ],
)
def test_authids_that_differ_only_in_case_are_one(
    store: UserStore, taken: str, wanted: str
) -> None:
    user = store.add(new(taken))
    assert store.get(wanted) == user
    with pytest.raises(NameTaken, match="already is an authid or address of another user"):
        store.add(new(wanted, "Another"))


@pytest.mark.parametrize(
    ("one", "other"), [("\u0130nan", "inan"), ("\u0131rmak", "irmak"), ("\u0131", "\u0130")]
)
def test_turkish_letters_are_letters_of_their_own(store: UserStore, one: str, other: str) -> None:
    first, second = store.add(new(one)), store.add(new(other))
    assert (store.get(one), store.get(other)) == (first, second)


def test_an_authid_is_no_other_users_address(store: UserStore) -> None:
    store.add(new("jsmith@example.org"))
    store.add(new("mary", addresses=("mary@example.org",)))
    with pytest.raises(NameTaken, match=re.escape("'JSMITH@example.org'")):
        store.add(new("x", addresses=("x@example.org", "JSMITH@example.org")))
    with pytest.raises(NameTaken, match=re.escape("'Mary@Example.org'")):
        store.add(new("Mary@Example.org"))
    with pytest.raises(NameTaken, match=re.escape("'mary@EXAMPLE.org'")):
        store.add(new("x", addresses=("mary@EXAMPLE.org",)))
    assert [user.authid for user in store.users()] == ["jsmith@example.org", "mary"]


def test_an_authid_may_be_ones_own_address(store: UserStore) -> None:
    user = store.add(new("js@example.org", addresses=("j@example.org", "JS@Example.org")))
    assert store.get("js@example.ORG") == user
    user = store.update(user, authid="jsmith")
    assert store.get("js@example.org") == store.get("jsmith") == user
    user = store.update(user, addresses=())
    assert store.resolve("js@example.org") is None


def test_names_and_uids_belong_to_one_user(store: UserStore) -> None:
    store.add(new("a", "John Q Smith/ny", unix_uid=0))
    with pytest.raises(NameTaken, match="O/R name 'john q smith/NY'"):
        store.add(new("b", "john q smith/NY"))
    with pytest.raises(NameTaken, match="UNIX uid 0 "):
        store.add(new("b", unix_uid=0))
    user = store.add(new("b", "John Q Smith/la", unix_uid=1))
    for values in ({"name": parse("John Q Smith/ny")}, {"unix_uid": 0}, {"authid": "A"}):
        with pytest.raises(NameTaken):
            store.update(user, **values)
    assert store.get("b") == user
    store.add(new("c"))
    store.add(new("d"))  # two users without a uid


def test_what_is_refused_leaves_nothing_behind(store: UserStore) -> None:
    store.add(new("a", unix_uid=0))
    with pytest.raises(NameTaken):
        store.add(new("b", addresses=("b@example.org",), unix_uid=0))
    assert store.resolve("b") is store.resolve("b@example.org") is None
    store.add(new("b", addresses=("b@example.org",)))


def test_update_changes_every_field(store: UserStore) -> None:
    user = store.add(new("a", "Smith", addresses=("a@example.org", "b@example.org")))
    values = {name: getattr(EVERYTHING, name) for name in Changes.__optional_keys__}
    changed = store.update(user, **values)
    assert changed == store.get("jsmith")
    for name, value in values.items():
        assert getattr(changed, name) == value
    assert (changed.id, changed.password, changed.created) == (user.id, None, user.created)
    assert changed.revision == 2
    assert changed.changed > user.changed
    for gone in ("a", "a@example.org", "b@example.org", "Smith/CN=Smith"):
        assert store.resolve(gone) is None
    for name in ("js@example.org", "Smith", "CN=John Smith"):
        assert store.resolve(name) == changed


def test_update_can_change_all_but_what_the_store_sets() -> None:
    fields = {field.name for field in dataclasses.fields(NewUser)}
    assert fields - {"password"} == Changes.__optional_keys__


def test_addresses_can_change_places(store: UserStore) -> None:
    user = store.add(new("a", addresses=("1@x", "2@x", "3@x")))
    user = store.update(user, addresses=("3@x", "1@x"))
    assert store.get("a").addresses == ("3@x", "1@x")
    assert store.resolve("2@x") is None


@pytest.mark.parametrize("field", ["id", "password", "revision", "created", "nonsense"])
def test_update_takes_no_other_field(store: UserStore, field: str) -> None:
    user = store.add(new("a"))
    change: dict[str, Any] = {field: 1}
    with pytest.raises(TypeError, match=field):
        store.update(user, **change)


def test_update_refuses_illegal_values(store: UserStore) -> None:
    user = store.add(new("a"))
    with pytest.raises(InvalidValue, match="authid"):
        store.update(user, authid="")
    with pytest.raises(InvalidValue, match="password_expires"):
        store.set_password(user, HASH, (), changed=TIME, expires=TIME.replace(tzinfo=None))
    with pytest.raises(InvalidValue, match="secrets"):
        store.set_password(user, None, SECRETS, changed=TIME, expires=None)
    assert store.get("a") == user


def test_no_administrator_overwrites_what_they_have_not_seen(
    store: UserStore, database: Database
) -> None:
    user = store.add(new("a"))
    with database.open() as other:
        changed = other.update(user, language="de")
        for change in (
            lambda: store.update(user, locked=True),
            lambda: store.set_password(user, HASH, SECRETS, changed=TIME, expires=None),
            lambda: store.delete(user),
        ):
            with pytest.raises(StaleRecord, match="'a' was changed in the meantime"):
                change()
        assert store.get("a") == changed
        assert store.secrets(changed) == ()
        other.delete(changed)
        for change in (
            lambda: store.update(changed, locked=True),
            lambda: store.set_password(changed, HASH, SECRETS, changed=TIME, expires=None),
            lambda: store.delete(changed),
        ):
            with pytest.raises(UserUnknown, match="'a' was deleted in the meantime"):
                change()


def test_an_id_is_never_used_again(store: UserStore) -> None:
    first = store.add(new("a"))
    store.delete(first)
    assert store.add(new("a")).id != first.id
    with pytest.raises(UserUnknown):
        store.update(first, locked=True)


def test_set_password_replaces_the_hash_and_every_secret(store: UserStore) -> None:
    user = store.add(EVERYTHING)
    assert store.secrets(user) == ()
    user = store.set_password(user, "$second", SECRETS, changed=TIME, expires=LATER)
    assert store.get("jsmith") == user
    assert (user.password, user.password_changed, user.password_expires) == ("$second", TIME, LATER)
    assert user.revision == 2
    assert store.secrets(user) == SECRETS
    user = store.set_password(user, "$third", SECRETS[1:2], changed=LATER, expires=None)
    assert store.secrets(user) == SECRETS[1:2]
    user = store.set_password(user, None, (), changed=LATER, expires=None)
    assert store.get("jsmith").password is None
    assert store.secrets(user) == ()


def test_secrets_belong_to_one_user(store: UserStore) -> None:
    one, other = store.add(new("a")), store.add(new("b"))
    store.set_password(one, HASH, SECRETS, changed=TIME, expires=None)
    store.set_password(other, HASH, SECRETS[:1], changed=TIME, expires=None)
    assert store.secrets(one) == SECRETS
    assert store.secrets(other) == SECRETS[:1]


def test_an_error_in_between_leaves_both_kinds_of_password(
    store: UserStore, database: Database
) -> None:
    user = store.add(new("a"))
    user = store.set_password(user, "old", SECRETS, changed=TIME, expires=None)
    database.refuse_sha512()
    with pytest.raises(StoreError):
        store.set_password(user, "new", SECRETS, changed=LATER, expires=None)
    assert store.get("a") == user
    assert store.secrets(user) == SECRETS


def test_replace_hash_swaps_only_the_hash_that_it_knows(store: UserStore) -> None:
    user = store.add(EVERYTHING)
    user = store.set_password(user, "old", SECRETS, changed=TIME, expires=LATER)
    assert store.replace_hash(user, "old", "better")
    assert store.get("jsmith") == dataclasses.replace(user, password="better")
    assert store.secrets(user) == SECRETS
    assert not store.replace_hash(user, "old", "again")
    assert store.get("jsmith").password == "better"
    with pytest.raises(InvalidValue):
        store.replace_hash(user, "better", "")


def test_a_rehash_does_not_make_an_administrators_change_fail_or_come_back(
    store: UserStore,
) -> None:
    user = store.add(EVERYTHING)
    assert store.replace_hash(user, HASH, "better")
    assert store.update(user, language="fr").password == "better"


def test_replace_hash_of_a_user_who_is_gone_or_has_none_does_nothing(store: UserStore) -> None:
    user = store.add(new("a"))
    assert not store.replace_hash(user, "old", "new")
    store.delete(user)
    assert not store.replace_hash(user, "old", "new")


def test_delete_leaves_nothing(store: UserStore, database: Database) -> None:
    other = store.add(new("kept", addresses=("k@x",)))
    user = store.add(EVERYTHING)
    user = store.set_password(user, HASH, SECRETS, changed=TIME, expires=None)
    store.delete(user)
    assert store.secrets(user) == ()
    assert list(store.users()) == [other]
    with pytest.raises(UserUnknown, match="'jsmith' is the name of no user"):
        store.get("jsmith")
    for table in ("login_names", "addresses", "or_names", "sasl_passwords"):
        rows = database.execute(f"SELECT user_id FROM {table}")
        assert set(rows) <= {(other.id,)}


@pytest.mark.slow
def test_users_come_in_the_order_of_authids_page_by_page(
    store: UserStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = 2 * queries.PAGE + 1
    authids = [f"user{n:05}" for n in range(number)]
    with_addresses = {authid: (f"{authid}@a", f"{authid}@b") for authid in authids[::3]}

    def fill(connection: Connection) -> None:
        for authid in reversed(authids):
            user = new(authid.title(), addresses=with_addresses.get(authid, ()))
            user_changes.add(connection, user)

    store._database.write(fill)
    every_user = list(store.users())
    assert [user.authid.lower() for user in every_user] == authids
    assert all(user.addresses == with_addresses.get(user.authid.lower(), ()) for user in every_user)


def test_users_can_be_changed_while_they_are_read(store: UserStore) -> None:
    for authid in "abcd":
        store.add(new(authid))
    for user in store.users():
        store.update(user, language="de")
    assert {user.language for user in store.users()} == {"de"}


def test_no_users(store: UserStore) -> None:
    assert list(store.users()) == []


def test_a_closed_store_opens_again(store: UserStore) -> None:
    user = store.add(new("a"))
    store.close()
    store.close()
    assert store.get("a") == user


def test_the_database_has_the_constraints_too(store: UserStore, database: Database) -> None:
    store.add(EVERYTHING)
    for statement in (
        "UPDATE users SET authid = ''",
        "UPDATE users SET authid = NULL",
        "UPDATE users SET password = ''",
        "UPDATE users SET locked = 2",
        "UPDATE users SET unix_uid = -1",
        "UPDATE users SET mailbox_class = 'other'",
        "UPDATE users SET revision = 0",
        "UPDATE users SET surname = '', common_name = ''",
        "UPDATE login_names SET user_id = 99",
        "INSERT INTO login_names SELECT key, user_id FROM login_names",
        "INSERT INTO sasl_passwords VALUES (99, 'SCRAM-SHA-1', 'a', 1, 'b', 'c')",
        "INSERT INTO addresses VALUES (99, 0, 'a@b')",
    ):
        with pytest.raises(database.refusal):
            database.execute(statement)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "userlist.db",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///x?mode=memory",
        "sqlite:///file:x",
        "oracle://me:hunter2@host/db",
        "mysql+pymysql://me:hunter2@host/db",
        "postgresql+psycopg2://me:hunter2@host/db",
        "postgresql:",
        "postgresql://me:hunter2@host:port/db",
        "postgresql://me:hun@ter2hunter2@host/db",
        "postgresql://me:hun/hunter2@host/db",
        "postgresql://me:123/hunter2@host/db",
        "postgresql://me:hunter2%zz@host/db",
        "postgresql://me:hunter2@host/db?pasword=hunter2",
        "://hunter2",
    ],
)
def test_urls_of_other_kinds_are_refused_without_showing_a_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^url of the USERLIST") as refused:
        UserStore(url)
    assert "hunter2" not in str(refused.value)


def test_making_a_store_opens_nothing(tmp_path: Path) -> None:
    with UserStore(f"sqlite:///{tmp_path}/nowhere/x.db") as store:
        assert repr(store) == f"UserStore('{tmp_path}/nowhere/x.db')"


@pytest.mark.parametrize("name", ["with blank.db", "hash#1.db", "ü.db", "a&b=c.db"])
def test_any_file_name_works(tmp_path: Path, name: str) -> None:
    with UserStore(f"sqlite:///{tmp_path}/{name}") as store:
        store.create()
        store.add(new("a"))
    assert (tmp_path / name).exists()
    with UserStore(f"sqlite:///{tmp_path}/{name}") as store:
        assert store.get("a")


def test_a_relative_path_stays_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with UserStore("sqlite:///x.db") as store:
        monkeypatch.chdir("/")
        store.create()
    assert (tmp_path / "x.db").exists()


def test_a_user_is_found_by_the_unix_uid(store: UserStore) -> None:
    added = store.add(EVERYTHING)
    root = store.add(new("root", unix_uid=0))
    store.add(new("without"))
    assert store.by_unix_uid(2**32 - 2) == added
    assert store.by_unix_uid(0) == root
    assert store.by_unix_uid(1) is None
    store.update(root, unix_uid=1)
    assert store.by_unix_uid(0) is None
    assert store.by_unix_uid(1) == store.get("root")


@pytest.mark.parametrize("uid", [-1, 2**32 - 1, 2**63, 2**80, -(2**80)])
def test_a_number_that_is_no_uid_is_no_users(store: UserStore, uid: int) -> None:
    store.add(EVERYTHING)
    assert store.by_unix_uid(uid) is None


def test_no_user_is_found_by_uid_where_there_is_no_userlist(tmp_path: Path) -> None:
    with UserStore(f"sqlite:///{tmp_path}/x.db") as store, pytest.raises(StoreError):
        store.by_unix_uid(0)
