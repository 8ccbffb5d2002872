"""A directory that a test writes, and a USERLIST that follows it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from ualauth.sync import store as agreements
from ualauth.sync.agreement import Agreement
from ualauth.sync.mapping import RemoteUser
from ualauth.sync.products import Product
from ualauth.sync.run import Outcome, run
from ualauth.sync.sources.fetched import Fetched
from ualauth.testing.userlist import Userlist
from ualauth.userlist.record import User
from ualauth.userlist.store import UserStore

AGREEMENT = Agreement(
    name="staff", product=Product.OPENLDAP, uris=("ldap://127.0.0.1",), base="dc=x", mail_node="ny"
)


def remote(guid: str, authid: str = "", **fields: Any) -> RemoteUser:
    """Return an entry; its authid is its guid unless it is given."""
    authid = authid or guid
    defaults = {"authid": authid, "surname": authid, "addresses": (f"{authid}@example.com",)}
    return RemoteUser(guid, f"uid={authid},dc=x", defaults | fields)


class Synchronized:
    """A USERLIST with an agreement: `run` takes what the directory has."""

    def __init__(self, store: UserStore, agreement: Agreement = AGREEMENT) -> None:
        self.store = store
        self.agreement = agreement
        store.transaction(lambda connection: agreements.add(connection, agreement))

    def run(self, remotes: Sequence[RemoteUser], **arguments: Any) -> Outcome:
        return run(
            self.store, self.agreement.name, fetch=lambda *_: Fetched(list(remotes)), **arguments
        )

    def users(self) -> dict[str, User]:
        return {user.authid: user for user in self.store.users()}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[UserStore]:
    """An empty USERLIST."""
    userlist = Userlist.create(tmp_path)
    yield userlist.store
    userlist.close()


@pytest.fixture
def staff(store: UserStore) -> Synchronized:
    """One with an agreement."""
    return Synchronized(store)
