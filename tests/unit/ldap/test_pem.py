"""Which files of certificates and keys are whole, and what is told of others."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization

from tests.ldap.authority import Authority
from ualauth.cli.application import application
from ualauth.ldap.client.pem import PARSERS
from ualauth.ldap.client.tls_files import fit
from ualauth.sources.files import Text
from ualauth.testing.folder import ConfigFolder


class Issued:
    """A certificate and its key, in PEM, and the authority's own certificate."""

    def __init__(self, folder: Path) -> None:
        """Have them issued."""
        authority = Authority(folder)
        certificate, key = authority.issue("mail.example.com")
        self.authority = authority.file.read_text()
        self.certificate, self.key = certificate.read_text(), key.read_text()
        loaded = serialization.load_pem_private_key(self.key.encode(), None)
        self.locked, self.old_locked = (
            loaded.private_bytes(
                serialization.Encoding.PEM, form, serialization.BestAvailableEncryption(b"x")
            ).decode()
            for form in (
                serialization.PrivateFormat.PKCS8,
                serialization.PrivateFormat.TraditionalOpenSSL,
            )
        )
        _, other = authority.issue("mail.example.com")
        self.other = other.read_text()


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Issued:
    return Issued(tmp_path_factory.mktemp("issued"))


def problems(keyword: str, text: str) -> list[str]:
    """Return the first line of each problem of a file."""
    _, told = PARSERS[keyword](Text("/f.pem", text))
    assert all(each.cure for each in told)
    # A line of it may be one of a key.
    assert not any("MII" in str(each) for each in told)
    return [str(each).split("\n")[0] for each in told]


def test_whole_files_have_no_problem(issued: Issued) -> None:
    comment = "\nissuer: CN=Test authority\n"
    both = issued.authority + comment + issued.certificate
    trusted = issued.authority.replace(" CERTIFICATE", " TRUSTED CERTIFICATE")
    for text in (issued.authority, both, both.replace("\n", "\r\n"), both.rstrip(), trusted):
        assert problems("tls_cacertfile", text) == []
    assert problems("tls_cert", issued.certificate + issued.key) == []
    assert problems("tls_key", issued.key) == []


def test_what_is_missing_is_told_with_the_line_where_it_begins(issued: Issued) -> None:
    both = issued.authority + issued.certificate
    second = issued.authority.count("\n") + 1
    lines = both.splitlines(keepends=True)
    cut = "the certificate that begins here is cut off"
    damaged = "the certificate that begins here is damaged"
    for text, told in {
        both[:-40]: f"/f.pem:{second}:1: error: {cut}",
        issued.authority[:100] + both: f"/f.pem:1:1: error: {damaged}",
        "".join(lines[:2] + lines[3:]): f"/f.pem:1:1: error: {damaged}",
        "".join([*lines[:2], f"!{lines[2]}", *lines[3:]]): f"/f.pem:1:1: error: {damaged}",
        issued.authority[30:]: f"/f.pem:{second - 2}:1: error: the certificate that ends here",
        _wrapped(b"\x30\x03\x02\x01\x01"): "/f.pem:1:1: error: the certificate that begins here "
        "cannot be read",
    }.items():
        (problem,) = problems("tls_cacertfile", text)
        assert problem.startswith(told)


def _wrapped(data: bytes) -> str:
    text = base64.b64encode(data).decode()
    return f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"


def test_a_file_of_another_kind_is_told_of(issued: Issued) -> None:
    assert "there is no key in it" in problems("tls_key", issued.certificate)[0]
    assert "there is no certificate in it" in problems("tls_cert", issued.key)[0]
    assert "it has no certificate or key in PEM" in problems("tls_cert", "\0\0\0")[0]


def test_a_key_with_a_passphrase_is_told_of(issued: Issued) -> None:
    for text in (issued.locked, issued.old_locked):
        assert "has a passphrase, which no program can type" in problems("tls_key", text)[0]
        # And never is the terminal asked for it.
        assert not fit(issued.certificate.encode(), text.encode())


def test_a_key_fits_its_own_certificate_only(issued: Issued) -> None:
    certificate = issued.certificate.encode()
    assert fit(certificate, issued.key.encode())
    assert fit(certificate + issued.key.encode(), certificate + issued.key.encode())
    assert not fit(certificate, issued.other.encode())
    assert not fit(b"", issued.key.encode())


def checked(folder: ConfigFolder, lines: str) -> str:
    """Return what `ualauth check` tells of an om_ldap.conf with these lines."""
    conf = folder.path / "om_ldap.conf"
    conf.write_text(f"uri ldaps://ldap.example.com\nbase dc=example\n{lines}\n")
    conf.chmod(0o600)
    folder.service(
        "mail", "auth required om_ldap\naccount required om_ldap\npassword required om_ldap\n"
    )
    result = CliRunner().invoke(application, ["--config-dir", str(folder.path), "check", "mail"])
    assert result.exit_code in {0, 1}
    return result.output


def test_check_says_which_line_of_which_file_is_wrong(folder: ConfigFolder, issued: Issued) -> None:
    path = folder.path
    for name, text in {
        "ca.pem": issued.authority,
        "cut.pem": issued.authority[:-30],
        "empty.pem": "",
        "cert.pem": issued.certificate,
        "key.pem": issued.key,
        "other.pem": issued.other,
    }.items():
        (path / name).write_text(text)
        (path / name).chmod(0o600)
    good = "tls_cacertfile ca.pem\ntls_cert cert.pem\ntls_key key.pem"
    assert "no problems" in checked(folder, good)
    cut = checked(folder, "tls_cacertfile cut.pem")
    assert f"{path}/cut.pem:1:1: error: the certificate that begins here is cut off" in cut
    assert "cure: copy the whole file anew" in cut
    assert f"{path}/om_ldap.conf:3:16: error: " in cut
    assert "it has no certificate or key in PEM" in checked(folder, "tls_cacertfile empty.pem")
    other = checked(folder, good.replace("key.pem", "other.pem"))
    assert f"{path}/om_ldap.conf:5:9: error: this key is not that of the certificate" in other
    assert "cure: name the key that the certificate was issued for" in other
    assert "the certificate has no key" in checked(folder, "tls_cert cert.pem")
    (path / "folder").mkdir()
    (path / "folder" / "README").write_text("Whom to trust.\n")
    none = checked(folder, f"tls_cacertdir {path}/folder")
    assert f"{path}/om_ldap.conf:3:15: warning: there is no certificate in {path}/folder" in none
    (path / "folder" / "one.pem").write_text(issued.authority[:-30])
    assert f"{path}/folder/one.pem:1:1: error: " in checked(folder, f"tls_cacertdir {path}/folder")
    (path / "folder" / "one.pem").write_text(issued.authority)
    assert "no problems" in checked(folder, f"tls_cacertdir {path}/folder")
