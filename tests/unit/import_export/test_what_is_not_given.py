"""What a file does not give stays as it is; made-up values are for new users only."""

from __future__ import annotations

import dataclasses

import pytest

from tests.unit.import_export.arrivals import GRANTED, HASH, House
from ualauth.userlist.names import parse
from ualauth.userlist.record import NewUser, User

CRYPT = (
    "$6$faultlist$gLel/dwiJfaFGJSVYrK8TuxSBwDkFSf2oL3sHsdc1tFJjCI4IGah4tYPfo4CKbpBsTYboecx58"
    "Ov6G8I9lqqb0"
)
BOB = NewUser(
    authid="bob",
    name=parse("Bob Q Jones Jr/ny,hq/CN=Bob J"),
    addresses=("bob@example.com", "bobby@example.com"),
    unix_uid=1001,
    language="de",
    password=HASH,
)
OPTIONS = ("--existing", "update")
HASH_ONLY = {"password", "password_changed", "revision", "changed"}


def updated(house: House, kind: str, text: str, *options: str) -> tuple[User, set[str]]:
    """Return Bob after an import, and the names of the fields that changed."""
    before = house.store.add(BOB)
    result = house.import_(kind, text, *OPTIONS, *options)
    assert result.exit_code == 0, result.output
    after = house.store.get("bob")
    names = {each.name for each in dataclasses.fields(User)}
    return after, {name for name in names if getattr(before, name) != getattr(after, name)}


@pytest.mark.parametrize(
    ("kind", "text", "options"),
    [
        ("passwd", f"bob:{CRYPT}:65534:65534::/:/bin/sh\n", ()),
        ("passwd", f"bob:{CRYPT}:65534:65534::/:/bin/sh\n", ("--domain", "example.org")),
        ("passwd", f"bob:{CRYPT}:1001:1001:Bob Jones:/:/bin/sh\n", ("--mail-node", "la")),
        ("passwd", f"bob:{CRYPT}:1077:1077::/:/bin/sh\n", ("--no-unix-uids",)),
        ("dovecot", f"bob:{CRYPT}\n", ("--domain", "example.org", "--mail-node", "la")),
        ("dovecot", f"bob:{CRYPT}:::Bob Q Jones Jr,Room 1:::quota=1\n", ()),
        ("ldif", f"dn: uid=bob\nuid: bob\nuserPassword: {CRYPT}\n", ()),
        ("ldif", f"dn: uid=bob\nuid: bob\ngivenName: Bob\nsn: Jones\nuserPassword: {CRYPT}\n", ()),
        ("ldif", f"dn: uid=bob\nuid: bob\nuserPassword: {CRYPT}\n", ("--domain", "x.org")),
        ("csv", f"authid,password\nbob,{CRYPT}\n", ()),
        ("csv", f"authid,surname,password\nbob,Jones,{CRYPT}\n", ("--mail-node", "la")),
        ("csv", f"authid,password\nbob,{CRYPT}\n", ("--domain", "x.org", "--mail-node", "la")),
    ],
)
def test_a_file_of_hashes_changes_hashes(
    house: House, kind: str, text: str, options: tuple[str, ...]
) -> None:
    bob, changed = updated(house, kind, text, *options)
    assert changed == HASH_ONLY
    assert bob.password == CRYPT
    assert house.login("bob") == GRANTED


@pytest.mark.parametrize(
    ("kind", "text", "name"),
    [
        ("ldif", "dn: uid=bob\nuid: bob\ncn: Robert\n", "Bob Q Jones Jr/ny,hq/CN=Robert"),
        (
            "ldif",
            "dn: uid=bob\nuid: bob\nsn: Jones\ncn: Bob J\nou: la\n",
            "Bob Q Jones Jr/la/CN=Bob J",
        ),
        ("csv", "authid,generation,ou2\nbob,,\n", "Bob Q Jones/ny/CN=Bob J"),
        ("csv", "authid,name\nbob,Bob Jones\n", "Bob Jones"),
        ("dovecot", f"bob:{HASH}:::Rob Jones\n", "Rob Q Jones Jr/ny,hq/CN=Bob J"),
        ("passwd", f"bob:{HASH}:1001:1:Smith,,,:/:/\n", "Bob Q Smith Jr/ny,hq/CN=Bob J"),
    ],
)
def test_only_the_parts_of_a_name_that_are_given_change(
    house: House, kind: str, text: str, name: str
) -> None:
    bob, changed = updated(house, kind, text)
    assert changed == {"name", "revision", "changed"}
    assert str(bob.name) == name


def test_parts_that_are_no_name_together_are_a_bad_line(house: House) -> None:
    house.store.add(NewUser(authid="bob", name=parse("/CN=Sales")))
    text = "authid,given_name\nbob,Bob\n"
    result = house.import_("csv", text, *OPTIONS)
    assert result.exit_code == 1
    assert "line 2: surname of an O/R name: is missing" in result.stderr
    result = house.import_("csv", text, *OPTIONS, "--bad-lines", "skip")
    assert "line 2: surname of an O/R name: is missing" in result.stderr
    assert str(house.store.get("bob").name) == "/CN=Sales"


@pytest.mark.parametrize("how", [(), ("--bad-lines", "skip")])
def test_a_new_user_needs_what_an_existing_one_does_not(house: House, how: tuple[str, ...]) -> None:
    house.store.add(BOB)
    result = house.import_("csv", f"authid,password\nbob,{CRYPT}\nnew,{CRYPT}\n", *OPTIONS, *how)
    assert result.exit_code == 1
    assert "line 3: name: is missing" in result.stderr
    assert [user.authid for user in house.store.users()] == ["bob"]
    assert (house.store.get("bob").password == CRYPT) is bool(how)


@pytest.mark.parametrize("kind", ["csv", "ldif"])
def test_without_update_a_name_is_needed(house: House, kind: str) -> None:
    text = {"csv": "authid,password\nbob,*\n", "ldif": "dn: uid=bob\nuid: bob\n"}[kind]
    result = house.import_(kind, text)
    assert result.exit_code == 1
    assert "name" in result.stderr


def test_new_users_get_what_is_made_up(house: House) -> None:
    options = ("--domain", "example.org", "--mail-node", "la")
    assert house.import_("passwd", f"new:{CRYPT}:1077:1::/:/\n", *OPTIONS, *options).exit_code == 0
    new = house.store.get("new")
    assert str(new.name) == "new/la/CN=new"
    assert (new.addresses, new.unix_uid) == (("new@example.org",), 1077)
