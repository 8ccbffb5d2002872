"""`ualauth check` reads the host's own service files, which pam_linux has libpam read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Program
from ualauth.host_pam import service as host_service

PERMIT = "pam_permit.so"
WELL = f"auth required {PERMIT}\naccount required {PERMIT}\n"


@pytest.fixture
def host(program: Program) -> Path:
    """Return a folder like /etc/pam.d, with an `other` that denies."""
    path = program.folder.path / "host"
    path.mkdir()
    (path / "other").write_text("auth required pam_deny.so\naccount required pam_deny.so\n")
    return path


def checked(program: Program, host: Path, status: int, more: str = "") -> str:
    """Return what is said of a service that asks the host's service `mail`."""
    line = f"required pam_linux service=mail confdir={host} {more}\n"
    program.folder.service("pop3", f"auth {line}account {line}password {line}")
    result = program.run("check")
    assert result.exit_code == status, result.output
    return result.stdout


def test_a_file_that_is_well_is_no_problem(program: Program, host: Path) -> None:
    (host / "mail").write_text(f"#%PAM-1.0\n@include common\n{WELL}-session optional pam_x.so\n")
    (host / "common").write_text("auth [success=1 default=ignore] pam_deny.so\n")
    assert checked(program, host, 0) == "1 service, no problems\n"


WARNINGS: Mapping[str, tuple[Mapping[str, str], str, str]] = {
    "no type": (
        {"mail": f"{WELL}auht required {PERMIT}\n"},
        "mail:3:1: warning: 'auht' is no module type",
        "did you mean 'auth'?",
    ),
    "no control": (
        {"mail": f"{WELL}auth requird {PERMIT}\n"},
        "mail:3:6: warning: unknown control 'requird'",
        "did you mean",
    ),
    "no module": ({"mail": f"{WELL}auth required\n"}, "mail:3:6: warning: ", "name a module"),
    "a module that is not there": (
        {"mail": f"{WELL}auth required pam_nonesuch.so\n"},
        "mail:3:15: warning: libpam has no module 'pam_nonesuch.so'",
        "install the Debian package",
    ),
    "a path of a module that is not there": (
        {"mail": f"{WELL}auth required /nowhere/pam_x.so\n"},
        "mail:3:15: warning: libpam has no module '/nowhere/pam_x.so'",
        "install the Debian package",
    ),
    "an include that is missing": (
        {"mail": f"{WELL}auth include common-auht\n"},
        "mail:3:14: warning: there is no file {host}/common-auht",
        "name a readable file",
    ),
    "a substack that is missing": (
        {"mail": f"{WELL}auth substack common-auht\n"},
        "mail:3:15: warning: there is no file {host}/common-auht",
        "name a readable file",
    ),
    "a mistake in an include": (
        {"mail": f"@include common\n{WELL}", "common": "# ours\nauth\n"},
        "common:2:1: warning: the line has no control",
        "add required",
    ),
    "a jump": (
        {"mail": f"account required {PERMIT}\nauth [success=2 default=bad] {PERMIT}\n"},
        "mail:2:1: warning: a jump over 2 entries, and only 0 follow: this refuses",
        "write ok or ignore in its place",
    ),
    "a mistake in the host's other": (
        {"mail": WELL, "other": f"auth requird {PERMIT}\n"},
        "other:1:6: warning: unknown control 'requird'",
        "did you mean",
    ),
}


@pytest.mark.parametrize("name", WARNINGS)
def test_what_libpam_goes_on_with_is_a_warning(program: Program, host: Path, name: str) -> None:
    files, text, cure = WARNINGS[name]
    for each, content in files.items():
        (host / each).write_text(content)
    told = checked(program, host, 0)
    assert f"{host}/{text.format(host=host)}" in told
    assert f"    cure: {cure}" in told
    assert "1 warning" in told


ERRORS: Mapping[str, tuple[Mapping[str, str], str]] = {
    "a line that was to go on": (
        {"mail": f"{WELL}auth required \\\n"},
        "mail:3:15: error: the file ends where this line was to go on",
    ),
    "a name of no module": ({"mail": f"{WELL}auth required .so\n"}, "mail:3:15: error: "),
    "another one's": (
        {"mail": WELL, "other": "auth required \\"},
        "other:1:15: error: the file ends where this line was to go on",
    ),
    "nothing of the service": ({}, "mail:1:1: error: the host has no service mail"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_what_libpam_refuses_as_a_whole_is_an_error(
    program: Program, host: Path, name: str
) -> None:
    files, text = ERRORS[name]
    for each, content in files.items():
        (host / each).write_text(content)
    assert f"{host}/{text}" in checked(program, host, 1)


def test_where_other_is_meant_it_is_read(program: Program, host: Path) -> None:
    assert checked(program, host, 0, "or_other") == "1 service, no problems\n"
    (host / "other").write_text("auth requird pam_deny.so\n")
    assert f"{host}/other:1:6: warning: unknown control" in checked(program, host, 0, "or_other")
    (host / "other").unlink()
    told = checked(program, host, 1, "or_other")
    assert f"{host}/other:1:1: error: the host has no service other" in told


def folder(path: Path) -> None:
    path.mkdir()


def fifo(path: Path) -> None:
    os.mkfifo(path)


def of_every_user(path: Path) -> None:
    path.write_text(WELL)
    path.chmod(0o666)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (folder, "the file is a folder"),
        (fifo, "the file is not a regular file"),
        (of_every_user, "the file can be written by every user"),
    ],
)
def test_one_that_no_login_would_use_is_an_error(
    program: Program, host: Path, make: object, text: str
) -> None:
    assert callable(make)
    make(host / "mail")
    assert f"{host}/mail:1:1: error: {text}" in checked(program, host, 1)


def test_an_include_that_every_user_may_write_to_is_told_of(program: Program, host: Path) -> None:
    (host / "mail").write_text(f"@include common\n{WELL}")
    (host / "common").write_text("")
    (host / "common").chmod(0o666)
    told = checked(program, host, 0)
    assert f"{host}/common:1:1: warning: the file can be written by every user" in told
    assert f"    cure: run: chmod o-w {host}/common" in told


@pytest.mark.parametrize("data", [b"", b"# ours\n", b"\0" * 1000])
def test_one_without_a_line_is_told_of(program: Program, host: Path, data: bytes) -> None:
    (host / "mail").write_bytes(data)
    told = checked(program, host, 0)
    assert f"{host}/mail:1:1: warning: there is no line in it: the host's other decides" in told


@pytest.mark.parametrize("data", [b"", b"\0" * 1000, b"auth required pam_per", b"\xff\xfe\n"])
def test_whatever_is_in_it_is_told_of_or_not_and_nothing_fails(
    program: Program, host: Path, data: bytes
) -> None:
    (host / "mail").write_bytes(data)
    assert "error" not in checked(program, host, 0)


def test_without_confdir_it_is_where_libpam_looks(
    program: Program, host: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor = tmp_path / "vendor"
    vendor.mkdir()
    (vendor / "mail").write_text(f"{WELL}auth requird {PERMIT}\n")
    monkeypatch.setattr(host_service, "FOLDERS", (host, vendor))
    line = "required pam_linux service=mail\n"
    program.folder.service("pop3", f"auth {line}account {line}password {line}")
    assert f"{vendor}/mail:3:6: warning: unknown control" in program.run("check").stdout
    # What the administrator puts there comes first.
    (host / "mail").write_text(WELL)
    assert program.run("check").stdout == "1 service, no problems\n"
