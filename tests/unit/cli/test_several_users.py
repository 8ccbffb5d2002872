"""Lists of some users, whom a name means, and several users in one command."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.cli.conftest import OM_AUTH, Program
from tests.unit.userlist.failing import count_failure
from ualauth.passwords.schemes import PasswordHasher
from ualauth.userlist.account.lockout import microseconds_now
from ualauth.userlist.last_logins import EVERY
from ualauth.userlist.names import parse
from ualauth.userlist.policy import LockoutRules
from ualauth.userlist.record import LastLogin

NOW = datetime(2026, 11, 29, 19, 30, tzinfo=UTC)


def authids(text: str) -> list[str]:
    return [line.split()[0] for line in text.splitlines()]


@pytest.fixture
def people(program: Program) -> Program:
    """Ann is locked, Bob is locked out, Cyd's password is too old, Dan has logged in."""
    add = program.userlist.add
    add("ann", "x", name=parse("Ann Smith/ny"), locked=True, addresses=("ann@example.com",))
    bob = add("bob", "x", name=parse("Bob Smith/la"), addresses=("bob@example.org",))
    add("cyd", "x", name=parse("Cyd Jones"), password_changed=NOW - timedelta(days=400))
    dan = add("dan", "x", name=parse("Dan Doe"), password_changed=datetime.now(UTC))
    store = program.userlist.store
    for name in (bob.authid, *bob.addresses):
        rules = LockoutRules(failures=1)
        count_failure(store, name, bob, "192.0.2.7", microseconds_now(), rules)
    store.note_logins({dan.id: LastLogin(NOW, "pop3", "192.0.2.9")}, EVERY)
    return program


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--locked"], ["ann"]),
        (["--locked-out"], ["bob"]),
        (["--domain", "example.org"], ["bob"]),
        (["--match", "*smith*"], ["ann", "bob"]),
        (["--match", "*smith*", "--locked"], ["ann"]),
        (["--never-logged-in"], ["ann", "bob", "cyd"]),
        (["--expired"], []),
        (["--locked", "--locked-out"], []),
    ],
)
def test_a_list_has_those_of_whom_all_holds(
    people: Program, arguments: list[str], expected: list[str]
) -> None:
    assert authids(people.succeed("user", "list", *arguments)) == expected
    values = people.succeed("user", "list", *arguments, "--json").splitlines()
    assert [json.loads(value)["authid"] for value in values] == expected


def test_a_list_says_what_keeps_users_out(people: Program) -> None:
    people.folder.settings("[password]\nmaximum_age_days = 90\n")
    lines = people.succeed("user", "list").splitlines()
    assert [line.split("  ")[-1].strip() for line in lines] == [
        "locked",
        "locked out",
        "password expired",
        "Dan Doe",
    ]
    assert authids(people.succeed("user", "list", "--expired")) == ["cyd"]
    shown = people.succeed("user", "show", "cyd")
    assert "expired 20" in " ".join(shown.split())
    people.folder.settings("[password]\nmaximum_age_days = 90\ninactive_days = 7\n")
    assert people.succeed("user", "list", "--expired").endswith("  inactive\n")
    values = [json.loads(line) for line in people.succeed("user", "list", "--json").splitlines()]
    assert [value["remarks"] for value in values] == [["locked"], ["locked out"], ["inactive"], []]
    assert json.loads(people.succeed("user", "show", "bob", "--json"))["remarks"] == ["locked out"]


def test_the_last_login_is_shown(people: Program) -> None:
    shown = people.succeed("user", "show", "dan")
    local = f"{NOW.astimezone():%Y-%m-%d %H:%M %Z}"
    assert f"last login             {local}, pop3 from 192.0.2.9" in shown
    assert "last login             none" in people.succeed("user", "show", "ann")
    noted = {"time": "2026-11-29T19:30:00+00:00", "service": "pop3", "source": "192.0.2.9"}
    for command in (["show", "dan"], ["list", "--match", "dan"]):
        assert json.loads(people.succeed("user", *command, "--json"))["last_login"] == noted
    assert json.loads(people.succeed("user", "show", "ann", "--json"))["last_login"] is None


