"""Random changes there and here, against a model: what is there, is here, and nothing else is.

Half of the runs get all, half what changed since the last run that was applied; some runs fail,
and some are held back and confirmed. After each, a run that reads all has nothing left to do.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.seeds import SEED, rounds
from tests.unit.sync.conftest import AGREEMENT, Synchronized, remote
from ualauth.errors import UserError
from ualauth.sync.failures import SyncUnavailable
from ualauth.sync.mapping import RemoteGroup, RemoteUser
from ualauth.sync.run import Outcome, run
from ualauth.sync.sources.fetched import Fetched, LastRun
from ualauth.testing.userlist import Userlist
from ualauth.userlist.names import ORName
from ualauth.userlist.record import NewUser

NAMES = [f"name{number}" for number in range(9)]
"""Few, so that users want each other's."""
GUIDS = [f"guid{number}" for number in range(12)]
STEPS = 12


@dataclass
class Directory:
    """What is there, and at which change it came or went."""

    chance: random.Random
    users: dict[str, RemoteUser] = field(default_factory=dict)
    groups: dict[str, RemoteGroup] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    number: int = 0

    def change(self) -> None:
        """Do one thing."""
        self.number += 1
        guid = self.chance.choice(GUIDS)
        match self.chance.randrange(6):
            case 0:
                self.users.pop(guid, None)
            case 1 if len(self.users) > 1:
                one, other = self.chance.sample(sorted(self.users), 2)
                first, second = self.users[one], self.users[other]
                self.users[one] = replace(second, guid=one)
                self.users[other] = replace(first, guid=other)
                self.changed[other] = self.number
                guid = one
            case 2:
                size = self.chance.randrange(5)
                members = frozenset(self.chance.sample([*GUIDS, "group0", "group1"], size))
                name = f"group{self.chance.randrange(3)}"
                self.groups[name] = RemoteGroup(name, f"cn={name}", name, (), members - {name})
            case 3:
                self.groups.pop(f"group{self.chance.randrange(3)}", None)
            case _:
                locked = self.chance.random() < 0.2
                fields = {"locked": locked, "lock_reason": "disabled" if locked else ""}
                self.users[guid] = remote(guid, self.chance.choice(NAMES), **fields)
        self.changed[guid] = self.number

    def fetch(self, known: LastRun, *, read_all: bool) -> Fetched:
        """Return all, or what changed, as sources do."""
        state = {"number": str(self.number)}
        groups = list(self.groups.values())
        if read_all or not known.state:
            return Fetched(list(self.users.values()), groups, state=state)
        since = int(known.state["number"])
        changed = {guid for guid, number in self.changed.items() if number > since}
        wanted = (changed | known.pending) & self.users.keys()
        gone = frozenset(changed - self.users.keys())
        return Fetched([self.users[guid] for guid in sorted(wanted)], groups, gone, state)


class House:
    """The USERLIST that follows, with users of its own."""

    def __init__(self, staff: Synchronized, chance: random.Random) -> None:
        self.staff = staff
        self.chance = chance
        self.own: dict[int, object] = {}

    def change(self) -> None:
        """Do one thing that administrators do."""
        store = self.staff.store
        try:
            if self.own and self.chance.random() < 0.5:
                number = self.chance.choice(sorted(self.own))
                user = next(each for each in store.users() if each.id == number)
                store.delete(user)
                del self.own[number]
            else:
                name = self.chance.choice(NAMES)
                user = store.add(NewUser(name=ORName(f"own {name}"), authid=name))
                self.own[user.id] = user
        except UserError:
            # The name is taken.
            return

    def follow(self, directory: Directory, *, read_all: bool) -> Outcome:
        """Run until all is done that can be."""
        for _ in range(4):
            outcome = self._run(directory, read_all=read_all)
            if not outcome.plan.size:
                return outcome
        raise AssertionError(outcome.plan.counts())

    def _run(self, directory: Directory, *, read_all: bool, dry_run: bool = False) -> Outcome:
        def fetch(_: object, known: LastRun) -> Fetched:
            return directory.fetch(known, read_all=read_all)

        outcome = run(self.staff.store, "staff", fetch=fetch, dry_run=dry_run)
        if outcome.applied or dry_run:
            return outcome
        assert outcome.plan.guard
        return run(self.staff.store, "staff", fetch=fetch, confirmed=outcome.plan.digest)

    def plan_of_all(self, directory: Directory) -> Outcome:
        return self._run(directory, read_all=True, dry_run=True)

    def fail(self) -> None:
        """Let a run end before it has read all."""

        def fetch(*_: object) -> Fetched:
            raise SyncUnavailable("the connection ended")

        with pytest.raises(SyncUnavailable):
            run(self.staff.store, "staff", fetch=fetch)


@pytest.mark.parametrize("number", range(rounds(4)))
def test_the_userlist_is_as_the_directory(tmp_path: Path, number: int) -> None:
    chance = random.Random(f"{SEED} {number}")
    userlist = Userlist.create(tmp_path)
    house = House(Synchronized(userlist.store, AGREEMENT), chance)
    directory = Directory(chance)
    for _ in range(STEPS):
        for _ in range(chance.randrange(4)):
            directory.change()
        if chance.random() < 0.3:
            house.change()
        if chance.random() < 0.2:
            house.fail()
        outcome = house.follow(directory, read_all=chance.random() < 0.5)
        assert house.plan_of_all(directory).plan.size == 0
        _compare(house, directory, {conflict.guid for conflict in outcome.conflicts})
    userlist.close()


def _compare(house: House, directory: Directory, conflicts: set[str]) -> None:
    store = house.staff.store
    rows = store.transaction(
        lambda connection: connection.exec_driver_sql(
            "SELECT guid, user_id, deleted FROM sync_links"
        ).all()
    )
    users = {user.id: user for user in store.users()}
    links = {row.guid: (users[row.user_id], row.deleted) for row in rows}
    for guid, entry in directory.users.items():
        if guid not in conflicts:
            user, deleted = links[guid]
            assert deleted is None
            assert (user.authid, user.addresses, user.locked) == (
                entry.fields["authid"],
                entry.fields["addresses"],
                entry.fields.get("locked", False),
            )
        elif entry.fields.get("locked") and guid in links:
            assert links[guid][0].locked
    for guid, (user, deleted) in links.items():
        # One that returned in conflict with others is still gone.
        assert deleted is not None or guid in directory.users
        assert deleted is None or user.locked
    mine = {row.user_id for row in rows}
    assert {number: user for number, user in users.items() if number not in mine} == house.own
