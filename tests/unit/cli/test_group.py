"""`ualauth group`, what `ualauth user` shows of groups, and what `ualauth check` says of them."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Program
from ualauth.userlist.group_record import Members

USERS = (("jsmith", "John Smith/ny"), ("ann", "Ann Miller"), ("ann2", "Ann Miller/la"))


@pytest.fixture(autouse=True)
def users(program: Program) -> None:
    for authid, name in USERS:
        program.succeed("user", "add", authid, "--name", name, "--no-password")


def members(program: Program, name: str) -> Members:
    groups = program.userlist.store.groups
    return groups.members(groups.get(name))


def test_groups_are_added_and_shown(program: Program) -> None:
    text = program.succeed(
        *("group", "add", "sales", "--name", "/ny,hq/CN=Sales", "--member", "john smith"),
        *("--address", "sales@example.com", "--address", "s@example.com"),
    )
    assert text == "Added sales, /ny,hq/CN=Sales.\n"
    text = program.succeed("group", "add", "all", "every one", "--member", "S@EXAMPLE.com")
    assert text == "Added all, /CN=all.\nAdded every one, /CN=every one.\n"
    program.succeed("group", "modify", "all", "--add-member", "ann", "--add-member", "jsmith")
    shown = program.succeed("group", "show", "all", "OU1=ny/OU2=hq/CN=sales")
    assert "groups           sales" in shown
    assert "users by groups  none" in shown
    assert "member of        all" in shown
    assert "                 every one" in shown
    parsed = json.loads(program.succeed("group", "show", "every one", "--json"))
    assert parsed["members"] == {"users": [], "groups": ["sales"]}
    assert (parsed["all_users"], parsed["member_of"]) == (["jsmith"], [])
    assert parsed["or_name"] == "/CN=every one"
    lines = program.succeed("group", "list").splitlines()
    assert [line.split("  ")[0] for line in lines] == ["all", "every one", "sales"]
    assert lines[0].endswith("2 users, 1 group")
    listed = [json.loads(line) for line in program.succeed("group", "list", "--json").splitlines()]
    assert [each["name"] for each in listed] == ["all", "every one", "sales"]
    assert listed[2]["addresses"] == ["sales@example.com", "s@example.com"]


def test_users_show_their_groups_and_what_is_done_about_their_mailboxes(program: Program) -> None:
    program.succeed("group", "add", "sales", "--member", "jsmith")
    program.succeed("group", "add", "all", "--member", "sales")
    program.succeed(
        "user", "modify", "jsmith", "--mailbox-limit", "500", "--limit-notify", "--hidden"
    )
    shown = program.succeed("user", "show", "jsmith")
    assert "500 MB; beyond it the user is told" in shown
    assert "groups                 all" in shown
    parsed = json.loads(program.succeed("user", "show", "jsmith", "--json"))
    assert parsed["groups"] == ["all", "sales"]
    assert (parsed["mailbox_limit"], parsed["hidden"]) == (500, True)
    assert (parsed["limit_notify_user"], parsed["limit_inbound_mail"]) == (True, False)
    listed = [line.split() for line in program.succeed("user", "list").splitlines()]
    assert [line[-1] for line in listed] == ["password", "password", "hidden"]
    options = ("--mailbox-limit", "0", "--no-limit-notify", "--no-hidden")
    program.succeed("user", "modify", "jsmith", *options)
    assert "mailbox limit          the server's" in program.succeed("user", "show", "jsmith")


def test_groups_are_changed(program: Program) -> None:
    program.succeed("group", "add", "sales", "all", "--member", "jsmith")
    options = ("--add-member", "ann", "--remove-member", "John Smith/ny")
    assert program.succeed("group", "modify", "sales", "SALES", "all", *options) == (
        "Changed sales.\nChanged all.\n"
    )
    assert members(program, "sales") == members(program, "all") == Members(("ann",), ())
    fields = (
        "--rename",
        "Vertrieb",
        "--address",
        "v@example.com",
        "--add-address",
        "w@example.com",
    )
    assert program.succeed("group", "modify", "sales", *fields) == "Changed Vertrieb.\n"
    group = program.userlist.store.groups.get("vertrieb")
    assert str(group.or_name) == "/CN=Vertrieb"
    assert group.addresses == ("v@example.com", "w@example.com")
    program.succeed("group", "modify", "vertrieb", "--remove-address", "V@example.com")
    program.succeed("group", "modify", "vertrieb", "--name", "/ny/CN=V")
    group = program.userlist.store.groups.get("/ny/CN=v")
    assert group.addresses == ("w@example.com",)
    program.succeed("group", "modify", "vertrieb", "--no-address")
    assert program.userlist.store.groups.get("vertrieb").addresses == ()


def test_groups_are_deleted_when_that_is_confirmed(program: Program) -> None:
    program.succeed("group", "add", "sales", "all", "--member", "jsmith")
    result = program.run("group", "delete", "sales", "all", answers="n\n")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Nothing was deleted." in result.stderr
    result = program.run("group", "delete", "sales", "Sales", "all", answers="y\n")
    assert result.stdout == "Deleted sales.\nDeleted all.\n"
    assert program.succeed("group", "list") == ""
    assert program.succeed("user", "show", "jsmith")


@pytest.mark.parametrize(
    ("arguments", "status", "problem"),
    [
        (("show", "nosuch"), 1, "'nosuch' is the name of no group in the USERLIST: ualauth group"),
        (("modify", "nosuch", "--no-address"), 1, "no group in the USERLIST"),
        (("delete", "nosuch", "--yes"), 1, "no group in the USERLIST"),
        (("add", "sales"), 1, "'sales' already is a name or address of another group"),
        (("add", "JSMITH"), 1, "'JSMITH' already is an authid or address of a user"),
        (("add", "x", "--name", "john smith/NY"), 1, "the O/R name 'john smith/NY' already is a u"),
        (("add", "x", "--address", "x"), 1, "addresses of a group: 'x' "),
        (("add", "x", "--name", "/ny"), 1, "surname of an O/R name"),
        (("add", " x"), 1, "name of a group: takes 1 to 64 characters"),
        (("add", "x" * 65), 1, "name of a group: takes 1 to 64 characters"),
        (("add", "x", "y", "--address", "a@b.example"), 2, "Only one group can have --address"),
        (("add", "x", "y", "--name", "/CN=x"), 2, "Only one group can have --name"),
        (("add", "x", "--member", "nosuch"), 1, "'nosuch' is the name of no user and no group"),
        (("add", "x", "--member", "Ann Miller/"), 1, "no user and no group in the USERLIST, or of"),
        (("add",), 2, "Missing argument 'GROUP...'"),
        (("modify", "sales"), 2, "Say what to change"),
        (("modify", "sales", "--rename", "all"), 1, "'all' already is a name"),
        (("modify", "sales", "--add-member", "all"), 1, "cannot be members of each other"),
        (("modify", "sales", "--add-member", "sales"), 1, "'sales' cannot be its own member"),
        (("modify", "sales", "--remove-member", "ann"), 1, "'ann' is no member of this group"),
        (("modify", "sales", "--remove-address", "a@b.example"), 1, "is none of this group's"),
        (
            ("modify", "sales", "--no-address", "--address", "a@b.example"),
            2,
            "Either set addresses",
        ),
        (("modify", "sales", "all", "--rename", "x"), 2, "Only one group can have --rename"),
        (
            ("modify", "sales", "all", "--add-address", "a@b.c"),
            2,
            "Only one group can have --add-a",
        ),
    ],
)
def test_mistakes_are_told_and_change_nothing(
    arguments: tuple[str, ...], status: int, problem: str, program: Program
) -> None:
    program.succeed("group", "add", "sales", "--member", "jsmith")
    program.succeed("group", "add", "all", "--member", "sales")
    before = program.succeed("group", "list", "--json")
    result = program.run("group", *arguments)
    assert (result.exit_code, result.stdout) == (status, "")
    assert problem in " ".join(result.stderr.split())
    assert program.succeed("group", "list", "--json") == before


def test_a_copy_of_the_userlist_has_its_groups(program: Program, tmp_path: Path) -> None:
    program.succeed("group", "add", "sales", "--member", "jsmith")
    before = program.succeed("group", "list", "--json")
    copy = tmp_path / "copy.db"
    program.succeed("userlist", "backup", str(copy))
    program.succeed("group", "delete", "sales", "--yes")
    program.succeed("user", "add", "sales", "--name", "Sales", "--no-password")
    program.succeed("userlist", "restore", "--yes", str(copy))
    assert program.succeed("group", "list", "--json") == before
    # Another database than the copy has nothing of it.
    with closing(sqlite3.connect(shutil.copy(copy, tmp_path / "other.db"))) as connection:
        assert connection.execute("SELECT name FROM groups").fetchall() == [("sales",)]


def test_check_tells_of_groups_that_are_not_there(program: Program, tmp_path: Path) -> None:
    program.succeed("group", "add", "sales", "--member", "jsmith")
    groups = tmp_path / "groups"
    groups.write_text("SALES\nroot\nnosuch\n", encoding="utf-8")
    program.folder.service(
        "test",
        "auth required om_auth\n"
        "auth [success=ignore default=bad] pam_if group=sales,typo !group=Sales\n"
        f"auth required pam_listfile item=group sense=allow file={groups}\n"
        "account required pam_if group=Typo2\n"
        "password required om_auth\n",
    )
    result = program.run("check", "test")
    lines = [line for line in result.stdout.splitlines() if ": error:" in line or ": warn" in line]
    assert result.exit_code == 1
    told = [line.partition(": ")[2] for line in lines if "group" in line]
    assert told == [
        "error: there is no group 'typo' in the USERLIST: no login is decided by this line",
        "error: there is no group 'Typo2' in the USERLIST: no login is decided by this line",
        "warning: 'nosuch' is no group, neither in the USERLIST nor of the host",
    ]
    program.succeed("group", "add", "typo", "typo2", "nosuch")
    assert "there is no group" not in program.run("check", "test").stdout
    (tmp_path / "userlist.db").unlink()
    assert "there is no group 'sales'" in program.run("check", "test").stdout
