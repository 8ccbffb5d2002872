"""Companies that are hosted: what they see and may change; switching hosting on and off."""

from __future__ import annotations

import random
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy
from sqlalchemy import Connection, Table, delete, insert, select, update
from sqlalchemy.schema import DropTable

from tests.unit.userlist.databases import SQLiteDatabase
from ualauth.errors import (
    ActorRefused,
    CompanyUnknown,
    GroupUnknown,
    InvalidValue,
    NameTaken,
    StaleRecord,
    StoreError,
    UserError,
    UserUnknown,
)
from ualauth.userlist.companies.record import NewCompany
from ualauth.userlist.conditions import Condition, Field, Or, Substring
from ualauth.userlist.database import tables
from ualauth.userlist.database.search_index import put_new
from ualauth.userlist.database.tables import GROUPS, search_texts
from ualauth.userlist.database.view import SERVER_WIDE, View, restricted_text
from ualauth.userlist.group_record import Group, NewGroup, usual_or_name
from ualauth.userlist.listing import UserFilter
from ualauth.userlist.names import ORName
from ualauth.userlist.record import NewUser, User
from ualauth.userlist.search import Kind, Search
from ualauth.userlist.store import UserStore

ACME = NewCompany(name="acme", domains=("acme.example", "acme.test"))
BOLT = NewCompany(name="bolt", domains=("bolt.example",))


def user(authid: str, company: str = "", surname: str = "Smith", **fields: object) -> NewUser:
    name = ORName(surname, authid.partition("@")[0], ou1=company)
    return NewUser(authid=authid, name=name, **fields)  # type: ignore[arg-type]


@pytest.fixture
def hosted(store: UserStore) -> UserStore:
    """Return a USERLIST with two companies, whose users and groups have the same local parts."""
    companies = store.companies
    companies.add(ACME)
    companies.add(BOLT)
    for name in ("acme", "bolt"):
        for who in ("ann", "bob", "cyd"):
            address = f"{who}.secret-of-{name}@{name}.example"
            store.add(
                user(
                    f"{who}@{name}.example",
                    name,
                    addresses=(address,),
                    administrator=who == "ann",
                    lock_reason=f"reason of {name}",
                )
            )
        node = ORName("", common_name=f"Staff of {name}", ou1=name)
        group = NewGroup(name=f"staff@{name}.example", or_name=node)
        store.groups.add(group, [f"ann@{name}.example"])
    store.add(user("root", administrator=True))
    companies.switch_on(companies.plan())
    return store


@pytest.fixture
def acme(hosted: UserStore) -> UserStore:
    """Return what the first company sees."""
    return hosted.seen_by_actor("ann@acme.example")


def test_a_company_sees_its_own_users_and_groups_alone(hosted: UserStore, acme: UserStore) -> None:
    assert {each.authid for each in acme.users()} == {
        f"{who}@acme.example" for who in ("ann", "bob", "cyd")
    }
    assert [each.name for each in acme.groups.all()] == ["staff@acme.example"]
    assert [each.name for each in acme.companies.all()] == ["acme"]
    assert len(list(hosted.users())) == 7
    assert hosted.view == SERVER_WIDE
    assert acme.view == View.of(hosted.companies.get("acme").id)


def test_a_user_of_another_company_is_as_one_who_does_not_exist(
    hosted: UserStore, acme: UserStore
) -> None:
    bolt = hosted.get("bob@bolt.example")
    for name in ("bob@bolt.example", "no@bolt.example"):
        with pytest.raises(UserUnknown) as refused:
            acme.get(name)
        assert str(refused.value) == f"{name!r} is the name of no user"
        assert acme.fitting(name).users == []
    with pytest.raises(GroupUnknown):
        acme.groups.get("staff@bolt.example")
    assert acme.by_authid("bob@bolt.example") is None
    assert acme.by_address("bob.secret-of-bolt@bolt.example") is None
    assert acme.secrets(bolt) == ()
    assert acme.former_passwords(bolt) == ()
    assert acme.last_login(bolt) is None
    assert acme.all_failures(bolt) == {}
    assert acme.forget_all_failures(bolt) is False
    assert acme.groups.of(bolt) == ()
    with pytest.raises(CompanyUnknown):
        acme.companies.get("bolt")


