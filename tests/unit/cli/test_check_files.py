"""`ualauth check` reads every file that an entry names, and shows what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.conftest import Program

ACCOUNT = "account required pam_permit\n"


def checked(program: Program, line: str, status: int) -> str:
    """Return what is said of a service with a line."""
    program.folder.service("pop3", f"auth required {line}\n{ACCOUNT}")
    result = program.run("check")
    assert result.exit_code == status, result.output
    return result.stdout


@pytest.fixture
def listed(program: Program) -> Path:
    """Return a list of users."""
    path = program.folder.path / "list"
    path.write_text("ann\n")
    path.chmod(0o600)
    return path


def line_of(path: object, sense: str = "deny", onerr: str = "fail") -> str:
    return f"pam_listfile onerr={onerr} item=user sense={sense} file={path}"


# Lists


def test_a_list_that_is_well_is_no_problem(program: Program, listed: Path) -> None:
    listed.write_text("ann\n#nobody else\n-\n")
    assert checked(program, line_of(listed), 0) == "1 service, no problems\n"


def test_an_address_in_a_list_of_users_is_told_of(program: Program, listed: Path) -> None:
    listed.write_text("ann\njs@example.com\n")
    assert checked(program, line_of(listed), 0) == (
        f"{listed}:2:1: warning: 'js@example.com' is no authid: an address in a list is never "
        "found\n"
        "    js@example.com\n"
        "    ^^^^^^^^^^^^^^\n"
        "    cure: write the user's authid\n"
        "1 service, 1 warning\n"
    )


def test_an_address_in_another_list_is_none_of_a_user(program: Program, listed: Path) -> None:
    listed.write_text("js@example.com\n")
    line = line_of(listed).replace("item=user", "item=rhost")
    assert checked(program, line, 0) == "1 service, no problems\n"


def test_a_blank_in_a_list_of_users_is_told_of(program: Program, listed: Path) -> None:
    listed.write_text("ann \n")
    assert "'ann ' begins or ends with a blank" in checked(program, line_of(listed), 0)


@pytest.mark.parametrize(
    ("onerr", "status", "text"),
    [
        ("fail", 0, "warning: there is no such list: every user is refused"),
        ("succeed", 1, "error: there is no such list: with onerr=succeed, every user passes"),
    ],
)
def test_a_list_that_is_missing_is_told_of(
    program: Program, onerr: str, status: int, text: str
) -> None:
    path = program.folder.path / "nowhere"
    assert f"{path}:1:1: {text}" in checked(program, line_of(path, onerr=onerr), status)


@pytest.mark.parametrize(
    ("argument", "text", "cure"),
    [
        ("file= /x/list", "PAM takes no blank after '='", "write file=/x/list"),
        ("file=deny.list", "'deny.list' could be anywhere", "write the whole path, from / on"),
        ('file="/x/mail users/allow"', "PAM knows no quotes", "write [file=/x/mail users/allow]"),
        ("file='/x/allow'", "PAM knows no quotes", "write file=/x/allow"),
    ],
)
@pytest.mark.parametrize("onerr", ["fail", "succeed"])
def test_a_path_that_pam_reads_otherwise_is_named(
    program: Program, argument: str, text: str, cure: str, onerr: str
) -> None:
    line = f"pam_listfile item=user sense=deny {argument} onerr={onerr}"
    told = checked(program, line, int(onerr == "succeed"))
    word = {"fail": "warning", "succeed": "error"}[onerr]
    assert f"pop3:1:49: {word}: {text}" in told
    assert f"    cure: {cure}\n" in told
    assert ("every user passes" in told) is (onerr == "succeed")
    assert "unknown option" not in told


# Any file


def test_a_file_that_every_user_may_write_to_is_an_error(program: Program, listed: Path) -> None:
    listed.chmod(0o666)
    told = checked(program, line_of(listed), 1)
    assert f"{listed}:1:1: error: the file can be written by every user" in told
    assert f"    cure: run: chmod o-w {listed}\n" in told


def test_a_folder_that_every_user_may_write_to_is_an_error(program: Program, listed: Path) -> None:
    folder = program.folder.path
    folder.chmod(0o777)
    told = checked(program, line_of(listed), 1)
    assert f"{folder}/pam.d/pop3:1:1: error: the file is in {folder}, which can be written" in told
    assert f"    cure: run: chmod o-w {folder}\n" in told
