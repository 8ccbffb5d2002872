"""Binds at the real slapd, whose entries say `{SASL}`: Cyrus SASL asks the socket saslauthd."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.daemon.users_of_mail_servers import (
    LOGINS,
    SERVICES,
    SETTINGS,
    config_folder,
    with_folder,
)
from tests.ldap import people, slapd
from tests.ldap.authority import Authority
from tests.machine import patience
from tests.unit.daemon.serving import served

ENTRY = """\
dn: uid={name},{base}
objectClass: inetOrgPerson
uid: {name}
cn: {name}
sn: {name}
userPassword: {{SASL}}{name}@example.com

"""
SASL_FOLDER = "/etc/ldap/sasl2"
"""Where Debian's slapd looks for the configuration of Cyrus SASL, and nowhere else."""
INVALID_CREDENTIALS = 49


@pytest.fixture(scope="module")
def uris(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Yield where each service is asked: a slapd for each."""
    authority = Authority(tmp_path_factory.mktemp("authority"))
    names = sorted({user.partition("@")[0] for user, _, _ in LOGINS.values()})
    entries = "".join(ENTRY.format(name=name, base=people.PEOPLE) for name in names)
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="ualauth-sasl-")))
        folder.chmod(0o755)
        config = running.enter_context(config_folder(folder))
        tables = [
            f'[[listen]]\nprotocol = "saslauthd"\npath = "{folder}/{name}"\nmode = "0666"\n'
            f'service = {{ldap = "{name}"}}\n'
            for name in SERVICES
        ]
        config.settings("\n".join([SETTINGS, *tables]))
        running.enter_context(served(config))
        uris = {}
        for name in SERVICES:
            sasl = folder / f"sasl-{name}"
            sasl.mkdir()
            (sasl / "slapd.conf").write_text(
                f"pwcheck_method: saslauthd\nsaslauthd_path: {folder}/{name}\n"
            )
            launcher = with_folder(sasl, SASL_FOLDER)
            server = slapd.running(authority, entries=entries, launcher=launcher)
            uris[name] = running.enter_context(server).uri
        yield uris


@pytest.mark.parametrize("outcome", LOGINS)
def test_a_bind(uris: dict[str, str], outcome: str, tmp_path: Path) -> None:
    user, password, service = LOGINS[outcome]
    name = f"uid={user.partition('@')[0]},{people.PEOPLE}"
    file = tmp_path / "password"
    file.write_text(password)
    ended = subprocess.run(
        ["ldapwhoami", "-x", "-H", uris[service], "-D", name, "-y", str(file)],
        capture_output=True,
        text=True,
        check=False,
        timeout=patience(60),
    )
    # The protocol has no word for what could not be checked.
    expected = 0 if outcome == "right" else INVALID_CREDENTIALS
    assert ended.returncode == expected, ended.stderr
    assert (ended.stdout.strip() == f"dn:{name}") == (outcome == "right")
