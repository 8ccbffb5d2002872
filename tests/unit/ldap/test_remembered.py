"""Remembered logins: what servers say of themselves, and which server it is."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from ualauth.ldap.client.blocking import BLOCKING, run_blocking
from ualauth.ldap.client.faults import Lost
from ualauth.ldap.client.values import (
    Answer,
    Attributes,
    Kind,
    LdapEntry,
    Policy,
    PolicyError,
    Search,
)
from ualauth.ldap.config.configuration import Remembering
from ualauth.ldap.rules.remembered import RememberedLogins

OPENLDAP = {"objectClass": ["OpenLDAProotDSE"]}
CONTROLLER = {"supportedCapabilities": ["1.2.840.113556.1.4.800"]}
READ_ONLY = {"supportedCapabilities": ["1.2.840.113556.1.4.800", "1.2.840.113556.1.4.1920"]}
FIRST, SECOND = "ldap://first", "ldap://second"
DN, TEXT, PASSWORD = "uid=anna,dc=example,dc=com", "(uid=anna)", "correct horse"
CSN = {"entryCSN": ["20260101000000.000000Z#000000#000#000000"]}
LATER = {"entryCSN": ["20260101000001.000000Z#000000#000#000000"]}
OK = Answer(Kind.OK, 0, server=FIRST)
WRONG = Answer(Kind.WRONG_PASSWORD, 49, server=FIRST)


def entry(values: Mapping[str, Sequence[str]], server: str = FIRST, dn: str = DN) -> LdapEntry:
    octets = {name: [each.encode() for each in texts] for name, texts in values.items()}
    return LdapEntry(dn, Attributes(octets), server)


class Server:
    """A server that says of itself what `root` has, and finds every other entry."""

    def __init__(self, root: Mapping[str, Sequence[str]], name: str = FIRST) -> None:
        self.root, self.name = root, name
        self.asked: list[Search] = []

    async def search(self, _requester: Any, search: Search) -> list[LdapEntry]:
        self.asked.append(search)
        return [entry(self.root if not search.base else {}, self.name, search.base)]


@pytest.fixture
def logins() -> RememberedLogins:
    return RememberedLogins(Remembering(lifetime=60, users=10, policy=""))


def bound(
    logins: RememberedLogins, server: Any, held: LdapEntry, answer: Answer = OK, times: int = 2
) -> None:
    for _ in range(times):
        run_blocking(logins.note(server, BLOCKING, TEXT, held, PASSWORD, answer))


def needs_no_bind(
    logins: RememberedLogins, server: Any, held: LdapEntry, password: str = PASSWORD
) -> bool:
    known = logins.known(TEXT)
    if known is None:
        return False
    return run_blocking(logins.verify(server, BLOCKING, known, held, password))


def test_what_was_taken_twice_is_remembered(logins: RememberedLogins) -> None:
    server = Server(OPENLDAP)
    bound(logins, server, entry(CSN), times=1)
    assert not needs_no_bind(logins, server, entry(CSN))
    bound(logins, server, entry(CSN), times=1)
    assert needs_no_bind(logins, server, entry(CSN))
    assert not needs_no_bind(logins, server, entry(CSN), PASSWORD + "x")
    assert len(logins) == 1


@pytest.mark.parametrize(
    "held",
    [
        entry(LATER),
        entry({}),
        entry({"entryCSN": [*CSN["entryCSN"], *CSN["entryCSN"]]}),
        entry(CSN, SECOND),
        entry(CSN, dn=f"cn=x,{DN}"),
        entry({**CSN, "pwdAccountLockedTime": ["000001010000Z"]}),
        entry({**CSN, "shadowExpire": ["1"]}),
        entry({**CSN, "pwdEndTime": ["tomorrow"]}),
    ],
    ids=["later", "hidden", "twice", "elsewhere", "moved", "locked", "expired", "illegible"],
)
def test_another_entry_needs_a_bind(logins: RememberedLogins, held: LdapEntry) -> None:
    server = Server(OPENLDAP)
    bound(logins, server, entry(CSN))
    assert not needs_no_bind(logins, server, held)


@pytest.mark.parametrize(
    "answer",
    [
        WRONG,
        Answer(Kind.REFUSED, 53, server=FIRST),
        Answer(Kind.OK, 0, server=SECOND),
        Answer(Kind.OK, 0, policy=Policy(grace_left=1), server=FIRST),
        Answer(Kind.OK, 0, policy=Policy(seconds_left=60), server=FIRST),
        Answer(Kind.OK, 0, policy=Policy(error=PolicyError.CHANGE_AFTER_RESET), server=FIRST),
    ],
    ids=["wrong", "refused", "of another server", "grace", "expires", "reset"],
)
def test_any_other_answer_ends_it(logins: RememberedLogins, answer: Answer) -> None:
    server = Server(OPENLDAP)
    bound(logins, server, entry(CSN), answer)
    assert not needs_no_bind(logins, server, entry(CSN))
    bound(logins, server, entry(CSN))
    assert needs_no_bind(logins, server, entry(CSN))
    bound(logins, server, entry(CSN), answer, times=1)
    assert not needs_no_bind(logins, server, entry(CSN))


@pytest.mark.parametrize("root", [{}, {"vendorName": ["Novell"]}, READ_ONLY, CONTROLLER])
def test_servers_of_which_too_little_is_known_always_bind(
    logins: RememberedLogins, root: Mapping[str, Sequence[str]]
) -> None:
    server = Server(root)
    values = {**CSN, "uSNChanged": ["7"], "whenChanged": ["20260101000000.0Z"]}
    bound(logins, server, entry({**values, "objectGUID": ["x"]}))
    assert len(logins) == 0


def test_an_overlay_whose_policy_is_not_named_always_binds(logins: RememberedLogins) -> None:
    server = Server({**OPENLDAP, "supportedControl": ["1.3.6.1.4.1.42.2.27.8.5.1"]})
    bound(logins, server, entry(CSN))
    assert len(logins) == 0
    bound(logins, server, entry({**CSN, "pwdPolicySubentry": ["cn=policy"]}))
    assert needs_no_bind(logins, server, entry({**CSN, "pwdPolicySubentry": ["cn=policy"]}))


def test_a_search_that_began_before_asks_for_less(logins: RememberedLogins) -> None:
    server: Any = Server({**OPENLDAP, "supportedControl": ["1.3.6.1.4.1.42.2.27.8.5.1"]})
    values = {"pwdPolicySubentry": ["cn=policy"]}
    bound(logins, server, entry({**CSN, **values}))
    before = logins.known(TEXT)
    assert before is not None
    bound(logins, server, entry({**LATER, **values}))
    # Its filter has asked for nothing of an entry of the later version.
    later = entry({**LATER, **values})
    assert not run_blocking(logins.verify(server, BLOCKING, before, later, PASSWORD))
    assert needs_no_bind(logins, server, later)


def test_the_filter_finds_every_other_entry(logins: RememberedLogins) -> None:
    server = Server({**OPENLDAP, "supportedControl": ["1.3.6.1.4.1.42.2.27.8.5.1"]})
    bound(logins, server, entry({**CSN, "pwdPolicySubentry": ["cn=policy"]}))
    known = logins.known(TEXT)
    assert known is not None
    ((search,),) = known.searches([[Search("dc=x", filter_text=TEXT)]])
    marker = r"20260101000000.000000Z\23000000\23000\23000000"
    assert search.filter_text == (
        f"(&(uid=anna)(|(!(entryCSN={marker}))"
        "(&(!(|(pwdAccountLockedTime=*)(pwdAccountTmpLockoutEnd=*)(pwdFailureTime=*))))))"
    )


def test_a_fault_of_what_is_asked_beside_refuses_no_login(logins: RememberedLogins) -> None:
    class Broken(Server):
        async def search(self, _requester: Any, search: Search) -> list[LdapEntry]:
            raise Lost("closed")

    bound(logins, Broken(OPENLDAP), entry(CSN))
    assert len(logins) == 0


def test_a_child_begins_with_none(logins: RememberedLogins) -> None:
    server = Server(OPENLDAP)
    bound(logins, server, entry(CSN))
    child = os.fork()
    if not child:
        os._exit(len(logins))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert needs_no_bind(logins, server, entry(CSN))


def test_no_password_is_shown(logins: RememberedLogins) -> None:
    bound(logins, Server(OPENLDAP), entry(CSN))
    assert PASSWORD not in repr(logins)
    assert PASSWORD not in repr(logins.known(TEXT))


def test_a_time_that_is_not_shown_must_not_be_there(logins: RememberedLogins) -> None:
    server = Server({"vendorName": ["389 Project"]})
    values = {"entryUSN": ["7"], "modifyTimestamp": ["20260101000000Z"], "nsUniqueId": ["a-b"]}
    hidden = "(!(passwordExpirationTime=*))"
    bound(logins, server, entry(values), times=1)
    assert hidden in server.asked[-1].filter_text
    shown = {**values, "passwordExpirationTime": ["20990101000000Z"]}
    bound(logins, server, entry(shown), times=1)
    assert hidden not in server.asked[-1].filter_text
    bound(logins, server, entry(shown), times=1)
    assert needs_no_bind(logins, server, entry(shown))
    over = {**values, "passwordExpirationTime": ["20260101000000Z"]}
    assert not needs_no_bind(logins, server, entry(over))
