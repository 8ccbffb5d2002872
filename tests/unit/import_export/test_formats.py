"""What each format says, and what it does not take."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.unit.import_export.conftest import HASH, lines_of, problem_of, user_of
from ualauth.identity import MailboxClass
from ualauth.import_export.line import BadLine, Reading, UserLine
from ualauth.passwords.scram import derive
from ualauth.userlist.names import ORName, parse

HEADER = "authid,name,addresses,password,locked\n"


def test_csv_has_columns_called_like_the_fields() -> None:
    line = user_of("csv", f'{HEADER}jsmith,"John Smith/ny,hq",j@x.org js@x.org,{HASH},true\n')
    assert line.number == 2
    assert line.user.name == parse("John Smith/ny,hq")
    assert line.user.addresses == ("j@x.org", "js@x.org")
    assert line.user.password == HASH
    assert line.user.locked
    assert line.fields == {"authid", "name", "addresses", "password", "locked"}


def test_csv_may_have_columns_for_the_parts_of_a_name() -> None:
    line = user_of("csv", "authid,given_name,surname,ou1\njs,Mary Ann,Smith,ny\n")
    assert line.user.name == ORName("Smith", "Mary Ann", ou1="ny")


def test_lines_of_csv_are_counted_as_they_stand_in_the_file() -> None:
    text = f'{HEADER}\na,"A\n B",,{HASH},\nb,B,,{HASH},\n'
    assert [line.number for line in lines_of("csv", text)] == [3, 5]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("authid,nme\n", "column 'nme' is none of"),
        ("name\n", "a column authid is needed"),
        ("authid\n", "either a column name is needed"),
        ("authid,name,surname\n", "either a column name"),
        ("authid,authid,name\n", "twice"),
        ("authid,name,SCRAM-SHA-1\n", "need a column password"),
        ("authid,name\na\n", "has 1 cells"),
        ("authid,name\n,A\n", "authid: is missing"),
        ("authid,name\na,\n", "name: is missing"),
        ("authid,name,locked\na,A,maybe\n", "locked: must be true or false"),
        ("authid,name,unix_uid\na,A,1_0\n", "unix_uid: must be a number"),
        ("authid,name,account_expires\na,A,soon\n", "account_expires: must be a date"),
        ("authid,name,mailbox_class\na,A,huge\n", "must be one of full, limited"),
        ("authid,name,addresses\na,A,x\n", "not of the form"),
        ("authid,name,password\na,A,s3cret\n", "clear text needs {PLAIN}"),
        ("authid,name,password\na,A,{PLAIN}s3cret\n", "--hash-clear-text"),
        (f"authid,name,addresses\na,A,{HASH}\n", "(hash)"),
        ("authid,name\na\udcff,A\n", "authid: "),
        ('authid,name\na,"A', "is no CSV"),
    ],
)
def test_what_is_wrong_in_csv_is_said_without_any_secret(text: str, problem: str) -> None:
    said = problem_of("csv", text)
    assert problem in said
    assert "s3cret" not in said
    assert "xxxx" not in said


LDIF = f"""\
version: 1
# people
dn: ou=people,dc=example

dn: uid=jsmith,ou=people,dc=example
objectClass: inetOrgPerson
uid: jsmith
cn:: Sm9obiBTbWl0aA==
sn: Smi
 th
# a comment that goes
 on
