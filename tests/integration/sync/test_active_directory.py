"""Synchronization from a real domain controller: identity by objectGUID, whatever the name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import samba
from ualauth.sync import store as agreements
from ualauth.sync.agreement import Agreement
from ualauth.sync.products import Product
from ualauth.sync.run import run
from ualauth.testing.userlist import Userlist
from ualauth.userlist.record import User
from ualauth.userlist.store import UserStore

OU = f"OU=staff,{samba.SUFFIX}"
OTHER = f"OU=other,{samba.SUFFIX}"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[UserStore]:
    """An empty USERLIST."""
    userlist = Userlist.create(tmp_path)
    yield userlist.store
    userlist.close()


def users(store: UserStore) -> dict[str, User]:
    return {user.authid: user for user in store.users()}


def test_users_are_followed_by_their_guid(
    store: UserStore, samba_controller: samba.Controller, tmp_path: Path
) -> None:
    controller = samba_controller
    secret = tmp_path / "secret"
    secret.write_text(samba.ADMINISTRATOR_PASSWORD)
    secret.chmod(0o600)
    for dn in (OU, OTHER):
        controller.add(f"dn: {dn}\nobjectClass: organizationalUnit\n")
    names = [f"staff{number}" for number in range(12)]
    for name in names:
        lines = ("givenName: Jo", f"sn: {name}")
        ldif = samba.person(name, "S3cret-pw-1", *lines)
        controller.add(ldif.replace(samba.PEOPLE, OU))
    agreement = Agreement(
        name="ad",
        product=Product.ACTIVE_DIRECTORY,
        uris=(controller.tls_uri,),
        base=OU,
        bind_dn=samba.ADMINISTRATOR,
        password_file=str(secret),
        ca_file=str(controller.authority.file),
        max_share=50,
    )
    store.transaction(lambda connection: agreements.add(connection, agreement))
    outcome = run(store, "ad")
    assert outcome.conflicts == ()
    assert sorted(users(store)) == sorted(names)
    before = users(store)
    controller.modify(
        f"dn: CN=staff0,{OU}\nchangetype: modrdn\nnewrdn: CN=Renamed\ndeleteoldrdn: 1\n\n"
        f"dn: CN=Renamed,{OU}\nchangetype: modify\nreplace: sAMAccountName\n"
        f"sAMAccountName: renamed\n-\ndelete: mail\n\n"
        f"dn: CN=staff1,{OU}\nchangetype: modify\nreplace: userAccountControl\n"
        f"userAccountControl: 514\n\n"
        f"dn: CN=staff2,{OU}\nchangetype: modrdn\nnewrdn: CN=staff2\ndeleteoldrdn: 1\n"
        f"newsuperior: {OTHER}\n\n"
        f"dn: CN=staff3,{OU}\nchangetype: delete\n"
    )
    assert run(store, "ad").applied
    after = users(store)
    assert after["renamed"].id == before["staff0"].id
    assert after["renamed"].addresses == ()
    assert (after["staff1"].locked, after["staff1"].lock_reason) == (
        True,
        "disabled in the directory",
    )
    assert after["staff2"].lock_reason.startswith("gone from the directory of ad on ")
    assert after["staff3"].locked
    controller.modify(
        f"dn: CN=staff2,{OTHER}\nchangetype: modrdn\nnewrdn: CN=back\ndeleteoldrdn: 1\n"
        f"newsuperior: {OU}\n"
    )
    outcome = run(store, "ad")
    assert [action.kind.value for action in outcome.plan.actions] == ["restore"]
    assert not users(store)["staff2"].locked
    assert run(store, "ad").plan.actions == ()
