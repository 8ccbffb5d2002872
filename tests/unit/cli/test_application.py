"""The program as a whole: help, version, errors and exit statuses."""

from __future__ import annotations

import importlib
import subprocess
import sys
import warnings
from pathlib import Path

import click
import pytest

from tests.unit.cli.conftest import Program
from ualauth import __version__
from ualauth.cli import application as application_module
from ualauth.cli import user as user_module
from ualauth.config.config import ENVIRONMENT_VARIABLE

TABLES = {**application_module.COMMANDS, **user_module.COMMANDS}


def test_help_lists_every_command(program: Program) -> None:
    text = program.succeed("--help")
    for name, (_, line) in application_module.COMMANDS.items():
        assert name in text
        assert line in text


def test_no_command_shows_help(program: Program) -> None:
    result = program.run()
    assert result.exit_code == 2
    assert "test-auth" in result.output


def test_the_version_is_the_package_s(program: Program) -> None:
    assert program.succeed("--version") == f"ualauth {__version__}\n"
    assert program.succeed("-V") == f"ualauth {__version__}\n"


@pytest.mark.parametrize("table", [application_module.COMMANDS, user_module.COMMANDS])
def test_each_line_of_help_is_the_command_s_own(table: dict[str, tuple[str, str]]) -> None:
    for name, (module, line) in table.items():
        command = importlib.import_module(module).command
        assert command.name == name
        assert command.help.partition("\n")[0] == line


def test_every_command_has_help(program: Program) -> None:
    for name in application_module.COMMANDS:
        assert "Usage: ualauth" in program.succeed(name, "--help")
    for name in user_module.COMMANDS:
        assert f"Usage: ualauth user {name}" in program.succeed("user", name, "-h")


def test_help_loads_neither_rich_nor_sqlalchemy() -> None:
    code = (
        "import sys\n"
        "from ualauth.cli.application import application\n"
        "try: application(['--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'rich', 'sqlalchemy', 'passlib', 'alembic'} & set(sys.modules)))\n"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert shown.endswith("[]\n")


def test_the_environment_variable_is_the_library_s() -> None:
    option = next(each for each in application_module.application.params if each.envvar)
    assert option.envvar == ENVIRONMENT_VARIABLE


def test_the_option_wins_over_the_environment(program: Program, tmp_path: Path) -> None:
    result = program.run("--config-dir", str(tmp_path / "other"), "check")
    assert result.exit_code == 2
    assert f"there is no configuration folder {tmp_path}/other" in result.stderr
    assert f"ualauth --config-dir {tmp_path}/other init" in result.stderr


def test_a_misspelt_command_is_refused_with_a_hint(program: Program) -> None:
    result = program.run("chek")
    assert result.exit_code == 2
    assert "Did you mean 'check'?" in result.stderr
    result = program.run("user", "qqq")
    assert result.exit_code == 2
    assert "Did you mean" not in result.stderr


def test_a_mistake_in_the_settings_is_one_line(program: Program) -> None:
    program.folder.settings("[pasword]\n")
    result = program.run("user", "list")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert "did you mean 'password'?" in result.stderr
    assert result.stderr.count("\n") == 1


def test_no_userlist_is_a_configuration_error(program: Program, tmp_path: Path) -> None:
    program.userlist.close()
    for file in tmp_path.glob("userlist.db*"):
        file.unlink()
    result = program.run("user", "list")
    assert result.exit_code == 2
    assert "create it with `ualauth init`" in result.stderr


def test_a_full_disk_is_one_line() -> None:
    with Path("/dev/full").open("w", encoding="ascii") as full:
        result = subprocess.run(
            [sys.executable, "-c", "from ualauth.cli import main; main()", "--help"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert result.returncode == 2
    assert result.stderr == "Error: output: No space left on device\n"


def test_nothing_relies_on_what_click_gives_up() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for module, _ in TABLES.values():
            assert isinstance(importlib.import_module(module).command, click.Command)


def test_a_file_is_no_configuration_folder(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    result = program.run("--config-dir", str(path), "check")
    assert result.exit_code == 2
    assert f"{path} is a file, and no configuration folder" in result.stderr
    assert "init" not in result.stderr


def test_the_folder_may_stand_behind_the_command(program: Program, tmp_path: Path) -> None:
    other = tmp_path / "other"
    assert program.succeed("init", "--config-dir", str(other)) == program.succeed(
        "--config-dir", str(tmp_path / "third"), "init"
    ).replace(str(tmp_path / "third"), str(other))
    for words in (
        ("show", "pop3", "--config-dir", str(other)),
        ("show", f"--config-dir={other}", "pop3"),
        ("--config-dir", str(tmp_path), "show", "pop3", "--config-dir", str(other)),
        ("--config-dir", str(other), "show", "pop3"),
    ):
        assert program.succeed(*words).startswith(f"pop3 in {other}/pam.d\n")
    assert program.succeed("user", "list", "--config-dir", str(other)) == program.succeed(
        "user", "--config-dir", str(other), "list"
    )
    assert program.run("check", "--", "--config-dir", str(other)).exit_code == 2
