"""Keytabs that cannot be used, or should not; and keys that are changed while logins go on."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Way
from tests.integration.kerberos.conftest import Mail
from tests.kerberos import SERVICE, Realm, realm
from ualauth import AuthenticationFailed, TemporaryFailure
from ualauth.testing.folder import ConfigFolder


def missing(path: Path, _kdc: Realm) -> None:
    assert not path.exists()


def empty(path: Path, _kdc: Realm) -> None:
    path.write_bytes(b"")


def without_keys(path: Path, _kdc: Realm) -> None:
    path.write_bytes(b"\x05\x02")


def no_keytab(path: Path, _kdc: Realm) -> None:
    path.write_text("this is no keytab")


def cut_off(path: Path, kdc: Realm) -> None:
    path.write_bytes(kdc.keytab.read_bytes()[:20])


def folder(path: Path, _kdc: Realm) -> None:
    path.mkdir()


def fifo(path: Path, _kdc: Realm) -> None:
    os.mkfifo(path)


def writable_by_all(path: Path, kdc: Realm) -> None:
    shutil.copy(kdc.keytab, path)
    path.chmod(0o606)


def of_another_realm(path: Path, _kdc: Realm) -> None:
    with realm("OTHER.TEST") as other:
        shutil.copy(other.keytab, path)


BAD = (
    missing, empty, without_keys, no_keytab, cut_off, folder, fifo, writable_by_all,
    of_another_realm,
)  # fmt: skip


@pytest.mark.parametrize("make", BAD, ids=lambda make: make.__name__)
def test_with_a_keytab_that_proves_nothing_no_user_is_let_in(
    way: Way, kdc: Realm, mail: Mail, tmp_path: Path, make: Callable[[Path, Realm], None],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    path = tmp_path / "keytab"
    make(path, kdc)
    with pytest.raises(TemporaryFailure):
        way.login(mail(kdc, keytab=path).config(), "mail", "jsmith", "s3cret")
    assert "keytab" in "".join(
        record.message for record in caplog.records if record.name == "ualauth.kerberos"
    )


@pytest.mark.parametrize("name", ["keytab", "FILE:keytab", "WRFILE:keytab", "./keytab"])
def test_however_it_is_named_one_that_every_account_may_write_to_is_none(
    way: Way, kdc: Realm, mail: Mail, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    writable_by_all(tmp_path / "keytab", kdc)
    monkeypatch.chdir(tmp_path)
    config = mail(kdc, keytab=name).config()
    with pytest.raises(TemporaryFailure):
        way.login(config, "mail", "jsmith", "s3cret")


def test_one_that_every_account_can_read_is_warned_of(
    way: Way, kdc: Realm, mail: Mail, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "keytab"
    shutil.copy(kdc.keytab, path)
    path.chmod(0o644)
    config = mail(kdc, keytab=path).config()
    authenticator = way.authenticator(config)
    for _ in range(2):
        assert way.run(authenticator.authenticate("mail", "jsmith", "s3cret"))
    warned = [record for record in caplog.records if record.name == "ualauth.kerberos"]
    assert [record.levelname for record in warned] == ["WARNING"]
    assert f"chmod 600 {path}" in warned[0].message


def test_one_that_is_mended_is_used_at_once(
    way: Way, kdc: Realm, mail: Mail, tmp_path: Path
) -> None:
    path = tmp_path / "keytab"
    authenticator = way.authenticator(mail(kdc, keytab=path).config())
    with pytest.raises(TemporaryFailure):
        way.run(authenticator.authenticate("mail", "jsmith", "s3cret"))
    shutil.copy(kdc.keytab, path)
    path.chmod(0o600)
    assert way.run(authenticator.authenticate("mail", "jsmith", "s3cret"))
    path.unlink()
    with pytest.raises(TemporaryFailure):
        way.run(authenticator.authenticate("mail", "jsmith", "s3cret"))


def test_a_key_that_is_changed_is_needed_in_the_keytab(way: Way, mail: Mail) -> None:
    with realm() as kdc:
        kdc.add("jsmith", "s3cret")
        kdc.start()
        authenticator = way.authenticator(mail(kdc).config())

        def log_in() -> object:
            return way.run(authenticator.authenticate("mail", "jsmith", "s3cret"))

        assert log_in()
        kdc.admin(f"cpw -randkey {SERVICE}")
        with pytest.raises(TemporaryFailure):
            log_in()
        kdc.admin(f"ktadd -k {kdc.keytab} {SERVICE}")
        assert log_in()
        listed = kdc.run("klist", "-k", str(kdc.keytab)).splitlines()
        assert {line.split()[0] for line in listed if "@" in line} == {"2", "4"}
        with pytest.raises(AuthenticationFailed):
            way.run(authenticator.authenticate("mail", "jsmith", "wrong"))


def test_any_of_several_keys_will_do(way: Way, kdc: Realm, mail: Mail, tmp_path: Path) -> None:
    path = tmp_path / "keytab"
    with realm("OTHER.TEST") as other:
        shutil.copy(other.keytab, path)
    kdc.admin(f"ktadd -norandkey -k {path} {SERVICE}")
    assert way.login(mail(kdc, keytab=path).config(), "mail", "jsmith", "s3cret")
    only = mail(kdc, f"keytab_principal={SERVICE}@OTHER.TEST", keytab=path).config()
    with pytest.raises(TemporaryFailure):
        way.login(only, "mail", "jsmith", "s3cret")
    none = mail(kdc, "keytab_principal=pop/none", keytab=path).config()
    with pytest.raises(TemporaryFailure):
        way.login(none, "mail", "jsmith", "s3cret")


def test_without_an_option_it_is_the_one_that_krb5_conf_names(
    way: Way, kdc: Realm, folder: ConfigFolder
) -> None:
    conf = kdc.folder / "keytab.conf"
    text = kdc.conf.read_text()
    conf.write_text(
        text.replace("[realms]", f"  default_keytab_name = FILE:{kdc.keytab}\n[realms]", 1)
    )
    line = f"required om_krb5 krb5_conf={conf}\n"
    folder.service("mail", f"auth {line}account {line}")
    assert way.login(folder.config(), "mail", "jsmith", "s3cret")
