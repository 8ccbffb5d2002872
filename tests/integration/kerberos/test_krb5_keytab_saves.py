"""A keytab that is saved badly locks no user out, and lets no user in."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Way
from tests.integration.kerberos.conftest import Mail
from tests.integration.kerberos.test_false_kdc import CHOSEN
from tests.integration.kerberos.test_krb5_exchanges import NO_LAYER
from tests.integration.kerberos.tickets import Initiator, cache_of
from tests.kerberos import SERVICE, Realm, realm
from tests.machine import patience
from ualauth import AuthenticationFailed, Authenticator, TemporaryFailure


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def without_keys(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:2])


def cut_in_a_key(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def cut_in_a_size(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5])


def cut_between_keys(path: Path) -> None:
    data = path.read_bytes()
    size = int.from_bytes(data[2:6])
    path.write_bytes(data[: 6 + size])


def text(path: Path) -> None:
    path.write_text("BOMBED: this is no keytab any more\n")


def zeros(path: Path) -> None:
    path.write_bytes(b"\0" * path.stat().st_size)


def large(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(100 << 20)


def of_every_user(path: Path) -> None:
    path.chmod(0o666)


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


SAVES = (
    emptied, without_keys, cut_in_a_key, cut_in_a_size, cut_between_keys, text, zeros, large,
    of_every_user, fifo, folder,
)  # fmt: skip


@pytest.fixture
def keytab(kdc: Realm, tmp_path: Path) -> Path:
    """Return a keytab that tests may spoil."""
    path = tmp_path / "service.keytab"
    shutil.copy(kdc.keytab, path)
    path.chmod(0o600)
    return path


def bring(way: Way, authenticator: Any, cache: str) -> str:
    """Log in by a ticket; return the user."""
    exchange, client = authenticator.sasl("mail", "GSSAPI"), Initiator(cache)
    token = way.run(exchange.step(client.step()))
    while not client.done:
        answer = client.step(token)
        token = way.run(exchange.step(answer))
    client.unwrap(token)
    assert way.run(exchange.step(client.wrap(NO_LAYER))) is None
    return str(exchange.identity.user)


@pytest.mark.parametrize("save", SAVES, ids=lambda save: save.__name__)
def test_a_bad_save_locks_no_user_out_and_lets_no_user_in(
    way: Way, kdc: Realm, mail: Mail, keytab: Path, tmp_path: Path, save: Callable[[Path], None]
) -> None:
    authenticator = way.authenticator(mail(kdc, keytab=keytab).config())
    cache = cache_of(kdc, tmp_path / "tickets")
    assert way.run(authenticator.authenticate("mail", "jsmith", "s3cret"))
    save(keytab)
    assert way.run(authenticator.authenticate("mail", "jsmith", "s3cret"))
    assert bring(way, authenticator, cache) == "jsmith"
    with pytest.raises(AuthenticationFailed):
        way.run(authenticator.authenticate("mail", "jsmith", "wrong"))


@pytest.mark.parametrize("save", [emptied, cut_in_a_key, of_every_user, folder])
def test_one_that_is_left_like_that_is_told_of_and_the_last_good_one_stays(
    way: Way, kdc: Realm, mail: Mail, keytab: Path, tmp_path: Path,
    save: Callable[[Path], None], caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    authenticator = way.authenticator(mail(kdc, keytab=keytab).config())
    cache = cache_of(kdc, tmp_path / "tickets")
    assert way.run(authenticator.authenticate("mail", "jsmith", "s3cret"))
    save(keytab)
    deadline = time.monotonic() + patience(10)
    while not any(
        str(keytab) in told and ("the last good one stays" in told or "is empty now" in told)
        for told in caplog.messages
    ):
        assert time.monotonic() < deadline, caplog.messages
        assert way.run(authenticator.authenticate("mail", "jsmith", "s3cret"))
    assert way.run(authenticator.authenticate("mail", "jsmith", "s3cret"))
    assert bring(way, authenticator, cache) == "jsmith"


def test_one_that_is_mended_and_spoilt_again_stays_as_it_was_mended(
    way: Way, kdc: Realm, mail: Mail, keytab: Path
) -> None:
    authenticator = way.authenticator(mail(kdc, keytab=keytab).config())
    cut_in_a_key(keytab)
    with pytest.raises(TemporaryFailure):
        way.run(authenticator.authenticate("mail", "jsmith", "s3cret"))
    shutil.copy(kdc.keytab, keytab)
    assert way.run(authenticator.authenticate("mail", "jsmith", "s3cret"))
    for save in (cut_in_a_key, emptied, folder):
        save(keytab)
        assert way.run(authenticator.authenticate("mail", "jsmith", "s3cret"))


def test_one_that_is_removed_says_nothing_any_more(
    way: Way, kdc: Realm, mail: Mail, keytab: Path
) -> None:
    authenticator = way.authenticator(mail(kdc, keytab=keytab).config())
    assert way.run(authenticator.authenticate("mail", "jsmith", "s3cret"))
    keytab.unlink()
    deadline = time.monotonic() + patience(10)

    def log_in_until_it_is_noticed() -> None:
        while time.monotonic() < deadline:
            way.run(authenticator.authenticate("mail", "jsmith", "s3cret"))

    with pytest.raises(TemporaryFailure):
        log_in_until_it_is_noticed()


def test_a_new_key_counts_at_once_in_a_keytab_that_is_replaced(
    way: Way, mail: Mail, tmp_path: Path
) -> None:
    with realm() as kdc:
        kdc.add("jsmith", "s3cret")
        kdc.start()
        authenticator = way.authenticator(mail(kdc).config())
        old = cache_of(kdc, tmp_path / "old")
        assert way.run(authenticator.authenticate("mail", "jsmith", "s3cret"))
        for number in range(3):
            new = tmp_path / f"new-{number}"
            kdc.admin(f"ktadd -k {new} {SERVICE}")
            new.replace(kdc.keytab)
            assert way.run(authenticator.authenticate("mail", "jsmith", "s3cret"))
            cache = cache_of(kdc, tmp_path / f"tickets-{number}")
            assert bring(way, authenticator, cache) == "jsmith"
            if number == 0:
                # The former key is still known while the file was not left alone.
                assert bring(way, authenticator, old) == "jsmith"


def test_a_bad_save_never_turns_verification_off(
    way: Way, kdc: Realm, mail: Mail, keytab: Path
) -> None:
    with realm() as false:
        false.add("jsmith", CHOSEN)
        false.start()
        conf = false.folder / "both.conf"
        shutil.copy(kdc.conf, conf)
        options = "allow_unverified_kdc"
        authenticator = way.authenticator(mail(kdc, options, keytab=keytab, conf=conf).config())
        assert way.run(authenticator.authenticate("mail", "jsmith", "s3cret"))
        # The settings stay, and the KDC's place is taken by an attacker.
        shutil.copy(false.conf, conf)
        for save in (cut_in_a_key, without_keys, emptied):
            save(keytab)
            for _ in range(2):
                with pytest.raises((TemporaryFailure, AuthenticationFailed)):
                    way.run(authenticator.authenticate("mail", "jsmith", CHOSEN))


def test_any_number_of_logins_at_once_see_one_of_two_keytabs(
    kdc: Realm, mail: Mail, keytab: Path
) -> None:
    data = keytab.read_bytes()
    with Authenticator(mail(kdc, keytab=keytab).config()) as authenticator:

        def log_in(_: int) -> str:
            return str(authenticator.authenticate("mail", "jsmith", "s3cret").user)

        assert log_in(0) == "jsmith"
        with ThreadPoolExecutor(4) as pool:
            running = pool.map(log_in, range(60))
            for number in range(60):
                keytab.write_bytes(data[: (number * 7) % len(data)])
            keytab.write_bytes(data)
            assert set(running) == {"jsmith"}
