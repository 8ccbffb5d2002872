"""The directory as mail servers use it: om_ldap, Dovecot with auth_bind, look-ups of Postfix."""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.benchmarks import dovecot
from tests.integration.daemon.unpacked import unpacked
from tests.integration.directory import Place, directory_in
from tests.machine import patience
from tests.unit.ldap.server.driven import SUFFIX
from ualauth import Authenticator
from ualauth.errors import AuthenticationError, AuthenticationFailed, StoreError, TemporaryFailure
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.names import parse

READER = f"uid=reader,{SUFFIX}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with directory_in(tmp_path_factory.mktemp("d")) as place:
        userlist = Userlist(place.store)
        userlist.add("reader", "read it", name=parse("Robot Reader"), hidden=True)
        userlist.add("shut", "secret", name=parse("Sue Shut"), locked=True)
        userlist.add("mover", "Old-Horse-71-Battery", name=parse("Mo Mover"))
        yield place


def authenticator(place: Place, path: Path, library: str, url: str = "") -> Authenticator:
    folder = ConfigFolder(path)
    folder.settings("[stack]\nfail_delay = false\n")
    folder.service("mail", "".join(f"{each} required om_ldap\n" for each in ("auth", "account")))
    folder.service("passwd", "auth required om_ldap\npassword required om_ldap\n")
    file = path / "om_ldap.conf"
    file.write_text(
        f"library {library}\nuri {url or place.tls}\nbase {SUFFIX}\n"
        f"tls_cacertfile {place.ca}\nbinddn {READER}\nbindpw read it\n"
    )
    file.chmod(0o600)
    return Authenticator(folder.config())


@pytest.mark.parametrize("library", ["python-ldap", "ldap3"])
def test_om_ldap_on_it(place: Place, tmp_path: Path, library: str) -> None:
    with authenticator(place, tmp_path, library) as mail:
        identity = mail.authenticate("mail", "jsmith", "secret")
        assert identity.authid == "jsmith"
        assert identity.addresses[:1] == ("john.smith@example.com",)
        for user, password in (
            ("jsmith", "wrong"),
            ("jsmith", "SECRET"),
            ("jsmith", "\0"),
            ("jsmith*", "secret"),
            ("*", "secret"),
            ("nobody", "secret"),
            # Its entry is hidden from the reader.
            ("ghost", "secret"),
            ("shut", "secret"),
        ):
            with pytest.raises(AuthenticationFailed):
                mail.authenticate("mail", user, password)
        with pytest.raises(AuthenticationError):
            mail.authenticate("mail", "jsmith", "")


def test_om_ldap_changes_a_password_in_it(place: Place, tmp_path: Path) -> None:
    with authenticator(place, tmp_path, "python-ldap") as mail:
        new = "Correct-Horse-82-Staple"
        mail.change_password("passwd", "mover", "Old-Horse-71-Battery", new)
        assert mail.authenticate("mail", "mover", new).authid == "mover"
        with pytest.raises(AuthenticationFailed):
            mail.authenticate("mail", "mover", "Old-Horse-71-Battery")


def test_om_ldap_is_told_that_it_could_not_be_checked(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StoreError("gone")

    with authenticator(place, tmp_path, "python-ldap") as mail:
        monkeypatch.setattr("ualauth.ldap.server.directory.Directory.login_name", fail)
        with pytest.raises(TemporaryFailure):
            mail.authenticate("mail", "jsmith", "secret")


@pytest.fixture
def readable(place: Place) -> Iterator[Path]:
    """The certificate of the authority, where Dovecot's user may read it."""
    with tempfile.TemporaryDirectory(prefix="ualauth-ca-") as name:
        Path(name).chmod(0o755)
        file = Path(name) / "ca.pem"
        file.write_bytes(Path(place.ca).read_bytes())
        file.chmod(0o644)
        yield file


@pytest.mark.parametrize("way", ["search", "template"])
def test_dovecot_with_auth_bind(place: Place, readable: Path, way: str) -> None:
    bind = f"auth_bind_userdn = uid=%u,ou=hq,ou=ny,{SUFFIX}\n" if way == "template" else ""
    passdb = (
        f"uris = {place.tls}\ntls_ca_cert_file = {readable}\ntls_require_cert = demand\n"
        f"dn = {READER}\ndnpass = read it\nbase = {SUFFIX}\nauth_bind = yes\n{bind}"
        "pass_filter = (&(objectClass=inetOrgPerson)(uid=%u))\n"
    )

    async def logins() -> list[bool]:
        client = dovecot.Client(service.socket)
        await client.connect()
        tries = [("jsmith", "secret"), ("jsmith", "wrong"), ("nobody", "secret"), ("jsmith", "")]
        outcomes = [await client.login(*each) for each in tries]
        await client.close()
        return outcomes

    with dovecot.running(passdb) as service:
        outcomes = asyncio.run(asyncio.wait_for(logins(), patience(120)))
    assert outcomes == [True, False, False, False]


def test_postfix_looks_up_addresses(place: Place, tmp_path: Path) -> None:
    tree, module = unpacked("postfix"), unpacked("postfix-ldap")
    (tmp_path / "main.cf").write_text(
        f"compatibility_level = 3.6\nshlib_directory = {tree}/usr/lib/postfix\n"
        f"queue_directory = {tmp_path}\nmeta_directory = {tmp_path}\n"
    )
    (tmp_path / "dynamicmaps.cf").write_text(
        f"ldap {module}/usr/lib/postfix/postfix-ldap.so dict_ldap_open\n"
    )
    table = tmp_path / "people.cf"
    table.write_text(
        f"server_host = {place.tls}\nversion = 3\nbind = yes\nbind_dn = {READER}\n"
        f"bind_pw = read it\ntls_ca_cert_file = {place.ca}\ntls_require_cert = yes\n"
        f"search_base = {SUFFIX}\nquery_filter = (mail=%s)\nresult_attribute = uid\n"
    )

    def looked_up(address: str) -> tuple[int, str]:
        ended = subprocess.run(
            [f"{tree}/usr/sbin/postmap", "-c", str(tmp_path), "-q", address, f"ldap:{table}"],
            env={**os.environ, "LD_LIBRARY_PATH": f"{tree}/usr/lib/postfix"},
            capture_output=True,
            text=True,
            check=False,
            timeout=patience(60),
        )
        return ended.returncode, ended.stdout or ended.stderr

    assert looked_up("JS@example.com") == (0, "jsmith\n")
    assert looked_up("no@example.com")[0] == 1
    assert looked_up("*@example.com")[0] == 1
