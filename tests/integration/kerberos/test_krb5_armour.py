"""Armour that a KDC does not take any more: no right password is called wrong for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Way
from tests.integration.kerberos.conftest import Mail
from tests.kerberos import SERVICE, Realm, realm
from ualauth import AuthenticationFailed, PasswordExpired, TemporaryFailure
from ualauth.codes import ReturnCode

PEOPLE = (
    'addprinc -pw "s3cret" jsmith',
    'addprinc -pw "s3cret" -requires_preauth nopreauth',
    'addprinc -pw "s3cret" +needchange mustchange',
)


@pytest.fixture
def own() -> Iterator[Realm]:
    """Return a realm that a test may change."""
    with realm() as kdc:
        kdc.admin(*PEOPLE)
        kdc.start()
        yield kdc


def change_the_tickets_key(kdc: Realm) -> None:
    kdc.admin(f"cpw -randkey krbtgt/{kdc.name}")


def make_the_database_anew(kdc: Realm) -> None:
    """Have other keys of the same versions, as after a KDC was set up again."""
    kdc.stop()
    for path in (*kdc.folder.glob("principal*"), kdc.keytab):
        path.unlink()
    kdc.create()
    kdc.admin(*PEOPLE)
    kdc.start()


def go_back_an_hour(kdc: Realm) -> None:
    """Have a clock by which the armour's ticket begins in an hour."""
    kdc.stop()
    kdc.start("-1h")


EVENTS = (change_the_tickets_key, make_the_database_anew, go_back_an_hour)


def refusal(way: Way, authenticator: Any, user: str, password: str) -> ReturnCode:
    with pytest.raises(AuthenticationFailed) as caught:
        way.run(authenticator.authenticate("mail", user, password))
    return caught.value.code


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
def test_a_stale_ticket_is_replaced_at_once(
    way: Way, own: Realm, mail: Mail, event: Callable[[Realm], None]
) -> None:
    authenticator = way.authenticator(mail(own, "fast=try").config())
    for user in ("jsmith", "nopreauth"):
        assert way.run(authenticator.authenticate("mail", user, "s3cret"))
    event(own)
    for user in ("jsmith", "nopreauth"):
        assert way.run(authenticator.authenticate("mail", user, "s3cret"))
        assert refusal(way, authenticator, user, "wrong") is ReturnCode.AUTH_ERR
    with pytest.raises(PasswordExpired):
        way.run(authenticator.authenticate("mail", "mustchange", "s3cret"))


def test_who_demands_armour_gets_a_new_ticket_too(way: Way, own: Realm, mail: Mail) -> None:
    authenticator = way.authenticator(mail(own, "fast=demand").config())
    assert way.run(authenticator.authenticate("mail", "jsmith", "s3cret"))
    make_the_database_anew(own)
    assert way.run(authenticator.authenticate("mail", "jsmith", "s3cret"))
    assert refusal(way, authenticator, "jsmith", "wrong") is ReturnCode.AUTH_ERR


def test_a_cache_whose_ticket_is_stale_is_done_without(
    way: Way, own: Realm, mail: Mail, tmp_path: Path
) -> None:
    cache = f"FILE:{tmp_path}/armour"
    own.run("kinit", "-k", "-t", str(own.keytab), "-c", cache, SERVICE)
    config = mail(own, f"fast_ccache={cache}").config()
    assert way.login(config, "mail", "jsmith", "s3cret")
    make_the_database_anew(own)
    assert way.login(config, "mail", "jsmith", "s3cret")
    with pytest.raises(AuthenticationFailed) as caught:
        way.login(config, "mail", "jsmith", "wrong")
    assert caught.value.code is ReturnCode.AUTH_ERR


def insist_on_armour(kdc: Realm) -> None:
    """Have passwords sent in armour only."""
    text = kdc.conf.read_text()
    flag = "    disable_encrypted_timestamp = true\n"
    kdc.conf.write_text(text.replace("    admin_server", f"{flag}    admin_server"))


def test_krb5_conf_may_insist_on_armour(way: Way, own: Realm, mail: Mail) -> None:
    insist_on_armour(own)
    with pytest.raises(TemporaryFailure):
        way.login(mail(own, "fast=never").config(), "mail", "jsmith", "s3cret")
    assert way.login(mail(own, "fast=try").config(), "mail", "jsmith", "s3cret")


def test_a_wrong_password_without_preauthentication_leaves_the_armour_on(
    way: Way, own: Realm, mail: Mail
) -> None:
    insist_on_armour(own)
    authenticator = way.authenticator(mail(own, "fast=try").config())
    for _ in range(3):
        assert refusal(way, authenticator, "nopreauth", "wrong") is ReturnCode.AUTH_ERR
    assert way.run(authenticator.authenticate("mail", "jsmith", "s3cret"))
    assert refusal(way, authenticator, "jsmith", "wrong") is ReturnCode.AUTH_ERR


def test_an_error_of_one_principal_leaves_the_others_their_armour(
    way: Way, own: Realm, mail: Mail
) -> None:
    insist_on_armour(own)
    own.admin('addprinc -pw "s3cret" broken', "purgekeys -all broken")
    authenticator = way.authenticator(mail(own, "fast=try").config())
    for _ in range(3):
        with pytest.raises(TemporaryFailure):
            way.run(authenticator.authenticate("mail", "broken", "s3cret"))
        assert way.run(authenticator.authenticate("mail", "jsmith", "s3cret"))


@pytest.mark.parametrize("fast", ["never", "try", "demand"])
def test_a_wrong_password_counts_as_one_failure(
    way: Way, own: Realm, mail: Mail, fast: str
) -> None:
    own.admin("addpol -maxfailure 9 lockout", "modprinc -policy lockout jsmith")
    authenticator = way.authenticator(mail(own, f"fast={fast}").config())
    for _ in range(3):
        assert refusal(way, authenticator, "jsmith", "wrong") is ReturnCode.AUTH_ERR
    assert "Failed password attempts: 3\n" in own.admin("getprinc jsmith")
