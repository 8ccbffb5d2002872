"""Groups of agreements of hosted companies: whose they are, and what the plan says of them."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.sync.conftest import ACME, AGREEMENT, SERVER, Synchronized, entry, group, remote
from ualauth.errors import InvalidValue
from ualauth.sync import store as agreements
from ualauth.sync.failures import SyncRefused
from ualauth.sync.purge import Purged, gone_of, purge_all
from ualauth.userlist.companies.record import NewCompany
from ualauth.userlist.store import UserStore

JO, LI = entry("1", "jo@acme.example"), entry("2", "li@acme.example")
SALES = group("sales", "1", name="sales@acme.example")
ALL = group("all", "2", "sales", name="all@acme.example", addresses=("all@acme.example",))


def test_groups_are_of_the_company_with_its_users_and_groups(acme: Synchronized) -> None:
    outcome = acme.run([JO, LI], [SALES, ALL])
    assert (outcome.applied, outcome.conflicts) == (True, ())
    company = acme.store.companies.get("acme")
    assert acme.store.companies.size(company).groups == 2
    assert str(acme.store.groups.get("sales@acme.example").or_name) == "/acme/CN=sales@acme.example"
    assert acme.members() == {
        "all@acme.example": ("li@acme.example", "sales@acme.example"),
        "sales@acme.example": ("jo@acme.example",),
    }
    seen = acme.store.seen_by_actor("boss@acme.example")
    assert len(list(seen.groups.all())) == 2
    assert list(acme.store.seen_by_actor("boss@bolt.example").groups.all()) == []
    assert acme.run([JO, LI], [SALES, ALL]).plan.size == 0


@pytest.mark.parametrize(
    ("name", "addresses"),
    [
        ("plain", ()),
        ("other@bolt.example", ()),
        ("none@elsewhere.example", ()),
        ("ok@acme.example", ("no@bolt.example",)),
    ],
)
def test_what_a_company_cannot_call_a_group_is_a_conflict_of_the_plan(
    acme: Synchronized, name: str, addresses: tuple[str, ...]
) -> None:
    groups = [SALES, group("x", "1", name=name, addresses=addresses)]
    dry = acme.run([JO], groups, dry_run=True)
    assert [each.guid for each in dry.conflicts] == ["x"]
    assert dry.conflicts[0].reason == (
        f"{(*addresses, name)[0]!r}: does not end in a domain of the company, as in "
        "jsmith@example.com: ualauth company show lists them"
    )
    assert acme.run([JO], groups).plan == dry.plan
    assert set(acme.members()) == {"sales@acme.example"}


def test_a_plan_of_a_company_knows_of_no_other(acme: Synchronized) -> None:
    other = Synchronized(acme.store, dataclasses.replace(ACME, name="bolt", mail_node="bolt"))
    of_bolt = [group("sales", "1", name="sales@bolt.example")]
    other.run([entry("1", "jo@bolt.example")], of_bolt)
    assert acme.run([JO], [SALES]).conflicts == ()
    assert acme.members() == {
        "sales@acme.example": ("jo@acme.example",),
        "sales@bolt.example": ("jo@bolt.example",),
    }
    assert other.run([entry("1", "jo@bolt.example")], of_bolt).plan.size == 0


def test_groups_of_the_server_have_users_of_the_server_alone(acme: Synchronized) -> None:
    acme.run([JO], [SALES])
    own = Synchronized(acme.store, SERVER)
    groups = [group("a", "1"), group("b", name="b@acme.example")]
    outcome = own.run([remote("1", "root", addresses=())], groups, dry_run=True)
    assert [(each.guid, each.reason.partition(":")[0]) for each in outcome.conflicts] == [
        ("b", "'b@acme.example'")
    ]
    own.run([remote("1", "root", addresses=())], groups)
    assert acme.members()["a"] == ("root",)


def test_names_go_round_within_a_company(acme: Synchronized) -> None:
    acme.run([JO, LI], [SALES, ALL])
    ids = {each.authid: each.id for each in acme.users().values()}
    groups = {each.name: each.id for each in acme.store.groups.all()}
    outcome = acme.run(
        [entry("1", "li@acme.example"), entry("2", "jo@acme.example")],
        [
            dataclasses.replace(SALES, name=ALL.name, addresses=ALL.addresses),
            dataclasses.replace(ALL, name=SALES.name, addresses=()),
        ],
    )
    assert outcome.conflicts == ()
    after = {each.authid: each.id for each in acme.users().values()}
    assert after == ids | {
        "jo@acme.example": ids["li@acme.example"],
        "li@acme.example": ids["jo@acme.example"],
    }
    assert {each.name: each.id for each in acme.store.groups.all()} == {
        SALES.name: groups[ALL.name],
        ALL.name: groups[SALES.name],
    }


def test_a_purge_takes_what_is_the_companys(acme: Synchronized) -> None:
    other = Synchronized(acme.store, dataclasses.replace(ACME, name="bolt", mail_node="bolt"))
    for staff, domain in ((acme, "acme.example"), (other, "bolt.example")):
        many = [entry(str(number), f"u{number}@{domain}") for number in range(20)]
        groups = [group(str(number), name=f"g{number}@{domain}") for number in range(2)]
        staff.run(many, groups)
        staff.run(many[1:], groups[1:])
    stored = acme.store.transaction(lambda connection: agreements.get(connection, "acme"))
    later = datetime.now(UTC) + timedelta(days=1)
    gone = gone_of(acme.store, stored, later)
    assert gone == Purged(["u0@acme.example"], ["g0@acme.example"])
    assert "u0@acme.example" in acme.users()
    assert purge_all(acme.store, stored, later) == gone
    assert "u0@acme.example" not in acme.users()
    assert "g0@acme.example" not in acme.members()
    assert "u0@bolt.example" in acme.users()
    assert "g0@bolt.example" in acme.members()


def test_an_agreement_with_groups_never_becomes_another_companys(acme: Synchronized) -> None:
    acme.run([], [group("x", name="x@acme.example")])
    stored = acme.store.transaction(lambda connection: agreements.get(connection, "acme"))
    moved = dataclasses.replace(ACME, mail_node="bolt")
    with pytest.raises(SyncRefused, match="another company's"):
        acme.store.transaction(lambda connection: agreements.change(connection, stored, moved))


def test_hosting_is_switched_on_where_groups_stand_in_the_mail_node(store: UserStore) -> None:
    staff = Synchronized(store, dataclasses.replace(AGREEMENT, mail_node="acme"))
    staff.run([JO], [group("sales", "1")])
    store.companies.add(NewCompany(name="acme", domains=("acme.example",)))
    store.transaction(
        lambda connection: connection.exec_driver_sql("UPDATE groups SET ou1 = '' WHERE 1 = 1")
    )
    plan = store.companies.plan()
    assert plan.ambiguous == (
        "agreement staff: has groups that are not of the company of its mail node",
    )
    with pytest.raises(InvalidValue, match="has groups"):
        store.companies.switch_on(plan)
    store.transaction(
        lambda connection: connection.exec_driver_sql("UPDATE groups SET ou1 = 'acme' WHERE 1 = 1")
    )
    store.companies.switch_on(store.companies.plan())
    assert staff.run([JO], [group("sales", "1")]).plan.size == 0
    outcome = staff.run([JO], [group("sales"), group("2", "1", name="new@acme.example")])
    assert outcome.conflicts == ()
    assert staff.members() == {"new@acme.example": ("jo@acme.example",), "sales": ()}
