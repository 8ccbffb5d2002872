"""Two USERLISTs that differ in what one company cannot see, and clients that ask both the same."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.unit.ldap.server import codec
from tests.unit.ldap.server.driven import SUFFIX, Client, code, directory_of
from ualauth.codes import ReturnCode
from ualauth.errors import AuthenticationFailed
from ualauth.ldap.server.directory import Directory
from ualauth.ldap.server.entries import GROUP, USER
from ualauth.testing.userlist import Userlist
from ualauth.userlist.companies.record import NewCompany
from ualauth.userlist.database.view import View
from ualauth.userlist.group_record import NewGroup
from ualauth.userlist.names import ORName
from ualauth.userlist.record import NewUser
from ualauth.userlist.store import UserStore

ACME, BOLT = f"ou=acme,{SUFFIX}", f"ou=bolt,{SUFFIX}"
ACTORS = ("ann@acme.example", "bob@acme.example", "svc")
"""An administrator and a user of a company, and a user of no company."""


def fill(store: UserStore, name: str) -> None:
    """Add the users and groups of a company: the first one administers, the last one is hidden."""
    domain = f"{name}.example"
    for who, below in (("ann", ""), ("bob", ""), ("cyd", "hq"), ("eve", "")):
        store.add(
            NewUser(
                authid=f"{who}@{domain}",
                name=ORName("Smith", who, common_name=f"{who} of {name}", ou1=name, ou2=below),
                addresses=(f"{who}.secret@{domain}",),
                administrator=who == "ann",
                hidden=who == "eve",
                language="en",
            )
        )
    for group, members in (("staff", ["ann", "eve"]), ("crew", ["bob"])):
        new = NewGroup(name=f"{group}@{domain}", or_name=ORName("", common_name=group, ou1=name))
        store.groups.add(new, [f"{who}@{domain}" for who in members])
    store.groups.update(store.groups.get(f"staff@{domain}"), add_members=(f"crew@{domain}",))


def host(store: UserStore) -> None:
    """Host two companies, of which the second one has nothing yet."""
    for name in ("acme", "bolt"):
        store.companies.add(NewCompany(name=name, domains=(f"{name}.example",)))
    for name, administers in (("root", True), ("svc", False)):
        store.add(NewUser(authid=name, name=ORName(name), administrator=administers))
    fill(store, "acme")
    store.companies.switch_on(store.companies.plan())


def fill_the_rest(store: UserStore) -> None:
    """Add what the first company does not see: the other one, and users and groups of none."""
    fill(store, "bolt")
    store.add(NewUser(authid="zoe", name=ORName("Smith", "zoe"), addresses=("zoe@free.example",)))
    mixed = NewGroup(name="all", or_name=ORName("", common_name="all"))
    store.groups.add(mixed, ["bob@acme.example", "bob@bolt.example", "staff@acme.example"])


def remove_the_rest(store: UserStore) -> None:
    """Remove what the first company does not see; ids are never given again."""
    acme = store.companies.get("acme").id
    for group in list(store.groups.all()):
        if group.or_name.ou1 != "acme":
            store.groups.delete(group)
    for user in list(store.users()):
        if user.company_id != acme and user.authid not in {"root", "svc"}:
            store.delete(user)


@contextmanager
def serving(folder: Path, store: UserStore, **settings: Any) -> Iterator[Directory]:
    """Show a USERLIST as a directory."""
    userlist = Userlist(store)
    directory = directory_of(folder, userlist, **settings)
    yield directory
    directory.close()
    userlist.cache.close()


def log_in(directory: Directory, authid: str) -> Client:
    """Return a client of a user."""
    client = Client(directory)
    client.log_in(authid)
    return client


# What may be asked

_NAMES = [
    *(
        f"uid={who}@{name}.example,{node}ou={name},{SUFFIX}"
        for name in ("acme", "bolt", "none")
        for who, node in (("ann", ""), ("bob", ""), ("cyd", "ou=hq,"), ("eve", ""), ("fay", ""))
    ),
    *(
        f"cn={group}@{name}.example,ou=groups,ou={name},{SUFFIX}"
        for name in ("acme", "bolt", "none")
        for group in ("staff", "crew", "team")
    ),
    *(f"uid={name},{SUFFIX}" for name in ("root", "zoe", "svc", "none")),
    *(f"cn={name},ou=groups,{SUFFIX}" for name in ("all", "none")),
]
_KINDS = ["search"] * 6 + ["modify"] * 3 + ["add"] * 2
_KINDS += ["compare", "name", "delete", "who", "password"]
_ATTRIBUTES: list[list[bytes]] = [[], [b"*"], [b"1.1"], [b"member", b"mail", b"entryUUID"]]
_OWN = [name for name in _NAMES if name.endswith(ACME)]
_BASES = [
    *("", SUFFIX, f"ou=groups,{SUFFIX}", ACME, BOLT, f"ou=none,{SUFFIX}", "cn=subschema"),
    *(f"{above},{base}" for base in (ACME, BOLT) for above in ("ou=hq", "ou=groups", "ou=no")),
]
_TEXTS = ["bolt", "acme", "secret", "smith", "ann", "bob of bolt", "zoe", "all", "staff", "en"]
_TYPES = ["uid", "cn", "sn", "mail", "ou", "scalixMailnode", "preferredLanguage", "objectClass"]


def requests(  # noqa: C901 - a case for each kind
    chance: random.Random, directory: Directory
) -> Iterator[tuple[str, Any, list[dict[str, Any]] | None]]:
    """Yield requests without end, about what is the company's, another's, and no company's."""
    while True:
        name, other = chance.choice(_NAMES), chance.choice(_NAMES)
        if chance.random() < 0.4:
            # Mostly what is there, so that much is changed.
            name, other = chance.choice(_OWN), chance.choice(_OWN)
        kind = chance.choice(_KINDS)
        match kind:
            case "search":
                value = codec.search(
                    _filter(chance, directory, 3),
                    chance.choice([name, *_BASES, *["", ACME] * 5]),
                    scope=chance.choice(["baseObject", "singleLevel", "wholeSubtree"]),
                    attributes=chance.choice(_ATTRIBUTES),
                    sizeLimit=chance.choice([0, 0, 3]),
                )
                yield "searchRequest", value, None
            case "compare":
                ava = {
                    "attributeDesc": chance.choice([*_TYPES, "member"]).encode(),
                    "assertionValue": chance.choice([*_TEXTS, other]).encode(),
                }
                yield "compareRequest", {"entry": name.encode(), "ava": ava}, None
            case "modify":
                yield "modifyRequest", _changes(chance, name, other), None
            case "add":
                yield "addRequest", _new(chance, name, other), None
            case "name" if not name.startswith("uid=ann@acme"):
                value = {
                    "entry": name.encode(),
                    "newrdn": other.partition(",")[0].encode(),
                    "deleteoldrdn": True,
                }
                if chance.random() < 0.5:
                    value["newSuperior"] = chance.choice(_BASES[1:]).encode()
                yield "modDNRequest", value, None
            case "delete" if not name.startswith("uid=ann@acme") and chance.random() < 0.3:
                yield "delRequest", name.encode(), None
            case "who":
                yield "extendedReq", {"requestName": b"1.3.6.1.4.1.4203.1.11.3"}, None
            case _:
                yield "extendedReq", new_password(name, chance.choice([None, b"wrong"])), None