def test_a_company_changes_no_user_of_another_one(hosted: UserStore, acme: UserStore) -> None:
    bolt = hosted.get("bob@bolt.example")
    group = hosted.groups.get("staff@bolt.example")
    now = datetime.now(UTC)
    changes: list[Callable[[], object]] = [
        lambda: acme.update(bolt, locked=True),
        lambda: acme.delete(bolt),
        lambda: acme.set_password(bolt, "x", (), changed=now, expires=None),
        lambda: acme.groups.delete(group),
        lambda: acme.groups.update(group, add_members=("bob@acme.example",)),
    ]
    for change in changes:
        with pytest.raises((UserUnknown, GroupUnknown), match="deleted in the meantime"):
            change()
    assert acme.replace_hash(bolt, "x", "y") is False
    assert acme.fill_secrets(bolt, ()) is False
    assert acme.use_grace_login(bolt, 3) is None
    with pytest.raises(InvalidValue, match="neither a user nor a group"):
        acme.groups.update(acme.groups.get("staff@acme.example"), add_members=("bob@bolt.example",))
    assert hosted.get("bob@bolt.example") == bolt
    assert hosted.groups.get("staff@bolt.example") == group


@pytest.mark.parametrize(
    "new",
    [
        user("new@bolt.example", "acme"),
        user("new@elsewhere.example", "acme"),
        user("new", "acme"),
        user("new@acme.example", "bolt"),
        user("new@acme.example", "nowhere"),
        user("new@acme.example"),
        user("new@acme.example", "acme", addresses=("x@bolt.example",)),
        user("new@acme.example", "acme", unix_uid=0),
    ],
)
def test_a_company_adds_only_users_of_its_own(
    acme: UserStore, hosted: UserStore, new: NewUser
) -> None:
    with pytest.raises(InvalidValue):
        acme.add(new)
    assert len(list(hosted.users())) == 7
    for name in ("free@bolt.example", "bob@bolt.example"):
        with pytest.raises(InvalidValue) as refused:
            acme.add(user(name, "acme"))
        assert str(refused.value).replace(name, "NAME").startswith("'NAME': does not end in")


def test_a_company_adds_users_and_groups(acme: UserStore, hosted: UserStore) -> None:
    added = acme.add(user("dan@acme.test", "ACME", addresses=("d@acme.example",)))
    assert added.company_id == hosted.companies.get("acme").id
    group = acme.groups.add(
        NewGroup(name="all@acme.test", or_name=usual_or_name("all@acme.test")),
        ["dan@acme.test", "staff@acme.example"],
    )
    assert group.or_name.ou1 == "acme"
    assert acme.groups.users(group) == ("ann@acme.example", "dan@acme.test")
    assert acme.update(added, locked=True, addresses=()).locked
    acme.delete(acme.get("dan@acme.test"))
    with pytest.raises(InvalidValue, match="does not end"):
        acme.groups.add(NewGroup(name="bare", or_name=usual_or_name("bare")))


def test_the_server_places_users_and_refuses_names_of_other_companies(hosted: UserStore) -> None:
    hosted.add(user("bare", "acme"))
    for wrong in (
        user("x@bolt.example", "acme"),
        user("x@acme.example"),
        user("x", "nowhere"),
    ):
        with pytest.raises(InvalidValue):
            hosted.add(wrong)
    bob = hosted.get("bob@acme.example")
    with pytest.raises(InvalidValue):
        hosted.update(bob, name=ORName("Smith", "bob", ou1="bolt"))
    hosted.groups.update(hosted.groups.get("staff@acme.example"), add_members=("bob@acme.example",))
    moved = hosted.update(
        hosted.get("bob@acme.example"),
        name=ORName("Smith", "bobby", ou1="bolt"),
        authid="bobby@bolt.example",
        addresses=(),
    )
    assert moved.company_id == hosted.companies.get("bolt").id
    assert hosted.groups.of(moved) == ()
    with pytest.raises(InvalidValue, match="same company"):
        hosted.groups.update(hosted.groups.get("staff@acme.example"), add_members=("root",))


