"""Changes: what administrators do to groups, what users may do, and what is refused to whom."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
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
    directory_of,
    equal,
    people,
)
from ualauth.ldap.server.directory import Directory
from ualauth.testing.userlist import Userlist

STAFF = f"cn=staff,ou=groups,{SUFFIX}"
GHOST = f"uid=ghost,ou=ny,{SUFFIX}"
ZOE = f"uid=zoe,{SUFFIX}"
OWN = ("preferredLanguage", "scalixAdministrator", "uid", "userPassword")


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    userlist = Userlist.create(tmp_path)
    people(userlist)
    directory = directory_of(tmp_path, userlist, own_attributes=OWN)
    yield directory
    directory.close()
    userlist.close()


def logged_in(directory: Directory, authid: str) -> Client:
    client = Client(directory)
    client.log_in(authid)
    return client


def attribute(name: str, *values: str) -> dict[str, Any]:
    return {"type": name.encode(), "vals": [value.encode() for value in values]}


def add(client: Client, name: str, **attributes: Any) -> int:
    given = [
        attribute(key, *([value] if isinstance(value, str) else value))
        for key, value in attributes.items()
    ]
    return client.code_of("addRequest", {"entry": name.encode(), "attributes": given})


def modify(client: Client, name: str, *changes: tuple[str, str, list[str]]) -> int:
    wanted = [
        {"operation": kind, "modification": attribute(key, *values)}
        for kind, key, values in changes
    ]
    return client.code_of("modifyRequest", {"object": name.encode(), "changes": wanted})


def rename(client: Client, name: str, part: str, above: str | None = None, **more: Any) -> int:
    value = {"entry": name.encode(), "newrdn": part.encode(), "deleteoldrdn": True, **more}
    if above is not None:
        value["newSuperior"] = above.encode()
    return client.code_of("modDNRequest", value)


def members(directory: Directory, name: str) -> set[str]:
    groups = directory._everything.groups
    own = groups.members(groups.get(name))
    return {*own.users, *own.groups}


def test_a_group_is_added_changed_renamed_moved_and_deleted(directory: Directory) -> None:
    client = logged_in(directory, "ann")
    name = f"cn=Sales Team,ou=groups,ou=ny,{SUFFIX}"
    values = {"objectClass": "groupOfNames", "mail": "sales@example.com", "member": [JOHN, STAFF]}
    assert add(client, name, cn="Sales Team", **values) == 0
    assert add(client, name, **values) == 68
    group = directory._everything.groups.get("sales team")
    assert str(group.or_name) == "/ny/CN=Sales Team"
    assert group.addresses == ("sales@example.com",)
    assert members(directory, "sales team") == {"jsmith", "staff"}
    assert client.search(equal("member", STAFF)) == [name]
    changes = [("add", "member", [ZOE]), ("delete", "member", [STAFF])]
    changes.append(("replace", "mail", ["s@example.com", "t@example.com"]))
    assert modify(client, name, *changes) == 0
    assert members(directory, "sales team") == {"jsmith", "zoe"}
    assert directory._everything.groups.get("sales team").addresses[1] == "t@example.com"
    # All of a change, or nothing.
    changes = [("replace", "mail", ["u@example.com"]), ("add", "member", [ZOE])]
    assert modify(client, name, *changes) == 20
    assert modify(client, name, ("add", "member", [f"uid=no,{SUFFIX}"])) == 32
    assert modify(client, name, ("replace", "sn", ["x"])) == 65
    assert directory._everything.groups.get("sales team").addresses[0] == "s@example.com"
    assert rename(client, name, "cn=buyers") == 0
    name = f"cn=buyers,ou=groups,ou=ny,{SUFFIX}"
    assert client.search(ANY, name) == [name]
    assert str(directory._everything.groups.get("buyers").or_name) == "/ny/CN=buyers"
    assert rename(client, name, "cn=buyers", f"ou=groups,ou=la,{SUFFIX}") == 0
    name = f"cn=buyers,ou=groups,ou=la,{SUFFIX}"
    assert client.search(ANY, f"ou=groups,ou=la,{SUFFIX}") == [f"ou=groups,ou=la,{SUFFIX}", name]
    # A name of a user, of another kind, or another group's.
    assert rename(client, name, "cn=staff") == 68
    assert rename(client, name, "cn=jsmith") == 68
    assert rename(client, name, "uid=buyers") == 64
    assert rename(client, name, "cn=x", deleteoldrdn=False) == 53
    assert client.code_of("delRequest", name.encode()) == 0
    assert client.code_of("delRequest", name.encode()) == 32
    assert directory._everything.groups.find("buyers") is None


def test_groups_are_no_members_of_each_other(directory: Directory) -> None:
    client = logged_in(directory, "ann")
    name = f"cn=all,ou=groups,{SUFFIX}"
    assert add(client, name, objectClass="groupOfNames", member=STAFF) == 0
    assert modify(client, STAFF, ("add", "member", [name])) == 19
    assert members(directory, "staff") == {"jsmith", "ghost"}


def everything(client: Client, own: str) -> list[int]:
    """Return what each kind of change of others' entries comes to."""
    return [
        add(client, f"uid=new,{SUFFIX}", objectClass="inetOrgPerson", cn="N", sn="N"),
        add(client, f"cn=new,ou=groups,{SUFFIX}", objectClass="groupOfNames"),
        modify(client, STAFF, ("add", "member", [own])),
        modify(client, ANN, ("replace", "preferredLanguage", ["de"])),
        modify(client, ANN, ("replace", "userPassword", ["other"])),
        rename(client, ANN, "uid=anne"),
        rename(client, STAFF, "cn=other"),
        client.code_of("delRequest", ANN.encode()),
        client.code_of("delRequest", STAFF.encode()),
    ]