def new_password(
    name: str, old: bytes | None = None, new: bytes = b"another one"
) -> dict[str, bytes]:
    """Return what asks for another password (RFC 3062)."""
    parts = [(0x80, name.encode()), (0x81, old), (0x82, new)]
    inner = b"".join(bytes([tag, len(each)]) + each for tag, each in parts if each is not None)
    value = b"\x30" + bytes([len(inner)]) + inner
    return {"requestName": b"1.3.6.1.4.1.4203.1.11.1", "requestValue": value}


def _filter(chance: random.Random, directory: Directory, levels: int) -> Any:
    if levels and chance.random() < 0.4:
        inner = [_filter(chance, directory, levels - 1) for _ in range(chance.randint(1, 3))]
        kind = chance.choice(["and", "or", "not"])
        return (kind, inner[0]) if kind == "not" else (kind, inner)
    type_ = chance.choice(_TYPES)
    text = chance.choice([*_TEXTS, *(name.partition(",")[0].partition("=")[2] for name in _NAMES)])
    number = chance.randint(1, 14)
    uuid = directory.shape.uuid_of(chance.choice([USER, GROUP]), number)
    named = chance.choice(["member", "entryDN"])
    return chance.choice(
        [
            ("present", b"objectClass"),
            ("present", chance.choice([type_, "member", "scalixHideUserEntry"]).encode()),
            _equal(type_, text),
            _equal(named, chance.choice(_NAMES)),
            _equal("entryUUID", uuid),
            _equal("scalixAdministrator", "TRUE"),
            (
                "substrings",
                {
                    "type": type_.encode(),
                    "substrings": [(chance.choice(["initial", "any", "final"]), text.encode())],
                },
            ),
        ]
    )


