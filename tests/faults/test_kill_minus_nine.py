"""Processes killed by SIGKILL in the middle of changes of passwords: nothing is lost or half done.

Two processes write at a time, and the second goes on while the first is killed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.faults.killing import Job, Killed, kill, password_of
from tests.faults.processes import children
from tests.seeds import SEED, rounds
from ualauth import Authenticator
from ualauth.passwords.scram import MECHANISMS, verifies
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.administration import set_password
from ualauth.userlist.record import User

KILLS = rounds(100)
JOBS = [
    Job("change_password", ("anna", "bert", "carla")),
    Job("set_password", ("dora", "emil", "fritz")),
]
BYSTANDER = "gustav"


def unchanging(user: User) -> dict[str, Any]:
    """Return the fields that a change of password leaves as they are."""
    fields = dataclasses.asdict(user)
    return {
        name: value
        for name, value in fields.items()
        if name not in {"password", "password_changed", "revision", "changed"}
    }


class Audit:
    """What the USERLIST must hold, and whether it does."""

    def __init__(self, userlist: Userlist, database: Path) -> None:
        self.userlist = userlist
        self.database = database
        self.numbers: dict[str, int] = {}
        self.fields: dict[str, dict[str, Any]] = {}
        self.revisions: dict[str, int] = {}
        self.counts: Counter[str] = Counter()
        for name in (*(user for job in JOBS for user in job.users), BYSTANDER):
            user = userlist.add(name, addresses=(f"{name}@example.org",))
            password = password_of(name, 0)
            user = set_password(userlist.store, userlist.hasher, user, password, keep=3)
            self.numbers[name] = 0
            self.fields[name] = unchanging(user)
            self.revisions[name] = user.revision

    def note(self, killed: Killed) -> None:
        """Take note of what a killed process had said."""
        self.counts["killed"] += 1
        for name, number in killed.confirmed.items():
            self.counts["confirmed"] += number - self.numbers[name]
            self.revisions[name] += number - self.numbers[name]
            self.numbers[name] = number
        if killed.begun is None:
            return
        self.counts["in the middle of a change"] += 1
        name, number = killed.begun
        if self.holds(name, number):
            # It was on the disk, and its process did not live to say so.
            self.counts["of these done"] += 1
            self.numbers[name] = number
            self.revisions[name] += 1

    def check(self) -> None:
        """Look at every user, and at the file."""
        users = {user.authid: user for user in self.userlist.store.users()}
        assert users.keys() == self.numbers.keys()
        for name, user in users.items():
            number = self.numbers[name]
            assert self.holds(name, number), name
            assert not self.holds(name, number - 1)
            assert not self.holds(name, number + 1)
            secrets = self.userlist.store.secrets(user)
            assert {secret.mechanism for secret in secrets} == MECHANISMS.keys()
            for secret in secrets:
                assert verifies(secret, password_of(name, number))
            assert user.revision == self.revisions[name]
            assert unchanging(user) == self.fields[name]
        with contextlib.closing(sqlite3.connect(self.database)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        self.counts["checks"] += 1

    def holds(self, name: str, number: int) -> bool:
        """Return whether UL-PWD is the password with that number."""
        stored = self.userlist.store.get(name).password
        assert stored is not None
        return self.userlist.hasher.verify(password_of(name, number), stored)


def test_a_change_of_password_is_there_as_a_whole_or_not_at_all(
    folder: ConfigFolder,
    userlist: Userlist,
    database: Path,
    tell: Callable[[str], None],
) -> None:
    audit = Audit(userlist, database)
    with children((kill, str(folder.path), SEED)) as (killer,):
        while audit.counts["killed"] < KILLS:
            for killed in killer.ask((JOBS, audit.numbers)):
                audit.note(killed)
            audit.check()
    # Who was told that the password was changed gets in with it.
    with Authenticator(folder.config()) as authenticator:
        for name, number in audit.numbers.items():
            assert authenticator.authenticate("pop3", name, password_of(name, number))
    counts = audit.counts
    assert audit.numbers[BYSTANDER] == 0
    assert userlist.store.get("anna").changed <= datetime.now(UTC)
    assert counts["in the middle of a change"] > counts["killed"] / 2
    # Done and not said is a matter of microseconds: a few of a hundred, or none.
    assert counts["of these done"] < counts["in the middle of a change"]
    tell(
        f"kill -9 (seed {SEED}): {counts['killed']} processes killed, "
        f"{counts['in the middle of a change']} in the middle of a change of which "
        f"{counts['of these done']} were done, {counts['confirmed']} confirmed changes: 0 lost, "
        f"0 half written, in {counts['checks']} checks of all users",
    )
