"""What the daemon tells of hosted companies: to the server's own programs, of all of them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from ualauth import AsyncAuthenticator
from ualauth.daemon import submission, users
from ualauth.daemon.requests import Unknown, UserDetails
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.companies.record import NewCompany
from ualauth.userlist.database.view import View
from ualauth.userlist.names import ORName
from ualauth.userlist.store import UserStore

NAMES = [f"{who}@{company}.example" for company in ("acme", "bolt") for who in ("ann", "bob")]


@pytest.fixture
def folder(tmp_path: Path) -> ConfigFolder:
    userlist = Userlist.create(tmp_path)
    companies = userlist.store.companies
    for name in ("acme", "bolt"):
        companies.add(NewCompany(name=name, domains=(f"{name}.example",)))
    companies.switch_on(companies.plan())
    for name in NAMES:
        who, company = name.removesuffix(".example").split("@")
        address = f"{who}.smith@{company}.example"
        userlist.add(
            name, None, name=ORName("Smith", who, ou1=company.upper()), addresses=(address,)
        )
    userlist.add("root", None, name=ORName("Root"))
    userlist.close()
    return ConfigFolder(tmp_path)


def test_mail_servers_are_told_of_the_users_of_all_companies(folder: ConfigFolder) -> None:
    async def ask() -> None:
        async with AsyncAuthenticator(folder.config()) as authenticator:
            answer = await users.next_users(authenticator, "")
            assert list(answer.names) == [*sorted(NAMES), "root"]
            for name in NAMES:
                who, company = name.removesuffix(".example").split("@")
                address = f"{who}.smith@{company}.example"
                for asked in (name, address):
                    details = await users.look_up(authenticator, asked)
                    assert isinstance(details, UserDetails)
                    assert details.user == name
                    assert details.values["company"] == company
                owners = await submission.owners(authenticator, address)
                assert (owners.authids, owners.exists) == ((name,), True)
            root = await users.look_up(authenticator, "root")
            assert isinstance(root, UserDetails)
            assert not root.values["company"]
            assert await users.look_up(authenticator, "no@acme.example") == Unknown()

    asyncio.run(ask())


def test_a_company_lists_its_own_users_alone(folder: ConfigFolder) -> None:
    with UserStore(folder.config().userlist_url) as store:
        for name in ("acme", "bolt"):
            seen = store.seen_by(View.of(store.companies.get(name).id))
            listed, _ = seen.next_users("")
            assert [user.authid for user in listed] == [each for each in NAMES if name in each]
