"""`ualauth check`, and the shipped service files."""

from __future__ import annotations

import json
import re
import shutil
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from joserfc.jwk import ECKey

from tests.unit.cli.conftest import Program
from ualauth.config.install import shipped_folder

BROKEN = """\
auth requird om_auth
auth required om_auth nulok
"""


def test_sound_services_are_counted(program: Program) -> None:
    program.folder.service("pop3", ASKING)
    program.folder.service("other", "auth required pam_deny")
    assert program.succeed("check") == "2 services, no problems\n"
    assert program.succeed("check", "POP3") == "1 service, no problems\n"


def test_every_problem_has_its_place_a_caret_and_a_cure(program: Program) -> None:
    path = program.folder.service("pop3", BROKEN)
    result = program.run("check")
    assert result.exit_code == 1
    assert result.stdout == (
        f"{path}:1:6: error: unknown control 'requird'; "
        "every result of the module counts as bad\n"
        "    auth requird om_auth\n"
        "         ^^^^^^^\n"
        "    cure: did you mean 'required'?\n"
        f"{path}:2:23: error: unknown option 'nulok'\n"
        "    auth required om_auth nulok\n"
        "                          ^^^^^\n"
        "    cure: did you mean 'nullok'?\n"
        "1 service, 2 errors\n"
    )


def test_only_the_named_services_are_checked(program: Program) -> None:
    program.folder.service("pop3", BROKEN)
    program.folder.service("imap", ASKING)
    assert program.succeed("check", "imap") == "1 service, no problems\n"
    assert program.run("check", "imap", "pop3").exit_code == 1


def test_a_problem_of_other_is_printed_once(program: Program) -> None:
    program.folder.service("other", BROKEN)
    program.folder.service("pop3", "auth required om_auth")
    assert program.run("check").stdout.count("unknown option") == 1


def test_warnings_count_only_if_asked_for(program: Program) -> None:
    program.folder.service("pop3", "auth required pam_deny foo")
    text = program.succeed("check")
    assert "warning: option 'foo' has no effect" in text
    assert text.endswith("1 service, 1 warning\n")
    assert program.run("check", "--strict").exit_code == 1


def test_strict_is_content_with_sound_services(program: Program) -> None:
    program.folder.service("pop3", "auth required pam_deny")
    assert program.succeed("check", "--strict") == "1 service, no problems\n"


def test_a_service_that_cannot_be_used_at_all_is_explained(program: Program) -> None:
    program.folder.service("pop3", "auth required om_auth \\")
    result = program.run("check", "pop3")
    assert result.exit_code == 1
    assert "the file ends where this line was to go on" in result.stdout


def test_a_service_without_a_file_is_a_mistake(program: Program) -> None:
    program.folder.service("other", "auth required pam_deny")
    result = program.run("check", "pop33")
    assert result.exit_code == 2
    assert "there is no service file 'pop33'" in result.stderr


def test_an_empty_folder_is_a_mistake(program: Program) -> None:
    result = program.run("check")
    assert result.exit_code == 2
    assert "run: ualauth init" in result.stderr


def test_nothing_in_a_file_reaches_the_terminal_raw(program: Program) -> None:
    program.folder.service("pop3", b"auth required pam_\x1b[31m\xff [bold]x[/bold] [/]\n")
    result = program.run("check")
    assert "\x1b" not in result.output
    assert "pam_\\x1b[31m" in result.stdout
    assert "[bold]x[/bold] [/]" in result.stdout


def write_files_of_examples(folder: Path) -> None:
    """Let the examples name files of this folder, and write them: users, and keys of an issuer."""
    for name in ("mail.allow", "mail.deny", "staff"):
        (folder / name).write_text("jsmith\n")
    key = ECKey.generate_key("P-256", {"kid": "first"}).as_dict(private=False)
    (folder / "jwks.json").write_text(json.dumps({"keys": [key]}))
    for path in (folder / "pam.d").iterdir():
        if path.is_file():
            path.write_text(path.read_text().replace("=/etc/ualauth/", f"={folder}/"))


@pytest.mark.parametrize("installed", ["init", "copied"])
def test_every_shipped_file_is_sound(program: Program, installed: str, tmp_path: Path) -> None:
    if installed == "init":
        program.succeed("init")
    services = tmp_path / "pam.d"
    shutil.copytree(shipped_folder(), services, dirs_exist_ok=True)
    shutil.copytree(shipped_folder() / "examples", services, dirs_exist_ok=True)
    # Which no installation can guess.
    settings = "uri ldaps://ldap.example.com\nbase dc=example,dc=com\n"
    (tmp_path / "om_ldap.conf").write_text(settings)
    query = "SELECT user, password FROM users WHERE user = {user}"
    (tmp_path / "om_sql.conf").write_text(f"url sqlite:////var/lib/mail.db\nquery {query}\n")
    write_files_of_examples(tmp_path)
    output = program.run("check", "--strict").stdout
    problems = {
        line for line in output.splitlines() if ": error: " in line or ": warning: " in line
    }
    # The services of the host that examples name: no installation makes them.
    named = {
        name
        for path in services.iterdir()
        if path.is_file()
        for name in re.findall(r"pam_linux +service=(\S+)", path.read_text())
    }
    assert named
    assert problems == {
        f"/etc/pam.d/{name}:1:1: error: the host has no service {name}"
        for name in named
        if not Path("/etc/pam.d", name).exists()
    }


