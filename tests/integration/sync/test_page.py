"""The commands of the page on synchronization, with real servers in place of its own."""

from __future__ import annotations

import re
import shlex
import uuid
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests import ds389, samba
from tests.ldap import people, slapd
from tests.ldap.authority import Authority
from ualauth.cli.application import application
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

PAGE = Path(__file__).parents[3] / "docs" / "administrators" / "synchronization.md"
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands(heading: str) -> list[list[str]]:
    """Return the commands of ualauth in a section, as words."""
    section = PAGE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2]
    text = "".join(_BLOCK.findall(section.partition("\n## ")[0])).replace("\\\n", "")
    words = [shlex.split(line) for line in text.splitlines()]
    return [line[1:] for line in words if line[0] == "ualauth"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configuration folder with an empty USERLIST."""
    ConfigFolder(tmp_path)
    Userlist.create(tmp_path).close()
    return tmp_path


def play(folder: Path, heading: str, password: str, others: Mapping[str, str], *more: str) -> str:
    """Run the commands of a section, and return what they print."""
    secret = folder / "secret"
    secret.write_text(password)
    secret.chmod(0o600)
    printed = ""
    lines = commands(heading)
    assert lines
    for words in lines:
        known = [others.get(word, word) for word in words]
        known = [str(secret) if word.endswith(".secret") else word for word in known]
        if words[1] == "add":
            known += more
        result = CliRunner().invoke(
            application, ("--config-dir", str(folder), *known), prog_name="ualauth"
        )
        assert result.exit_code == 0, (known, result.output)
        printed += result.output
    return printed


def test_openldap(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    authority = Authority(tmp_path_factory.mktemp("authority"))
    after = "overlay syncprov\nsyncprov-checkpoint 100 10\nsyncprov-sessionlog 1000\n"
    with slapd.running(authority, before="moduleload syncprov", after=after) as server:
        known = {"ldaps://ldap.example.com": server.uri}
        trusted = ("--ca-file", str(authority.file))
        password = people.READER.password
        text = play(folder, "The first agreement", password, known, *trusted)
        assert text.count("2 add") == 3
        text = play(folder, "OpenLDAP", password, known)
        assert "1 add group" in text


def test_active_directory(folder: Path, samba_controller: samba.Controller) -> None:
    # The controller is that of all tests.
    mark = uuid.uuid4().hex[:6]
    base = f"OU=page{mark},{samba.SUFFIX}"
    samba_controller.add(f"dn: {base}\nobjectClass: organizationalUnit\n")
    ldif = samba.person(f"paged{mark}", "S3cret-pw-1", "sn: Paged")
    samba_controller.add(ldif.replace(samba.PEOPLE, base))
    known = {
        "ldaps://dc1.ad.example.com": samba_controller.tls_uri,
        f"OU=staff,{samba.SUFFIX}": base,
        "sync@ad.example.com": samba.ADMINISTRATOR,
    }
    trusted = ("--ca-file", str(samba_controller.authority.file))
    text = play(folder, "Active Directory", samba.ADMINISTRATOR_PASSWORD, known, *trusted)
    assert f"add  paged{mark}" in text


def test_389_directory_server(folder: Path) -> None:
    base = f"ou=people,{ds389.SUFFIX}"
    with ds389.running() as server:
        server.add(f"dn: {base}\nobjectClass: organizationalUnit\nou: people\n")
        server.add(f"dn: uid=jo,{base}\nobjectClass: inetOrgPerson\nuid: jo\ncn: jo\nsn: jo\n")
        known = {
            "ldaps://ds.example.com": server.uri,
            "cn=sync,ou=services,dc=example,dc=com": ds389.MANAGER.name,
        }
        section, password = "389 Directory Server", ds389.MANAGER.password
        assert "add  jo" in play(folder, section, password, known, "--no-tls")
