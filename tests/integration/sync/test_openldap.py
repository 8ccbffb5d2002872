"""Synchronization from a real slapd, by the commands."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.ldap import people, slapd
from tests.ldap.authority import Authority
from ualauth.cli.application import application
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.record import User

USERS = 1203
"""More than two pages, and more than the size limit of the server for others."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[slapd.Slapd]:
    """One server for all tests here; each adds what it changes."""
    authority = Authority(tmp_path_factory.mktemp("authority"))
    with slapd.running(authority, entries=people.many(USERS)) as running:
        yield running


class Program:
    """The program, with a USERLIST and an agreement with a server."""

    def __init__(self, folder: Path, server: slapd.Slapd) -> None:
        ConfigFolder(folder)
        self.userlist = Userlist.create(folder)
        self.folder = folder
        self.secret = folder / "secret"
        self.secret.write_text(people.READER.password + "\n")
        self.secret.chmod(0o600)
        self.server = server

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(
            application, ("--config-dir", str(self.folder), *arguments), prog_name="ualauth"
        )

    def add(self, *arguments: str, dn: str = people.READER.name) -> Result:
        return self.run(
            *("sync", "add", "staff", "--directory", "openldap", "--uri", self.server.uri),
            *("--base", people.PEOPLE, "--ca-file", str(self.server.authority.file)),
            *("--bind-dn", dn, "--password-file", str(self.secret), "--mail-node", "ny,hq"),
            *arguments,
        )

    def users(self) -> dict[str, User]:
        return {user.authid: user for user in self.userlist.store.users()}


@pytest.fixture
def program(tmp_path: Path, server: slapd.Slapd) -> Iterator[Program]:
    """A program with an empty USERLIST."""
    program = Program(tmp_path, server)
    yield program
    program.userlist.close()


def test_all_pages_become_users_and_changes_follow(program: Program) -> None:
    added = program.add()
    assert added.exit_code == 0, added.output
    assert f"{USERS + 2} add" in added.output
    assert program.users() == {}
    done = program.run("sync", "run", "staff")
    assert done.exit_code == 0, done.output
    users = program.users()
    assert len(users) == USERS + 2
    john = users["jsmith"]
    assert (john.name.units, john.addresses) == (("ny", "hq"), ("jsmith@example.com",))
    assert john.lacks_password
    program.server.modify(
        f"dn: uid=user0,{people.PEOPLE}\nchangetype: modrdn\nnewrdn: uid=renamed\n"
        f"deleteoldrdn: 1\n\n"
        f"dn: uid=user1,{people.PEOPLE}\nchangetype: modify\ndelete: mail\n\n"
        f"dn: uid=user2,{people.PEOPLE}\nchangetype: delete\n"
    )
    text = program.run("sync", "run", "staff").output
    assert "1 change, 1 rename, 1 delete" in text
    after = program.users()
    assert after["renamed"].id == users["user0"].id
    assert after["user1"].addresses == ()
    assert after["user2"].locked
    refused = program.run("user", "modify", "user1", "--address", "x@example.com")
    assert refused.exit_code == 1
    assert "change it there" in refused.output
    assert "no change" in program.run("sync", "run", "staff").output
    assert program.run("sync", "purge", "staff").output == "No user is gone for so long.\n"
    assert program.run("sync", "purge", "staff", "--days", "0").output == "Deleted user2.\n"
    shown = json.loads(program.run("sync", "show", "staff", "--json").stdout)
    assert (shown["users"], shown["deleted_users"]) == (USERS + 1, 0)
    assert "reader-secret" not in program.run("sync", "show", "staff").output
    assert f"{USERS + 1} users" in program.run("sync", "list").output
    assert program.run("sync", "delete", "staff").exit_code == 1
    assert program.run("sync", "delete", "staff", "--release").exit_code == 0
    assert program.run("user", "modify", "user1", "--address", "x@example.com").exit_code == 0


@pytest.mark.parametrize("how", ["base", "filter"])
def test_entries_that_are_out_of_the_scope_are_held_back(program: Program, how: str) -> None:
    program.add()
    assert program.run("sync", "run", "staff").exit_code == 0
    change = {"base": ("--base", people.GROUPS), "filter": ("--filter", "(uid=user1*)")}[how]
    assert program.run("sync", "modify", "staff", *change).exit_code == 0
    held = program.run("sync", "run", "staff")
    assert held.exit_code == 1
    assert "Held back: " in held.output
    assert not any(user.locked for user in program.users().values())
    plan = json.loads(program.run("sync", "run", "staff", "--dry-run", "--json").stdout)
    assert f"--confirm {plan['digest']}" in held.output
    assert program.run("sync", "run", "staff", "--confirm", "0" * 32).exit_code == 1
    assert not any(user.locked for user in program.users().values())
    done = program.run("sync", "run", "staff", "--confirm", plan["digest"])
    assert done.exit_code == 0, done.output
    locked = sum(user.locked for user in program.users().values())
    assert locked == plan["counts"]["delete"] > 50


def test_a_list_that_is_cut_off_changes_nothing(program: Program) -> None:
    """Others than the reader get no more entries than the size limit, whatever the page."""
    program.add()
    assert program.run("sync", "run", "staff").exit_code == 0
    program.secret.write_text(people.JOHN.password)
    program.run("sync", "modify", "staff", "--bind-dn", people.JOHN.name)
    before = program.users()
    done = program.run("sync", "run", "staff")
    # He reads himself alone: without an error, it is the guard that holds.
    assert done.exit_code != 0
    assert program.users() == before


@pytest.mark.parametrize("how", ["base", "password", "server", "public", "missing"])
def test_what_cannot_be_read_to_its_end_changes_nothing(program: Program, how: str) -> None:
    program.add()
    assert program.run("sync", "run", "staff").exit_code == 0
    before = program.users()
    match how:
        case "base":
            program.run("sync", "modify", "staff", "--base", f"ou=gone,{people.SUFFIX}")
        case "password":
            program.secret.write_text("wrong")
        case "server":
            program.server.stop(signal.SIGKILL)
        case "public":
            program.secret.chmod(0o644)
        case _:
            program.secret.unlink()
    try:
        done = program.run("sync", "run", "staff")
    finally:
        if how == "server":
            program.server.start()
    assert done.exit_code == (1 if how in {"public", "missing"} else 75), done.output
    assert program.users() == before
    assert "last error" in program.run("sync", "show", "staff").output


def test_an_agreement_that_cannot_be_read_is_not_added(program: Program) -> None:
    program.secret.write_text("wrong")
    assert program.add().exit_code == 75
    assert program.run("sync", "list").output == ""
