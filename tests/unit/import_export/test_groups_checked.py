"""`ualauth user import --groups --check-only`: what would become of users and groups."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import Result

from tests.unit.import_export.arrivals import House
from ualauth.userlist.group_record import NewGroup, usual_or_name
from ualauth.userlist.names import ORName
from ualauth.userlist.record import NewUser

CLEAR_TEXT = "{PLAIN}violet 7 anchor"


def user(uid: str, *lines: str) -> str:
    return "\n".join(
        [f"dn: uid={uid},dc=ex", "objectClass: inetOrgPerson", f"uid: {uid}", *lines, "", ""]
    )


def person(uid: str, *mails: str) -> str:
    return user(uid, f"cn: {uid}", f"sn: {uid}", *(f"mail: {each}" for each in mails))


def group(name: str, *members: str, mails: tuple[str, ...] = (), more: tuple[str, ...] = ()) -> str:
    lines = [f"dn: cn={name},dc=ex", "objectClass: groupOfNames", f"cn: {name}"]
    lines += [f"mail: {each}" for each in mails]
    lines += [f"member: {each},dc=ex" for each in members]
    return "\n".join([*lines, *more, "", ""])


FILES = {
    "users and groups": person("eve") + group("sales", "uid=eve", "uid=ann"),
    "groups first": group("all", "cn=sales") + group("sales", "uid=eve") + person("eve"),
    "a member who is not there": person("eve") + group("sales", "uid=eve", "uid=mallory"),
    "a member whose line is bad": person("eve", "e..ve@example.com") + group("sales", "uid=eve"),
    "a member without a name": user("eve") + group("sales", "uid=eve"),
    "the group of a new user's name": person("Sales") + group("sales", "uid=ann"),
    "the group of an address of a new user": person("eve", "s@ex.org")
    + group("s", mails=("S@ex.org",)),
    "the O/R name of a new user": user("eve", "cn: eve", "sn: eve", "scalixMailnode: ny")
    + group("x", more=("ualauthName: eve/ny/CN=eve",)),
    "a user of a group's name": person("staff") + group("new", "uid=staff"),
    "another case and another spelling": person("eve", "x@xn--bcher-kva.example")
    + group("y", "uid=EVE", mails=("X@bücher.example",)),
    "a circle": person("eve")
    + group("a", "cn=b", "uid=eve")
    + group("b", "cn=c")
    + group("c", "cn=a", "cn=c"),
    "two of a name": person("eve") + person("EVE") + group("a", "uid=eve") + group("A", "uid=ann"),
    "a group that is there": person("eve") + group("staff", "uid=eve"),
    "a user with a new address": person("jane", "jane@ex.org", "team@ex.org")
    + group("team", "uid=jane", mails=("team@ex.org",)),
    "an address that becomes free": person("jane", "jane@ex.org")
    + group("old", "uid=jane", mails=("old@ex.org",)),
    "nothing": "",
}


@pytest.fixture
def house(house: House) -> House:
    for authid in ("ann", "jane"):
        addresses = (f"{authid}@ex.org", f"{'old' if authid == 'jane' else authid}@ex.org")
        new = NewUser(authid=authid, name=ORName(authid), addresses=tuple(dict.fromkeys(addresses)))
        house.store.add(new)
    house.store.groups.add(NewGroup(name="staff", or_name=usual_or_name("staff")), ["ann"])
    return house


def content(house: House) -> list[str]:
    with closing(sqlite3.connect(house.store.backend)) as connection:
        return list(connection.iterdump())


def import_(house: House, text: str, *options: str) -> Result:
    file = house.folder.path / "all.ldif"
    file.write_text(f"version: 1\n\n{text}", encoding="utf-8")
    return house.run("import", str(file), "--format", "ldif", "--groups", *options)


def numbers(result: Result) -> list[list[str]]:
    return [re.findall(r"\d+", line) for line in result.stdout.splitlines()]


ALL = [
    *((name, "update") for name in FILES),
    *((name, "skip") for name in ("a group that is there", "a user with a new address")),
    *((name, "refuse") for name in ("a group that is there", "an address that becomes free")),
]


@pytest.mark.parametrize(("name", "existing"), ALL)
def test_a_check_says_what_the_import_does(name: str, existing: str, house: House) -> None:
    before = content(house)
    options = ("--existing", existing, "--bad-lines", "skip")
    checked = import_(house, FILES[name], *options, "--check-only")
    assert content(house) == before
    done = import_(house, FILES[name], *options)
    assert (checked.exit_code, checked.stderr) == (done.exit_code, done.stderr)
    assert numbers(checked) == numbers(done)
    assert "would be added" in checked.stdout


@pytest.mark.parametrize("bad_lines", ["refuse", "skip"])
def test_every_problem_of_users_and_groups_is_told(bad_lines: str, house: House) -> None:
    text = (
        person("eve", "e..ve@example.com")
        + group("staff2", "uid=eve", "uid=mallory")
        + group("jane", "uid=ann")
    )
    before = content(house)
    result = import_(house, text, "--check-only", "--bad-lines", bad_lines)
    assert (result.exit_code, content(house)) == (1, before)
    problems = result.stderr.splitlines()
    assert [each.partition(":")[0] for each in problems] == [
        "line 3",
        "line 10",
        "line 10",
        "line 16",
    ]
    assert "members: 'eve' is no user in the USERLIST" in problems[1]
    assert "members: 'mallory' is no user in the USERLIST" in problems[2]
    assert "'jane' already is an authid or address of a user" in problems[3]


def test_a_check_without_a_problem_ends_well(house: House) -> None:
    result = import_(house, FILES["users and groups"], "--check-only")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        "1 would be added, 0 changed, 0 there already, 0 lines bad.\n"
        "1 group would be added, 0 changed, 0 there already, 0 problems.\n"
    )


@pytest.mark.parametrize("uid", ["eve", "jane"])
def test_clear_text_of_a_file_that_is_checked_is_in_no_file(
    uid: str, house: House, tmp_path: Path
) -> None:
    text = person(uid).rstrip("\n") + f"\nuserPassword: {CLEAR_TEXT}\n\n" + group("x", f"uid={uid}")
    options = ("--hash-clear-text", "--existing", "update", "--check-only")
    result = import_(house, text, *options)
    assert (result.exit_code, result.stderr) == (0, "")
    for file in Path(house.store.backend).parent.glob("userlist.db*"):
        assert CLEAR_TEXT.encode() not in file.read_bytes()
