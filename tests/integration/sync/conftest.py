"""A USERLIST that follows a real directory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ualauth.sync import store as agreements
from ualauth.sync.agreement import Agreement
from ualauth.sync.run import Outcome, run
from ualauth.testing.userlist import Userlist
from ualauth.userlist.record import User


class Follower:
    """A USERLIST with one agreement."""

    def __init__(self, folder: Path, password: str, **settings: Any) -> None:
        folder.mkdir()
        secret = folder / "secret"
        secret.write_text(password)
        secret.chmod(0o600)
        self.userlist = Userlist.create(folder)
        self.store = self.userlist.store
        self.agreement = Agreement(name="staff", password_file=str(secret), **settings)
        self.store.transaction(lambda connection: agreements.add(connection, self.agreement))

    def run(self, **arguments: Any) -> Outcome:
        return run(self.store, "staff", **arguments)

    def does(self, **arguments: Any) -> dict[str, int]:
        """Run it, and return how often it did what."""
        outcome = self.run(**arguments)
        assert outcome.applied, outcome.plan.guard
        return {kind: number for kind, number in outcome.plan.counts().items() if number}

    def users(self) -> dict[str, User]:
        return {user.authid: user for user in self.store.users()}

    def locked(self) -> set[str]:
        return {authid for authid, user in self.users().items() if user.locked}

    def members(self) -> dict[str, tuple[str, ...]]:
        groups = self.store.groups
        return {
            each.name: (*groups.members(each).users, *groups.members(each).groups)
            for each in groups.all()
        }

    def state(self) -> dict[str, Any]:
        stored = self.store.transaction(lambda connection: agreements.get(connection, "staff"))
        return stored.state

    def put_cookies(self, **values: str) -> None:
        """Let the next run ask with other cookies."""
        state = self.state()
        state["source"]["values"] |= values
        self.store.transaction(lambda connection: agreements.note(connection, 1, state))


@pytest.fixture
def followers(tmp_path: Path) -> Iterator[Callable[..., Follower]]:
    """What makes a follower by its password and settings."""
    every: list[Follower] = []

    def make(password: str, **settings: Any) -> Follower:
        every.append(Follower(tmp_path / f"follower{len(every)}", password, **settings))
        return every[-1]

    yield make
    for each in every:
        each.userlist.close()
