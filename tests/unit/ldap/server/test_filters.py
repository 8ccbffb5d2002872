"""What searches return: compared with a filter that the test applies to the entries it sees.

The test's own evaluation knows nothing of the USERLIST: it looks at the attributes as a client
gets them, with the three values of RFC 4511, section 4.5.1.7.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.ldap.server import codec
from tests.unit.ldap.server.driven import (
    ANN,
    ANY,
    JOHN,
    SUFFIX,
    Client,
    code,
    contains,
    directory_of,
    equal,
    people,
)
from ualauth.ldap.server.directory import Directory
from ualauth.testing.userlist import Userlist
from ualauth.userlist import search
from ualauth.userlist.conditions import Field
from ualauth.userlist.group_record import NewGroup
from ualauth.userlist.names import ORName, parse
from ualauth.userlist.record import User

XENIA = f"uid=x.y,ou=a\\2Cb,ou=ny,{SUFFIX}"
GHOST, ZOE = f"uid=ghost,ou=ny,{SUFFIX}", f"uid=zoe,{SUFFIX}"
STAFF, ALL = f"cn=staff,ou=groups,{SUFFIX}", f"cn=all,ou=groups,ou=hq,ou=ny,{SUFFIX}"
SHADOWS = f"cn=shadows,ou=groups,{SUFFIX}"


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    userlist = Userlist.create(tmp_path)
    people(userlist)
    userlist.add(
        "x.y",
        "secret",
        name=parse("G=Xenia/S=Y  Z/OU1=ny/OU2=a,b"),
        addresses=("x@bücher.example",),
        mailbox_limit=7,
        hidden=True,
    )
    groups = userlist.store.groups
    groups.add(
        NewGroup(
            name="all",
            or_name=ORName("", common_name="all", ou1="ny", ou2="hq"),
            addresses=("all@example.com",),
        ),
        ("staff", "zoe"),
    )
    groups.add(
        NewGroup(name="shadows", or_name=ORName("", common_name="shadows")), ("ghost", "x.y")
    )
    directory = directory_of(tmp_path, userlist)
    yield directory
    directory.close()
    userlist.close()


def logged_in(directory: Directory, authid: str) -> Client:
    client = Client(directory)
    client.log_in(authid)
    return client


Attributes = Mapping[str, list[str]]


def entries_of(client: Client) -> dict[str, Attributes]:
    """Return name -> attributes, all that the client can see of each entry."""
    *entries, done = client.ask("searchRequest", codec.search(ANY, attributes=[b"*", b"+"]))
    assert code(done[1]) == 0
    return {
        each[1]["objectName"].decode(): {
            attribute["type"].decode().lower(): [value.decode() for value in attribute["vals"]]
            for attribute in each[1]["attributes"]
        }
        for each in entries
    }


TEXTS = (
    *("uid", "cn", "sn", "givenName", "displayName", "mail", "ou", "scalixMailnode"),
    *("preferredLanguage", "initials", "scalixMailboxClass"),
)
FLAGS = ("scalixHideUserEntry", "scalixAdministrator", "hasSubordinates")
OTHERS = ("objectClass", "entryUUID", "entryDN", "member", "createTimestamp")
UNKNOWN = ("userPassword", "noSuch", "ul-pwd")
SECRET = frozenset({"scalixhideuserentry", "scalixadministrator", "scalixmailboxclass"})
NUMBER = "scalixLimitMailboxSize"


def plain(text: str) -> str:
    return " ".join(text.lower().split())


def is_true(wanted: Any, entry: Attributes, hidden: frozenset[str]) -> bool | None:
    """Return what a filter comes to."""
    kind, value = wanted
    match kind:
        case "and" | "or":
            outcomes = [is_true(each, entry, hidden) for each in value]
            decisive: bool = kind == "or"
            if decisive in outcomes:
                return decisive
            return None if None in outcomes else not decisive
        case "not":
            outcome = is_true(value, entry, hidden)
            return None if outcome is None else not outcome
        case _:
            return is_item_true(kind, value, entry, hidden)


def is_item_true(  # noqa: C901, PLR0911 - a case for each kind
    kind: str, value: Any, entry: Attributes, hidden: frozenset[str]
) -> bool | None:
    name = value if kind == "present" else value.get("type", value.get("attributeDesc"))
    key, _, option = name.decode().lower().partition(";")
    if key in hidden or key in {each.lower() for each in UNKNOWN}:
        return None
    own = [] if option else entry.get(key, [])
    if kind == "present":
        return bool(own)
    if kind == "substrings":
        if key not in {each.lower() for each in TEXTS}:
            return None
        ((place, part),) = value["substrings"]
        text = plain(part.decode())
        tests: dict[str, Callable[[str, str], bool]] = {
            "initial": str.startswith,
            "any": operator.contains,
            "final": str.endswith,
        }
        return any(tests[place](plain(each), text) for each in own)
    asserted = value["assertionValue"].decode()
    if kind in {"greaterOrEqual", "lessOrEqual"}:
        compare = operator.ge if kind == "greaterOrEqual" else operator.le
        if key == NUMBER.lower():
            return (
                any(compare(int(each), int(asserted)) for each in own)
                if asserted.isdigit()
                else None
            )
        if key == "createtimestamp":
            is_time = asserted.endswith("Z")
            return any(compare(each, asserted) for each in own) if is_time else None
        return None
    if key == NUMBER.lower():
        return any(int(each) == int(asserted) for each in own) if asserted.isdigit() else None
    if key in {each.lower() for each in FLAGS} and asserted.upper() not in {"TRUE", "FALSE"}:
        return None
    if key == "entryuuid" and len(asserted) != 36:
        return None
    if key == "createtimestamp" and not asserted.endswith("Z"):
        return None
    if key in {"entrydn", "member"} and "=" not in asserted:
        return None
    return any(plain(each) == plain(asserted) for each in own)


def some_filter(random: Random, entries: Mapping[str, Attributes], depth: int = 3) -> Any:
    if depth and random.random() < 0.55:
        kind = random.choice(("and", "or", "not"))
        if kind == "not":
            return kind, some_filter(random, entries, depth - 1)
        most = random.randint(0, 3)
        return kind, [some_filter(random, entries, depth - 1) for _ in range(most)]
    key = random.choice((*TEXTS * 2, *FLAGS, *OTHERS, *UNKNOWN, NUMBER, "cn;lang-de"))
    values = [value for each in entries.values() for value in each.get(key.lower(), ())]
    value = random.choice([*values, "x", "7", "TRUE", "no where"])
    form = random.choice(("present", "equalityMatch", "substrings", "substrings", "order"))
    if form == "present":
        return "present", key.encode()
    if form == "substrings":
        place = random.choice(("initial", "any", "final"))
        size = random.randint(1, 4)
        part = {"initial": value[:size], "any": value[1 : 1 + size], "final": value[-size:]}
        text = part[place].strip() or "x"
        return "substrings", {"type": key.encode(), "substrings": [(place, text.encode())]}
    if form == "order":
        form = random.choice(("greaterOrEqual", "lessOrEqual"))
    spelled = random.choice((value, value.upper(), value.replace(" ", "  ")))
    if key in {"createTimestamp", *FLAGS}:
        spelled = value
    return form, {"attributeDesc": key.encode(), "assertionValue": spelled.encode()}


@pytest.mark.parametrize(("authid", "number"), [("ann", 14), ("jsmith", 11)])
def test_searches_return_what_the_filter_holds_of(
    directory: Directory, authid: str, number: int
) -> None:
    client = logged_in(directory, authid)
    entries = entries_of(client)
    assert {JOHN, ANN, ZOE, STAFF, ALL, SHADOWS, SUFFIX} <= set(entries)
    assert (GHOST in entries) is (authid == "ann")
    assert len(entries) == number
    hidden = frozenset() if authid == "ann" else SECRET | {NUMBER.lower()}
    random = Random(3)
    hits = 0
    for _ in range(70):
        wanted = some_filter(random, entries)
        expected = [name for name, own in entries.items() if is_true(wanted, own, hidden)]
        assert client.search(wanted) == expected, wanted
        hits += 0 < len(expected) < len(entries)
        # Each entry by itself, too.
        name = random.choice([*entries])
        by_itself = client.search(wanted, name, scope="baseObject")
        assert by_itself == [name] * (name in expected), (name, wanted)
    # Which values there are differs from run to run.
    assert hits > 3


def test_scopes(directory: Directory) -> None:
    client = logged_in(directory, "ann")
    names = [*entries_of(client)]
    for base in names:
        below = [each for each in names if each.endswith(f",{base}")]
        assert client.search(ANY, base) == [base, *below]
        one = [each for each in below if each.count(",") == base.count(",") + 1]
        assert client.search(ANY, base, scope="singleLevel") == one
        assert client.search(ANY, base, scope="baseObject") == [base]


def test_no_filter_tells_of_hidden_members(directory: Directory) -> None:
    member = ("present", b"member")
    assert set(logged_in(directory, "ann").search(member)) == {STAFF, ALL, SHADOWS}
    client = logged_in(directory, "jsmith")
    assert set(client.search(member)) == {STAFF, ALL}
    assert client.search(equal("member", GHOST)) == []
    assert client.search(equal("member", JOHN)) == [STAFF]
    assert client.search(equal("member", STAFF)) == [ALL]
    assert set(client.search(("not", equal("member", GHOST)), f"ou=groups,{SUFFIX}")) == {
        STAFF,
        SHADOWS,
        f"ou=groups,{SUFFIX}",
    }
    # A hidden user is there for itself.
    assert set(logged_in(directory, "ghost").search(equal("member", GHOST))) == {STAFF, SHADOWS}
    assert set(logged_in(directory, "ghost").search(member)) == {STAFF, ALL, SHADOWS}


def test_an_address_in_both_spellings_of_its_domain(directory: Directory) -> None:
    client = logged_in(directory, "ann")
    assert client.search(equal("mail", "x@bücher.example")) == [XENIA]
    assert client.search(equal("mail", "X@xn--bcher-kva.example")) == [XENIA]


INDEXED = [
    equal("uid", "jsmith"),
    equal("mail", "js@example.com"),
    ("or", [equal("uid", "jsmith"), equal("mail", "nobody@example.com")]),
    ("and", [equal("objectClass", "person"), equal("uid", "jsmith"), contains("cn", "smi")]),
    equal("entryDN", JOHN),
    ("or", [contains("cn", "smi"), contains("sn", "smi"), contains("mail", "smi")]),
    ("and", [("present", b"mail"), contains("displayName", "smith")]),
    ("or", [contains("cn", "smi"), contains("noSuch", "smi")]),
]


def test_what_the_index_can_tell_is_no_scan(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = logged_in(directory, "jsmith")
    looked_at: list[int] = []
    values = search.values_of_user

    def counted(user: User, wanted: Field) -> Any:
        looked_at.append(user.id)
        return values(user, wanted)

    monkeypatch.setattr(search, "values_of_user", counted)
    for wanted in INDEXED:
        looked_at.clear()
        assert client.search(wanted) == [JOHN]
        assert len({*looked_at}) == 1, wanted


def test_a_uuid_is_looked_up(directory: Directory) -> None:
    client = logged_in(directory, "ann")
    for name, attributes in entries_of(client).items():
        for uuid in attributes.get("entryuuid", ()):
            assert client.search(equal("entryUUID", uuid.upper())) == [name]
    assert client.search(equal("entryUUID", "00000000-0000-8001-8000-000000000001")) == []


def test_a_search_ends_at_its_time_between_pages(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = logged_in(directory, "ann")
    moments = count()
    clock = SimpleNamespace(monotonic=lambda: next(moments) / 10)
    monkeypatch.setattr("ualauth.ldap.server.searching.time", clock)
    # Time passes at each look at the clock: one before each entry, and between pages.
    for wanted, least in ((ANY, 1), (("and", [("not", ("present", b"uid")), ANY]), 0)):
        *entries, done = client.ask("searchRequest", codec.search(wanted, timeLimit=1))
        assert code(done[1]) == 3
        assert least <= len(entries) < 9
