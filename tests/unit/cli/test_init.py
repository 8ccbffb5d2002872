"""`ualauth init`."""

from __future__ import annotations

import contextlib
import sqlite3
import stat
import tomllib
from pathlib import Path

import pytest

from tests.postgresql import PASSWORD, Server
from tests.unit.cli.conftest import Program
from ualauth.config.config import Config
from ualauth.config.install import InstallAction, default_settings, install, shipped_folder
from ualauth.ldap.server.attributes import USUAL, parse
from ualauth.sources.files import Text
from ualauth.userlist.store import UserStore

SERVICES = {"imap", "omslapdeng", "other", "pop3", "smtpd.auth", "ual.remote"}
EXAMPLES = {
    "active-directory",
    "active-directory-krb5",
    "administrators",
    "authid-for-other-modules",
    "blocklist",
    "by-domain",
    "by-domain-company",
    "diagnostics",
    "host-pam",
    "if-outside-office",
    "krb5",
    "krb5-with-userlist-account",
    "ldap",
    "ldap-with-userlist-fallback",
    "list-restricted",
    "moving",
    "open-test",
    "radius",
    "smb",
    "two-steps",
}


@pytest.fixture
def folder(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration folder that does not exist yet."""
    path = tmp_path / "etc" / "ualauth"
    monkeypatch.setenv("UALAUTH_CONFIG_DIR", str(path))
    return path


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_init_creates_everything(program: Program, folder: Path) -> None:
    text = program.succeed("init")
    assert {path.name for path in (folder / "pam.d").iterdir()} >= SERVICES
    assert {path.name for path in (folder / "examples").iterdir()} >= EXAMPLES
    assert f"{folder}/pam.d/pop3: created\n" in text
    assert f"{folder}/ldap.attribs: created\n" in text
    attributes, problems = parse(Text("ldap.attribs", (folder / "ldap.attribs").read_text()))
    assert (attributes, problems) == (USUAL, [])
    assert f"{folder}/userlist.db: created\n" in text
    assert not any("unchanged" in line for line in text.splitlines())
    with UserStore(Config.load(folder).userlist_url) as store:
        store.check()


def test_only_the_owner_may_write(program: Program, folder: Path) -> None:
    program.succeed("init")
    assert _mode(folder) == 0o750
    assert _mode(folder / "pam.d") == 0o750
    assert all(not _mode(path) & 0o027 for path in folder.rglob("*"))


def test_init_twice_changes_nothing(program: Program, folder: Path) -> None:
    program.succeed("init")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    text = program.succeed("init")
    assert all(line.endswith(": unchanged") for line in text.splitlines())
    assert {path: path.read_bytes() for path in before} == before


def test_what_an_administrator_changed_is_kept(program: Program, folder: Path) -> None:
    program.succeed("init")
    (folder / "pam.d" / "pop3").write_text("auth required pam_deny\n")
    (folder / "ualauth.toml").write_text("[stack]\ntimeout = 5\n")
    text = program.succeed("init")
    assert f"{folder}/pam.d/pop3: kept, although it differs from the shipped one\n" in text
    assert (folder / "pam.d" / "pop3").read_text() == "auth required pam_deny\n"
    assert (folder / "ualauth.toml").read_text() == "[stack]\ntimeout = 5\n"


def test_what_was_deleted_comes_back(program: Program, folder: Path) -> None:
    program.succeed("init")
    (folder / "pam.d" / "other").unlink()
    assert f"{folder}/pam.d/other: created\n" in program.succeed("init")


def test_a_link_in_the_place_of_a_file_is_not_followed(
    program: Program, folder: Path, tmp_path: Path
) -> None:
    (folder / "pam.d").mkdir(parents=True)
    (folder / "pam.d" / "pop3").symlink_to(tmp_path / "victim")
    assert "pop3: kept" in program.succeed("init")
    assert not (tmp_path / "victim").exists()


def test_a_mistake_in_the_settings_stops_everything(program: Program, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "ualauth.toml").write_text("[stak]\n")
    result = program.run("init")
    assert result.exit_code == 2
    assert "did you mean 'stack'?" in result.stderr
    assert not (folder / "pam.d").exists()


def test_the_userlist_is_where_the_settings_say(
    program: Program, folder: Path, tmp_path: Path
) -> None:
    folder.mkdir(parents=True)
    (folder / "ualauth.toml").write_text(f'[userlist]\nurl = "sqlite:///{tmp_path}/users"\n')
    assert f"{tmp_path}/users: created\n" in program.succeed("init")
    assert (tmp_path / "users").exists()
    assert not (folder / "userlist.db").exists()


def test_a_damaged_userlist_is_not_replaced(program: Program, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "userlist.db").write_bytes(b"not a database, but thirty bytes or more of text")
    result = program.run("init")
    assert result.exit_code == 2
    assert "is damaged" in result.stderr
    assert (folder / "userlist.db").read_bytes().startswith(b"not a database")


def test_a_folder_that_cannot_be_made_is_one_line(
    program: Program, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "etc").write_text("a file")
    result = program.run("init")
    assert result.exit_code == 2
    assert result.stderr == f"Error: {folder} cannot be written: Not a directory\n"


def test_the_option_names_the_folder(program: Program, tmp_path: Path) -> None:
    program.succeed("--config-dir", str(tmp_path / "here"), "init")
    assert (tmp_path / "here" / "ualauth.toml").exists()


def test_an_empty_userlist_file_is_filled(tmp_path: Path) -> None:
    (tmp_path / "userlist.db").touch()
    assert list(install(tmp_path))[-1].action is InstallAction.CREATED
    assert list(install(tmp_path))[-1].action is InstallAction.UNCHANGED


def test_a_userlist_of_an_older_version_is_upgraded(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "userlist.db")) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    assert list(install(tmp_path))[-1].action is InstallAction.UPGRADED


def test_the_userlist_may_be_on_a_server(
    program: Program, folder: Path, postgresql: Server
) -> None:
    postgresql.create("init")
    folder.mkdir(parents=True)
    url = postgresql.url("init")
    (folder / "ualauth.toml").write_text(f'[userlist]\nurl = "{url}"\n')
    place = url.replace(f":{PASSWORD}", "")
    try:
        assert program.succeed("init").endswith(f"{place}: created\n")
        assert program.succeed("init").endswith(f"{place}: unchanged\n")
    finally:
        postgresql.drop("init")
    result = program.run("init")
    assert result.exit_code == 2
    assert "create it with createdb" in result.stderr
    assert PASSWORD not in result.stderr
    assert PASSWORD not in repr(Config.load(folder))


def test_the_settings_have_every_default(tmp_path: Path) -> None:
    text = default_settings()
    (tmp_path / "ualauth.toml").write_text(text)
    assert Config.load(tmp_path) == Config(tmp_path)
    keys = "\n".join(
        line.removeprefix("# ") if " = " in line else line for line in text.splitlines()
    )
    tables = tomllib.loads(keys)
    (tmp_path / "ualauth.toml").write_text(keys)
    assert Config.load(tmp_path) == Config(tmp_path)
    assert set(tables) >= {"userlist", "stack", "password", "modules"}
    assert "scheme" in tables["password"]
    assert max(map(len, text.splitlines())) <= 88


def test_the_shipped_files_are_found() -> None:
    assert {path.name for path in shipped_folder().iterdir()} >= SERVICES