def test_what_belongs_to_the_server_is_no_companys_business(
    acme: UserStore, hosted: UserStore
) -> None:
    uses: list[Callable[[], object]] = [
        acme.create,
        acme.mock_key,
        acme.check_writing,
        lambda: acme.note_logins({}, timedelta(0)),
        lambda: acme.companies.add(NewCompany(name="new")),
        lambda: acme.companies.update(acme.companies.get("acme"), user_limit=0),
        acme.companies.switch_off,
    ]
    for use in uses:
        with pytest.raises(ActorRefused):
            use()
    with pytest.raises(StoreError):
        acme.seen_by(View.of(hosted.companies.get("bolt").id))
    with pytest.raises(StoreError):
        acme.seen_by(SERVER_WIDE)


@pytest.mark.parametrize("who", ["bob@acme.example", "nobody@acme.example"])
def test_who_is_no_administrator_acts_for_no_company(hosted: UserStore, who: str) -> None:
    with pytest.raises(ActorRefused, match="is no administrator who may log in"):
        hosted.seen_by_actor(who)
    assert hosted.seen_by_actor("root") is hosted


def test_a_locked_administrator_acts_for_none(hosted: UserStore) -> None:
    hosted.update(hosted.get("ann@acme.example"), locked=True)
    with pytest.raises(ActorRefused):
        hosted.seen_by_actor("ann@acme.example")


def test_an_administrator_of_a_company_administers_no_server(hosted: UserStore) -> None:
    person = hosted.get("ann@acme.example").person()
    assert (person.company, person.company_administrator) == ("acme", True)
    assert person.administrator is False
    assert hosted.get("root").person().administrator is True


def test_names_are_looked_for_in_one_company(hosted: UserStore) -> None:
    # Both companies have a Bob Smith.
    assert hosted.resolve("bob smith") is None
    for company in ("acme", "bolt"):
        expected = hosted.get(f"bob@{company}.example")
        assert hosted.resolve(f"bob smith/{company}") == expected
        assert hosted.resolve(f"bob@{company}.example") == expected
    hosted.companies.update(hosted.companies.get("bolt"), is_default=True)
    assert hosted.resolve("bob smith") == hosted.get("bob@bolt.example")
    assert hosted.resolve("root") is not None
    # An authid of one company is no part of a name of another one.
    hosted.add(
        NewUser(authid="eve@bolt.example", name=ORName("zed@acme.example", "Eve", ou1="bolt"))
    )
    assert hosted.resolve("zed@acme.example") is None


def test_every_table_is_restricted(hosted: UserStore) -> None:
    view = View.of(1)
    for name, table in tables.metadata.tables.items():
        text = restricted_text(f"SELECT * FROM {name}", view, "main")
        assert f"{name} AS NOT MATERIALIZED (SELECT" in text
        owned = {"company_id", "user_id", "group_id", "member_id"} & set(table.c.keys())
        assert ("1 = 0" in text) is (not owned and name != "companies"), name
    of_company = hosted.seen_by(View.of(hosted.companies.get("acme").id))
    with pytest.raises(StoreError, match="only what is its own"):
        of_company._database.write(
            lambda connection: connection.execute(insert(tables.keys), {"name": "x", "key": b"x"})
        )


def test_a_statement_that_forgets_the_company_sees_and_changes_only_it(
    hosted: UserStore, acme: UserStore
) -> None:
    before = sorted(each.authid for each in hosted.users())
    other = hosted.get("bob@bolt.example")

    def rows_of_all(connection: Connection) -> dict[str, int]:
        return {
            name: len(connection.execute(select(table)).all())
            for name, table in tables.metadata.tables.items()
        }

    seen = acme._database.write(rows_of_all)
    assert seen["users"] == seen["or_names"] == seen["addresses"] == 3
    assert (seen["groups"], seen["group_users"], seen["companies"]) == (1, 1, 1)
    assert seen["keys"] == seen["login_failures"] == 0
    for table in tables.metadata.tables.values():
        assert len(acme._database.read(select(table), {})) == seen[table.name]
    for table, row in (
        (tables.addresses, {"user_id": other.id, "position": 7, "address": "x@bolt.example"}),
        (tables.login_names, {"key": "stolen", "user_id": other.id}),
        (tables.users, {"authid": "x", "company_id": other.company_id}),
        (tables.companies, {"name": "x", "name_key": "x"}),
    ):
        with pytest.raises(StoreError, match="only what is its own"):
            acme._database.write(partial(_insert, table, row))
    given_away: tuple[Callable[[Connection], object], ...] = (
        lambda connection: connection.execute(
            update(tables.users).values(company_id=other.company_id)
        ),
        lambda connection: connection.execute(update(tables.users), {"company_id": None}),
        lambda connection: connection.execute(
            update(tables.users), {"locked": True, "company_id": other.company_id}
        ),
    )
    for change in given_away:
        with pytest.raises(StoreError, match="only what is its own"):
            acme._database.write(change)
    acme._database.write(
        lambda connection: connection.execute(update(tables.users), {"locked": True})
    )
    assert [each.authid for each in hosted.users() if each.locked] == sorted(
        each.authid for each in acme.users()
    )
    acme._database.write(lambda connection: connection.execute(delete(tables.users)))
    assert sorted(each.authid for each in hosted.users()) == [
        authid for authid in before if not authid.endswith("@acme.example")
    ]
    assert hosted.get("bob@bolt.example") == other


