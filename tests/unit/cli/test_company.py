"""`ualauth company`, and what `--as` shows and changes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import pytest

from tests.unit.cli.conftest import Program
from tests.unit.cli.test_completion import completed
from ualauth.cli.application import FOR_COMPANIES, application
from ualauth.cli.callers_file import CallersFile


@pytest.fixture
def hosted(program: Program) -> Program:
    for name in ("acme", "bolt"):
        program.succeed("company", "add", name, "--domain", f"{name}.example")
    program.succeed("company", "hosting", "on", "--yes")
    for name in ("acme", "bolt"):
        for who in ("ann", "bob"):
            program.succeed(
                *("user", "add", f"{who}@{name}.example", "--name", f"{who} Smith/{name}"),
                *("--no-password", "--address", f"{who}.of.{name}@{name}.example"),
                *(["--administrator"] if who == "ann" else []),
            )
        program.succeed(
            "group", "add", f"all@{name}.example", "--name", f"/{name}/CN=All of {name}"
        )
    return program


AS_ACME = ("--as", "ann@acme.example")


def test_companies_are_added_shown_changed_and_listed(program: Program) -> None:
    text = program.run("company", "add", "acme", "--domain", "acme.example", "--limit", "5")
    assert text.stdout == "Added acme.\n"
    assert "no effect yet" in text.stderr
    assert program.succeed("company", "hosting") == "off\n"
    assert program.succeed("company", "hosting", "on", "--yes").endswith("Hosting is on.\n")
    program.succeed("company", "modify", "acme", "--add-domain", "b.test", "--default")
    program.succeed("company", "modify", "acme", "--policy", "grace_logins=3")
    program.succeed("user", "add", "ann@acme.example", "--name", "Ann/acme", "--no-password")
    shown = program.succeed("company", "show", "B.TEST")
    assert "users           1 of 5" in shown
    assert "grace_logins = 3" in shown
    parsed = json.loads(program.succeed("company", "show", "acme", "--json"))
    assert parsed["domains"] == ["acme.example", "b.test"]
    assert (parsed["users"], parsed["user_limit"], parsed["default"]) == (1, 5, True)
    program.succeed("company", "modify", "acme", "--remove-domain", "b.test", "--no-default")
    program.succeed("company", "modify", "acme", "--no-policy", "grace_logins", "--limit", "0")
    assert program.succeed("company", "list").split() == ["acme", "1", "user,", "acme.example"]
    parsed = json.loads(program.succeed("company", "list", "--json"))
    assert (parsed["user_limit"], parsed["default"], parsed["policy"]) == (0, False, {})
    assert program.run("company", "modify", "acme").exit_code == 2
    wrong = program.run("company", "modify", "acme", "--remove-domain", "x.test")
    assert (wrong.exit_code, wrong.stderr) == (
        1,
        "Error: domain 'x.test': is none of this company\n",
    )


def test_a_plan_is_shown_and_what_is_ambiguous_keeps_hosting_off(program: Program) -> None:
    program.succeed("company", "add", "acme", "--domain", "acme.example")
    program.succeed("user", "add", "jo", "--name", "Jo/ny", "--no-password")
    for arguments in (["--plan"], ["--yes"]):
        result = program.run("company", "hosting", "on", *arguments)
        assert result.exit_code == 1
        assert result.stderr == "Error: user jo: OU1 'ny' is no company's\n"
    program.succeed("company", "add", "ny")
    plan = program.succeed("company", "hosting", "on", "--plan")
    assert [line.split() for line in plan.splitlines()] == [
        ["acme", "0", "users,", "0", "groups"],
        ["ny", "1", "user,", "0", "groups"],
        ["the", "server", "0", "users,", "0", "groups"],
    ]
    assert program.run("company", "hosting", "on", answers="n\n").exit_code == 1
    assert program.succeed("company", "hosting") == "off\n"
    program.succeed("company", "hosting", "on", answers="y\n")
    assert program.succeed("company", "hosting") == "on\n"


def test_switching_off_warns_and_asks(hosted: Program) -> None:
    result = hosted.run("company", "hosting", "off", answers="\n")
    assert result.exit_code == 1
    assert "will see the users and groups of all companies" in result.stderr
    assert hosted.succeed("company", "hosting") == "on\n"
    assert hosted.succeed("company", "hosting", "off", "--yes") == "Hosting is off.\n"


def test_a_company_is_deleted_restored_and_purged(hosted: Program) -> None:
    refused = hosted.run("company", "delete", "acme", "--yes")
    assert refused.exit_code == 1
    assert "has 2 users: delete or move them" in refused.stderr
    assert hosted.run("company", "delete", "acme", "--with-users", answers="n\n").exit_code == 1
    text = hosted.succeed("company", "delete", "acme", "--with-users", "--yes")
    assert text.startswith("Deleted acme; it is kept until ")
    assert "locked" in hosted.succeed("user", "list", "--match", "bob@acme*")
    assert "kept until" in hosted.run("company", "purge", "acme", "--yes").stderr
    assert "nothing to remove" in hosted.run("company", "purge", "--yes").stderr
    assert hosted.succeed("company", "restore", "acme") == "Restored acme.\n"
    assert "locked" not in hosted.succeed("user", "list", "--match", "bob@acme*")


COMMANDS: Sequence[Sequence[str]] = (
    ("user", "list"),
    ("user", "list", "--json"),
    ("user", "list", "--match", "*bolt*"),
    ("user", "list", "--domain", "bolt.example"),
    ("user", "find", "smith"),
    ("user", "find", "smith/bolt"),
    ("user", "show", "ann@acme.example"),
    ("user", "export", "--format", "csv"),
    ("user", "export", "--format", "ldif", "--groups", "--base-dn", "dc=x"),
    ("group", "list"),
    ("group", "list", "--json"),
    ("group", "export", "--format", "csv"),
    ("lockout", "list"),
    ("company", "list"),
    ("company", "list", "--json"),
    ("company", "show", "acme"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_an_administrator_of_a_company_sees_nothing_of_another(
    hosted: Program, command: Sequence[str]
) -> None:
    result = hosted.run(*AS_ACME, *command)
    asked = " ".join(command)
    output = (result.stdout + result.stderr).replace(repr(command[-1]), "")
    assert "bolt" not in output.replace(asked, "")
    assert result.exception is None or isinstance(result.exception, SystemExit)


def _told(program: Program, command: Sequence[str], name: str) -> tuple[int, str]:
    result = program.run(*AS_ACME, *(each.replace("NAME", name) for each in command))
    return result.exit_code, (result.stdout + result.stderr).replace(name, "NAME")


@pytest.mark.parametrize(
    "command",
    [
        ("user", "show", "NAME"),
        ("user", "find", "NAME"),
        ("user", "lock", "NAME"),
        ("user", "delete", "NAME", "--yes"),
        ("user", "modify", "NAME", "--language", "de"),
        ("user", "add", "NAME", "--name", "X/acme", "--no-password"),
        ("user", "modify", "bob@acme.example", "--add-address", "NAME"),
        ("user", "modify", "bob@acme.example", "--authid", "NAME"),
        ("group", "show", "NAME"),
        ("group", "add", "NAME"),
        ("group", "modify", "all@acme.example", "--add-member", "NAME"),
        ("lockout", "show", "NAME"),
        ("lockout", "clear", "--user", "NAME"),
        ("company", "show", "NAME"),
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_a_name_of_another_company_is_answered_as_one_that_none_has(
    hosted: Program, command: Sequence[str]
) -> None:
    assert _told(hosted, command, "bob@bolt.example") == _told(hosted, command, "xyz@bolt.example")


def test_a_shell_completes_for_who_acts(hosted: Program) -> None:
    assert completed("a", "--as") == ["ann@acme.example", "ann@bolt.example"]
    assert completed("", "company", "show") == ["acme", "bolt"]
    assert completed("a", "config", "--company") == ["acme"]
    assert completed("", "user", "show") == sorted(
        f"{who}@{name}.example" for who in ("ann", "bob") for name in ("acme", "bolt")
    )
    assert completed("", *AS_ACME, "user", "show") == ["ann@acme.example", "bob@acme.example"]
    assert completed("bob@bolt", *AS_ACME, "user", "show") == []
    assert completed("", *AS_ACME, "company", "show") == ["acme"]
    for who in ("bob@acme.example", "none@acme.example"):
        assert completed("", "--as", who, "user", "show") == []


def test_an_administrator_of_a_company_changes_it(hosted: Program) -> None:
    hosted.succeed(
        *(*AS_ACME, "user", "add", "new@acme.example", "--name", "New/acme", "--no-password")
    )
    hosted.succeed(
        *AS_ACME, "group", "modify", "all@acme.example", "--add-member", "new@acme.example"
    )
    hosted.succeed(*AS_ACME, "user", "lock", "new@acme.example")
    assert "new@acme.example" in hosted.succeed(*AS_ACME, "group", "show", "all@acme.example")
    for command in (("company", "add", "x"), ("company", "hosting", "off", "--yes")):
        result = hosted.run(*AS_ACME, *command)
        assert result.exit_code == 1
        assert "server's administrators alone" in result.stderr


@pytest.mark.parametrize("command", [("config",), ("userlist", "backup", "x"), ("log", "x")])
def test_what_is_of_the_whole_server_does_not_go_with_as(
    hosted: Program, command: Sequence[str]
) -> None:
    result = hosted.run(*AS_ACME, *command)
    assert result.exit_code == 2
    assert "--as goes with" in result.stderr


def _commands(command: click.Command, context: click.Context) -> Iterator[click.Command]:
    if not isinstance(command, click.Group):
        yield command
        return
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        assert below is not None
        yield from _commands(below, context)


def test_no_file_is_read_or_written_for_a_company(hosted: Program, tmp_path: Path) -> None:
    """The program may have the rights of root, whom a rule of sudo lets the actor be."""
    file = tmp_path / "file"
    file.write_text("root:x:0:0\n")
    for command in (
        *(("user", "export", "--format", "csv"), ("group", "export", "--format", "csv")),
        *(("user", "import", "--format", "csv"), ("group", "import", "--format", "csv")),
    ):
        result = hosted.run(*AS_ACME, *command, str(file))
        assert result.exit_code == 2
        assert "with --as, only - is taken" in result.stderr
        assert file.read_text() == "root:x:0:0\n"
    assert "ann@acme.example" in hosted.succeed(*AS_ACME, "user", "export", "--format=csv", "-")
    context = click.Context(application)
    for name in FOR_COMPANIES:
        group = application.get_command(context, name)
        assert group is not None
        for each in _commands(group, context):
            types = [parameter.type for parameter in each.params]
            assert not [
                kind
                for kind in types
                if isinstance(kind, click.Path | click.File) and not isinstance(kind, CallersFile)
            ], each.name


def test_who_is_no_administrator_is_refused(hosted: Program) -> None:
    for who in ("bob@acme.example", "nobody@acme.example"):
        result = hosted.run("--as", who, "user", "list")
        assert result.exit_code == 1
        assert "is no administrator who may log in" in result.stderr


def test_settings_of_a_company_are_shown_with_their_origin(hosted: Program) -> None:
    hosted.folder.settings("[account]\nallowed_services = ['imap']\n[password]\nhistory = 2\n")
    policy = ("history=5", "allowed_services=imap,pop3", "grace_logins=3")
    hosted.succeed("company", "modify", "acme", *(f"--policy={each}" for each in policy))
    shown = hosted.succeed("config", "--company", "ACME.example", "password", "account")
    lines = dict(line.split(" = ", 1) for line in shown.splitlines() if " = " in line)
    assert lines["history"] == "5  # company acme, before ualauth.toml:4; default 0"
    assert lines["grace_logins"] == "3  # company acme; default 0"
    assert lines["allowed_services"].startswith('["imap", "pop3"]  # company acme, before ')
    assert lines["time_zone"] == '"UTC"  # default'
    parsed = json.loads(hosted.succeed("config", "--company", "acme", "--json", "history"))
    (setting,) = parsed["settings"]
    assert (setting["value"], setting["company"], setting["line"]) == (5, "acme", 4)
    other = json.loads(hosted.succeed("config", "--company", "bolt", "--json", "history"))
    assert (other["settings"][0]["value"], other["settings"][0]["company"]) == (2, None)
    unknown = hosted.run("config", "--company", "nowhere")
    assert unknown.exit_code == 1
    assert "'nowhere' is neither the mail node nor a domain of a company" in unknown.stderr
    hosted.succeed("company", "hosting", "off", "--yes")
    off = hosted.run("config", "--company", "acme")
    assert "companies are not hosted" in off.stderr


def test_the_setting_has_to_agree_with_the_userlist(hosted: Program) -> None:
    hosted.folder.service("imap", "auth required om_auth\naccount required om_auth\n")
    toml = hosted.folder.path / "ualauth.toml"
    before = toml.read_text()
    text = hosted.run("check").stdout
    assert "warning: the USERLIST hosts companies, and nothing here asks for that" in text
    hosted.folder.settings("[userlist]\ntimeout = 9\nhosting = true\n")
    assert "hosts" not in hosted.run("check").stdout
    refused = hosted.run("company", "hosting", "off", "--yes")
    assert "hosting is true in ualauth.toml: write false there first" in refused.stderr
    assert hosted.succeed("company", "hosting") == "on\n"
    # As where a copy from before is put back.
    toml.write_text(before)
    hosted.succeed("company", "hosting", "off", "--yes")
    assert hosted.run(*AS_ACME, "user", "list").exit_code == 0
    hosted.folder.settings("[userlist]\ntimeout = 9\nhosting = true\n")
    told = hosted.run("check")
    assert told.exit_code == 1
    assert f"{toml}:3:1: error: the USERLIST hosts no companies" in told.stdout
    for command in (("user", "list"), ("user", "delete", "bob@bolt.example", "--yes")):
        result = hosted.run(*AS_ACME, *command)
        assert result.exit_code == 1
        assert "hosts no companies: ualauth company hosting on" in result.stderr
        assert "bolt" not in result.stdout
    assert "bob@bolt.example" in hosted.succeed("user", "list")
