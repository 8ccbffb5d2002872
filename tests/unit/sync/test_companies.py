"""Agreements of companies that are hosted: a run sees and changes the users of one company."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from tests.unit.sync.conftest import ACME, SERVER, Synchronized, entry, remote
from ualauth.errors import ActorRefused, InvalidValue
from ualauth.sync import store as agreements
from ualauth.sync.agreement import Agreement
from ualauth.sync.failures import SyncRefused
from ualauth.sync.run import first_plan
from ualauth.sync.sources.fetched import Fetched
from ualauth.sync.store import StoredAgreement
from ualauth.userlist.database.tables import sync_agreements
from ualauth.userlist.names import ORName
from ualauth.userlist.record import NO_PASSWORD, NewUser
from ualauth.userlist.store import UserStore


def stored(store: UserStore, name: str) -> StoredAgreement:
    return store.transaction(lambda connection: agreements.get(connection, name))


def change(synchronized: Synchronized, new: Agreement) -> None:
    before = stored(synchronized.store, "acme")
    synchronized.store.transaction(lambda connection: agreements.change(connection, before, new))


def test_an_agreement_is_of_the_company_of_its_mail_node(acme: Synchronized) -> None:
    agreement = stored(acme.store, "acme")
    company = acme.store.companies.get("acme")
    assert (agreement.company, agreement.company_id) == ("acme", company.id)
    outcome = acme.run([entry("1", "jo@acme.example"), entry("2", "li@acme.example")])
    assert outcome.applied
    assert not outcome.conflicts
    assert {acme.users()[f"{who}@acme.example"].company_id for who in ("jo", "li")} == {company.id}
    Synchronized(acme.store, SERVER).run([remote("1", "root", addresses=())])
    assert acme.users()["root"].company_id is None


def test_a_company_sees_its_own_agreements_alone_and_changes_none(acme: Synchronized) -> None:
    acme.run([entry("1", "jo@acme.example")])
    before = stored(acme.store, "acme")
    for who, names in (("acme", ["acme"]), ("bolt", [])):
        seen = acme.store.seen_by_actor(f"boss@{who}.example")
        assert [each.agreement.name for each in seen.transaction(agreements.all_of)] == names
        for change in (
            lambda connection: agreements.add(connection, SERVER),
            lambda connection: agreements.change(connection, before, ACME),
            lambda connection: agreements.remove(connection, before.id),
        ):
            with pytest.raises(ActorRefused):
                seen.transaction(change)
    assert stored(acme.store, "acme") == before


def test_what_a_directory_manages_is_refused_to_the_company_as_well(acme: Synchronized) -> None:
    acme.run([entry("1", "jo@acme.example")])
    seen = acme.store.seen_by_actor("boss@acme.example")
    user = seen.get("jo@acme.example")
    with pytest.raises(InvalidValue, match="the directory of the agreement 'acme' manages it"):
        seen.update(user, addresses=())
    with pytest.raises(InvalidValue, match="comes from the directory"):
        seen.delete(user)


@pytest.mark.parametrize(
    "authid",
    ["boss@bolt.example", "new@bolt.example", "new@elsewhere.example", "root", "new"],
)
def test_a_directory_of_a_company_gives_no_name_that_is_not_the_companys(
    acme: Synchronized, authid: str
) -> None:
    acme.store.add(NewUser(authid="root", name=ORName("Root")))
    before = acme.users()
    as_address = [entry("2", "x@acme.example", addresses=(authid,))] if "@" in authid else []
    for other in (entry("2", authid, addresses=()), *as_address):
        entries = [entry("1", "jo@acme.example"), other]
        outcome = acme.run(entries, dry_run=True)
        assert [conflict.guid for conflict in outcome.conflicts] == ["2"]
        assert outcome.conflicts[0].reason.startswith(f"{authid!r}: does not end in a domain of")
    outcome = acme.run(entries)
    assert [action.guid for action in outcome.plan.actions] == ["1"]
    assert acme.users().keys() - before.keys() == {"jo@acme.example"}
    assert {name: acme.users()[name] for name in before} == before


def test_the_servers_agreement_takes_no_user_of_a_company(hosted: UserStore) -> None:
    own = Synchronized(hosted, SERVER)
    entries = [
        remote("1", "op", addresses=()),
        entry("2", "jo@acme.example", mail_node="acme"),
        remote("3", "li", addresses=(), mail_node="nowhere"),
    ]
    outcome = own.run(entries)
    assert {each.guid: each.reason for each in outcome.conflicts} == {
        "2": "mail node: OU1 'acme' is a company's: an agreement with that mail node takes its "
        "users",
        "3": "mail node of an O/R name: OU1 'nowhere' is no company's: ualauth company add",
    }
    assert "op" in own.users()


def test_a_run_stops_at_the_limit_of_the_company(acme: Synchronized) -> None:
    companies = acme.store.companies
    companies.update(companies.get("acme"), user_limit=2)
    entries = [entry(str(number), f"u{number}@acme.example") for number in range(3)]
    dry = acme.run(entries, dry_run=True)
    outcome = acme.run(entries)
    assert outcome.plan == dry.plan
    assert [conflict.reason for conflict in outcome.conflicts] == [
        "company: may have 2 users, and no more"
    ] * 2
    assert companies.size(companies.get("acme")).users == 2


def test_the_agreement_of_a_deleted_company_lets_no_user_in_again(acme: Synchronized) -> None:
    entries = [entry("1", "jo@acme.example", locked=False, lock_reason="")]
    acme.run(entries)
    companies = acme.store.companies
    companies.delete(companies.get("acme"), with_users=True)
    with pytest.raises(SyncRefused, match="the company 'acme' was deleted"):
        acme.run(entries)
    assert acme.users()["jo@acme.example"].locked
    deleted = companies.get("acme")
    companies.purge(deleted, now=datetime.now(UTC) + timedelta(days=31))
    assert acme.store.transaction(agreements.all_of) == []
    assert "jo@acme.example" not in acme.users()


def test_an_agreement_with_users_never_becomes_another_companys(acme: Synchronized) -> None:
    moved = dataclasses.replace(ACME, mail_node="bolt")

    change(acme, moved)
    assert stored(acme.store, "acme").company == "bolt"
    change(acme, ACME)
    acme.run([entry("1", "jo@acme.example")])
    with pytest.raises(SyncRefused, match="another company's"):
        change(acme, moved)
    with pytest.raises(InvalidValue, match="no company's"):
        change(acme, dataclasses.replace(ACME, mail_node="nowhere"))
    with pytest.raises(InvalidValue, match="no company's"):
        first_plan(
            acme.store, dataclasses.replace(ACME, mail_node="nowhere"), lambda *_: Fetched([])
        )


def test_switching_hosting_looks_at_agreements(acme: Synchronized) -> None:
    acme.run([entry("1", "jo@acme.example")])
    companies = acme.store.companies
    companies.switch_off()
    assert stored(acme.store, "acme").company_id is None
    for node in ("", "bolt", "nowhere"):
        change(acme, dataclasses.replace(ACME, mail_node=node))
        assert [text for text in companies.plan().ambiguous if "agreement acme" in text]
    change(acme, ACME)
    plan = companies.plan()
    assert plan.ambiguous == ()
    # A plan that was made before this one knows of no company.
    running = update(sync_agreements).values(lease_holder="host:1:x", lease_until=2**62)
    acme.store.transaction(lambda connection: connection.execute(running))
    with pytest.raises(InvalidValue, match="is being run"):
        companies.switch_on(plan)
    free = update(sync_agreements).values(lease_holder="", lease_until=0)
    acme.store.transaction(lambda connection: connection.execute(free))
    companies.switch_on(plan)
    assert stored(acme.store, "acme").company == "acme"


def test_a_user_gets_no_password_by_an_agreement_of_a_company(acme: Synchronized) -> None:
    acme.run([entry("1", "jo@acme.example", administrator=True)])
    user = acme.users()["jo@acme.example"]
    assert user.password == NO_PASSWORD
    assert user.person().company_administrator
    assert not user.person().administrator
