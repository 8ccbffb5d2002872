"""Runs that get only what changed: what is looked at again, and when all is read."""

from __future__ import annotations

import dataclasses

import pytest

from tests.unit.sync.conftest import AGREEMENT, Synchronized, remote
from ualauth.sync import store as agreements
from ualauth.sync.failures import SyncUnavailable
from ualauth.sync.mapping import RemoteUser
from ualauth.sync.run import Outcome, run
from ualauth.sync.sources.fetched import Fetched, LastRun
from ualauth.userlist.names import ORName
from ualauth.userlist.record import NewUser

MANY = [remote(f"user{number}") for number in range(12)]


class Source:
    """Answers with what a test says, and notes what it was told."""

    def __init__(self, staff: Synchronized) -> None:
        self.staff = staff
        self.known: list[LastRun] = []

    def run(self, users: list[RemoteUser], *gone: str, read_all: bool = False) -> Outcome:
        def fetch(_: object, known: LastRun) -> Fetched:
            self.known.append(known)
            number = str(len(self.known))
            everything = not known.state
            return Fetched(
                users, gone=None if everything else frozenset(gone), state={"cookie": number}
            )

        return run(self.staff.store, "staff", fetch=fetch, read_all=read_all)


@pytest.fixture
def source(staff: Synchronized) -> Source:
    """A source whose first run was all."""
    source = Source(staff)
    source.run(MANY)
    return source


def test_a_run_is_told_what_the_last_one_left(source: Source) -> None:
    assert source.known[0] == LastRun()
    assert source.run([]).plan.size == 0
    assert source.known[1].state == {"cookie": "1"}
    assert source.known[1].linked == {each.guid for each in MANY}
    source.run([])
    assert source.known[2].state == {"cookie": "2"}


def test_users_who_did_not_come_are_left_as_they_are(source: Source) -> None:
    source.run([remote("user3", surname="New"), remote("ann")], "user4")
    users = source.staff.users()
    assert users["user3"].name.surname == "New"
    assert {authid for authid, user in users.items() if user.locked} == {"user4"}
    assert len(users) == 13
    source.run([remote("user4")])
    assert not source.staff.users()["user4"].locked


def test_a_name_of_a_user_who_did_not_come_is_not_given_away(source: Source) -> None:
    outcome = source.run([remote("new", "user5")])
    assert "claimed by user5" in outcome.conflicts[0].reason
    assert len(source.staff.users()) == 12


def test_entries_in_conflict_are_looked_at_again(source: Source) -> None:
    hand = source.staff.store.add(NewUser(name=ORName("Hand"), authid="ann"))
    assert source.run([remote("1", "ann")]).conflicts
    source.staff.store.delete(hand)
    source.run([])
    assert source.known[-1].pending == {"1"}
    source.run([remote("1", "ann")])
    assert "ann" in source.staff.users()
    source.run([])
    assert source.known[-1].pending == frozenset()


def test_what_was_held_back_comes_again(source: Source) -> None:
    gone = [each.guid for each in MANY[:6]]
    held = source.run([], *gone)
    assert not held.applied
    source.run([])
    assert source.known[-1].state == source.known[-2].state == {"cookie": "1"}


def test_a_run_that_failed_leaves_the_cookie(source: Source) -> None:
    def fails(*_: object) -> Fetched:
        raise SyncUnavailable("the connection ended")

    with pytest.raises(SyncUnavailable):
        run(source.staff.store, "staff", fetch=fails)
    source.run([])
    assert source.known[-1].state == {"cookie": "1"}


@pytest.mark.parametrize(
    ("change", "reads_all"),
    [
        ({"filter_text": "(uid=*)"}, True),
        ({"base": "dc=y"}, True),
        ({"group_base": "dc=y"}, True),
        ({"mapping": {"locked": ""}}, True),
        ({"mail_node": "ny,hq"}, True),
        ({"bind_dn": "cn=other,dc=x", "password_file": "/secret"}, True),
        ({"max_share": 20, "keep_days": 3, "interval": 60}, False),
        ({"uris": ("ldap://127.0.0.2",)}, False),
    ],
)
def test_all_is_read_if_the_agreement_means_something_else(
    source: Source, change: dict[str, object], reads_all: bool
) -> None:
    store = source.staff.store
    stored = store.transaction(lambda connection: agreements.get(connection, "staff"))
    new = dataclasses.replace(AGREEMENT, **change)  # type: ignore[arg-type]
    store.transaction(lambda connection: agreements.change(connection, stored, new))
    source.run(MANY)
    assert (not source.known[-1].state) is reads_all


def test_all_is_read_if_that_is_wanted(source: Source) -> None:
    source.run(MANY, read_all=True)
    assert source.known[-1] == LastRun()


def test_the_guard_counts_who_is_gone_of_all_users(source: Source) -> None:
    assert source.run([], "user0").plan.guard == ""
    assert source.run([], "user1", "user2").plan.guard == (
        "2 of 11 users would be locked: more than 10 percent"
    )
