"""A directory that a test writes, and a USERLIST that follows it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from ualauth.sync import store as agreements
from ualauth.sync.agreement import Agreement
from ualauth.sync.mapping import RemoteGroup, RemoteUser
from ualauth.sync.products import Product
from ualauth.sync.run import Outcome, run
from ualauth.sync.sources.fetched import Fetched
from ualauth.testing.userlist import Userlist
from ualauth.userlist.companies.record import NewCompany
from ualauth.userlist.names import ORName
from ualauth.userlist.record import NewUser, User
from ualauth.userlist.store import UserStore

AGREEMENT = Agreement(
    name="staff", product=Product.OPENLDAP, uris=("ldap://127.0.0.1",), base="dc=x", mail_node="ny"
)
ACME = dataclasses.replace(AGREEMENT, name="acme", mail_node="acme")
SERVER = dataclasses.replace(AGREEMENT, name="own", mail_node="")


def remote(guid: str, authid: str = "", **fields: Any) -> RemoteUser:
    """Return an entry; its authid is its guid unless it is given."""
    authid = authid or guid
    defaults = {"authid": authid, "surname": authid, "addresses": (f"{authid}@example.com",)}
    return RemoteUser(guid, f"uid={authid},dc=x", defaults | fields)


def entry(guid: str, authid: str, **fields: Any) -> RemoteUser:
    """Return an entry whose only address is its authid."""
    return remote(guid, authid, **({"addresses": (authid,)} | fields))


def group(guid: str, *members: str, name: str = "", addresses: tuple[str, ...] = ()) -> RemoteGroup:
    """Return the entry of a group; its name is its guid unless it is given."""
    name = name or guid
    return RemoteGroup(guid, f"cn={name},dc=x", name, addresses, frozenset(members))


class Synchronized:
    """A USERLIST with an agreement: `run` takes what the directory has."""

    def __init__(self, store: UserStore, agreement: Agreement = AGREEMENT) -> None:
        self.store = store
        self.agreement = agreement
        store.transaction(lambda connection: agreements.add(connection, agreement))

    @classmethod
    def of(cls, store: UserStore, agreement: Agreement = AGREEMENT) -> Synchronized:
        """Return one whose agreement is there already."""
        synchronized = cls.__new__(cls)
        synchronized.store, synchronized.agreement = store, agreement
        return synchronized

    def run(
        self,
        remotes: Sequence[RemoteUser],
        groups: Sequence[RemoteGroup] | None = None,
        **arguments: Any,
    ) -> Outcome:
        fetched = Fetched(list(remotes), groups)
        return run(self.store, self.agreement.name, fetch=lambda *_: fetched, **arguments)

    def users(self) -> dict[str, User]:
        return {user.authid: user for user in self.store.users()}

    def members(self) -> dict[str, tuple[str, ...]]:
        """Return the members of all groups, users and groups."""
        groups = self.store.groups
        return {
            each.name: (*groups.members(each).users, *groups.members(each).groups)
            for each in groups.all()
        }


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


@pytest.fixture(scope="module")
def userlist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two companies with an administrator each, and hosting on."""
    folder = tmp_path_factory.mktemp("hosted")
    store = Userlist.create(folder).store
    for name in ("acme", "bolt"):
        store.companies.add(NewCompany(name=name, domains=(f"{name}.example",)))
    store.companies.switch_on(store.companies.plan())
    for name in ("acme", "bolt"):
        node = ORName("Boss", ou1=name)
        store.add(NewUser(authid=f"boss@{name}.example", name=node, administrator=True))
    store.close()
    return folder


@pytest.fixture
def hosted(userlist: Path, tmp_path: Path) -> Iterator[UserStore]:
    """A copy of it for each test."""
    for file in userlist.iterdir():
        if file.is_file():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    copy = Userlist.create(tmp_path)
    yield copy.store
    copy.close()


@pytest.fixture
def acme(hosted: UserStore) -> Synchronized:
    """One with an agreement of a company."""
    return Synchronized(hosted, ACME)
