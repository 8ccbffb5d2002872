"""`ualauth kick` calls the program that ends sessions, for each user and for no other."""

from __future__ import annotations

import json
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.unit.daemon.serving import PLAIN_SETTINGS, served
from ualauth.cli.application import application
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

Kick = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path) -> ConfigFolder:
    folder = ConfigFolder(tmp_path)
    folder.service("imap", "auth required om_auth\naccount required om_auth\n")
    people = Userlist.create(tmp_path)
    people.add("jane", "secret", addresses=("jane@example.com",))
    people.add("odd*", "secret")
    people.close()
    return folder


def program(folder: ConfigFolder, body: str = "") -> Path:
    """Return a program that writes down what it is called with."""
    path = folder.path / "program"
    path.write_text(
        f"#!{sys.executable}\nimport sys\n"
        f"open({str(folder.path / 'calls')!r}, 'a').write(repr(sys.argv[1:]) + '\\n')\n{body}"
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def calls(folder: ConfigFolder) -> list[str]:
    path = folder.path / "calls"
    return path.read_text().splitlines() if path.exists() else []


def settings(folder: ConfigFolder, *arguments: str, more: str = "") -> None:
    folder.settings(f"{PLAIN_SETTINGS}\n[serve]\nkick = {json.dumps(arguments)}\n{more}")


def kick(folder: ConfigFolder, *users: str) -> Result:
    arguments = ["--config-dir", str(folder.path), "kick", *users]
    return CliRunner().invoke(application, arguments, prog_name="ualauth")


def test_each_user_is_named_by_the_authid(folder: ConfigFolder) -> None:
    settings(folder, str(program(folder)), "kick", "--user={user}", "{user}")
    result = kick(folder, "JANE@example.com", "who was deleted")
    assert result.exit_code == 0, result.output
    assert calls(folder) == [
        "['kick', '--user=jane', 'jane']",
        "['kick', '--user=who was deleted', 'who was deleted']",
    ]
    assert result.output == "jane is logged out.\nwho was deleted is logged out.\n"


def test_user_without_a_session(folder: ConfigFolder) -> None:
    settings(folder, str(program(folder, "sys.exit(67)")), "{user}")
    result = kick(folder, "jane")
    assert (result.exit_code, result.output) == (0, "jane has no session.\n")


def test_program_that_fails(folder: ConfigFolder) -> None:
    body = "print('no\\x1b anvil', file=sys.stderr)\nsys.exit(75)"
    settings(folder, str(program(folder, body)), "{user}")
    result = kick(folder, "jane")
    assert result.exit_code == 2
    assert "ended with status 75: no" in result.output
    assert "\x1b" not in result.output


def test_program_that_is_not_there(folder: ConfigFolder) -> None:
    settings(folder, f"{folder.path}/absent", "{user}")
    result = kick(folder, "jane")
    assert result.exit_code == 2
    assert f"{folder.path}/absent cannot be called" in result.output


@pytest.mark.parametrize("name", ["odd*", "ja?e", "*", "", "a\tb", "x\n"])
def test_name_that_means_other_users_as_well(folder: ConfigFolder, name: str) -> None:
    settings(folder, str(program(folder)), "{user}")
    assert kick(folder, name).exit_code != 0
    assert not calls(folder)


def test_name_that_is_an_option(folder: ConfigFolder) -> None:
    settings(folder, str(program(folder)), "{user}")
    assert kick(folder, "--", "-A").exit_code != 0
    assert not calls(folder)


def test_without_a_program_and_a_socket(folder: ConfigFolder) -> None:
    folder.settings(PLAIN_SETTINGS)
    result = kick(folder, "jane")
    assert result.exit_code == 2
    assert "add [serve] kick" in result.output


@pytest.mark.parametrize(
    "wrong", ['["doveadm", "kick", "{user}"]', '["/usr/bin/doveadm", "kick"]', '["{user}"]', '"x"']
)
def test_setting_that_makes_no_sense(folder: ConfigFolder, wrong: str) -> None:
    folder.settings(f"[serve]\nkick = {wrong}\n")
    result = kick(folder, "jane")
    assert result.exit_code == 2
    assert "kick must be" in result.output


def test_daemon_forgets_the_logins(folder: ConfigFolder) -> None:
    sockets = "".join(
        f'[[listen]]\nprotocol = "{name}"\npath = "{folder.path}/{name}"\n'
        for name in ("control", "saslauthd")
    )
    settings(folder, str(program(folder)), "{user}", more=sockets)
    with served(folder) as daemon:
        auth = daemon.daemon._current()
        for _ in range(3):
            daemon.run(auth.authenticate("imap", "jane", "secret"))
        result = kick(folder, "jane@example.com")
        assert result.exit_code == 0, result.output
        assert result.output == "jane is logged out.\n1 remembered login is forgotten.\n"
        assert kick(folder, "jane").output.endswith("0 remembered logins are forgotten.\n")
        assert daemon.run(auth.authenticate("imap", "jane", "secret")).user == "jane"
