"""`ualauth check FILE`: service files before they are installed, and problems for programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import OM_AUTH, Program

OPEN = "auth sufficient om_auth\nauth optional pam_permit\n"
REST = "account required om_auth\npassword required om_auth\n"


@pytest.fixture
def candidates(tmp_path_factory: pytest.TempPathFactory, program: Program) -> Path:
    """Return a folder beside that of the configuration, where a service is installed."""
    program.folder.service("pop3", OM_AUTH)
    program.folder.service("other", "auth required pam_deny\naccount required pam_deny\n")
    return tmp_path_factory.mktemp("candidates")


def test_a_file_is_checked_before_it_is_installed(program: Program, candidates: Path) -> None:
    file = candidates / "pop3"
    file.write_text(OPEN + REST)
    told = program.succeed("check", str(file))
    assert f"{file}:2:1: warning:" in told
    assert told.endswith("1 service, 1 warning\n")
    assert program.succeed("check", "pop3") == "1 service, no problems\n"
    file.write_text("auth required om_auht\n")
    result = program.run("check", str(file), "pop3", "--as", "imap")
    assert result.exit_code == 1
    assert result.stdout.endswith("2 services, 1 error\n")


def test_what_it_includes_is_installed_and_what_is_missing_is_that_of_other(
    program: Program, candidates: Path
) -> None:
    file = candidates / "new"
    file.write_text("auth include pop3\naccount include pop3\n")
    told = program.succeed("check", str(file))
    assert "the service has no password lines: these are refused [UA107]" in told
    assert told.endswith("1 service, 1 warning\n")


def test_files_of_a_folder_include_each_other(program: Program, candidates: Path) -> None:
    (candidates / "pop3").write_text(OPEN + REST)
    (candidates / "imap").write_text(
        "auth include pop3\naccount include pop3\npassword include pop3\n"
    )
    told = program.succeed("check", f"{candidates}/")
    assert told.count("[UA101]") == 1
    assert told.endswith("2 services, 1 warning\n")


def test_standard_input_is_checked(program: Program, candidates: Path) -> None:
    assert candidates.is_dir()
    result = program.run("check", "-", "--as", "imap", answers=OPEN + REST)
    assert result.stdout.startswith("-:2:1: warning:")
    assert result.stdout.endswith("1 service, 1 warning\n")
    result = program.run("check", "-", "--as", "imap", answers=b"auth\xa0required\xff om_auth\n")
    assert result.exit_code == 1


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("-",), "say which service it is for: --as SERVICE"),
        (("{folder}/none",), "there is no file"),
        (("{folder}",), "there is no service file in"),
        (("--as", "imap"), "--as is for one file"),
        (("pop3", "--as", "imap"), "--as is for one file"),
        (("{installed}/pop3", "{installed}/other", "--as", "imap"), "one of two files for"),
        (("{installed}/pop3", "--as", "../imap"), "is not a service name"),
    ],
)
def test_what_cannot_be_checked_is_a_mistake(
    program: Program, candidates: Path, words: tuple[str, ...], complaint: str
) -> None:
    places = {"folder": candidates, "installed": program.folder.services}
    result = program.run("check", *(word.format(**places) for word in words))
    assert result.exit_code == 2
    assert complaint in result.stderr


def test_a_service_that_is_nearly_named_so_is_asked_for(program: Program, candidates: Path) -> None:
    assert candidates.is_dir()
    result = program.run("check", "pop")
    assert result.exit_code == 2
    assert "did you mean 'pop3'?" in result.stderr
    result = program.run("test-auth", "pop", "jsmith", "--password-stdin", answers="x\n")
    assert "There is no service file 'pop': other decides; did you mean 'pop3'?" in result.stderr


def test_problems_are_printed_as_json(program: Program, candidates: Path) -> None:
    file = candidates / "pop3"
    file.write_text(f"{OPEN}{REST}session requird om_auth\n")
    result = program.run("check", str(file), "--format", "json")
    assert result.exit_code == 1
    value = json.loads(result.stdout)
    assert value["checked"] == "1 service"
    (problem,) = value["problems"]
    assert problem["severity"] == "error"
    assert (problem["file"], problem["line"], problem["column"]) == (str(file), 5, 9)
    assert problem["cure"] == "did you mean 'required'?"
    assert problem["name"] is None
    file.write_text(OPEN + REST)
    (problem,) = json.loads(program.succeed("check", str(file), "--format", "json"))["problems"]
    assert problem["name"] == "UA101"
    assert problem["when"] == "om_auth (pop3:1) auth_err, pam_permit (pop3:2) success"
    assert json.loads(program.succeed("check", "pop3", "--format", "json"))["problems"] == []


def test_problems_are_annotations_of_a_change(program: Program, candidates: Path) -> None:
    file = candidates / "a,b%:c"
    file.write_text(f"{OPEN}{REST}session required om_\x1b[31m\n")
    result = program.run("check", str(file), "--as", "pop3", "--format", "github")
    assert result.exit_code == 1
    (line,) = result.stdout.splitlines()
    assert line.startswith(f"::error file={candidates}/a%2Cb%25%3Ac,line=5,col=18::")
    assert "\x1b" not in line
    file.write_text(OPEN + REST)
    told = program.succeed("check", str(file), "--as", "pop3", "--format", "github")
    assert ",line=2,col=1,title=UA101::" in told
    assert "%0Awhen: " in told


def test_a_file_with_another_name_stops_nothing(program: Program) -> None:
    program.folder.service("pop3", f"auth required om_auht\n{REST}")
    program.folder.service("README", "The service files.\n")
    (program.folder.services / "smtp").symlink_to("/nonexistent/smtp")
    result = program.run("check")
    assert result.exit_code == 1
    folder = program.folder.services
    assert "there is no module 'om_auht'" in result.stdout
    assert (
        f"{folder}/README:1:1: warning: names of services are read in lower case" in result.stdout
    )
    assert f"    cure: rename it: mv {folder}/README {folder}/readme\n" in result.stdout
    assert f"{folder}/smtp:1:1: error: the link leads nowhere" in result.stdout
    assert result.stdout.endswith("1 service, 2 errors, 1 warning\n")


def test_no_cure_overwrites_a_service(program: Program) -> None:
    program.folder.service("imap", OM_AUTH)
    program.folder.service("IMAP", "auth required pam_permit\n")
    result = program.run("check")
    assert "    cure: move its lines to 'imap', which is used, and remove it\n" in result.stdout


def test_why_the_file_of_a_service_is_not_used(program: Program) -> None:
    program.folder.service("README", "pop3 and imap\n")
    (program.folder.services / "smtp").symlink_to(program.folder.path / "nowhere")
    for command in ("check", "explain"):
        told = program.run(command, "README").stderr
        assert "the file of that name is never used: names are read in lower case" in told
        assert "the link of that name leads nowhere" in program.run(command, "smtp").stderr