@pytest.mark.parametrize(
    "text",
    [
        "DELETE FROM users",
        " delete from users",
        "UPDATE users SET locked = true",
        "WITH x AS (SELECT 1) DELETE FROM users",
        "WITH x AS (SELECT 1) UPDATE users SET locked = true",
        "INSERT INTO keys (name, key) VALUES ('x', 'x')",
        "DROP TABLE users",
        "CREATE TABLE x (id INTEGER)",
        "SELECT 1; DELETE FROM users",
    ],
)
def test_a_text_that_is_not_understood_changes_nothing_for_a_company(
    hosted: UserStore, acme: UserStore, text: str
) -> None:
    before = list(hosted.users())
    for run in (
        lambda connection: connection.exec_driver_sql(text),
        lambda connection: connection.execute(sqlalchemy.text(text)),
        lambda connection: connection.execute(DropTable(tables.last_logins)),
    ):
        with pytest.raises(StoreError, match="only what is its own"):
            acme.transaction(run)
    assert list(hosted.users()) == before
    number = acme.transaction(
        lambda connection: connection.exec_driver_sql("SELECT count(*) FROM users").scalar()
    )
    assert number == 3


def _insert(table: Table, row: Mapping[str, object], connection: Connection) -> None:
    connection.execute(insert(table), row)


def test_an_import_adds_what_a_company_may_have(acme: UserStore, hosted: UserStore) -> None:
    from ualauth.userlist.bulk import rows_of

    new = [
        user("e@acme.example", "acme"),
        user("f@bolt.example", "acme"),
        user("g@acme.example", "bolt"),
        user("ann@acme.example", "acme"),
    ]
    taken = acme.add_many([rows_of(each, (), 1) for each in new])
    assert [each is None for each in taken] == [True, False, False, False]
    assert "does not end in a domain" in str(taken[1])
    assert "OU1 is not that of the company" in str(taken[2])
    assert "is there already" in str(taken[3])
    assert hosted.get("e@acme.example").company_id == hosted.companies.get("acme").id
    assert hosted.resolve("e smith/acme") == hosted.get("e@acme.example")


def test_a_company_has_no_more_users_than_its_limit(hosted: UserStore, acme: UserStore) -> None:
    from ualauth.userlist.bulk import rows_of

    company = hosted.companies.get("acme")
    with pytest.raises(InvalidValue, match="has 3 users already"):
        hosted.companies.update(company, user_limit=2)
    hosted.companies.update(company, user_limit=4)
    some = [user(f"{who}@acme.example", "acme") for who in ("e", "f")]
    taken = acme.add_many([rows_of(each, (), 1) for each in some])
    assert taken[0] is None
    assert str(taken[1]) == "company: may have 4 users, and no more"
    with pytest.raises(InvalidValue, match="may have 4 users"):
        acme.add(some[1])


# Companies themselves


def test_companies_are_found_by_their_mail_node_and_their_domains(store: UserStore) -> None:
    added = store.companies.add(NewCompany(name="Acme", domains=("Bücher.Example", "a.example")))
    assert added.domains == ("a.example", "xn--bcher-kva.example")
    for name in ("ACME", "bücher.example", "A.example"):
        assert store.companies.get(name) == added
    assert store.companies.by_id(added.id) == added
    assert list(store.companies.all()) == [added]
    for name in ("other", "b.example", "", "a@a.example"):
        assert store.companies.find(name) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "a,b"},
        {"name": ""},
        {"name": "x" * 33},
        {"name": "a", "domains": ("no domain",)},
        {"name": "a", "user_limit": -1},
        {"name": "a", "policy": "{"},
    ],
)
def test_what_no_company_can_have_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(InvalidValue):
        NewCompany(**fields)  # type: ignore[arg-type]


