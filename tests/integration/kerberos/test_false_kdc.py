"""A false KDC accepts any password: it is a second realm of the same name, with other keys."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import Way
from tests.integration.kerberos.conftest import Mail
from tests.kerberos import SERVICE, Realm, realm
from ualauth import PasswordExpired, PasswordRefused, TemporaryFailure
from ualauth.codes import ReturnCode

CHOSEN = "what the attacker likes"


@pytest.fixture(scope="module")
def false() -> Iterator[Realm]:
    """Return a realm that an attacker made, and that runs in the real one's place."""
    with realm() as kdc:
        kdc.add("jsmith", CHOSEN)
        kdc.add("victim", CHOSEN, "+needchange")
        kdc.start()
        kdc.start_kadmind()
        yield kdc


def test_it_is_refused_by_the_real_keytab(way: Way, kdc: Realm, false: Realm, mail: Mail) -> None:
    config = mail(false, keytab=kdc.keytab).config()
    with pytest.raises(TemporaryFailure) as caught:
        way.login(config, "mail", "jsmith", CHOSEN)
    assert caught.value.code is ReturnCode.AUTHINFO_UNAVAIL


def test_the_log_says_so(
    way: Way, kdc: Realm, false: Realm, mail: Mail, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(TemporaryFailure):
        way.login(mail(false, keytab=kdc.keytab).config(), "mail", "jsmith", CHOSEN)
    assert "the KDC cannot be verified with the keytab" in caplog.text
    assert CHOSEN not in caplog.text


def test_it_is_refused_where_it_does_not_know_the_service(way: Way, kdc: Realm, mail: Mail) -> None:
    with realm() as other:
        other.admin(f"delprinc -force {SERVICE}")
        other.add("jsmith", CHOSEN)
        other.start()
        with pytest.raises(TemporaryFailure):
            way.login(mail(other, keytab=kdc.keytab).config(), "mail", "jsmith", CHOSEN)


def test_krb5_conf_cannot_allow_it(way: Way, kdc: Realm, false: Realm, mail: Mail) -> None:
    lax = false.folder / "lax.conf"
    text = false.conf.read_text()
    lax.write_text(text.replace("[realms]", "  verify_ap_req_nofail = false\n[realms]", 1))
    with pytest.raises(TemporaryFailure):
        way.login(mail(false, keytab=kdc.keytab, conf=lax).config(), "mail", "jsmith", CHOSEN)


def test_without_a_keytab_no_user_is_asked(way: Way, false: Realm, mail: Mail) -> None:
    before = (false.folder / "kdc.log").read_text()
    config = mail(false, keytab=false.folder / "none").config()
    with pytest.raises(TemporaryFailure):
        way.login(config, "mail", "jsmith", CHOSEN)
    assert (false.folder / "kdc.log").read_text() == before


def test_allow_unverified_kdc_would_let_it_in(way: Way, false: Realm, mail: Mail) -> None:
    config = mail(false, "allow_unverified_kdc", keytab=false.folder / "none").config()
    assert way.login(config, "mail", "jsmith", CHOSEN).user == "jsmith"


def test_allow_unverified_kdc_does_not_count_where_there_is_a_keytab(
    way: Way, kdc: Realm, false: Realm, mail: Mail
) -> None:
    config = mail(false, "allow_unverified_kdc", keytab=kdc.keytab).config()
    with pytest.raises(TemporaryFailure):
        way.login(config, "mail", "jsmith", CHOSEN)


def test_a_change_of_password_by_it_is_no_success(
    way: Way, kdc: Realm, false: Realm, mail: Mail
) -> None:
    config = mail(false, keytab=kdc.keytab).config()
    with pytest.raises(TemporaryFailure):
        way.change(config, "mail", "jsmith", CHOSEN, "another one")
    # It can say that a password has expired, which it cannot verify; but not that it was changed.
    with pytest.raises(PasswordExpired):
        way.login(config, "mail", "victim", CHOSEN)
    with pytest.raises((TemporaryFailure, PasswordRefused)):
        way.change(config, "mail", "victim", CHOSEN, "another one")
    false.admin(f'cpw -pw "{CHOSEN}" victim', "modprinc +needchange victim")
