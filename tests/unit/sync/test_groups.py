"""Groups of a directory: who is in them, what is held back, and what is never touched."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.sync.conftest import AGREEMENT, Synchronized, group, remote
from ualauth.errors import InvalidValue
from ualauth.sync import store as agreements
from ualauth.sync.mapping import RemoteGroup, RemoteUser
from ualauth.sync.purge import purge_groups
from ualauth.sync.run import Outcome, run
from ualauth.sync.sources.fetched import Fetched
from ualauth.userlist import group_changes
from ualauth.userlist.group_import import ExistingGroups, GroupLine, Member
from ualauth.userlist.group_record import NewGroup, usual_or_name
from ualauth.userlist.names import ORName
from ualauth.userlist.record import NewUser
from ualauth.userlist.store import UserStore

USERS = [remote(name) for name in ("ann", "ben", "cyd", "dan")]


def follow(staff: Synchronized, *groups: RemoteGroup, users: list[RemoteUser] = USERS) -> Outcome:
    return staff.run(users, list(groups))


def members(staff: Synchronized) -> dict[str, tuple[str, ...]]:
    return staff.members()


def test_groups_have_their_users_and_groups(staff: Synchronized) -> None:
    outcome = follow(staff, group("all", "sales", "dan"), group("sales", "ann", "ben"))
    assert outcome.conflicts == ()
    assert members(staff) == {"all": ("dan", "sales"), "sales": ("ann", "ben")}
    assert staff.store.groups.users(staff.store.groups.get("all")) == ("ann", "ben", "dan")
    again = follow(staff, group("all", "sales", "dan"), group("sales", "ann", "ben"))
    assert again.plan.size == 0


def test_members_come_and_go_and_names_change_in_place(staff: Synchronized) -> None:
    follow(staff, group("1", "ann", "ben", name="sales", addresses=("sales@example.com",)))
    before = staff.store.groups.get("sales")
    outcome = follow(staff, group("1", "ben", "cyd", name="marketing"))
    assert [action.to_dict()["action"] for action in outcome.plan.groups] == ["rename group"]
    after = staff.store.groups.get("marketing")
    assert (after.id, after.addresses) == (before.id, ())
    assert after.or_name == ORName("", common_name="marketing", ou1="ny")
    assert members(staff) == {"marketing": ("ben", "cyd")}


def test_a_group_that_is_gone_is_kept_until_the_purge(staff: Synchronized) -> None:
    other = group("other", "dan")
    follow(staff, other, group("sales", "ann"))
    number = staff.store.groups.get("sales").id
    assert follow(staff, other).plan.counts()["delete group"] == 1
    assert members(staff)["sales"] == ("ann",)
    assert follow(staff, other).plan.size == 0
    assert follow(staff, other, group("sales", "ben")).plan.counts()["restore group"] == 1
    assert staff.store.groups.get("sales").id == number
    assert members(staff)["sales"] == ("ben",)
    follow(staff, other)
    later = datetime.now(UTC) + timedelta(days=1)
    names = staff.store.transaction(lambda connection: purge_groups(connection, 1, later))
    assert names == ["sales"]
    assert members(staff) == {"other": ("dan",)}


def test_a_user_who_is_gone_stays_a_member_and_returns_as_one(store: UserStore) -> None:
    staff = Synchronized(store, dataclasses.replace(AGREEMENT, max_share=100))
    follow(staff, group("sales", "ann", "ben"))
    assert follow(staff, group("sales", "ben"), users=USERS[1:]).plan.groups == ()
    assert staff.users()["ann"].locked
    assert members(staff)["sales"] == ("ann", "ben")
    follow(staff, group("sales", "ann", "ben"))
    assert (staff.users()["ann"].locked, members(staff)["sales"]) == (False, ("ann", "ben"))


def test_groups_that_are_members_of_each_other_are_a_conflict(staff: Synchronized) -> None:
    outcome = follow(staff, group("a", "b", "ann"), group("b", "a", "ben"))
    assert len(outcome.conflicts) == 1
    assert "groups cannot be members of each other" in outcome.conflicts[0].reason
    # Every user of both is there: what cannot be is one membership.
    assert {"ann", "ben"} <= {*members(staff)["a"], *members(staff)["b"]}


def test_nested_groups_may_change_places(staff: Synchronized) -> None:
    follow(staff, group("a", "b"), group("b", "ann"))
    assert follow(staff, group("a", "ann"), group("b", "a")).conflicts == ()
    assert members(staff) == {"a": ("ann",), "b": ("a",)}


def test_groups_made_by_hand_and_names_of_users_are_left_alone(staff: Synchronized) -> None:
    staff.store.add(NewUser(name=ORName("Hand"), authid="hand"))
    own = staff.store.groups.add(NewGroup(name="own", or_name=usual_or_name("own")), ["hand"])
    outcome = follow(
        staff,
        group("1", "ann", name="own"),
        group("2", "ann", name="hand"),
        group("3", "ann", name="ben"),
        group("4", "ann", name="twice"),
        group("5", "ann", name="TWICE"),
        group("6", "ann"),
    )
    assert [conflict.guid for conflict in outcome.conflicts] == ["1", "2", "3", "4", "5"]
    assert members(staff) == {"6": ("ann",), "own": ("hand",)}
    assert staff.store.groups.get("own") == own


@pytest.mark.parametrize(
    ("after", "why"),
    [
        ([], "2 of 2 groups would be gone: all of the agreement"),
        ([group("a"), group("b")], "4 members would be taken out of groups: more than 3"),
    ],
)
def test_the_guard_holds_back_what_empties_groups(
    store: UserStore, after: list[RemoteGroup], why: str
) -> None:
    staff = Synchronized(store, dataclasses.replace(AGREEMENT, max_deletes=3))
    follow(staff, group("a", "ann", "ben"), group("b", "cyd", "dan"))
    outcome = follow(staff, *after)
    assert (outcome.applied, outcome.plan.guard) == (False, why)
    assert members(staff) == {"a": ("ann", "ben"), "b": ("cyd", "dan")}


def test_the_digest_covers_groups(staff: Synchronized) -> None:
    one = follow(staff, group("a", "ann")).plan.digest
    fetch = [group("a", "ben")]
    other = run(staff.store, "staff", dry_run=True, fetch=lambda *_: Fetched(USERS, fetch)).plan
    assert one != other.digest
    assert other.size == 1


def test_what_the_directory_manages_is_not_changed_here(staff: Synchronized) -> None:
    follow(staff, group("sales", "ann"), group("other", "ben"))
    groups = staff.store.groups
    with pytest.raises(InvalidValue, match="'staff' manages it"):
        groups.update(groups.get("sales"), add_members=["ben"])
    with pytest.raises(InvalidValue, match="'staff' manages it"):
        groups.delete(groups.get("sales"))
    follow(staff, group("other", "ben"))
    groups.delete(groups.get("sales"))
    assert set(members(staff)) == {"other"}


def test_an_import_changes_no_group_that_a_directory_manages(staff: Synchronized) -> None:
    follow(staff, group("sales", "ann", "ben"))

    def load(*names: str, addresses: tuple[str, ...] = ()) -> list[str]:
        new = NewGroup(name="sales", or_name=usual_or_name("sales"), addresses=addresses)
        fields = frozenset({"addresses", "members"})
        line = GroupLine(1, new, fields, tuple(map(Member, names)))
        loaded = staff.store.groups.load([line], ExistingGroups.UPDATE, lambda _: True)
        return [text for _, text in loaded.problems]

    assert load("ann", "ben") == []
    for problems in (load("ann"), load("ann", "ben", addresses=("s@example.com",))):
        assert len(problems) == 1
        assert "'staff' manages it" in problems[0]
    assert members(staff) == {"sales": ("ann", "ben")}


def test_groups_that_are_followed_no_more_are_the_administrators(store: UserStore) -> None:
    staff = Synchronized(store, dataclasses.replace(AGREEMENT, group_base="dc=groups"))
    follow(staff, group("sales", "ann"))
    with pytest.raises(InvalidValue, match="'staff' manages it"):
        store.groups.update(store.groups.get("sales"), add_members=["ben"])
    stored = store.transaction(lambda connection: agreements.get(connection, "staff"))
    store.transaction(lambda connection: agreements.change(connection, stored, AGREEMENT))
    store.groups.update(store.groups.get("sales"), add_members=["ben"])
    assert members(staff) == {"sales": ("ann", "ben")}


def test_names_of_groups_go_round_and_on(staff: Synchronized) -> None:
    names = ("a", "b", "c", "d", "e")
    before = [group(str(number), "ann", name=name) for number, name in enumerate(names)]
    follow(staff, *before)
    ids = {staff.store.groups.get(name).id: name for name in names}
    # Two exchange theirs, and three pass theirs on.
    after = [
        group(str(number), "ben", name=name)
        for number, name in enumerate(("b", "a", "d", "e", "new"))
    ]
    outcome = follow(staff, *after)
    assert outcome.conflicts == ()
    groups = {each.id: each for each in staff.store.groups.all()}
    assert {ids[number]: each.name for number, each in groups.items()} == {
        "a": "b",
        "b": "a",
        "c": "d",
        "d": "e",
        "e": "new",
    }
    assert set(staff.members().values()) == {("ben",)}
    assert {str(each.or_name) for each in groups.values()} == {
        f"/ny/CN={name}" for name in ("a", "b", "d", "e", "new")
    }
    assert follow(staff, *after).plan.size == 0


def test_the_plan_tells_what_a_group_cannot_be_called(staff: Synchronized) -> None:
    other = group("other", "ann")
    follow(staff, other, group("old", name="sales"))
    follow(staff, other)
    staff.store.add(NewUser(name=ORName("", common_name="twin", ou1="ny"), authid="x"))
    outcome = run(
        staff.store,
        "staff",
        dry_run=True,
        fetch=lambda *_: Fetched(USERS, [other, group("new", name="sales"), group("twin")]),
    )
    assert outcome.plan.size == 0
    assert [each.reason for each in outcome.conflicts] == [
        "the O/R name 'ny twin' is that of the user 'x'",
        (
            "the O/R name 'ny sales' is kept for the group 'sales', whose entry is gone, until "
            "ualauth sync purge removes it"
        ),
    ]


def test_a_group_made_by_an_earlier_version_gets_the_mail_node(staff: Synchronized) -> None:
    follow(staff, group("sales", "ann"), group("own", "ann"))
    for name, or_name in (("sales", usual_or_name("sales")), ("own", ORName("Mine"))):
        staff.store.transaction(
            lambda connection, name=name, or_name=or_name: group_changes.change(  # type: ignore[misc]
                connection,
                each := staff.store.groups.get(name),
                dataclasses.replace(each, or_name=or_name),
            )
        )
    follow(staff, group("sales", "ann"), group("own", "ann"))
    names = {each.name: str(each.or_name) for each in staff.store.groups.all()}
    assert names == {"sales": "/ny/CN=sales", "own": "Mine"}