def test_what_another_company_has_is_refused_and_changes_nothing(hosted: UserStore) -> None:
    companies = hosted.companies
    before = list(companies.all())
    acme = companies.get("acme")
    uses: list[tuple[type[UserError], Callable[[], object]]] = [
        (NameTaken, lambda: companies.add(NewCompany(name="ACME"))),
        (NameTaken, lambda: companies.add(NewCompany(name="c", domains=("bolt.example",)))),
        (NameTaken, lambda: companies.update(acme, domains=("bolt.example",))),
        (InvalidValue, lambda: companies.update(acme, domains=("acme.test",))),
        (InvalidValue, lambda: companies.delete(acme)),
        (InvalidValue, lambda: companies.restore(acme)),
        (InvalidValue, lambda: companies.purge(acme)),
    ]
    for error, use in uses:
        with pytest.raises(error):
            use()
        assert list(companies.all()) == before
    companies.update(acme, user_limit=9)
    with pytest.raises(StaleRecord):
        companies.update(acme, user_limit=8)


def test_a_domain_that_the_servers_users_have_is_no_companys(hosted: UserStore) -> None:
    hosted.add(user("op@server.example"))
    with pytest.raises(NameTaken, match="of others"):
        hosted.companies.add(NewCompany(name="c", domains=("server.example",)))
    assert hosted.companies.find("c") is None


def test_a_deleted_company_is_kept_with_its_names_and_comes_back(hosted: UserStore) -> None:
    companies = hosted.companies
    locked = hosted.update(hosted.get("cyd@acme.example"), locked=True, lock_reason="gone")
    deleted = companies.delete(companies.get("acme"), with_users=True)
    assert deleted.deleted is not None
    assert all(hosted.get(f"{who}@acme.example").locked for who in ("ann", "bob", "cyd"))
    assert not hosted.get("bob@bolt.example").locked
    with pytest.raises(NameTaken):
        companies.add(NewCompany(name="c", domains=("acme.example",)))
    with pytest.raises(InvalidValue, match="was deleted"):
        hosted.add(user("new@acme.example", "acme"))
    with pytest.raises(InvalidValue, match="deleted already"):
        companies.delete(deleted, with_users=True)
    with pytest.raises(ActorRefused):
        hosted.seen_by_actor("ann@acme.example")
    companies.restore(deleted)
    assert not hosted.get("bob@acme.example").locked
    assert hosted.get("cyd@acme.example").lock_reason == locked.lock_reason
    assert hosted.get("cyd@acme.example").locked


def test_a_deleted_company_is_purged_after_30_days(hosted: UserStore) -> None:
    companies = hosted.companies
    deleted = companies.delete(companies.get("acme"), with_users=True)
    assert deleted.purged_from == (deleted.deleted or datetime.now(UTC)) + timedelta(days=30)
    due = deleted.purged_from
    assert due is not None
    with pytest.raises(InvalidValue, match="is kept until"):
        companies.purge(deleted, now=due - timedelta(seconds=1))
    companies.purge(deleted, now=due)
    assert [each.authid for each in hosted.users()] == [
        *(f"{who}@bolt.example" for who in ("ann", "bob", "cyd")),
        "root",
    ]
    assert [each.name for each in hosted.groups.all()] == ["staff@bolt.example"]
    assert hosted.resolve("bob@acme.example") is None
    assert companies.add(ACME).id != deleted.id


# Switching


def test_switching_on_shows_first_what_becomes_whose(store: UserStore) -> None:
    store.companies.add(ACME)
    store.add(user("ann", "Acme"))
    store.add(user("root"))
    plan = store.companies.plan()
    assert [(each.name, each.users, each.groups) for each in plan.assigned] == [
        ("acme", 1, 0),
        ("", 1, 0),
    ]
    assert plan.ambiguous == ()
    assert store.get("ann").company_id is None
    store.add(user("late"))
    with pytest.raises(StaleRecord, match="look at the plan again"):
        store.companies.switch_on(plan)
    assert store.get("ann").company_id is None
    store.companies.switch_on(store.companies.plan())
    assert store.companies.is_hosting
    assert store.get("ann").company_id == store.companies.get("acme").id
    assert store.get("root").company_id is None
    with pytest.raises(InvalidValue, match="on already"):
        store.companies.plan()


