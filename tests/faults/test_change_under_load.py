"""A changed password, lock, expiry or deletion holds for the very next login, in every process."""

from __future__ import annotations

import random
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.faults.hammer import GRANTED, LAP, STOP, Login, Try, hammer
from tests.faults.processes import Child, children, ualauth
from tests.seeds import SEED, rounds
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.administration import set_password
from ualauth.userlist.record import User

CHANGES = rounds(40)
LOGINS = rounds(5000)
BY_PROGRAM = 6
"""Changes that the program `ualauth` makes."""
USERS = ("anna", "bert", "carla")
PASSWORDS = ("violet 7 anchor", "copper 5 lantern")
PAST = datetime(2020, 1, 1, tzinfo=UTC)

REFUSED, RESTRICTED = "AuthenticationFailed", "AccountRestricted"


@dataclass(frozen=True)
class State:
    """What a user was like, from the moment `began` or `held` on.

    The change began at the first, and had come back at the second.
    """

    began: int
    held: int
    password: int = 0
    locked: bool = False
    expired: bool = False
    exists: bool = True

    def outcome(self, tried: int, later: State) -> str:
        """Return what a login comes to whose account is judged in a later state."""
        if not self.exists or tried != self.password:
            return REFUSED
        if not later.exists or later.locked or later.expired:
            return RESTRICTED
        return GRANTED


class Administrator:
    """Changes users at random, and keeps what they were like."""

    def __init__(self, userlist: Userlist, folder: Path, ualauth: Child) -> None:
        self.userlist = userlist
        self.folder = folder
        self.ualauth = ualauth
        self.random = random.Random(SEED)
        self.counts: Counter[str] = Counter()
        self.states = {name: [State(0, 0)] for name in USERS}
        self.actions: dict[str, Callable[[str, State], State]] = {
            "password": self.password,
            "lock": self.lock,
            "expiry": self.expiry,
            "deletion": self.deletion,
        }

    def change(self, *, by_program: bool = False) -> None:
        """Make one change."""
        name = self.random.choice(USERS)
        before = self.states[name][-1]
        kind = "lock" if by_program else self.random.choice(list(self.actions))
        action = self.program if by_program and before.exists else self.actions[kind]
        if not before.exists:
            kind, action = "deletion", self.deletion
        began = time.monotonic_ns()
        after = action(name, before)
        self.states[name].append(replace(after, began=began, held=time.monotonic_ns()))
        self.counts["ualauth lock" if action == self.program else kind] += 1

    def user(self, name: str) -> User:
        return self.userlist.store.get(name)

    def password(self, name: str, before: State) -> State:
        number = 1 - before.password
        store, hasher = self.userlist.store, self.userlist.hasher
        set_password(store, hasher, self.user(name), PASSWORDS[number])
        return replace(before, password=number)

    def lock(self, name: str, before: State) -> State:
        self.userlist.store.update(self.user(name), locked=not before.locked)
        return replace(before, locked=not before.locked)

    def expiry(self, name: str, before: State) -> State:
        later = PAST if not before.expired else datetime.now(UTC) + timedelta(days=1)
        self.userlist.store.update(self.user(name), account_expires=later)
        return replace(before, expired=not before.expired)

    def deletion(self, name: str, before: State) -> State:
        if before.exists:
            self.userlist.store.delete(self.user(name))
            return replace(before, exists=False)
        self.userlist.add(name, PASSWORDS[0])
        return State(0, 0)

    def program(self, name: str, before: State) -> State:
        action = "unlock" if before.locked else "lock"
        assert self.ualauth.ask(["--config-dir", str(self.folder), "user", action, name]) == 0
        return replace(before, locked=not before.locked)


def possible(login: Login, states: list[State], starts: list[int]) -> set[str]:
    """Return what a login may have come to: of all that was true while it ran."""
    tried = int(login.label[-1])
    # The last change that had come back before the login began is the oldest that counts.
    first = bisect_right(starts, login.began) - 1
    seen = [state for state in states[first:] if state.began <= login.ended]
    return {
        before.outcome(tried, after) for place, before in enumerate(seen) for after in seen[place:]
    }


def test_every_change_holds_for_the_very_next_login(
    folder: ConfigFolder, userlist: Userlist, tell: Callable[[str], None]
) -> None:
    # A failure that is counted is a change, too: then no record would be remembered for long.
    with (folder.path / "ualauth.toml").open("a", encoding="utf-8") as settings:
        settings.write("\n[lockout]\nfailures = 0\n")
    for name in USERS:
        userlist.add(name, PASSWORDS[0])
    tries = [
        Try(f"{name} {number}", name, password)
        for name in USERS
        for number, password in enumerate(PASSWORDS)
    ]
    place = str(folder.path)
    with children(
        (ualauth,),
        *((hammer, place, asynchronous, 3, tries) for asynchronous in (False, True) * 2),
    ) as (program, *processes):
        administrator = Administrator(userlist, folder.path, program)
        change_count, logins = 0, 0
        by_program = {number * CHANGES // BY_PROGRAM for number in range(BY_PROGRAM)}
        while change_count < CHANGES or logins < LOGINS:
            administrator.change(by_program=change_count in by_program)
            change_count += 1
            # Sometimes every process remembers everything before the next change, sometimes not.
            if change_count % 2:
                for process in processes:
                    process.send(LAP)
                logins = sum(process.receive() for process in processes)
        for process in processes:
            process.send(STOP)
        process_logins = [process.receive() for process in processes]
    wrong = []
    outcomes: Counter[str] = Counter()
    exact = 0
    starts = {name: [state.held for state in administrator.states[name]] for name in USERS}
    for number, logins_of_one in enumerate(process_logins):
        for login in logins_of_one:
            name = login.label[:-2]
            allowed = possible(login, administrator.states[name], starts[name])
            outcomes[login.outcome] += 1
            exact += len(allowed) == 1
            if login.outcome not in allowed:
                wrong.append((number, login, allowed))
    assert not wrong, (len(wrong), wrong[:5])
    total = sum(map(len, process_logins))
    assert total >= LOGINS
    # Most of them could have come to one thing only.
    assert exact > total / 2
    assert outcomes.keys() == {GRANTED, REFUSED, RESTRICTED}
    tell(
        f"changes under load: {change_count} changes ({_text(administrator.counts)}) against "
        f"{total} logins in 4 processes ({_text(outcomes)}), {exact} of them with one possible "
        "outcome: 0 wrong",
    )


def _text(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
