"""Random commands of a company's administrator: no byte of another company comes back."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from tests.seeds import SEED, rounds
from tests.unit.cli.conftest import Program

SECRETS = ("kept-from-acme", "Hidden", "hush")
"""What stands in records of the other company alone, and in no command."""
NAMES = (
    *("bob@bolt.example", "no@bolt.example", "staff@bolt.example", "bolt", "bolt.example"),
    *("ann@acme.example", "bob@acme.example", "staff@acme.example", "acme", "root", "none"),
    *("Bob Smith/bolt", "Bob Smith/acme", "/bolt/CN=Staff", "*", "smith"),
)


@pytest.fixture
def hosted(program: Program) -> Program:
    for name in ("acme", "bolt"):
        program.succeed("company", "add", name, "--domain", f"{name}.example")
    program.succeed("company", "hosting", "on", "--yes")
    for name, secret in (("acme", "shown"), ("bolt", SECRETS[0])):
        for who in ("ann", "bob"):
            program.succeed(
                *("user", "add", f"{who}@{name}.example", "--name", f"{who} Smith/{name}"),
                *("--no-password", "--address", f"{secret}.{who}@{name}.example"),
                *(["--administrator"] if who == "ann" else []),
            )
        title = "Staff" if name == "acme" else SECRETS[1]
        program.succeed(
            *("group", "add", f"staff@{name}.example", "--name", f"/{name}/CN={title}"),
            *("--member", f"bob@{name}.example"),
        )
    program.succeed("user", "lock", "bob@bolt.example", "--reason", SECRETS[2])
    program.succeed("user", "add", "root", "--name", "Root", "--no-password", "--administrator")
    return program


def any_command(chance: random.Random) -> Sequence[str]:
    """Return a command with names of the company, of the other one, of the server and of none."""
    name, other = chance.choice(NAMES), chance.choice(NAMES)
    orname = chance.choice(("New/acme", "New/bolt", "New", "Bob Smith/bolt"))
    form = chance.choice(("csv", "ldif", "dovecot"))
    json = ["--json"] if chance.random() < 0.5 else []
    return chance.choice(
        (
            ("user", "list", "--match", name, *json),
            ("user", "list", "--domain", other, *json),
            ("user", "list", "--group", name),
            ("user", "list", *json),
            ("user", "find", name),
            ("user", "show", name, *json),
            ("user", "add", name, "--name", orname, "--no-password"),
            ("user", "modify", name, "--add-address", other),
            ("user", "modify", name, "--authid", other),
            ("user", "modify", name, "--name", orname),
            ("user", "lock", name, "--reason", "x"),
            ("user", "unlock", name),
            ("user", "delete", "bob@bolt.example", "--yes"),
            ("user", "export", "--format", form, "--base-dn", "dc=x"),
            ("group", "list", *json),
            ("group", "show", name, *json),
            ("group", "add", name, "--member", other),
            ("group", "modify", "staff@acme.example", "--add-member", name),
            ("group", "modify", name, "--rename", other),
            ("group", "delete", "staff@bolt.example", "--yes"),
            ("group", "export", "--format", "csv"),
            ("lockout", "list", *json),
            ("lockout", "show", name),
            ("lockout", "clear", "--user", name),
            ("company", "list", *json),
            ("company", "show", name, *json),
            ("company", "modify", name, "--default"),
            ("company", "delete", name, "--with-users", "--yes"),
            ("company", "hosting", "off", "--yes"),
            ("config",),
            ("userlist", "progress"),
            ("sync", "list"),
        )
    )


def test_no_command_tells_or_changes_anything_of_another_company(hosted: Program) -> None:
    def others() -> object:
        store = hosted.userlist.store
        users = [each for each in store.users() if each.name.ou1 != "acme"]
        groups = [each for each in store.groups.all() if each.or_name.ou1 != "acme"]
        companies = list(store.companies.all())
        return users, groups, companies, store.companies.is_hosting

    before = others()
    chance = random.Random(SEED)
    done = 0
    for _ in range(rounds(50)):
        command = any_command(chance)
        result = hosted.run("--as", "ann@acme.example", *command)
        assert result.exception is None or isinstance(result.exception, SystemExit), command
        printed = result.stdout + result.stderr
        assert not [secret for secret in SECRETS if secret in printed], (command, printed)
        if result.exit_code == 0:
            done += 1
            assert "bolt" not in printed, (command, printed)
    assert others() == before
    assert done