def _equal(type_: str, value: str) -> Any:
    pair = {"attributeDesc": type_.encode(), "assertionValue": value.encode()}
    return "equalityMatch", pair


def _attribute(type_: str, *values: str) -> dict[str, Any]:
    return {"type": type_.encode(), "vals": [value.encode() for value in values]}


def _changes(chance: random.Random, name: str, other: str) -> dict[str, Any]:
    change = chance.choice(
        [
            ("add", "member", other),
            ("delete", "member", other),
            (
                "replace",
                "mail",
                f"m{chance.randint(1, 9)}@{chance.choice(['acme', 'bolt'])}.example",
            ),
            ("replace", "mail", "bob.secret@bolt.example"),
            ("replace", "cn", chance.choice(_TEXTS)),
            ("replace", "preferredLanguage", "de"),
            ("replace", "scalixMailnode", chance.choice(["acme", "bolt", "bolt,hq"])),
            ("replace", "userPassword", "new secret"),
        ]
    )
    operation, type_, value = change
    changes = [{"operation": operation, "modification": _attribute(type_, value)}]
    return {"object": name.encode(), "changes": changes}


def _new(chance: random.Random, name: str, other: str) -> dict[str, Any]:
    if name.startswith("cn="):
        attributes = [_attribute("objectClass", "groupOfNames"), _attribute("member", other)]
    else:
        mail = chance.choice(
            [f"m{chance.randint(1, 9)}@acme.example"] * 4
            + ["bob.secret@bolt.example", "x@bolt.example"]
        )
        attributes = [
            *(_attribute("objectClass", "inetOrgPerson"), _attribute("cn", "New Smith")),
            *(_attribute("sn", "Smith"), _attribute("mail", mail)),
        ]
    return {"entry": name.encode(), "attributes": attributes}


# Twins


def answers(client: Client, kind: str, value: Any) -> list[tuple[str, Any]]:
    """Return what a client is answered; passwords that are asked for are wrong."""
    given = client.ask(kind, value)
    while client.logins:
        client.session.failed(client.logins.pop()[0], AuthenticationFailed(ReturnCode.AUTH_ERR))
        given += [each[1:3] for each in client.receive()]
    return given


def check_twins(first: Directory, second: Directory, seed: int, most: int) -> int:
    """Ask both the same, and compare every answer; return how many changes were made.

    What the first company does not see is in the second one alone.
    """
    chance = random.Random(seed)
    pairs = [(log_in(first, who), log_in(second, who)) for who in ACTORS]
    for client in (each for pair in pairs for each in pair):
        client.logins.clear()
    changes = 0
    asked = requests(chance, first)
    for _ in range(most):
        one, two = pairs[chance.choice([0] * 8 + [1, 1, 2])]
        kind, value, _ = next(asked)
        expected, given = answers(one, kind, value), answers(two, kind, value)
        assert given == expected, (kind, value)
        changes += kind not in {"searchRequest", "compareRequest", "extendedReq"} and (
            code(given[-1][1]) == 0
        )
    return changes


def state(directory: Directory, company: str) -> list[Any]:
    """Return all that a company has, without ids and moments."""
    everything = directory._everything
    number = everything.companies.get(company).id
    store = everything.seen_by(View.of(number))
    users = [
        (each.authid, str(each.name), each.addresses, each.language, each.administrator)
        for each in store.users()
    ]
    groups = [
        (each.name, str(each.or_name), each.addresses, store.groups.members(each))
        for each in store.groups.all()
    ]
    return [*users, *groups]
