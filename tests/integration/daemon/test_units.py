"""The units of systemd that are shipped: systemd itself reads them, and rates the service."""

from __future__ import annotations

import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest

from tests.docs.pages import ROOT
from tests.machine import patience
from ualauth.daemon.protocols import registry

UNITS = ROOT / "stacks" / "systemd"
OF_PROTOCOLS = {
    "dovecot-auth": ("postfix", "dovecot-auth"),
    "dovecot-master": ("dovecot-master",),
    "saslauthd": ("saslauthd",),
    "postfix-policy": ("postfix-policy",),
    "milter": ("milter",),
    "socketmap": ("socketmap",),
    "auth-http": ("nginx-mail",),
    "forward-auth": ("web",),
    "ldap": ("ldap",),
    "control": ("control",),
    "monitor": ("monitor",),
}
"""Protocol -> the sockets that are shipped for it."""


def run(*command: str | Path) -> tuple[int, str]:
    ended = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=patience(120)
    )
    return ended.returncode, ended.stdout + ended.stderr


def test_each_protocol_has_a_socket() -> None:
    assert OF_PROTOCOLS.keys() == set(registry.BUILT_IN)
    shipped = {path.name for path in UNITS.glob("*.socket")}
    assert shipped == {
        f"ualauth-{name}.socket" for names in OF_PROTOCOLS.values() for name in names
    }


@pytest.mark.parametrize("path", sorted(UNITS.glob("*.socket")), ids=lambda path: path.stem)
def test_a_socket_is_for_the_service(path: Path) -> None:
    unit = ConfigParser()
    unit.read(path)
    assert unit["Socket"]["Service"] == "ualauth.service"
    place = unit["Socket"]["ListenStream"]
    # The service removes its own folder when it ends.
    assert not place.startswith("/run/ualauth/")
    if place.startswith("/"):
        assert unit["Socket"]["SocketMode"] in {"0660", "0600"}


def test_systemd_understands_the_units(tmp_path: Path) -> None:
    # A unit is looked for beside the others that it names.
    for path in UNITS.iterdir():
        shutil.copy(path, tmp_path)
    units = sorted(tmp_path.iterdir())
    code, said = run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *units)
    assert code == 0, said
    told = [line for line in said.splitlines() if "ualauth" in line]
    assert not told


def test_systemd_rates_the_service() -> None:
    # Tenths of points; what the page says.
    unit = UNITS / "ualauth.service"
    code, said = run("systemd-analyze", "security", "--offline=true", "--threshold=14", unit)
    assert code == 0, said
    assert "Overall exposure level for ualauth.service: 1.4 OK" in said
