"""`ldap.attribs`: what may stand in it, what is said of mistakes, and what entries show of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.ldap.server.driven import (
    ANN,
    JOHN,
    Client,
    code,
    contains,
    directory_of,
    equal,
    people,
)
from ualauth.config.config import Config
from ualauth.daemon.checking import problems_of_directory
from ualauth.ldap.server.attributes import DEFAULT, FIELDS, parse
from ualauth.sources.files import Text
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.conditions import Field

USUAL = "cn full_name\nsn surname\n"


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("9x full_name", "this is no name of an attribute"),
        ("uid authid", "uid is not of a field: the server makes it"),
        ("entryUUID authid", "entryUUID is not of a field"),
        ("userid authid", "userid is not of a field"),
        ("commonName full_name", "commonName stands in line 1, too"),
        ("CN full_name", "CN stands in line 1, too"),
        ("x password", "'password' is no field of the USERLIST"),
        ("x ul_pwd", "'ul_pwd' is no field of the USERLIST"),
        ("x", "a field lacks"),
        ("mail administrator", "mail cannot hold administrator"),
        ("scalixAdministrator full_name", "scalixAdministrator cannot hold full_name"),
        ("scalixLimitMailboxSize addresses", "scalixLimitMailboxSize cannot hold addresses"),
        ("description mailbox_limit", "description cannot hold mailbox_limit"),
    ],
)
def test_a_mistake_is_told_with_its_place(line: str, what: str) -> None:
    _, problems = parse(Text("ldap.attribs", f"{USUAL}{line}\n"))
    (problem,) = problems
    assert problem.source.line == 3
    assert what in str(problem)


def test_what_every_entry_must_have_is_missed() -> None:
    _, problems = parse(Text("ldap.attribs", "mail addresses\n"))
    assert [each.warning for each in problems] == [True, True]


def test_check_reads_the_file_where_there_is_a_directory(tmp_path: Path) -> None:
    folder = ConfigFolder(tmp_path)
    (tmp_path / "ldap.attribs").write_text(f"{USUAL}x nothing\n")
    folder.settings("")
    assert not list(problems_of_directory(Config.load(tmp_path)))
    folder.settings('[ldap_server]\nsuffix = "dc=x"\n[[listen]]\nprotocol = "ldap"\npath = "/x"\n')
    (problem,) = problems_of_directory(Config.load(tmp_path))
    assert str(problem).startswith(f"{tmp_path}/ldap.attribs:3:3")


def test_attributes_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "ldap.attribs").write_text(
        f"{USUAL}isBoss administrator\nquota mailbox_limit\nfirstMail primary_address\n"
        "xName or_name\nperson personal_name\n"
    )
    userlist = Userlist.create(tmp_path)
    people(userlist)
    userlist.store.update(userlist.store.get("ann"), mailbox_limit=20)
    directory = directory_of(tmp_path, userlist)
    client = Client(directory)
    client.log_in("ann")
    for wanted in (
        equal("isBoss", "TRUE"),
        equal("quota", "20"),
        equal("quota", "020"),
        ("present", b"quota"),
        ("greaterOrEqual", {"attributeDesc": b"quota", "assertionValue": b"20"}),
        equal("xName", "ann adams/NY"),
        contains("xName", "ams/"),
        equal("person", "Ann Adams"),
    ):
        assert client.search(("and", [wanted, equal("objectClass", "person")])) == [ANN], wanted
    assert client.search(equal("firstMail", "JOHN.SMITH@example.com")) == [JOHN]
    assert client.search(equal("firstMail", "js@example.com")) == []
    assert client.search(contains("quota", "2")) == []
    assert client.search(("not", contains("quota", "2"))) == []
    # What the file does not have is on no entry, and still an attribute of the schema.
    assert client.search(equal("mail", "js@example.com")) == []
    assert JOHN in client.search(("not", equal("mail", "js@example.com")))
    client.log_in("jsmith")
    for each in (equal("isBoss", "TRUE"), ("not", equal("isBoss", "TRUE")), ("present", b"quota")):
        assert client.search(each) == []
    directory.close()
    userlist.close()


def test_each_field_is_searched_as_it_is_shown(tmp_path: Path) -> None:
    text = "".join(f"x-{field.replace('_', '-')} {field}\n" for field in FIELDS)
    (tmp_path / "ldap.attribs").write_text(USUAL + text)
    userlist = Userlist.create(tmp_path)
    people(userlist)
    user = userlist.store.get("jsmith")
    user = userlist.store.update(user, mailbox_limit=3, limit_notify_user=True)
    directory = directory_of(tmp_path, userlist)
    client = Client(directory)
    client.log_in("ann")
    for field, known in FIELDS.items():
        key = f"x-{field.replace('_', '-')}"
        assert known.read(user), field
        assert client.search(("present", key.encode()), JOHN) == [JOHN]
        for value in known.read(user):
            assert client.search(equal(key, value), JOHN, scope="baseObject") == [JOHN], key
            assert code(client.ask("compareRequest", compared(key, value))[-1][1]) == 6
        nothing = "FALSE" if known.read(user) == ("TRUE",) else "TRUE"
        assert client.search(equal(key, nothing), JOHN, scope="baseObject") == [], key
    directory.close()
    userlist.close()


def compared(key: str, value: str) -> dict[str, object]:
    pair = {"attributeDesc": key.encode(), "assertionValue": value.encode()}
    return {"entry": JOHN.encode(), "ava": pair}


def test_no_secret_is_a_field() -> None:
    words = {"password", "locked", "secret", "failures", "policy", "stored"}
    assert not any(word in field for field in FIELDS for word in words)
    assert not any(word in each.value[0] for each in Field for word in words)
    assert "password" not in DEFAULT.lower()