def test_users_change_nothing_of_others(directory: Directory) -> None:
    before = [directory._everything.get("ann"), directory._everything.groups.get("staff")]
    assert everything(logged_in(directory, "jsmith"), JOHN) == [50] * 9
    assert everything(Client(directory), JOHN) == [50] * 9
    assert [directory._everything.get("ann"), directory._everything.groups.get("staff")] == before
    assert directory._everything.resolve("new") is None


def test_users_change_of_their_own_what_the_settings_allow(directory: Directory) -> None:
    client = logged_in(directory, "jsmith")
    assert modify(client, JOHN, ("replace", "preferredLanguage", ["fr"])) == 0
    user = directory._everything.get("jsmith")
    assert user.language == "fr"
    for key, value in (
        ("cn", "King"),
        ("mail", "king@example.com"),
        # Even where the settings name it.
        ("scalixAdministrator", "TRUE"),
        ("scalixHideUserEntry", "TRUE"),
        ("userPassword", "other"),
    ):
        changes = [("replace", "preferredLanguage", ["es"]), ("replace", key, [value])]
        assert modify(client, JOHN, *changes) == 50, key
    assert modify(client, JOHN, ("replace", "uid", ["king"])) in {50, 67}
    assert rename(client, JOHN, "uid=king") == 50
    assert client.code_of("delRequest", JOHN.encode()) == 50
    assert directory._everything.get("jsmith") == user


def test_hidden_users_are_not_there_for_changes_either(directory: Directory) -> None:
    client = logged_in(directory, "jsmith")
    for base in (GHOST, f"uid=none,ou=ny,{SUFFIX}"):
        done = client.ask("searchRequest", codec.search(ANY, base))[-1][1]
        assert (code(done), done["matchedDN"]) == (32, f"ou=ny,{SUFFIX}".encode())
        ava = {"attributeDesc": b"cn", "assertionValue": b"Gil Ghost"}
        assert client.code_of("compareRequest", {"entry": base.encode(), "ava": ava}) == 32
        assert modify(client, base, ("replace", "preferredLanguage", ["de"])) == 32
    admin = logged_in(directory, "ann")
    assert modify(admin, GHOST, ("replace", "preferredLanguage", ["de"])) == 0
    # Whose rights are taken away has them no more, on the same connection.
    store = directory._everything
    store.update(store.get("ann"), administrator=False)
    assert modify(admin, GHOST, ("replace", "preferredLanguage", ["fr"])) == 32
    assert admin.search(equal("uid", "ghost")) == []
    assert store.get("ghost").language == "de"


@pytest.mark.parametrize("authid", ["ann", "jsmith"])
def test_no_client_learns_anything_of_a_password(directory: Directory, authid: str) -> None:
    client = logged_in(directory, authid)
    names = (b"userPassword", b"UL-PWD", b"scalixPassword", b"2.5.4.35")
    *entries, done = client.ask("searchRequest", codec.search(ANY, attributes=[b"*", b"+", *names]))
    assert code(done[1]) == 0
    stored = directory._everything.get("jsmith").password
    assert stored
    for _, entry in entries:
        for each in entry["attributes"]:
            assert b"assword" not in each["type"]
            assert not any(stored.encode() in value for value in each["vals"])
    for name in names:
        for wanted in (("present", name), equal(name.decode(), "secret")):
            assert client.search(wanted) == []
            assert client.search(("not", wanted)) == []
        ava = {"attributeDesc": name, "assertionValue": b"secret"}
        assert client.code_of("compareRequest", {"entry": JOHN.encode(), "ava": ava}) == 17