def test_every_shipped_file_begins_with_an_explanation() -> None:
    for path in shipped_folder().rglob("*"):
        # There are no comments in JSON.
        if path.is_file() and path.suffix != ".json":
            text = path.read_text(encoding="ascii")
            assert text.startswith("# "), path
            assert max(map(len, text.splitlines())) <= 110, path


ASKING = "auth required om_auth\naccount required om_auth\npassword required om_auth\n"


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_a_server_that_cannot_be_asked_is_told_where_it_is_set(program: Program) -> None:
    program.folder.service("pop3", ASKING)
    settings = (
        f"[userlist]\ntimeout = 2\nurl = 'postgresql://u:canary@127.0.0.1:{closed_port()}/x'\n"
    )
    path = program.folder.settings(settings)
    # It has a password.
    path.chmod(0o640)
    result = program.run("check")
    assert result.exit_code == 1
    assert f"{path}:3:1: error: the USERLIST cannot be asked: postgresql://" in result.stdout
    assert result.stdout.endswith("1 service, 1 error\n")
    assert "canary" not in result.output


def test_a_userlist_that_is_missing_or_damaged_is_an_error(program: Program) -> None:
    program.folder.service("pop3", ASKING)
    program.userlist.close()
    place = program.folder.path / "userlist.db"
    place.unlink()
    result = program.run("check")
    assert result.exit_code == 1
    assert f"error: there is no USERLIST {place}\n    cure: ualauth init\n" in result.stdout
    place.write_bytes(b"no database" * 1000)
    result = program.run("check")
    assert result.exit_code == 1
    assert "error: the USERLIST cannot be asked" in result.stdout
    assert "restore it from a backup" in result.stdout


def test_a_userlist_that_no_stack_asks_is_left_alone(program: Program) -> None:
    program.folder.service("pop3", "auth required pam_deny")
    program.userlist.close()
    (program.folder.path / "userlist.db").write_bytes(b"no database" * 1000)
    assert program.succeed("check") == "1 service, no problems\n"


def test_a_userlist_that_takes_no_changes_is_a_warning(program: Program) -> None:
    program.folder.service("pop3", ASKING)
    program.folder.settings("[userlist]\ntimeout = 0.1\n")
    place = program.folder.path / "userlist.db"
    with closing(sqlite3.connect(place, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        text = program.succeed("check")
        assert "warning: the USERLIST takes no changes" in text
        assert "is locked by another program" in text
        assert program.run("check", "--strict").exit_code == 1
        connection.execute("ROLLBACK")
    assert program.succeed("check", "--strict") == "1 service, no problems\n"
    with closing(sqlite3.connect(place)) as connection:
        assert connection.execute("SELECT count(*) FROM login_failures").fetchone() == (0,)


def test_a_wal_that_one_reader_keeps_large_is_told_and_shrinks(program: Program) -> None:
    program.folder.service("pop3", ASKING)
    program.userlist.add("jsmith")
    place, store = program.folder.path / "userlist.db", program.userlist.store
    wal = place.with_name("userlist.db-wal")

    def change() -> None:
        many = tuple(f"{number}@{'.'.join(['x' * 60] * 3)}.example" for number in range(500))
        user = store.get("jsmith")
        store.update(user, addresses=() if user.addresses else many)

    with closing(sqlite3.connect(place, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM users").fetchall()
        while wal.stat().st_size < 20 << 20:
            change()
        text = program.succeed("check")
        assert f"warning: {wal} has 20 MiB" in text
        reader.execute("ROLLBACK")
    for _ in range(3):
        change()
    assert wal.stat().st_size <= 8 << 20
    assert program.succeed("check", "--strict") == "1 service, no problems\n"


@pytest.mark.parametrize(
    ("file", "why"),
    [
        ("missing/audit.json", "there is no folder"),
        ("pam.d", "it is a folder"),
    ],
)
def test_an_audit_log_that_cannot_be_written_is_told_at_its_line(
    program: Program, file: str, why: str
) -> None:
    program.folder.service("mail", "auth required pam_permit\naccount required pam_permit\n")
    program.folder.settings(f'[audit]\nform = "text"\nfile = "{file}"\n')
    lines = (program.folder.path / "ualauth.toml").read_text().splitlines()
    line = next(number for number, text in enumerate(lines, 1) if text.startswith("file"))
    result = program.run("check")
    assert result.exit_code == 1
    told = f"ualauth.toml:{line}:1: error: the audit log {program.folder.path / file} cannot"
    assert told in result.output
    assert why in " ".join(result.output.split())


def test_an_audit_log_that_is_not_there_yet_is_no_problem(program: Program) -> None:
    program.folder.service(
        "mail", "auth required pam_debug auth=success\naccount required om_auth\n"
    )
    program.folder.settings('[audit]\nfile = "audit.json"\n')
    assert "audit log" not in program.run("check").output
    assert not (program.folder.path / "audit.json").exists()