# Whom a name means


@pytest.mark.parametrize(
    ("name", "status", "listed", "said"),
    [
        ("BOB@example.org", 0, ["bob"], "means bob, by an authid or address."),
        ("bob smith/la", 0, ["bob"], "means bob, by a whole O/R name."),
        ("smith/la", 0, ["bob"], "means bob, by a part of the O/R name."),
        ("smith", 1, ["ann", "bob"], "fits 2 users: a login with it is refused."),
        ("miller", 1, [], "is the name of no user."),
    ],
)
def test_find_says_whom_a_login_name_means(
    people: Program, name: str, status: int, listed: list[str], said: str
) -> None:
    result = people.run("user", "find", name)
    assert (result.exit_code, authids(result.stdout)) == (status, listed)
    assert result.stderr == f"{name!r} {said}\n"
    values = people.run("user", "find", name, "--json").stdout.splitlines()
    assert [json.loads(value)["authid"] for value in values] == listed


def test_a_login_by_the_name_of_several_is_told_apart_from_one_of_no_user(people: Program) -> None:
    people.folder.service("pop3", OM_AUTH)
    arguments = ("test-auth", "pop3", "--password-stdin")
    several = people.run(*arguments, "smith", answers="x\n")
    assert several.exit_code == 1
    assert "'smith' is the name of several users (2): `ualauth user find`" in several.stderr
    assert "several" not in people.run(*arguments, "miller", answers="x\n").stderr
    assert "several" not in people.run(*arguments, "bob", answers="y\n").stderr
    for command in (["show", "smith"], ["list", "--user", "smith"], ["clear", "--user", "smith"]):
        assert "'smith' is the name of several users" in people.run("lockout", *command).stderr


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("bobb", "'bob'"),
        ("ANNE", "'ann'"),
        ("anm", "'ann' or 'dan'"),
        ("an@example.com", "'ann@example.com'"),
        ("bob@example.com", "'bob@example.org'"),
        ("zed@example.com", ""),
        ("xyz", ""),
        ("an\x07n", ""),
    ],
)
@pytest.mark.parametrize("command", [["show"], ["delete", "--yes"], ["passwd"]])
def test_an_unknown_name_is_told_with_names_like_it(
    people: Program, command: list[str], name: str, near: str
) -> None:
    result = people.run("user", *command, name)
    assert result.exit_code == 1
    _, said, hint = result.stderr.partition(" is the name of no user")
    assert said
    assert hint == (f"; did you mean {near}?\n" if near else "\n")
    assert len(list(people.userlist.store.users())) == 4


def test_at_most_three_names_are_told_and_each_user_once(people: Program) -> None:
    for number in range(6):
        address = f"miller{number}@example.org"
        people.userlist.add(f"miller{number}", name=parse(f"M{number}"), addresses=(address,))
    text = people.run("user", "show", "miller", "mil1er2@example.org").stderr
    first, second = text.splitlines()
    assert first.count("'miller") == 4
    assert "did you mean 'miller" in first
    assert "did you mean 'miller2@example.org', " in second
    assert second.count("@example.org'") == 4


# Several users


def test_each_user_is_told_and_one_that_fails_hinders_no_other(people: Program) -> None:
    result = people.run("user", "lock", "bob", "miller", "smith", "dan", "--reason", "leave")
    assert result.exit_code == 1
    assert result.stdout == "bob is locked.\ndan is locked.\n"
    none, several = result.stderr.splitlines()
    assert none == "Error: 'miller' is the name of no user"
    assert several.startswith("Error: 'smith' is the name of several users, such as ann and bob")
    assert people.userlist.store.get("dan").lock_reason == "leave"
    text = people.succeed("user", "unlock", "ann", "bob", "cyd")
    assert text.splitlines() == [
        "ann is unlocked.",
        "bob is unlocked, and the failed logins are forgotten.",
        "cyd is unlocked already.",
    ]


