"""`ualauth status` shows the workers, the sockets, and whether directories are up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.unit.daemon.serving import listen, served
from ualauth.cli.application import application
from ualauth.contract.resources import Resources
from ualauth.runtime.base import BaseAuthenticator
from ualauth.testing.folder import ConfigFolder


class Asked:
    """What asks three servers, one of them twice."""

    @classmethod
    def open(cls, _resources: Resources) -> Asked:
        return cls()

    def server_states(self) -> list[tuple[str, bool]]:
        return [("ldap://one", True), ("ldap://two", True), ("ldap://two", False)]


class Silent:
    """What asks no server."""

    @classmethod
    def open(cls, _resources: Resources) -> Silent:
        return cls()


@pytest.fixture
def folder(tmp_path: Path) -> ConfigFolder:
    folder = ConfigFolder(tmp_path)
    folder.service("imap", "auth required pam_deny\n")
    folder.settings(listen(tmp_path, "control", "saslauthd"))
    return folder


def run(folder: ConfigFolder, *arguments: str) -> str:
    command = ["--config-dir", str(folder.path), "status", *arguments]
    result = CliRunner().invoke(application, command, prog_name="ualauth")
    assert result.exit_code == 0, result.output
    return result.output


def test_resources_tell_of_servers(folder: ConfigFolder) -> None:
    base = BaseAuthenticator(folder.config())
    assert base.resources.server_states() == {}
    for kind in (Silent, Asked):
        base.resource(kind)
    assert base.resources.server_states() == {"ldap://one": True, "ldap://two": False}


def test_status(folder: ConfigFolder) -> None:
    with served(folder) as daemon:
        assert "ldap://" not in run(folder)
        daemon.call(lambda: daemon.daemon._current()._base.resource(Asked))
        said = run(folder)
        assert "ldap://one is up" in said
        assert "ldap://two is down" in said
        assert f"saslauthd at {folder.path}/saslauthd" in said
        (worker,) = json.loads(run(folder, "--json"))
        assert worker["servers"] == {"ldap://one": True, "ldap://two": False}
        assert worker["workers"] == 1
