"""A USERLIST in a temporary folder, with hashes that cost nothing.

    userlist = Userlist.create(tmp_path)
    userlist.add("jsmith", "s3cret", addresses=("john@example.com",))
    attempt = FakeAttempt("jsmith", password="s3cret", **userlist.behind_attempt())

It is closed by `close`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self, TypedDict, Unpack

from ualauth.passwords.schemes import CHEAPEST_FOR_TESTS, PasswordHasher
from ualauth.runtime.users import Users
from ualauth.userlist.cache import UserCache
from ualauth.userlist.group_record import Group, NewGroup, usual_or_name
from ualauth.userlist.names import ORName
from ualauth.userlist.policy import Policy
from ualauth.userlist.record import Changes, NewUser, User
from ualauth.userlist.store import UserStore


class Behind(TypedDict):
    """What stands behind a `FakeAttempt` that has this USERLIST."""

    resources: tuple[object, ...]
    users: Users


class Userlist:
    """A USERLIST for tests: the real store, on SQLite, and a hasher without strength."""

    def __init__(self, store: UserStore, policy: Policy | None = None) -> None:
        """Use a store that exists; `policy` is the usual one unless it is given."""
        self.store = store
        self.cache = UserCache(store, policy)
        self.hasher = PasswordHasher(profile=CHEAPEST_FOR_TESTS)

    @classmethod
    def create(cls, folder: Path, policy: Policy | None = None) -> Self:
        """Create `userlist.db` in a folder: where a configuration folder has it."""
        store = UserStore(f"sqlite:///{(folder / 'userlist.db').absolute()}")
        store.create()
        return cls(store, policy)

    def add(self, user: str, password: str | None = None, **fields: Unpack[Changes]) -> User:
        """Add a user; both the authid and the O/R name are `user`, unless `fields` say more."""
        stored = None if password is None else self.hasher.hash(password)
        known: Changes = {"authid": user, "name": ORName(surname=user), **fields}
        return self.store.add(NewUser(password=stored, **known))

    def add_group(self, name: str, *members: str) -> Group:
        """Add a group with users and groups in it."""
        new = NewGroup(name=name, or_name=usual_or_name(name))
        return self.store.groups.add(new, members)

    def behind_attempt(self) -> Behind:
        """Return the keywords that put this USERLIST behind a `FakeAttempt`."""
        return {"resources": (self.store, self.cache, self.hasher), "users": self.cache}

    def close(self) -> None:
        """Close the store."""
        self.cache.close()
        self.store.close()