def test_several_are_shown_one_after_the_other(people: Program) -> None:
    blocks = people.succeed("user", "show", "ann", "bob").split("\n\n")
    assert [block.split()[1] for block in blocks] == ["ann", "bob"]
    lines = people.succeed("user", "show", "ann", "bob", "--json").splitlines()
    assert [json.loads(line)["authid"] for line in lines] == ["ann", "bob"]


def test_several_are_deleted_each_by_its_own_answer(people: Program) -> None:
    result = people.run("user", "delete", "ann", "bob", answers="n\ny\n")
    assert result.exit_code == 1
    assert "Deleted bob, Bob Smith/la." in result.stdout
    assert "ann, Ann Smith/ny stays." in result.stderr
    text = people.succeed("user", "delete", "ann", "cyd", "--yes")
    assert text == "Deleted ann, Ann Smith/ny.\nDeleted cyd, Cyd Jones.\n"
    assert [user.authid for user in people.userlist.store.users()] == ["dan"]


def test_several_are_changed_at_once(people: Program) -> None:
    text = people.succeed(
        *("user", "modify", "ann", "dan", "--language", "de", "--policy", "history=3"),
    )
    assert text == "Changed ann.\nChanged dan.\n"
    for name in ("ann", "dan"):
        user = people.userlist.store.get(name)
        assert (user.language, user.policy) == ("de", '{"history":3}')


@pytest.mark.parametrize(
    "own",
    [
        ("--authid", "x"),
        ("--name", "X"),
        ("--address", "x@example.com"),
        ("--add-address", "x@example.com"),
        ("--unix-uid", "7"),
        ("--hash-stdin",),
    ],
)
def test_what_one_user_alone_can_have_is_not_given_to_several(
    people: Program, own: tuple[str, ...]
) -> None:
    result = people.run("user", "modify", "ann", "dan", *own, answers="{SHA}x\n")
    assert result.exit_code == 2
    assert "is of one user alone" in result.stderr
    people.succeed("user", "modify", "ann", "dan", "--no-address", "--no-unix-uid")


# A hash that is ready


@pytest.mark.parametrize("option", ["--hash", "--hash-stdin"])
def test_passwd_takes_a_hash_and_drops_the_secrets_of_another_password(
    people: Program, option: str
) -> None:
    people.succeed("user", "passwd", "dan", "--password-stdin", answers="old\n")
    store = people.userlist.store
    assert store.secrets(store.get("dan"))
    stored = "{SSHA}cW8wBgM+wDIZTpQRAPl0jsTP+C5zYWx0"
    text = people.succeed(
        *("user", "passwd", "dan", option, "--must-change"), answers=f"{stored}\n"
    )
    assert text.endswith("The password of dan is set: ssha.\n")
    assert stored not in text
    user = store.get("dan")
    assert (user.password, user.must_change_password, store.secrets(user)) == (stored, True, ())
    assert not PasswordHasher().verify("old", user.password or "")


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ("{SSHA}short\n", "stored password of scheme 'ssha'"),
        ("{NONE}x\n", "stored password of a scheme"),
        ("{PLAIN}secret\n", "That is clear text"),
        ("\n", "There is no hash"),
    ],
)
def test_passwd_takes_no_hash_that_cannot_be_verified(
    people: Program, answers: str, said: str
) -> None:
    before = people.userlist.store.get("dan")
    result = people.run("user", "passwd", "dan", "--hash-stdin", answers=answers)
    assert result.exit_code == 2
    assert said in result.stderr
    assert "short" not in result.stderr
    assert people.userlist.store.get("dan") == before


def test_a_password_comes_from_one_place(people: Program) -> None:
    result = people.run("user", "passwd", "dan", "--hash-stdin", "--no-password", answers="x\n")
    assert result.exit_code == 2
    assert "at most" in result.stderr
