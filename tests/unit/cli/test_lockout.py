"""`ualauth lockout`: failed logins of every module, by user and by source."""

from __future__ import annotations

import json

import pytest

from tests.unit.cli.conftest import Program
from ualauth.userlist.account.lockout import Keys
from ualauth.userlist.guesses import GuessLimiter
from ualauth.userlist.policy import LockoutRules

RULES = LockoutRules(failures=3)
HERE, THERE = "192.0.2.7", "198.51.100.9"


def fail(program: Program, name: str, user: int | str | None, source: str, times: int) -> None:
    limiter = GuessLimiter(RULES, lambda: program.userlist.store)
    for _ in range(times):
        guess = limiter.open(Keys.of(name, user), source, RULES)
        guess.reserve()
        guess.fail()


@pytest.fixture
def failed(program: Program) -> Program:
    """A user locked out here who failed there, one of a directory, and a name of no user."""
    user = program.userlist.add("jsmith", "s3cret", addresses=("j@example.com",))
    fail(program, "jsmith", user.id, HERE, 3)
    fail(program, "j@example.com", user.id, THERE, 1)
    fail(program, "ann", "ann", THERE, 2)
    fail(program, "made-up", None, HERE, 1)
    return program


def rows(program: Program, *arguments: str) -> list[tuple[str | None, str, int, bool]]:
    lines = program.succeed("lockout", "list", "--json", *arguments).splitlines()
    counts = [json.loads(line) for line in lines]
    return sorted(
        (each["user"] or "", each["source"], each["failures"], each["locked_until"] is not None)
        for each in counts
    )


def test_all_that_count_are_listed(failed: Program) -> None:
    assert rows(failed) == [
        ("", HERE, 1, False),
        ("", THERE, 2, False),
        ("jsmith", HERE, 3, True),
        ("jsmith", THERE, 1, False),
    ]
    text = failed.succeed("lockout", "list", "--locked")
    assert text.startswith(f"jsmith  {HERE}  3 failed, the last at 20")
    assert ", locked out until 20" in text
    assert "made-up" not in failed.succeed("lockout", "list")


@pytest.mark.parametrize(
    ("arguments", "number"),
    [
        (("--user", "jsmith"), 2),
        (("--user", "J@example.com"), 2),
        (("--user", "jsmith", "--source", HERE), 1),
        (("--user", "ann"), 1),
        (("--user", "made-up"), 1),
        (("--source", THERE), 2),
        (("--user", "bob"), 0),
    ],
)
def test_what_is_asked_for_is_listed_and_cleared(
    failed: Program, arguments: tuple[str, ...], number: int
) -> None:
    assert len(rows(failed, *arguments)) == number
    text = failed.succeed("lockout", "clear", *arguments)
    assert f" {number} user" in text
    assert rows(failed, *arguments) == []
    assert len(rows(failed)) == 4 - number


def test_one_user_is_shown(failed: Program) -> None:
    text = failed.succeed("lockout", "show", "j@example.com")
    assert [line.split("  ")[1] for line in text.splitlines()] == [HERE, THERE]
    assert len(failed.succeed("lockout", "show", "ann", "--json").splitlines()) == 1
    assert failed.succeed("lockout", "show", "bob") == "No failed login counts.\n"


def test_everything_is_cleared_only_if_that_is_said(failed: Program) -> None:
    assert failed.run("lockout", "clear").exit_code == 2
    assert failed.run("lockout", "clear", "--all", "--user", "ann").exit_code == 2
    assert len(rows(failed)) == 4
    failed.succeed("lockout", "clear", "--all")
    assert rows(failed) == []
