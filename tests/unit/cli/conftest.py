"""The program `ualauth` in one process, with a configuration folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from click.testing import CliRunner, Result

from ualauth.cli.application import application
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

CHEAPEST = """
    [password]
    argon2_passes = 1
    argon2_lanes = 1
    argon2_memory = 8
"""


class Program:
    """Runs `ualauth`; the folder and the USERLIST are those it works on."""

    def __init__(self, folder: ConfigFolder, userlist: Userlist) -> None:
        self.folder = folder
        self.userlist = userlist

    def run(self, *arguments: str, answers: str | bytes | IO[bytes] | None = None) -> Result:
        """Run a command; `answers` is what is typed, or what stands in standard input."""
        return CliRunner().invoke(application, arguments, input=answers, prog_name="ualauth")

    def succeed(self, *arguments: str, answers: str | bytes | None = None) -> str:
        """Run a command that has to succeed, and return what it prints."""
        result = self.run(*arguments, answers=answers)
        assert result.exit_code == 0, result.output
        return result.stdout


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Program]:
    """A program with an empty USERLIST and cheap hashes."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("UALAUTH_CONFIG_DIR", str(tmp_path))
    folder = ConfigFolder(tmp_path)
    folder.settings(CHEAPEST)
    userlist = Userlist.create(tmp_path)
    yield Program(folder, userlist)
    userlist.close()


OM_AUTH = """\
auth required om_auth
account required om_auth
password required om_auth
session required om_auth
"""
