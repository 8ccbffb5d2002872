"""Saves of certificates and keys that fail, or go on, while users log in by a real server."""

from __future__ import annotations

import logging
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.ldap import people
from tests.ldap.authority import Authority
from tests.ldap.slapd import Slapd, running
from tests.machine import patience
from ualauth import Authenticator
from ualauth.errors import TemporaryFailure
from ualauth.ldap.client.settings import Library
from ualauth.testing.folder import ConfigFolder

Save = Callable[[bytes], bytes]
SAVES: dict[str, Save] = {
    "emptied": lambda _: b"",
    "cut in the middle": lambda text: text[: len(text) // 2],
    "cut before its end": lambda text: text[: text.rindex(b"-----END")],
    "a line is missing": lambda text: b"".join(
        line for number, line in enumerate(text.splitlines(keepends=True)) if number != 3
    ),
    "zeros": lambda text: b"\0" * len(text),
}
LONG_ENOUGH = 1.5
"""Seconds: more than a file has to be left alone to be used."""


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return the authority of the server, which wants a certificate of its clients."""
    return Authority(tmp_path_factory.mktemp("issued"))


@pytest.fixture(scope="module")
def server(issued: Authority) -> Iterator[Slapd]:
    """Return a server that wants a certificate of its clients."""
    with running(issued, before="TLSVerifyClient demand") as server:
        yield server


class Mail:
    """A configuration folder whose `mail` asks the server, by files of its own."""

    def __init__(self, folder: ConfigFolder, server: Slapd, issued: Authority) -> None:
        """Copy the authority, a certificate and its key into the folder."""
        self.folder, self.issued = folder, issued
        self.files = {name: folder.path / f"{name}.pem" for name in ("ca", "cert", "key")}
        certificate, key = issued.issue("mail.example.com")
        for name, source in (("ca", issued.file), ("cert", certificate), ("key", key)):
            shutil.copy(source, self.files[name])
            self.files[name].chmod(0o600)
        self.server = server
        self.lines = {"tls_cacertfile": "ca.pem", "tls_cert": "cert.pem", "tls_key": "key.pem"}

    def authenticator(self, library: Library, uri: str = "", **lines: str) -> Authenticator:
        """Return one that makes a connection for each login."""
        given = {
            "uri": uri or self.server.uri,
            "base": people.SUFFIX,
            "library": library.value,
            "idle_timelimit": "0.001",
            "reconnect_sleeptime": "0.001",
            "reconnect_retrytime": "0.002",
            "binddn": people.READER.name,
            "bindpw": people.READER.password,
            **self.lines,
            **lines,
        }
        conf = self.folder.path / "om_ldap.conf"
        conf.write_text("".join(f"{name} {value}\n" for name, value in given.items() if value))
        conf.chmod(0o600)
        self.folder.settings("[stack]\nfail_delay = false\n")
        self.folder.service("mail", "auth required om_ldap\naccount required om_ldap\n")
        return Authenticator(self.folder.config())


@pytest.fixture
def mail(folder: ConfigFolder, server: Slapd, issued: Authority) -> Mail:
    """Return a folder with files that are good."""
    return Mail(folder, server, issued)


def logs_in(auth: Authenticator) -> bool:
    """Return whether a user gets in, and else could not be checked."""
    time.sleep(0.01)
    try:
        auth.authenticate("mail", "jsmith", people.JOHN.password)
    except TemporaryFailure:
        return False
    return True


def stays(auth: Authenticator) -> None:
    """Log in for as long as a change takes to be used."""
    end = time.monotonic() + LONG_ENOUGH
    while time.monotonic() < end:
        assert logs_in(auth)


def becomes(auth: Authenticator, wanted: bool) -> None:
    """Wait until users get in, or can no more."""
    end = time.monotonic() + patience(20)
    while logs_in(auth) is not wanted:
        assert time.monotonic() < end


@pytest.mark.parametrize(
    ("name", "save"),
    [*(("ca", save) for save in SAVES), ("cert", "cut in the middle"), ("key", "emptied")],
)
def test_a_save_that_fails_locks_no_user_out(
    mail: Mail, library: Library, name: str, save: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = mail.files[name]
    with mail.authenticator(library) as auth, caplog.at_level(logging.WARNING, "ualauth"):
        assert logs_in(auth)
        file.write_bytes(SAVES[save](file.read_bytes()))
        stays(auth)
    assert str(file) in caplog.text
    assert "the last good one stays" in caplog.text or "is empty now" in caplog.text


def test_an_authority_that_is_gone_is_trusted_no_more(mail: Mail, library: Library) -> None:
    with mail.authenticator(library, mail.server.tls_uri) as auth:
        assert logs_in(auth)
        mail.files["ca"].unlink()
        becomes(auth, wanted=False)
        shutil.copy(mail.issued.file, mail.files["ca"])
        becomes(auth, wanted=True)


def test_another_authority_takes_its_place(mail: Mail, library: Library, tmp_path: Path) -> None:
    other = Authority(tmp_path, "Another authority")
    with mail.authenticator(library) as auth:
        assert logs_in(auth)
        mail.files["ca"].write_bytes(other.file.read_bytes())
        becomes(auth, wanted=False)
        mail.files["ca"].write_bytes(other.file.read_bytes() + mail.issued.file.read_bytes())
        becomes(auth, wanted=True)


def test_a_certificate_is_used_with_its_own_key_only(mail: Mail, library: Library) -> None:
    certificate, key = mail.issued.issue("mail.example.com")
    with mail.authenticator(library) as auth:
        assert logs_in(auth)
        mail.files["cert"].write_bytes(certificate.read_bytes())
        stays(auth)
        mail.files["key"].write_bytes(key.read_bytes())
        stays(auth)


def test_a_folder_of_authorities_keeps_what_was_good(
    mail: Mail, library: Library, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = mail.folder.path / "authorities"
    folder.mkdir()
    shutil.copy(mail.issued.file, folder / "one.pem")
    shutil.copy(Authority(tmp_path, "Another authority").file, folder / "two.pem")
    (folder / "README").write_text("Whom to trust.\n")
    subprocess.run(["openssl", "rehash", str(folder)], check=True)
    lines = {"tls_cacertfile": "", "tls_cacertdir": str(folder)}
    with mail.authenticator(library, **lines) as auth:
        assert logs_in(auth)
        (folder / "one.pem").write_bytes(mail.issued.file.read_bytes()[:200])
        stays(auth)
        assert "one.pem" in caplog.text
        (folder / "one.pem").unlink()
        becomes(auth, wanted=False)
        shutil.copy(mail.issued.file, folder / "three.pem")
        becomes(auth, wanted=True)
