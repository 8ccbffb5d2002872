"""Synchronization of what changed in a real domain controller, against reading all of it.

Three USERLISTs follow one OU, each by another source: after each step they are the same.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from tests import samba
from tests.integration.sync.conftest import Follower
from ualauth.sync.agreement import Source
from ualauth.sync.failures import SyncUnavailable
from ualauth.sync.products import Product
from ualauth.sync.schema import active_directory_ldif, status

SOURCES = (Source.AD_DIRSYNC, Source.AD_USN, Source.FULL)


class Office:
    """An OU with people, one beside it, and those who follow it."""

    def __init__(self, controller: samba.Controller, followers: Callable[..., Follower]) -> None:
        self.controller = controller
        # The controller is that of all tests.
        self.mark = uuid.uuid4().hex[:6]
        self.ou = f"OU=staff{self.mark},{samba.SUFFIX}"
        self.other = f"OU=other{self.mark},{samba.SUFFIX}"
        self.sub = f"OU=sub,{self.ou}"
        for dn in (self.ou, self.other, self.sub):
            controller.add(f"dn: {dn}\nobjectClass: organizationalUnit\n")
        for number in range(6):
            self.add(f"user{number}", self.ou)
        self.add("below", self.sub)
        self.followers = [
            followers(
                samba.ADMINISTRATOR_PASSWORD,
                product=Product.ACTIVE_DIRECTORY,
                source=source,
                uris=(controller.tls_uri,),
                base=self.ou,
                group_base=self.ou,
                bind_dn=samba.ADMINISTRATOR,
                ca_file=str(controller.authority.file),
                max_share=80,
                # Lists of members come in parts of one, as if there were 1,500 of them.
                mapping={"members": "member;range=0-0"} if source is Source.FULL else {},
            )
            for source in SOURCES
        ]

    def name(self, name: str) -> str:
        return f"{name}-{self.mark}"

    def dn(self, name: str, ou: str = "") -> str:
        return f"CN={self.name(name)},{ou or self.ou}"

    def add(self, name: str, ou: str) -> None:
        ldif = samba.person(self.name(name), "S3cret-pw-1", f"sn: {name}")
        self.controller.add(ldif.replace(samba.PEOPLE, ou))

    def add_group(self, name: str, *members: str) -> None:
        ldif = samba.group(self.name(name), *members)
        self.controller.add(ldif.replace(f"CN={self.name(name)},{samba.PEOPLE}", self.dn(name)))

    def move(self, dn: str, to: str) -> None:
        rdn = dn.partition(",")[0]
        self.controller.modify(
            f"dn: {dn}\nchangetype: modrdn\nnewrdn: {rdn}\ndeleteoldrdn: 1\nnewsuperior: {to}\n"
        )

    def does(self) -> dict[str, int]:
        """Run all, and return what each of them did."""
        did = [each.does() for each in self.followers]
        assert did == [did[0]] * len(SOURCES)
        records = [
            [
                (user.authid, user.addresses, user.locked, str(user.name))
                for user in each.store.users()
            ]
            for each in self.followers
        ]
        assert records == [records[0]] * len(SOURCES)
        members = [each.members() for each in self.followers]
        assert members == [members[0]] * len(SOURCES)
        return did[0]

    def locked(self) -> set[str]:
        return {name.partition("-")[0] for name in self.followers[0].locked()}

    def members(self) -> dict[str, set[str]]:
        return {
            name.partition("-")[0]: {each.partition("-")[0] for each in members}
            for name, members in self.followers[0].members().items()
        }


@pytest.fixture
def office(samba_controller: samba.Controller, followers: Callable[..., Follower]) -> Office:
    """People whom all follow already."""
    office = Office(samba_controller, followers)
    assert office.does() == {"add": 7}
    assert office.does() == {}
    return office


def test_users_who_change_are_moved_and_are_deleted(office: Office) -> None:
    office.controller.modify(
        f"dn: {office.dn('user0')}\nchangetype: modify\ndelete: mail\n\n"
        f"dn: {office.dn('user2')}\nchangetype: delete\n\n"
        f"dn: {office.dn('user3')}\nchangetype: modify\nreplace: userAccountControl\n"
        "userAccountControl: 514\n"
    )
    office.move(office.dn("user1"), office.other)
    assert office.does() == {"change": 2, "delete": 2}
    assert office.locked() == {"user1", "user2", "user3"}
    office.move(office.dn("user1", office.other), office.ou)
    assert office.does() == {"restore": 1}
    assert office.does() == {}


def test_an_ou_takes_its_users_along(office: Office) -> None:
    """Nothing of the users changed: neither DirSync nor their numbers tell of them."""
    office.move(office.sub, office.other)
    assert office.does() == {"delete": 1}
    assert office.locked() == {"below"}
    office.move(f"OU=sub,{office.other}", office.ou)
    assert office.does() == {"restore": 1}


def test_groups_with_nested_ones_follow(office: Office) -> None:
    office.add_group("sales", *(office.dn(f"user{number}") for number in range(4)))
    office.add_group("all", office.dn("sales"), office.dn("user5"))
    assert office.does() == {"add group": 2}
    assert office.members() == {
        "sales": {"user0", "user1", "user2", "user3"},
        "all": {"sales", "user5"},
    }
    office.controller.modify(
        f"dn: {office.dn('sales')}\nchangetype: modify\ndelete: member\n"
        f"member: {office.dn('user0')}\n"
    )
    assert office.does() == {"change group": 1}
    assert office.members()["sales"] == {"user1", "user2", "user3"}
    office.controller.modify(f"dn: {office.dn('sales')}\nchangetype: delete\n")
    # It is kept, and so are its members and its own membership.
    assert office.does() == {"delete group": 1}
    assert office.members()["sales"] == {"user1", "user2", "user3"}
    assert "sales" in office.members()["all"]


def test_state_of_another_controller_is_not_used(office: Office) -> None:
    office.controller.modify(f"dn: {office.dn('user0')}\nchangetype: delete\n")
    for each in office.followers[:2]:
        # All is read: a number that another controller counted would hide the deletion.
        each.put_cookies(server="CN=NTDS Settings,CN=OTHER 00", usn="999999999")
    assert office.does() == {"delete": 1}


@pytest.mark.parametrize("what", [{"usn": "999999999"}, {"at": "9999999999"}, {"at": "1"}])
def test_state_of_the_future_or_of_long_ago_is_not_used(
    office: Office, what: dict[str, str]
) -> None:
    office.controller.modify(
        f"dn: {office.dn('user0')}\nchangetype: delete\n\n"
        f"dn: {office.dn('user1')}\nchangetype: modify\nreplace: sn\nsn: Changed\n"
    )
    for each in office.followers[:2]:
        # As of a controller that was put back: with its numbers, nothing would have changed.
        each.put_cookies(**what)
    assert office.does() == {"rename": 1, "delete": 1}


def test_a_filter_by_membership_is_followed(
    office: Office, followers: Callable[..., Follower]
) -> None:
    """A computed attribute: nothing of the user changes."""
    office.add_group("mail", office.dn("user0"), office.dn("user1"))
    by_membership = [
        followers(
            samba.ADMINISTRATOR_PASSWORD,
            product=Product.ACTIVE_DIRECTORY,
            source=source,
            uris=(office.controller.tls_uri,),
            base=office.ou,
            filter_text=f"(&(objectClass=user)(memberOf={office.dn('mail')}))",
            bind_dn=samba.ADMINISTRATOR,
            ca_file=str(office.controller.authority.file),
            max_share=80,
        )
        for source in SOURCES
    ]
    assert [each.does() for each in by_membership] == [{"add": 2}] * 3
    office.controller.modify(
        f"dn: {office.dn('mail')}\nchangetype: modify\nadd: member\n"
        f"member: {office.dn('user2')}\n-\ndelete: member\nmember: {office.dn('user0')}\n"
    )
    assert [each.does() for each in by_membership] == [{"add": 1, "delete": 1}] * 3


@pytest.mark.parametrize("cookie", ["", "no digits", "00", "4d53445303000000"])
def test_no_cookie_hides_who_is_gone(office: Office, cookie: str) -> None:
    office.controller.modify(f"dn: {office.dn('user0')}\nchangetype: delete\n")
    office.followers[0].put_cookies(cookie=cookie)
    assert office.does() == {"delete": 1}
    assert office.does() == {}


def test_a_user_without_the_right_is_refused_by_dirsync_and_follows_by_numbers(
    office: Office, followers: Callable[..., Follower]
) -> None:
    upn = f"{office.name('user5')}@ad.example.com"
    usual = {
        "product": Product.ACTIVE_DIRECTORY,
        "uris": (office.controller.tls_uri,),
        "base": office.ou,
        "bind_dn": upn,
        "ca_file": str(office.controller.authority.file),
        "max_share": 80,
    }
    with pytest.raises(SyncUnavailable):
        followers("S3cret-pw-1", source=Source.AD_DIRSYNC, **usual).run()
    staff = followers("S3cret-pw-1", source=Source.AD_USN, **usual)
    assert staff.does() == {"add": 7}
    office.controller.modify(f"dn: {office.dn('user0')}\nchangetype: delete\n")
    assert staff.does() == {"delete": 1}


def test_the_schema_is_accepted_and_its_attributes_are_taken(
    office: Office, followers: Callable[..., Follower]
) -> None:
    staff = office.followers[0]
    if not any(status(staff.agreement).values()):
        office.controller.modify(active_directory_ldif(samba.SUFFIX))
    assert all(status(staff.agreement).values())
    office.controller.modify(
        f"dn: {office.dn('user0')}\nchangetype: modify\n"
        "replace: scalixMailnode\nscalixMailnode: ny,hq\n-\n"
        "replace: scalixEmailAddress\nscalixEmailAddress: one@example.com\n-\n"
        "replace: scalixLimitMailboxSize\nscalixLimitMailboxSize: 500\n-\n"
        "replace: scalixHideUserEntry\nscalixHideUserEntry: TRUE\n"
    )
    other = followers(
        samba.ADMINISTRATOR_PASSWORD,
        product=Product.ACTIVE_DIRECTORY,
        uris=(office.controller.tls_uri,),
        base=office.ou,
        bind_dn=samba.ADMINISTRATOR,
        ca_file=str(office.controller.authority.file),
        scalix=True,
        mail_node="ny",
    )
    other.run()
    user = other.users()[office.name("user0")]
    assert (user.name.units, user.hidden, user.mailbox_limit) == (("ny", "hq"), True, 500)
    assert user.addresses == ("one@example.com",)
