"""Saves of a krb5.conf of one's own that fail, or go on, while logins do."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.integration.kerberos.conftest import Mail
from tests.kerberos import Realm
from tests.machine import patience
from ualauth import Authenticator
from ualauth.cli.application import application
from ualauth.errors import TemporaryFailure

SAVES: dict[str, Callable[[bytes], bytes]] = {
    "emptied": lambda _: b"",
    "comments alone": lambda _: b"# to be written\n",
    "zeros": lambda text: b"\0" * len(text),
    "cut in the middle": lambda text: text[: text.rindex(b"}")],
    "no krb5.conf": lambda _: b"not a krb5.conf\n",
}


def logs_in(auth: Authenticator) -> bool:
    """Return whether a user gets in; one who was never refused is not."""
    try:
        auth.authenticate("mail", "jsmith", "s3cret")
    except TemporaryFailure:
        return False
    return True


@pytest.fixture
def conf(kdc: Realm, tmp_path: Path) -> Path:
    """Return a krb5.conf of the realm, long ago written."""
    path = tmp_path / "own.conf"
    path.write_bytes(kdc.conf.read_bytes())
    return path


@pytest.mark.parametrize("save", SAVES)
def test_a_save_that_fails_locks_no_user_out(
    kdc: Realm, mail: Mail, conf: Path, save: str, caplog: pytest.LogCaptureFixture
) -> None:
    good = conf.read_bytes()
    with Authenticator(mail(kdc, conf=conf).config()) as auth:
        assert logs_in(auth)
        conf.write_bytes(SAVES[save](good))
        # Longer than a file has to be left alone, and than a context is used again.
        end = time.monotonic() + 1.5
        with caplog.at_level(logging.WARNING, "ualauth"):
            while time.monotonic() < end:
                assert logs_in(auth)
        assert str(conf) in caplog.text
        assert "is empty now" in caplog.text or "the last good one stays" in caplog.text


def test_one_that_is_gone_says_nothing_any_more(kdc: Realm, mail: Mail, conf: Path) -> None:
    with Authenticator(mail(kdc, conf=conf).config()) as auth:
        assert logs_in(auth)
        conf.unlink()
        end = time.monotonic() + patience(20)
        while logs_in(auth):
            assert time.monotonic() < end
        conf.write_bytes(kdc.conf.read_bytes())
        while not logs_in(auth):
            assert time.monotonic() < end


def test_it_may_be_replaced_by_another_good_one(
    kdc: Realm, mail: Mail, conf: Path, tmp_path: Path
) -> None:
    with Authenticator(mail(kdc, conf=conf).config()) as auth:
        assert logs_in(auth)
        other = tmp_path / "new"
        other.write_bytes(conf.read_bytes().replace(b"= UAL.TEST", b"= OTHER.TEST", 1))
        other.rename(conf)
        end = time.monotonic() + patience(20)
        while logs_in(auth):
            assert time.monotonic() < end


def test_a_relative_name_is_one_in_the_configuration_folder(
    kdc: Realm, mail: Mail, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = mail(kdc, conf="own/krb5.conf")
    elsewhere = tmp_path / "elsewhere" / "own"
    elsewhere.mkdir(parents=True)
    (elsewhere / "krb5.conf").write_text("[libdefaults\n")
    monkeypatch.chdir(elsewhere.parent)
    check = ["--config-dir", str(folder.path), "check", "mail"]
    told = CliRunner().invoke(application, check)
    assert told.exit_code == 1
    assert f"{folder.path}/own/krb5.conf:1:1: error: there is no such file" in told.output
    (folder.path / "own").mkdir()
    (folder.path / "own" / "krb5.conf").write_bytes(kdc.conf.read_bytes())
    assert CliRunner().invoke(application, check).exit_code == 0
    with Authenticator(folder.config()) as auth:
        assert logs_in(auth)


@pytest.mark.parametrize("save", ["zeros", "cut in the middle", "no krb5.conf"])
def test_check_tells_of_one_that_is_broken(kdc: Realm, mail: Mail, conf: Path, save: str) -> None:
    folder = mail(kdc, conf=conf)
    conf.write_bytes(SAVES[save](conf.read_bytes()))
    told = CliRunner().invoke(application, ["--config-dir", str(folder.path), "check", "mail"])
    assert told.exit_code == 1
    assert f"{conf}:" in told.output
    assert ": error: " in told.output
    assert "cure: " in told.output


def test_no_descriptor_is_left(kdc: Realm, mail: Mail, conf: Path) -> None:
    def opened() -> int:
        targets = map(_target, Path("/proc/self/fd").iterdir())
        return sum("memfd:ualauth" in target for target in targets)

    before = opened()
    with Authenticator(mail(kdc, conf=conf).config()) as auth:
        assert logs_in(auth)
    assert opened() == before


def _target(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""
