"""The USERLIST goes away while people log in, and comes back.

While it is away no user gets in, unless an outage grace is set; then only a
password that was verified for the record as it was last seen. No refusal says
that a password is wrong, and nothing has to be started anew.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest

from tests.faults.hammer import GRANTED, LAP, REFUSED, STOP, TEMPORARY, TRIES, Login, Try, hammer
from tests.faults.processes import Child, children
from tests.seeds import rounds
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.administration import set_password

ROUNDS = rounds(4)
State = Literal["there", "away", "between"]
PRESENT = {
    "right": GRANTED,
    "wrong": REFUSED,
    "unknown": REFUSED,
    "former": REFUSED,
    "present": GRANTED,
}
"""What is tried -> what becomes of it while all is well."""


class Clock:
    """When the USERLIST was there, and when away."""

    def __init__(self) -> None:
        self.turns: list[tuple[int, State]] = [(0, "there")]

    def turn(self, state: State) -> None:
        self.turns.append((time.monotonic_ns(), state))

    def state(self, login: Login) -> State:
        """Return what was true for all of a login."""
        states = {
            state
            for (begin, state), (end, _) in zip(
                self.turns, [*self.turns[1:], (2**63, "between")], strict=True
            )
            if begin <= login.ended and login.began < end
        }
        return states.pop() if len(states) == 1 else "between"


@contextmanager
def moved(database: Path, instead: str) -> Iterator[None]:
    """Move the files of a USERLIST away, and put something else there, while it lasts."""
    away = database.parent / "away"
    away.mkdir()
    # A process that finds the USERLIST itself finds all of it: it goes first, and comes last.
    names = [database.name + end for end in ("", "-wal", "-shm")]
    moved = [name for name in names if (database.parent / name).exists()]
    for name in moved:
        (database.parent / name).rename(away / name)
    if instead == "a folder":
        database.mkdir()
    elif instead == "a text":
        database.write_text("This is no database.\n" * 1000)
    try:
        yield
    finally:
        if instead == "a folder":
            database.rmdir()
        elif instead == "a text":
            database.unlink()
        for name in reversed(moved):
            (away / name).rename(database.parent / name)
        away.rmdir()


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Let no other program write for a while."""
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")


def all_tries(place: Path, size: int, tries: list[Try]) -> list[tuple[object, ...]]:
    """Return the processes that log in: tasks of asyncio, and two that wait."""
    return [
        (hammer, str(place), True, size, tries),
        (hammer, str(place), False, 1, tries),
        (hammer, str(place), False, 1, tries),
    ]


def lap(processes: list[Child]) -> None:
    """Wait until every process has tried everything, from the beginning to the end."""
    for process in processes:
        process.send(LAP)
    for process in processes:
        process.receive()


def stop(processes: list[Child]) -> list[Login]:
    for process in processes:
        process.send(STOP)
    return [login for process in processes for login in process.receive()]


def settings(folder: ConfigFolder, text: str) -> None:
    with (folder.path / "ualauth.toml").open("a", encoding="utf-8") as file:
        file.write(text)


def judge(logins: list[Login], clock: Clock, away: dict[str, set[str]]) -> Counter[str]:
    """Assert that each login came to what was true; return how many came to what."""
    counts: Counter[str] = Counter()
    wrong = []
    for login in logins:
        state = clock.state(login)
        allowed = {
            "there": {PRESENT[login.label]},
            "away": away[login.label],
            "between": {PRESENT[login.label], *away[login.label]},
        }[state]
        counts[f"{state}: {login.outcome}"] += 1
        if login.outcome not in allowed:
            wrong.append((login, state, allowed))
    assert not wrong, (len(wrong), wrong[:5])
    return counts


@pytest.mark.parametrize("grace", [0, 3600])
def test_while_the_userlist_is_away_only_what_is_known_for_sure_grants(
    folder: ConfigFolder,
    userlist: Userlist,
    database: Path,
    tell: Callable[[str], None],
    grace: int,
) -> None:
    settings(folder, f"\n[lockout]\nfailures = 0\n\n[cache]\noutage_grace = {grace}\n")
    userlist.add("anna", "violet 7 anchor")
    userlist.add("bert", "copper 5 lantern")
    clock = Clock()
    with children(*all_tries(folder.path, 8, TRIES)) as processes:
        # Every process remembers bert's former password; then it is changed, and that is seen.
        clock.turn("between")
        lap(processes)
        user = userlist.store.get("bert")
        set_password(userlist.store, userlist.hasher, user, "copper 6 lantern")
        clock.turn("there")
        lap(processes)
        for number in range(ROUNDS):
            clock.turn("between")
            with moved(database, ("nothing", "a folder", "a text")[number % 3]):
                clock.turn("away")
                lap(processes)
                clock.turn("between")
            clock.turn("there")
            lap(processes)
        logins = stop(processes)
    # Before the change, the former password was the right one.
    logins = [login for login in logins if login.began > clock.turns[2][0]]
    refused = {TEMPORARY}
    away = dict.fromkeys(PRESENT, refused)
    if grace:
        away |= {"right": {GRANTED}, "present": {GRANTED}}
    counts = judge(logins, clock, away)
    assert counts[f"away: {TEMPORARY}"] > 0
    assert (counts[f"away: {GRANTED}"] > 0) == (grace > 0)
    with contextlib.closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    tell(f"outage, grace {grace} s: {ROUNDS} times away, {_text(counts)}: 0 wrong")


def test_while_another_program_writes_no_password_is_called_wrong(
    folder: ConfigFolder, userlist: Userlist, database: Path, tell: Callable[[str], None]
) -> None:
    # Each failure is counted, and each process tries two of them at most at once.
    settings(
        folder,
        "\n[lockout]\nfailures = 1000\nfailure_window = 1\n\n[userlist]\ntimeout = 2\n",
    )
    userlist.add("anna", "violet 7 anchor")
    userlist.add("bert", "copper 6 lantern")
    clock = Clock()
    with children(*all_tries(folder.path, 2, TRIES[:3])) as processes:
        lap(processes)
        for _ in range(2):
            clock.turn("between")
            with locked(database):
                clock.turn("away")
                lap(processes)
                clock.turn("between")
            clock.turn("there")
            lap(processes)
        logins = stop(processes)
    # What can be read can be judged; what cannot be counted is not refused for good.
    away = {"right": {GRANTED}, "wrong": {TEMPORARY}, "unknown": {TEMPORARY}}
    counts = judge(logins, clock, away)
    assert counts[f"away: {GRANTED}"] > 0
    assert counts[f"away: {TEMPORARY}"] > 0
    tell(f"locked by another program: 2 times, {_text(counts)}: 0 wrong")


def test_no_grace_lets_a_user_in_whom_this_process_never_saw(
    folder: ConfigFolder, userlist: Userlist, database: Path
) -> None:
    settings(folder, "\n[lockout]\nfailures = 0\n\n[cache]\noutage_grace = 3600\n")
    userlist.add("anna", "violet 7 anchor")
    with children((hammer, str(folder.path), False, 1, TRIES[:1])) as (process,):
        process.ask(LAP)
        with moved(database, "nothing"):
            began = time.monotonic_ns()
            with children((hammer, str(folder.path), False, 1, TRIES[:1])) as (fresh,):
                fresh.ask(LAP)
                assert {login.outcome for login in stop([fresh])} == {TEMPORARY}
            process.ask(LAP)
            logins = [login for login in stop([process]) if login.began > began]
    assert {login.outcome for login in logins} == {GRANTED}


def _text(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