def test_what_is_ambiguous_keeps_hosting_off(store: UserStore) -> None:
    for company in (ACME, BOLT):
        store.companies.add(company)
    store.companies.update(store.companies.get("bolt"), user_limit=1)
    store.add(user("a@bolt.example", "acme"))
    store.add(user("b", "nowhere"))
    store.add(user("c@acme.example"))
    store.add(user("d", "bolt"))
    store.add(user("e", "bolt"))
    store.groups.add(NewGroup(name="mixed", or_name=ORName("", common_name="m", ou1="acme")), ["d"])
    plan = store.companies.plan()
    assert plan.ambiguous == (
        "user a@bolt.example: the domain of a@bolt.example is not of company acme",
        "user b: OU1 'nowhere' is no company's",
        "user c@acme.example: the domain of c@acme.example is that of a company",
        "group mixed: has members who are not of its company",
        "company bolt: has 2 users, and may have 1",
    )
    with pytest.raises(InvalidValue, match="cannot be switched on"):
        store.companies.switch_on(plan)
    assert not store.companies.is_hosting
    assert all(each.company_id is None for each in store.users())


def test_switched_off_all_see_all_as_before(hosted: UserStore) -> None:
    deleted = hosted.companies.delete(hosted.companies.get("acme"), with_users=True)
    with pytest.raises(InvalidValue, match="purge or restore"):
        hosted.companies.switch_off()
    assert hosted.get("ann@acme.example").company_id is not None
    hosted.companies.restore(deleted)
    hosted.companies.switch_off()
    assert not hosted.companies.is_hosting
    assert hosted.seen_by_actor("ann@acme.example").view == SERVER_WIDE
    assert hosted.add(user("x", "nowhere")).company_id is None
    with pytest.raises(InvalidValue, match="off already"):
        hosted.companies.switch_off()


# No byte of another company


def _operations(store: UserStore, chance: random.Random) -> Iterator[Callable[[], object]]:
    """Yield operations without end, with names of the company, of the other one and of none."""
    words = ["bob", "ann", "secret-of-bolt", "bolt", "staff", "smith", "Staff of bolt", "zoe"]
    ends = ["", "@bolt.example", "@acme.example", "/bolt", "/acme", "/bolt/CN=x"]
    while True:
        yield chance.choice(
            _some(
                store,
                chance.choice(words) + chance.choice(ends),
                chance.choice(["*", "*bolt*", "b*", "*@*"]),
                chance.choice(["acme", "bolt", ""]),
                chance.randrange(12),
            )
        )


def _some(
    store: UserStore, name: str, pattern: str, company: str, number: int
) -> list[Callable[[], object]]:
    bolt = ORName("Smith", "bob", ou1="bolt")
    group = NewGroup(name=name, or_name=ORName("", common_name="Some", ou1=company))
    return [
        lambda: store.resolve(name),
        lambda: store.get(name),
        lambda: store.fitting(name),
        lambda: store.by_address(name),
        lambda: store.by_unix_uid(number),
        lambda: store.groups.get(name),
        lambda: store.groups.members(store.groups.get(name)),
        lambda: list(store.list_users(UserFilter(match=pattern))),
        lambda: list(store.list_users(UserFilter(domain="bolt.example"))),
        lambda: list(store.list_users(UserFilter(locked_out=True))),
        lambda: list(store.list_users(UserFilter(group=name))),
        lambda: list(store.progress("bolt.example")),
        lambda: list(store.users()),
        lambda: list(store.groups.all()),
        lambda: list(store.companies.all()),
        lambda: store.companies.get(name),
        lambda: list(store.every_failure()),
        store.authids_of_failures,
        lambda: store.failure_keys(name),
        lambda: store.clear_failures(None, None),
        lambda: store.add(user(name, company)),
        lambda: store.groups.add(group, [name]),
        lambda: store.update(store.get(name), authid=f"{name}x@acme.example"),
        lambda: store.update(store.get(name), name=bolt),
        lambda: store.groups.update(store.groups.get("staff@acme.example"), add_members=(name,)),
        lambda: store.secrets_of(number),
    ]


