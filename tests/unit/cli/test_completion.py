"""What a shell may complete."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from click.shell_completion import BashComplete

from tests.unit.cli.conftest import OM_AUTH, Program
from ualauth.cli.application import application


def completed(incomplete: str, *words: str) -> Sequence[str]:
    complete = BashComplete(application, {}, "ualauth", "_UALAUTH_COMPLETE")
    return [each.value for each in complete.get_completions(list(words), incomplete)]


@pytest.fixture
def complete(program: Program) -> Program:
    for name in ("pop3", "imap", "smtpd.auth"):
        program.folder.service(name, OM_AUTH)
    for authid in ("jsmith", "jdoe", "mary"):
        program.userlist.add(authid)
    return program


def test_services_users_modules_and_schemes_are_completed(complete: Program) -> None:
    assert completed("", "show") == ["imap", "pop3", "smtpd.auth"]
    assert completed("p", "test-auth") == ["pop3"]
    assert completed("i", "check", "pop3") == ["imap"]
    assert completed("s", "diff", "pop3") == ["smtpd.auth"]
    assert completed("j", "test-auth", "pop3") == ["jdoe", "jsmith"]
    assert completed("m", "user", "show", "jdoe") == ["mary"]
    assert completed("om_au", "modules") == ["om_auth"]
    assert "argon2id" in completed("a", "hash", "--scheme")
    assert completed("con") == ["config"]


def test_a_word_with_a_slash_is_left_to_the_shell(complete: Program) -> None:
    bash = BashComplete(application, {}, "ualauth", "_UALAUTH_COMPLETE")
    (item,) = bash.get_completions(["check"], "./p")
    assert item.type == "file"


def test_the_folder_that_was_named_counts(complete: Program, tmp_path: Path) -> None:
    (tmp_path / "empty" / "pam.d").mkdir(parents=True)
    assert completed("", "--config-dir", str(tmp_path / "empty"), "show") == []
    (tmp_path / "other" / "pam.d").mkdir(parents=True)
    (tmp_path / "other" / "pam.d" / "mail").write_text(OM_AUTH)
    assert completed("", "show", "--config-dir", str(tmp_path / "other")) == ["mail"]
    assert completed("", "user", "show", "--config-dir", str(tmp_path / "other")) == []


def test_without_a_configuration_nothing_is_completed_and_nothing_is_said(
    program: Program, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program.folder.settings("[no]\n")
    assert completed("", "show") == []
    assert completed("", "user", "show") == []
    assert capsys.readouterr() == ("", "")
