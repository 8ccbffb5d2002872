"""Runs of an agreement: what is changed, what is held back, and what is never touched."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection

from tests.unit.sync.conftest import AGREEMENT, Synchronized, remote
from ualauth.errors import InvalidValue
from ualauth.sync import apply
from ualauth.sync import store as agreements
from ualauth.sync.failures import SyncRefused, SyncUnavailable
from ualauth.sync.lease import Lease
from ualauth.sync.purge import purge
from ualauth.sync.run import run
from ualauth.sync.sources.fetched import Fetched
from ualauth.userlist.group_record import NewGroup, usual_or_name
from ualauth.userlist.names import ORName
from ualauth.userlist.record import NO_PASSWORD, NewUser
from ualauth.userlist.store import UserStore

MANY = [remote(f"user{number}") for number in range(20)]


def test_entries_become_users_without_a_password(staff: Synchronized) -> None:
    outcome = staff.run([remote("ann", given_name="Ann", surname="Miller")])
    assert outcome.applied
    user = staff.users()["ann"]
    assert (str(user.name), user.addresses) == ("Ann Miller/ny", ("ann@example.com",))
    assert user.password == NO_PASSWORD
    assert staff.run([remote("ann", given_name="Ann", surname="Miller")]).plan.actions == ()


def test_a_user_is_changed_and_renamed_in_place(staff: Synchronized) -> None:
    staff.run([remote("1", "ann")])
    before = staff.users()["ann"]
    outcome = staff.run([remote("1", "anna", addresses=())])
    assert [action.kind.value for action in outcome.plan.actions] == ["rename"]
    after = staff.users()["anna"]
    assert (after.id, after.addresses) == (before.id, ())


def test_a_run_that_did_not_end_well_changes_nothing(staff: Synchronized) -> None:
    staff.run(MANY)
    before = staff.users()

    def fails(*_: object) -> Fetched:
        raise SyncUnavailable("the connection ended")

    with pytest.raises(SyncUnavailable):
        run(staff.store, "staff", fetch=fails)
    assert staff.users() == before
    stored = staff.store.transaction(lambda connection: agreements.get(connection, "staff"))
    assert stored.state["error"] == "the connection ended"
    assert stored.state["counts"]["add"] == 20


def test_a_user_whose_entry_is_gone_is_locked_and_restored_as_they_were(
    staff: Synchronized,
) -> None:
    staff.run(MANY)
    before = staff.users()["user0"]
    staff.store.update(staff.users()["user1"], locked=True, lock_reason="by hand")
    staff.run(MANY[1:])
    gone = staff.users()["user0"]
    assert (gone.id, gone.locked) == (before.id, True)
    assert gone.lock_reason.startswith("gone from the directory of staff on ")
    staff.run([MANY[0], *MANY[2:]])
    assert not staff.users()["user0"].locked
    staff.run(MANY)
    again = staff.users()["user1"]
    assert (again.locked, again.lock_reason) == (True, "by hand")


@pytest.mark.parametrize(
    ("left", "held"),
    [(MANY[2:], ""), (MANY[3:], "more than 10 percent"), ([], "all of the agreement")],
)
def test_the_guard_holds_back_what_locks_too_many(
    staff: Synchronized, left: list[object], held: str
) -> None:
    staff.run(MANY)
    outcome = staff.run(left)  # type: ignore[arg-type]
    assert outcome.plan.guard.endswith(held)
    assert outcome.applied is not bool(held)
    locked = [user for user in staff.users().values() if user.locked]
    assert len(locked) == (0 if held else 2)


def test_the_guard_has_an_absolute_limit_and_counts_those_who_are_disabled(
    store: UserStore,
) -> None:
    staff = Synchronized(store, dataclasses.replace(AGREEMENT, max_deletes=2, max_share=100))
    enabled = [remote(each.guid, locked=False, lock_reason="") for each in MANY]
    staff.run(enabled)
    off = [remote(each.guid, locked=True, lock_reason="disabled") for each in MANY[:3]]
    outcome = staff.run([*off, *enabled[3:]])
    assert (outcome.applied, outcome.plan.guard) == (
        False,
        "3 of 20 users would be locked: more than 2",
    )


def test_only_the_plan_that_was_shown_is_confirmed(staff: Synchronized) -> None:
    staff.run(MANY)
    held = staff.run(MANY[10:])
    with pytest.raises(SyncRefused, match="no longer the one"):
        staff.run(MANY[11:], confirmed=held.plan.digest)
    changed = remote("user19", surname="Other")
    with pytest.raises(SyncRefused, match="no longer the one"):
        staff.run([*MANY[10:19], changed], confirmed=held.plan.digest)
    assert not any(user.locked for user in staff.users().values())
    assert staff.run(MANY[10:], confirmed=held.plan.digest).applied
    assert sum(user.locked for user in staff.users().values()) == 10


def test_a_dry_run_shows_the_plan_that_a_run_applies(staff: Synchronized) -> None:
    shown = staff.run(MANY, dry_run=True)
    assert staff.users() == {}
    assert staff.run(MANY).plan == shown.plan


def test_users_made_by_hand_are_never_touched(staff: Synchronized) -> None:
    by_hand = staff.store.add(NewUser(name=ORName("Hand"), authid="hand"))
    staff.store.groups.add(NewGroup(name="sales", or_name=usual_or_name("sales")))
    outcome = staff.run([remote("hand"), remote("1", "sales"), remote("2", "ann")])
    assert [conflict.guid for conflict in outcome.conflicts] == ["1", "hand"]
    assert "the user 'hand'" in outcome.conflicts[1].reason
    assert "the group 'sales'" in outcome.conflicts[0].reason
    assert staff.users()["hand"] == by_hand
    assert set(staff.users()) == {"hand", "ann"}
    staff.run([remote("2", "ann")])
    assert staff.users()["hand"] == by_hand


def test_administrators_are_never_deleted(staff: Synchronized) -> None:
    staff.run(MANY)
    staff.store.update(staff.users()["user0"], administrator=True)
    outcome = staff.run(MANY[1:])
    assert outcome.plan.actions == ()
    assert "administrator" in outcome.conflicts[0].reason
    assert not staff.users()["user0"].locked


def test_an_administrator_who_was_made_one_meanwhile_is_not_purged(staff: Synchronized) -> None:
    staff.run(MANY)
    staff.run(MANY[2:])
    staff.store.update(staff.users()["user0"], administrator=True)
    later = datetime.now(UTC) + timedelta(days=1)
    authids = staff.store.transaction(lambda connection: purge(connection, 1, later))
    assert authids == ["user1"]
    assert "user0" in staff.users()


def test_of_two_entries_that_claim_one_name_neither_is_taken(staff: Synchronized) -> None:
    alike = [remote("1", "ann"), remote("2", "ben", addresses=("ANN@example.com",)), remote("3")]
    outcome = staff.run(alike)
    assert [conflict.guid for conflict in outcome.conflicts] == ["1", "2"]
    assert set(staff.users()) == {"3"}


def test_a_conflict_does_not_keep_a_user_from_being_locked(staff: Synchronized) -> None:
    others = [remote(each.guid) for each in MANY]
    staff.run([remote("1", "ann", locked=False, lock_reason=""), *others])
    ann = remote("1", "ann", locked=True, lock_reason="disabled in the directory")
    staff.run([ann, remote("2", "ann"), *others])
    assert staff.users()["ann"].locked


def test_a_name_goes_from_one_user_to_another(staff: Synchronized) -> None:
    staff.run([remote("1", "ann"), remote("2", "ben"), remote("3", "cyd")])
    ids = {user.id: authid for authid, user in staff.users().items()}
    outcome = staff.run([remote("1", "new"), remote("2", "ann"), remote("3", "ben")])
    assert outcome.conflicts == ()
    moved = {ids[user.id]: authid for authid, user in staff.users().items()}
    assert moved == {"ann": "new", "ben": "ann", "cyd": "ben"}


def test_users_who_exchange_their_names_change_at_once(staff: Synchronized) -> None:
    staff.run([remote("1", "ann"), remote("2", "ben"), remote("3", "cyd"), remote("4", "eve")])
    ids = {user.id: authid for authid, user in staff.users().items()}
    outcome = staff.run(
        [remote("1", "ben"), remote("2", "cyd"), remote("3", "ann"), remote("4", "dan")]
    )
    assert outcome.conflicts == ()
    now = {ids[user.id]: authid for authid, user in staff.users().items()}
    assert now == {"ann": "ben", "ben": "cyd", "cyd": "ann", "eve": "dan"}
    again = [remote("1", "ben"), remote("2", "cyd"), remote("3", "ann"), remote("4", "dan")]
    assert staff.run(again).plan.actions == ()


def test_the_name_of_a_deleted_user_is_kept_until_the_purge(staff: Synchronized) -> None:
    staff.run([remote("old", "ann"), *MANY])
    first = staff.users()["ann"].id
    replaced = [remote("new", "ann"), *MANY]
    assert "kept for the deleted user 'ann'" in staff.run(replaced).conflicts[0].reason
    assert staff.users()["ann"].locked
    assert staff.run(replaced).conflicts[0].guid == "new"
    later = datetime.now(UTC) + timedelta(days=1)
    staff.store.transaction(lambda connection: purge(connection, 1, later))
    assert staff.run(replaced).conflicts == ()
    assert staff.users()["ann"].id != first


def test_no_user_leaves_the_mail_node_of_the_agreement(staff: Synchronized) -> None:
    outcome = staff.run([remote("in", mail_node="NY,hq"), remote("out", mail_node="la")])
    assert [conflict.guid for conflict in outcome.conflicts] == ["out"]
    assert staff.users()["in"].name.units == ("NY", "hq")


def test_what_the_directory_manages_is_not_changed_here(staff: Synchronized) -> None:
    staff.run(MANY)
    user = staff.users()["user0"]
    with pytest.raises(InvalidValue, match="'staff' manages it for 'user0'"):
        staff.store.update(user, addresses=())
    with pytest.raises(InvalidValue, match="would come again"):
        staff.store.delete(user)
    assert staff.store.update(user, addresses=user.addresses, hidden=True).hidden
    staff.run(MANY[1:])
    with pytest.raises(InvalidValue, match="restored when the entry returns"):
        staff.store.update(staff.users()["user0"], locked=False)


def test_a_user_who_was_changed_since_the_plan_is_left_alone(
    staff: Synchronized, monkeypatch: pytest.MonkeyPatch
) -> None:
    staff.run(MANY)
    real = apply.apply

    def late(store: UserStore, *arguments: object) -> object:
        store.update(staff.users()["user0"], hidden=True)
        return real(store, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(apply, "apply", late)
    outcome = staff.run([remote("user0", surname="New"), *MANY[1:]])
    assert "changed in the meantime" in outcome.conflicts[0].reason
    assert staff.users()["user0"].name.surname == "user0"
    monkeypatch.undo()
    staff.run([remote("user0", surname="New"), *MANY[1:]])
    assert staff.users()["user0"].name.surname == "New"


def test_one_run_at_a_time(staff: Synchronized) -> None:
    other = Lease(1)
    staff.store.transaction(other.take)
    with pytest.raises(SyncRefused, match="going on"):
        staff.run(MANY)
    staff.store.transaction(other.give_back)
    assert staff.run(MANY).applied


def test_a_run_that_lost_its_lease_changes_nothing_more(staff: Synchronized) -> None:
    def taken(connection: Connection) -> None:
        connection.exec_driver_sql("UPDATE sync_agreements SET lease_holder = 'other:1:x'")

    def fetch(*_: object) -> Fetched:
        staff.store.transaction(taken)
        return Fetched(MANY)

    with pytest.raises(SyncRefused, match="taken over"):
        run(staff.store, "staff", fetch=fetch)
    assert staff.users() == {}