@pytest.mark.parametrize("seed", range(3))
def test_nothing_that_a_company_asks_tells_of_another(
    hosted: UserStore, acme: UserStore, seed: int
) -> None:
    before = [each for each in hosted.users() if each.name.ou1 == "bolt"]
    secret = ("secret-of-bolt", "reason of bolt", "Staff of bolt")
    operations = _operations(acme, random.Random(seed))
    for _ in range(120):
        operation = next(operations)
        try:
            answer = repr(operation())
        except UserError as error:
            # What was asked may be repeated: what is told besides has nothing of the other.
            answer = str(error)
            assert "another" not in answer
            continue
        shown = [word for word in secret if word in answer]
        assert not shown, answer
        assert "@bolt.example" not in answer
    assert [each for each in hosted.users() if each.name.ou1 == "bolt"] == before


def test_what_one_company_adds_another_one_does_not_notice(
    hosted: UserStore, acme: UserStore
) -> None:
    """The answers about names that another company has are those about names that none has."""

    def answers(name: str) -> list[str]:
        told = []
        for ask in (
            acme.get,
            acme.groups.get,
            acme.companies.get,
            lambda each: acme.add(user(each, "acme")),
            lambda each: acme.groups.add(NewGroup(name=each, or_name=usual_or_name(each))),
            lambda each: acme.groups.update(
                acme.groups.get("staff@acme.example"), add_members=(each,)
            ),
        ):
            with pytest.raises(UserError) as refused:
                ask(name)
            told.append(f"{type(refused.value)} {refused.value}".replace(name, "NAME"))
        return told

    hosted.add(user("solo", "bolt", surname="Solo"))
    for taken, free in (
        ("bob@bolt.example", "dan@bolt.example"),
        ("staff@bolt.example", "other@bolt.example"),
        ("solo", "sole"),
        ("bolt.example", "volt.example"),
    ):
        assert answers(taken) == answers(free)


MANY = 10_000
"""Companies; rows are made in bulk, and what is looked at are plans, not times."""
_ROWS = """
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {many})
    INSERT INTO companies (name, name_key, revision, created, changed)
    SELECT 'c' || i, 'c' || i, 1, 0, 0 FROM n
"""


def test_no_question_of_a_company_reads_what_others_have(
    sqlite_database: SQLiteDatabase, path: Path
) -> None:
    with sqlite_database.open() as store:
        store.companies.add(ACME)
        store.companies.switch_on(store.companies.plan())
        sqlite_database.execute(_ROWS.format(many=MANY))
        # One user of the same names in some of them, so that there are statistics.
        for number in range(40):
            store.add(user(f"bob{number}", f"c{number + 1}"))
        store.add(user("bob@acme.example", "acme"))
        store.groups.add(
            NewGroup(name="all@acme.example", or_name=ORName("", common_name="All", ou1="acme"))
        )
        company = store.companies.get("acme")
    sqlite_database.execute("ANALYZE")
    with sqlite_database.recorded() as statements, sqlite_database.open() as store:
        seen = store.seen_by(View.of(company.id))
        asked: list[Callable[[], object]] = [
            lambda: seen.resolve("bob@acme.example"),
            lambda: seen.resolve("bob smith"),
            lambda: seen.resolve("smith/acme/CN=x"),
            lambda: list(seen.users()),
            lambda: list(seen.list_users(UserFilter(group="all@acme.example"))),
            lambda: list(seen.groups.all()),
            lambda: seen.groups.find("all@acme.example"),
            lambda: seen.companies.size(company),
            lambda: seen.companies.administrators(company),
            lambda: store.companies.size(company),
            lambda: store.resolve("smith/acme"),
            lambda: store.companies.get("acme.example"),
            lambda: seen.add(user("eve@acme.example", "acme")),
            lambda: seen.delete(seen.get("eve@acme.example")),
            lambda: list(seen.search(Search(condition=Substring(Field.SURNAME, any=("mit",))))),
            lambda: list(seen.search(Search(kind=Kind.GROUPS))),
            lambda: list(seen.search(Search())),
            seen.mail_nodes,
            partial(seen.mail_nodes, with_hidden=False),
        ]
        for ask in asked:
            ask()
    with closing(sqlite3.connect(path)) as connection:
        for text, _ in statements:
            if not text.lstrip().startswith(("SELECT", "WITH", "UPDATE", "DELETE")):
                continue
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {text}")]
            scans = [step for step in plan if step.startswith("SCAN") and not _FEW.search(step)]
            # The index of searches is asked once, and not for each record.
            assert "MATCH" not in text or len(plan) == 1, f"{text}\n{plan}"
            assert not scans, f"{text}\n{plan}"


