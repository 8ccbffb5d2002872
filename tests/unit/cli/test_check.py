"""`ualauth check`, and the shipped service files."""

from __future__ import annotations

import json
import shutil
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
    program.folder.service("pop3", "auth required om_auth")
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
    program.folder.service("imap", "auth required om_auth")
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
    write_files_of_examples(tmp_path)
    assert "no problems" in program.succeed("check", "--strict")


def test_every_shipped_file_begins_with_an_explanation() -> None:
    for path in shipped_folder().rglob("*"):
        if path.is_file():
            text = path.read_text(encoding="ascii")
            assert text.startswith("# "), path
            assert max(map(len, text.splitlines())) <= 110, path
