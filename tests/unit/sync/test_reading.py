"""Entries of groups, lists that come in parts, agreements that cannot be, and the schema."""

from __future__ import annotations

import dataclasses
import re
import uuid
from collections.abc import Coroutine
from typing import Any

import pytest

from tests.unit.sync.conftest import AGREEMENT
from ualauth.errors import InvalidValue
from ualauth.ldap.client import dn
from ualauth.ldap.client.blocking import run_blocking
from ualauth.ldap.client.values import Attributes, LdapEntry, Requester, Search
from ualauth.sync.agreement import Agreement, Source
from ualauth.sync.failures import SyncUnavailable
from ualauth.sync.mapping import guid_filter
from ualauth.sync.products import Product
from ualauth.sync.schema import ARC, ATTRIBUTES, active_directory_ldif, openldap_ldif
from ualauth.sync.sources.reading import Names, list_groups

FOLLOWED = dataclasses.replace(AGREEMENT, group_base="dc=groups")


class Server:
    """Gives members in parts of `size`, as a domain controller does with 1,500."""

    def __init__(self, members: int, size: int) -> None:
        self.members = [f"uid=user{number},dc=x".encode() for number in range(members)]
        self.size = size
        self.asked = 0
        self.lost: int | None = None
        """Which question is answered as if the group were gone."""

    def search(self, _: Requester, search: Search) -> Coroutine[Any, Any, list[LdapEntry]]:
        async def answer() -> list[LdapEntry]:
            self.asked += 1
            if self.asked == self.lost:
                return []
            match = re.fullmatch(r"member;range=(\d+)-\*", search.attributes[0])
            return [self.entry(int(match[1]) if match else 0)]

        return answer()

    def entry(self, first: int) -> LdapEntry:
        some = self.members[first : first + self.size]
        end = first + len(some)
        last = "*" if end == len(self.members) else str(end - 1)
        name = "member" if len(self.members) <= self.size else f"member;range={first}-{last}"
        values = {"entryUUID": [b"1"], "cn": [b"sales"], name: some}
        return LdapEntry("cn=sales,dc=groups", Attributes(values))


def names(count: int) -> Names:
    known = Names()
    for number in range(count):
        known.add(f"guid{number}", f"UID=User{number}, dc=x", f"user{number}")
    return known


@pytest.mark.parametrize(("members", "parts"), [(0, 1), (9, 1), (10, 1), (11, 2), (35, 4)])
def test_lists_that_come_in_parts_are_read_to_their_end(members: int, parts: int) -> None:
    server = Server(members, 10)
    (group,) = run_blocking(list_groups(server, FOLLOWED, names(members)))  # type: ignore[arg-type]
    assert group.members == {f"guid{number}" for number in range(members)}
    assert server.asked == parts


def test_a_list_that_ends_in_the_middle_is_none() -> None:
    server = Server(35, 10)
    server.lost = 3
    with pytest.raises(SyncUnavailable, match="changed while they were read"):
        run_blocking(list_groups(server, FOLLOWED, names(35)))  # type: ignore[arg-type]


def test_members_are_found_by_names_however_they_are_written() -> None:
    known = names(3)
    known.add("guid9", "CN=Miller\\, Jane,DC=x")
    assert known.guid("uid=USER1,DC=X") == "guid1"
    assert known.guid("USER2") == "guid2"
    assert known.guid("cn=Miller\\2C Jane, dc=x") == "guid9"
    assert known.guid("uid=user1,dc=y") is None
    assert known.guid("stranger") is None


@pytest.mark.parametrize(
    ("one", "other"),
    [("cn=a+sn=b,dc=x", "CN=A + SN=B, DC=X"), ("cn=\\20a,dc=x", "cn=\\ a,dc=x")],
)
def test_names_are_compared_as_names(one: str, other: str) -> None:
    assert dn.key(one) == dn.key(other)
    assert dn.key(one) != dn.key(f"{one},dc=y")


def test_identities_of_active_directory_are_octets_in_filters() -> None:
    number = uuid.UUID("2b150b84-0000-1111-2222-333344445555")
    text = guid_filter(Product.ACTIVE_DIRECTORY, [str(number)])
    assert text.lower().startswith("(|(objectguid=\\84\\0b\\15\\2b")
    assert guid_filter(Product.OPENLDAP, ["a", "b*"]) == "(|(entryUUID=a)(entryUUID=b\\2a))"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"source": Source.AD_USN}, "there with active-directory alone"),
        ({"product": Product.DS389, "source": Source.SYNCREPL}, "there with openldap alone"),
        ({"group_filter": "(cn=*)"}, "needs a base of groups"),
        ({"group_base": "nowhere"}, "nowhere"),
        ({"group_base": "dc=x", "group_filter": "(cn=*"}, "parenthesis is not closed"),
        ({"interval": -1}, "no number is below 0"),
        ({"mapping": {"group_name": ""}}, "is needed"),
        ({"mapping": {"member": "uniqueMember"}}, "'member' is none of"),
    ],
)
def test_agreements_that_cannot_be_are_refused(change: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidValue, match=re.escape(why)):
        dataclasses.replace(AGREEMENT, **change)


def test_an_agreement_is_kept_as_it_is() -> None:
    agreement = dataclasses.replace(FOLLOWED, source=Source.SYNCREPL, interval=60)
    assert Agreement.from_json(agreement.to_json()) == agreement


def test_the_schema_names_each_attribute_once() -> None:
    for text in (openldap_ldif(), active_directory_ldif("DC=example,DC=com")):
        for each in ATTRIBUTES:
            assert (
                text.count(f"{ARC}.1.1.{each.number}\n") + text.count(f"{ARC}.1.1.{each.number} ")
                == 1
            )
    own = openldap_ldif("1.3.6.1.4.1.99999")
    assert "1.3.6.1.4.1.99999.1.1.10 NAME 'scalixScalixObject'" in own
    assert ARC not in own


@pytest.mark.parametrize("arc", ["", "x", "1", "1.2.", "3.1.2", "1.02", "1.2\n"])
def test_what_is_no_identifier_is_refused(arc: str) -> None:
    with pytest.raises(InvalidValue, match="no object identifier"):
        openldap_ldif(arc)
    with pytest.raises(InvalidValue, match="no object identifier"):
        active_directory_ldif("DC=x", arc)


def test_a_base_that_is_no_name_is_refused() -> None:
    with pytest.raises(InvalidValue):
        active_directory_ldif("DC=x\nchangetype: delete")
