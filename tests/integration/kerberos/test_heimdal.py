"""The main cases of om_krb5 with Heimdal's KDC, whose words and codes differ from MIT's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import Way
from tests.heimdal import REALM, HeimdalRealm, heimdal_realm
from ualauth import (
    AuthenticationError,
    AuthenticationFailed,
    PasswordExpired,
    PasswordRefused,
)
from ualauth.codes import ReturnCode
from ualauth.testing.folder import ConfigFolder

PEOPLE: dict[str, tuple[str, ...]] = {
    "jsmith": (),
    "preauth": ("--attributes=requires-pre-auth",),
    "expired": ("--pw-expiration-time=2020-01-01",),
    "mustchange": ("--attributes=requires-pre-auth,requires-pw-change",),
    "locked": ("--attributes=disallow-all-tix",),
    "gone": ("--expiration-time=2020-01-01",),
}
CODES = {
    "jsmith": ReturnCode.SUCCESS,
    "preauth": ReturnCode.SUCCESS,
    "expired": ReturnCode.NEW_AUTHTOK_REQD,
    "mustchange": ReturnCode.NEW_AUTHTOK_REQD,
    "locked": ReturnCode.PERM_DENIED,
    "gone": ReturnCode.ACCT_EXPIRED,
    "unknown": ReturnCode.USER_UNKNOWN,
}


@pytest.fixture(scope="module")
def heimdal() -> Iterator[HeimdalRealm]:
    """Return a realm with its people, whose servers run."""
    with heimdal_realm() as realm:
        for name, options in PEOPLE.items():
            realm.add(name, "s3cret", *options)
        realm.start()
        yield realm


@pytest.fixture
def service(folder: ConfigFolder, heimdal: HeimdalRealm) -> ConfigFolder:
    """Return a folder whose `mail` asks it."""
    folder.settings("[stack]\nfail_delay = false\n")
    line = f"required om_krb5 krb5_conf={heimdal.conf} keytab={heimdal.keytab}\n"
    folder.service("mail", "".join(f"{each} {line}" for each in ("auth", "account", "password")))
    return folder


def code_of(way: Way, service: ConfigFolder, user: str, password: str) -> ReturnCode:
    try:
        way.login(service.config(), "mail", user, password)
    except AuthenticationError as error:
        return ReturnCode(error.code or 0)
    return ReturnCode.SUCCESS


@pytest.mark.parametrize("user", CODES)
def test_each_account_has_its_code(way: Way, service: ConfigFolder, user: str) -> None:
    assert code_of(way, service, user, "s3cret") is CODES[user]
    assert code_of(way, service, user, "wrong") is not ReturnCode.SUCCESS


@pytest.mark.parametrize("user", ["jsmith", "preauth", "expired", "mustchange"])
def test_a_wrong_password_is_wrong(way: Way, service: ConfigFolder, user: str) -> None:
    assert code_of(way, service, user, "wrong") is ReturnCode.AUTH_ERR


def test_a_password_that_has_expired_can_be_changed(
    way: Way, service: ConfigFolder, heimdal: HeimdalRealm
) -> None:
    user = f"change-{way.asynchronous}".lower()
    heimdal.add(user, "old s3cret", "--attributes=requires-pre-auth,requires-pw-change")
    config = service.config()
    with pytest.raises(PasswordExpired):
        way.login(config, "mail", user, "old s3cret")
    way.change(config, "mail", user, "old s3cret", "new s3cret word")
    assert way.login(config, "mail", user, "new s3cret word")
    with pytest.raises(AuthenticationFailed):
        way.login(config, "mail", user, "old s3cret")


def test_the_policy_of_the_server_is_told(way: Way, service: ConfigFolder) -> None:
    with pytest.raises(PasswordRefused) as caught:
        way.change(service.config(), "mail", "jsmith", "s3cret", "x")
    assert "short" in str(caught.value) or "password" in str(caught.value).lower()
    assert way.login(service.config(), "mail", "jsmith", "s3cret")


def test_a_key_of_another_realm_proves_no_kdc(
    way: Way, service: ConfigFolder, heimdal: HeimdalRealm
) -> None:
    assert REALM in heimdal.admin("list", "-l", "jsmith")
    heimdal.admin("add", "--random-key", "--use-defaults", "old/mail.ual.test")
    keytab = heimdal.folder / f"old-{way.asynchronous}.keytab"
    heimdal.admin("ext_keytab", "-k", f"FILE:{keytab}", "old/mail.ual.test")
    heimdal.admin("passwd", "--random-key", "old/mail.ual.test")
    heimdal.admin("delete", "old/mail.ual.test")
    line = f"required om_krb5 krb5_conf={heimdal.conf} keytab={keytab}\n"
    service.service("mail", f"auth {line}account {line}")
    assert code_of(way, service, "jsmith", "s3cret") is ReturnCode.AUTHINFO_UNAVAIL