givenName;lang-en: John
initials: Q
generationQualifier: III
scalixMailnode: ny,hq
mail: j@x.org
mail: J@X.ORG
scalixEmailAddress: js@x.org
userPassword: {{CRYPT}}{HASH}
uidNumber: 1001
scalixAdministrator: TRUE
scalixMailboxClass: LIMITED
preferredLanguage: de
pwdAccountLockedTime: 000001010000Z
pwdChangedTime: 20240229120000.5Z
"""


def test_ldif_has_the_attributes_of_directories() -> None:
    line = user_of("ldif", LDIF)
    user = line.user
    assert line.number == 5
    assert str(user.name) == "John Q Smith III/ny,hq/CN=John Smith"
    assert user.addresses == ("j@x.org", "js@x.org")
    assert user.password == f"{{CRYPT}}{HASH}"
    assert (user.unix_uid, user.administrator, user.locked) == (1001, True, True)
    assert (user.mailbox_class, user.language) == (MailboxClass.LIMITED, "de")
    assert user.password_changed == datetime(2024, 2, 29, 12, 0, 0, 500000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("added", "problem"),
    [
        ("jpegPhoto:< file:///etc/passwd", "is a URL"),
        ("changetype: delete", "is a change"),
        ("nonsense", "without an attribute's name"),
        ("cn:: %%%", "is no base64"),
        ("userPassword: {SSHA}eHh4", "more than once"),
        ("krbPrincipalExpiration: never", "must be a time"),
        ("krbPrincipalExpiration: 20241399000000Z", "must be a time"),
    ],
)
def test_what_ldif_does_not_take(added: str, problem: str) -> None:
    assert problem in problem_of("ldif", LDIF + added + "\n")


def test_authpassword_of_ldif_is_a_scram_secret() -> None:
    keys = "6dlGYMOdZcOPutkcNY8U2g7vK9Y=:D+CSWLOshSulAsxiupA+qs2/fTE="
    added = f"authPassword: SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92${keys}\n"
    (secret,) = user_of("ldif", LDIF + added).secrets
    assert secret == derive(
        "SCRAM-SHA-1", "pencil", salt=secret.salt, iterations=4096
    )  # RFC 5802, section 5


PASSWD = """\
root:x:0:0:root:/root:/bin/sh
jsmith:x:1000:1000:John Q Smith,Room 1,,:/home/jsmith:/bin/bash
nogecos:x:1001:1001::/:/bin/sh
"""
SHADOW = f"""\
root:*:1:0:99999:7:::
jsmith:{HASH}:19783:0:90:7::20000:
nogecos:!{HASH}:0:0:99999:7:::
"""


def test_passwd_and_shadow_make_users(tmp_path: Path) -> None:
    (tmp_path / "shadow").write_text(SHADOW)
    reading = Reading(shadow=str(tmp_path / "shadow"), domain="example.com", units=("ny", "hq"))
    first, second = lines_of("passwd", PASSWD, reading)
    assert isinstance(first, UserLine)
    assert isinstance(second, UserLine)
    assert str(first.user.name) == "John Q Smith/ny,hq/CN=jsmith"
    assert first.user.addresses == ("jsmith@example.com",)
    assert first.user.unix_uid == 1000
    assert first.user.password == HASH
    assert not first.user.locked
    assert first.user.password_changed == datetime(2024, 3, 1, tzinfo=UTC)
    assert first.user.password_expires == datetime(2024, 5, 30, tzinfo=UTC)
    assert first.user.account_expires == datetime(2024, 10, 4, tzinfo=UTC)
    assert second.user.locked
    assert second.user.password == HASH
    assert second.user.password_expires == datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("stored", ["*", "!", "!!", "*LK*", "!*"])
def test_an_account_that_is_only_locked_gets_a_password_that_nothing_matches(stored: str) -> None:
    user = user_of("passwd", f"a:{stored}:1000:1000::/:/bin/sh\n").user
    assert (user.locked, user.password) == (True, stored)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("a:x:1000:1000::/:/bin/sh", "--shadow"),
        ("a:x:1000", "has 3 fields"),
        ("a:*:many:1::/:/bin/sh", "uid: must be a number"),
        ("a:*::1::/:/bin/sh", "uid: is missing"),
        ("a:s3cret:1000:1::/:/bin/sh", "without a scheme"),
        ("a:$6$salt$cut:1000:1::/:/bin/sh", "'sha512_crypt'"),
    ],
)
def test_what_is_wrong_in_passwd(line: str, problem: str) -> None:
    assert problem in problem_of("passwd", f"{line}\n")


def test_dovecot_files_make_users() -> None:
    text = (
        f"john@x.org:{{SHA512-CRYPT}}{HASH}:1000:100:John Smith:/home:/bin/sh:nologin=y quota=1\n"
    )
    user = user_of("dovecot", text).user
    assert user.authid == "john@x.org"
    assert user.addresses == ("john@x.org",)
    assert user.password == f"{{SHA512-CRYPT}}{HASH}"
    assert (user.unix_uid, user.locked) == (None, True)
    assert user_of("dovecot", f"a:{HASH}\n").user.password == HASH
    assert "--hash-clear-text" in problem_of("dovecot", "a:{PLAIN}s3cret\n")
    assert isinstance(lines_of("dovecot", "nocolon\n")[0], BadLine)
