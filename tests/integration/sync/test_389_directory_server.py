"""Synchronization from a real 389 Directory Server: identity by nsUniqueId."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import ds389
from ualauth.sync import store as agreements
from ualauth.sync.agreement import Agreement
from ualauth.sync.products import Product
from ualauth.sync.run import run
from ualauth.testing.userlist import Userlist
from ualauth.userlist.record import User
from ualauth.userlist.store import UserStore

PEOPLE = f"ou=people,{ds389.SUFFIX}"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[UserStore]:
    """An empty USERLIST."""
    userlist = Userlist.create(tmp_path)
    yield userlist.store
    userlist.close()


def users(store: UserStore) -> dict[str, User]:
    return {user.authid: user for user in store.users()}


def person(name: str) -> str:
    return (
        f"dn: uid={name},{PEOPLE}\nobjectClass: inetOrgPerson\nuid: {name}\ncn: {name}\n"
        f"sn: {name}\nmail: {name}@example.com\n\n"
    )


def test_users_are_followed_by_their_unique_id(store: UserStore, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(ds389.MANAGER.password)
    secret.chmod(0o600)
    agreement = Agreement(
        name="ds",
        product=Product.DS389,
        uris=("ldap://placeholder",),
        base=PEOPLE,
        bind_dn=ds389.MANAGER.name,
        password_file=str(secret),
        tls=False,
        max_share=50,
    )
    with ds389.running() as server:
        server.add(f"dn: {PEOPLE}\nobjectClass: organizationalUnit\nou: people\n")
        server.add("".join(person(f"user{number}") for number in range(8)))
        agreement = Agreement.from_json(
            agreement.to_json().replace("ldap://placeholder", server.uri)
        )
        store.transaction(lambda connection: agreements.add(connection, agreement))
        assert run(store, "ds").conflicts == ()
        before = users(store)
        assert len(before) == 8
        server.modify(
            f"dn: uid=user0,{PEOPLE}\nchangetype: modrdn\nnewrdn: uid=renamed\n"
            f"deleteoldrdn: 1\n\n"
            f"dn: uid=user1,{PEOPLE}\nchangetype: modify\nadd: nsAccountLock\n"
            f"nsAccountLock: true\n\n"
            f"dn: uid=user2,{PEOPLE}\nchangetype: delete\n"
        )
        assert run(store, "ds").applied
        after = users(store)
        assert after["renamed"].id == before["user0"].id
        assert after["user1"].lock_reason == "disabled in the directory"
        assert after["user2"].locked
        assert run(store, "ds").plan.actions == ()
