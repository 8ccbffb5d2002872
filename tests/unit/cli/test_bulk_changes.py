"""Changes of many users by a file: only what it gives changes, and nothing is guessed."""

from __future__ import annotations

import pytest

from tests.unit.cli.conftest import Program
from ualauth.passwords.schemes import PasswordHasher
from ualauth.userlist.names import parse

SSHA = "{SSHA}cW8wBgM+wDIZTpQRAPl0jsTP+C5zYWx0"
LDIF = "\n\n".join(
    f"dn: uid={uid},o=x\nuid: {uid}\ncn: {uid}\nsn: Ray\nuserPassword: {stored}"
    for uid, stored in (("zoe", "{NONE}x"), ("yan", SSHA))
)
ADDRESSES = ("ann@example.com", "am@example.com")


@pytest.fixture
def people(program: Program) -> Program:
    add = program.userlist.add
    add("ann", "s3cret", name=parse("Ann Q Miller/ny,hq/CN=Annie"), addresses=ADDRESSES)
    add("bob", "s3cret", name=parse("Bob Jones/la"), unix_uid=7, policy='{"history":3}')
    return program


def run(program: Program, text: str, *options: str, kind: str = "csv") -> tuple[int, str, str]:
    arguments = ("user", "import", "-", "--format", kind, *options)
    result = program.run(*arguments, answers=text)
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize(
    ("column", "cells", "expected"),
    [
        ("locked", ("yes", "no"), {"locked": (True, False)}),
        ("language", ("de", ""), {"language": ("de", "")}),
        ("unix_uid", ("8", "9"), {"unix_uid": (8, 9)}),
        ("surname", ("Miller-Ray", "Jones"), {}),
        ("addresses", ("x@example.com", ""), {"addresses": (("x@example.com",), ())}),
        ("password", (SSHA, SSHA), {"password": (SSHA, SSHA)}),
        (
            "locked,lock_reason",
            ("yes,leave", "yes,gone"),
            {"locked": (True, True), "lock_reason": ("leave", "gone")},
        ),
        ("policy", ("", '"{""history"":5}"'), {"policy": ("", '{"history":5}')}),
    ],
)
def test_a_file_of_authids_and_some_columns_changes_these_alone(
    people: Program, column: str, cells: tuple[str, str], expected: dict[str, tuple[object, ...]]
) -> None:
    store = people.userlist.store
    before = [store.get(name) for name in ("ann", "bob")]
    text = f"authid,{column}\nann,{cells[0]}\nbob,{cells[1]}\n"
    status, _, errors = run(people, text, "--existing", "update", "--check-only")
    assert (status, errors) == (0, "")
    assert [store.get(name) for name in ("ann", "bob")] == before
    status, said, errors = run(people, text, "--existing", "update")
    assert (status, errors) == (0, ""), said
    for index, user in enumerate(before):
        after = store.get(user.authid)
        for field in ("name", "addresses", "password", "locked", "unix_uid", "policy", "language"):
            if field in expected:
                assert getattr(after, field) == expected[field][index], field
            elif (column, field) != ("surname", "name"):
                assert getattr(after, field) == getattr(user, field), field
    if column == "surname":
        assert str(store.get("ann").name) == "Ann Q Miller-Ray/ny,hq/CN=Annie"


def test_a_user_who_is_not_there_is_a_bad_line_and_changes_no_other(people: Program) -> None:
    text = "authid,locked\nann,yes\nzoe,yes\n"
    status, said, errors = run(people, text, "--existing", "update", "--check-only")
    assert (status, said) == (1, "0 would be added, 1 changed, 0 there already, 1 line bad.\n")
    bad = "line 3: name: is missing; there is no user 'zoe' to be changed\n"
    assert errors == bad
    status, _, errors = run(people, text, "--existing", "update")
    assert status == 1
    assert errors == f"{bad}1 line bad: no user was added.\n"
    assert not people.userlist.store.get("ann").locked
    status, said, _ = run(people, text, "--existing", "update", "--bad-lines", "skip")
    assert (status, said) == (1, "0 added, 1 changed, 0 there already, 1 line skipped.\n")
    assert people.userlist.store.get("ann").locked


# Hashes that no scheme verifies


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("csv", f"authid,name,password\nzoe,Zoe Ray,{{NONE}}x\nyan,Yan Ray,{SSHA}\n"),
        ("csv", f"authid,name,password\nzoe,Zoe Ray,{{SSHA}}cut\nyan,Yan Ray,{SSHA}\n"),
        ("dovecot", f"zoe:{{GOST_YESCRYPT}}$gy$j9T$x$y::::::\nyan:{SSHA}::::::\n"),
        ("passwd", f"zoe:what:1001:1001::/:/bin/sh\nyan:{SSHA}:1002:1002::/:/bin/sh\n"),
        ("ldif", LDIF),
    ],
)
def test_a_user_with_a_hash_that_cannot_be_verified_is_taken_with_none(
    program: Program, kind: str, text: str
) -> None:
    status, _, errors = run(program, text, kind=kind)
    assert status == 1
    assert "1 line bad" in errors
    status, said, errors = run(program, text, "--lock-unknown-hashes", kind=kind)
    assert (status, said) == (0, "2 added, 0 changed, 0 there already, 0 lines skipped.\n")
    assert errors == "1 taken without a password: no scheme verifies their hash.\n"
    store = program.userlist.store
    assert store.get("yan").password == SSHA
    stored = store.get("zoe").password or ""
    assert PasswordHasher.scheme_of(stored) == "locked"


def test_who_is_there_keeps_the_password_if_the_new_hash_is_unknown(people: Program) -> None:
    before = people.userlist.store.get("ann")
    text = "authid,password,language\nann,{NONE}x,de\n"
    options = ("--existing", "update", "--lock-unknown-hashes")
    status, said, _ = run(people, text, *options)
    assert (status, said) == (0, "0 added, 1 changed, 0 there already, 0 lines skipped.\n")
    after = people.userlist.store.get("ann")
    assert (after.password, after.language) == (before.password, "de")


def test_clear_text_is_no_unknown_hash(people: Program) -> None:
    text = "authid,password\nann,{PLAIN}secret\n"
    status, _, errors = run(people, text, "--existing", "update", "--lock-unknown-hashes")
    assert status == 1
    assert "clear text" in errors
