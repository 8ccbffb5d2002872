"""What changed in a domain controller that answers as none should."""

from __future__ import annotations

import dataclasses
from collections.abc import Coroutine, Sequence
from typing import Any

import pytest
from pyasn1.codec.ber.encoder import encode
from pyasn1.type import namedtype, univ

from tests.unit.sync.conftest import AGREEMENT
from ualauth.ldap.client.blocking import run_blocking
from ualauth.ldap.client.connection import Control, Reply
from ualauth.ldap.client.controls import DIRSYNC
from ualauth.ldap.client.values import Attributes, LdapEntry, Requester, Search
from ualauth.sync.agreement import Source
from ualauth.sync.failures import SyncUnavailable
from ualauth.sync.products import Product
from ualauth.sync.sources.active_directory import fetch
from ualauth.sync.sources.fetched import LastRun

AGREEMENT_AD = dataclasses.replace(
    AGREEMENT, product=Product.ACTIVE_DIRECTORY, source=Source.AD_DIRSYNC
)


def answer(*, more: bool, cookie: bytes) -> bytes:
    value = univ.Sequence(
        componentType=namedtype.NamedTypes(
            namedtype.NamedType("more", univ.Integer()),
            namedtype.NamedType("unused", univ.Integer()),
            namedtype.NamedType("cookie", univ.OctetString()),
        )
    )
    value["more"], value["unused"], value["cookie"] = int(more), 0, cookie
    return bytes(encode(value))


class Controller:
    """One with a user, which is its own connection, too."""

    server = "ldap://dc1"
    usable = True

    def __init__(self, *cookies: bytes) -> None:
        self.cookies = list(cookies)
        self.asked: list[Search] = []
        self.connection = self._Connection(self)

    def search(self, _: Requester, search: Search) -> Coroutine[Any, Any, list[LdapEntry]]:
        async def entries() -> list[LdapEntry]:
            self.asked.append(search)
            values: dict[str, list[bytes]] = {
                "dsServiceName": [b"cn=ntds"],
                "highestCommittedUSN": [b"7"],
                "namingContexts": [b"dc=x"],
                "invocationId": [b"1" * 16],
                "objectGUID": [b"2" * 16],
                "sAMAccountName": [b"ann"],
            }
            return [LdapEntry("cn=ann,dc=x", Attributes(values))]

        return entries()

    class _Connection:
        def __init__(self, controller: Controller) -> None:
            self.controller = controller

        async def search(
            self, _: Requester, search: Search, _controls: Sequence[Control], _seconds: float
        ) -> Reply:
            self.controller.asked.append(search)
            cookie, more = self.controller.cookies.pop(0), bool(self.controller.cookies)
            return Reply(0, controls={DIRSYNC: answer(more=more, cookie=cookie)})


def ask(controller: Controller, **changes: Any) -> Any:
    agreement = dataclasses.replace(AGREEMENT_AD, **changes)
    return run_blocking(fetch(controller, agreement, LastRun()))  # type: ignore[arg-type]


def test_all_parts_of_an_answer_are_asked_for() -> None:
    fetched = ask(Controller(b"1", b"2", b"3"))
    assert fetched.state["cookie"] == b"3".hex()
    assert [user.fields["authid"] for user in fetched.users] == ["ann"]


def test_a_server_that_always_has_more_is_not_asked_for_ever() -> None:
    with pytest.raises(SyncUnavailable, match="more"):
        ask(Controller(b"1", b"2", b"2", b"2"))


@pytest.mark.parametrize(
    "text", ["(memberOf=cn=mail,dc=x)", "(&(objectClass=user)(MEMBEROF:1.2.3:=cn=mail,dc=x))"]
)
def test_what_decides_on_membership_is_asked_for(text: str) -> None:
    controller = Controller(b"1")
    ask(controller, filter_text=text)
    names = {name.lower() for name in controller.asked[2].attributes}
    assert {"member", "memberof", "name", "parentguid", "isdeleted"} <= names