_FEW = re.compile(
    r"SCAN (seen_company|CONSTANT ROW|anon_\d|keys|alembic_version|login_failures"
    r"|tree|below|below_group|changes|sqlite_master|main.search_texts_config"
    r"|search_texts VIRTUAL TABLE .*[=M])"
)
"""What has one row, or those that were found by an index, or is no company's."""


def test_records_have_whose_they_are(hosted: UserStore) -> None:
    records: list[User] = list(hosted.users())
    assert [each.company_id is None for each in records] == [False] * 6 + [True]


def test_a_search_finds_what_a_company_has(hosted: UserStore, acme: UserStore) -> None:
    """The index is one of all companies, and what matches is of one."""
    for text in ("ann", "secret", "bolt", "smith"):
        wanted = Or((Substring(Field.ADDRESS, any=(text,)), Substring(Field.SURNAME, any=(text,))))
        own = {each for each in _authids(hosted, wanted) if each.endswith("acme.example")}
        assert _authids(acme, wanted) == own
    assert len(_authids(hosted, Substring(Field.ADDRESS, any=("secret",)))) == 6


def test_a_search_in_a_company_finds_what_it_changed(hosted: UserStore, acme: UserStore) -> None:
    """The index is written by a company for its own users and groups."""
    added = acme.add(user("dan@acme.example", "acme", "Quince"))
    group = acme.groups.get("staff@acme.example")
    acme.groups.update(group, name="crew@acme.example")
    for store in (hosted, acme):
        assert _authids(store, Substring(Field.SURNAME, initial="quin")) == {added.authid}
        assert _groups(store, Substring(Field.GROUP_NAME, initial="crew")) == {"crew@acme.example"}
        assert not _groups(acme, Substring(Field.GROUP_NAME, initial="staff@"))
    acme.delete(acme.get("dan@acme.example"))
    acme.groups.delete(acme.groups.get("crew@acme.example"))
    for store in (hosted, acme):
        assert not _authids(store, Substring(Field.SURNAME, initial="quin"))
        assert not _groups(store, Substring(Field.GROUP_NAME, initial="crew"))
    assert _groups(hosted, Substring(Field.GROUP_NAME, initial="staff")) == {"staff@bolt.example"}


def test_the_index_of_another_company_is_not_changed(hosted: UserStore, acme: UserStore) -> None:
    """Rows of the index are those of whose records they tell."""
    theirs = hosted.get("bob@bolt.example").id
    group = GROUPS + hosted.groups.get("staff@bolt.example").id
    with pytest.raises(StoreError, match="only what is its own"):
        acme._database.write(lambda each: put_new(each, [(theirs, "", "", "")]))
    with pytest.raises(StoreError, match="only what is its own"):
        acme._database.write(lambda each: put_new(each, [(group, "", "", "")]))
    acme._database.write(lambda each: each.execute(delete(search_texts)))
    assert _authids(hosted, Substring(Field.AUTHID, initial="bob@bolt")) == {"bob@bolt.example"}
    assert not _authids(hosted, Substring(Field.AUTHID, initial="bob@acme"))


def test_a_company_that_is_purged_leaves_nothing_in_the_index(hosted: UserStore) -> None:
    """Names of who is gone stand in no table."""
    companies = hosted.companies
    deleted = companies.delete(companies.get("acme"), with_users=True)
    companies.purge(deleted, now=datetime.now(UTC) + timedelta(days=400))
    rows = hosted._database.read(select(search_texts.c.logins), {})
    assert rows
    assert not [row for row in rows if "acme" in row[0]]


def _authids(store: UserStore, condition: Condition) -> set[str]:
    pages = store.search(Search(condition=condition))
    return {hit.authid for page in pages for hit in page.hits if isinstance(hit, User)}


def _groups(store: UserStore, condition: Condition) -> set[str]:
    pages = store.search(Search(condition=condition, kind=Kind.GROUPS))
    return {hit.name for page in pages for hit in page.hits if isinstance(hit, Group)}
