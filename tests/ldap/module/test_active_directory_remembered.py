"""Remembered logins on Samba as a domain controller, whose uSNChanged tells of changes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import ldap
import pytest

from tests.conftest import Asynchronous, Way
from tests.ldap.module.conftest import Logins
from tests.ldap.module.remembering import Binds, binds_of
from tests.samba import PEOPLE, SUFFIX, Controller, group, person, quoted
from ualauth.ldap.rules import unchanged

Make = Callable[..., Logins]
PASSWORD, NEW = "S3cret-pässwörd", "N3w-secret-☂"
_numbers = itertools.count()


@pytest.fixture
def way() -> Iterator[Way]:
    way = Asynchronous()
    yield way
    way.close()


def dn(name: str) -> str:
    return f"CN={name},{PEOPLE}"


@pytest.fixture(scope="session")
def controller(samba_controller: Controller) -> Controller:
    """Return the domain controller, with a service of these tests."""
    samba_controller.add(person("rememberer", PASSWORD))
    samba_controller.modify(
        f"dn: {SUFFIX}\nchangetype: modify\nreplace: lockoutThreshold\nlockoutThreshold: 3\n"
        "-\nreplace: minPwdAge\nminPwdAge: 0\n"
    )
    return samba_controller


@pytest.fixture
def binds(monkeypatch: pytest.MonkeyPatch) -> Binds:
    return binds_of(monkeypatch)


@pytest.fixture
def ad(make: Make, controller: Controller) -> Make:
    usual = (
        f"base {SUFFIX}",
        f"tls_cacertfile {controller.authority.file}",
        "pam_password ad",
        "binddn rememberer@ad.example.com",
        f"bindpw {PASSWORD}",
        "filter (&(objectClass=user)(sAMAccountName={user}))",
        "pam_login_attribute sAMAccountName",
        "remember_logins 3600",
    )
    return lambda *more: make(*usual, *more, uri=controller.uri)


@pytest.fixture
def only_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a password that was set a moment ago be the only one; no client can set that time."""
    monkeypatch.setattr(unchanged, "_FORMER_TAKEN", timedelta(0))


@pytest.fixture
def user(controller: Controller) -> str:
    name = f"remembered{next(_numbers)}"
    controller.add(person(name, PASSWORD))
    return name


def outcomes(logins: Logins, user: str, password: str = PASSWORD, number: int = 4) -> set[str]:
    return {logins.outcome(user, password) for _ in range(number)}


@pytest.fixture
def logins(ad: Make, user: str, binds: Binds, only_password: None) -> Logins:
    """Return logins that are remembered for the user."""
    logins = ad()
    # The first bind of all changes lastLogonTimestamp.
    assert outcomes(logins, user, number=5) == {"success"}
    assert binds.count() == 3
    return logins


def replace(controller: Controller, user: str, name: str, value: str) -> None:
    controller.modify(f"dn: {dn(user)}\nchangetype: modify\nreplace: {name}\n{name}: {value}\n")


def guess(controller: Controller, user: str) -> None:
    connection: Any = ldap.initialize(controller.uri)
    connection.set_option(ldap.OPT_X_TLS_CACERTFILE, str(controller.authority.file))
    connection.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
    connection.start_tls_s()
    with pytest.raises(ldap.INVALID_CREDENTIALS):
        connection.simple_bind_s(f"{user}@ad.example.com", "wrong")


def test_the_logins_are_the_same(logins: Logins, user: str) -> None:
    assert logins.login(user, PASSWORD).user == user
    assert logins.login(user.upper(), PASSWORD).user == user


def test_a_wrong_password_always_goes_to_the_server(
    logins: Logins, user: str, binds: Binds
) -> None:
    assert logins.outcome(user, "wrong") == "auth_err"
    assert binds.count() == 4
    assert outcomes(logins, user) == {"success"}
    assert 4 < binds.count() < 8


@pytest.mark.parametrize("how", ["own", "administrator"])
def test_a_changed_password_holds_at_once(
    logins: Logins, controller: Controller, user: str, binds: Binds, how: str
) -> None:
    if how == "own":
        logins.change(user, PASSWORD, NEW)
    else:
        controller.modify(
            f"dn: {dn(user)}\nchangetype: modify\nreplace: unicodePwd\nunicodePwd:: {quoted(NEW)}\n"
        )
    # The server takes the former one for an hour; it is the server that has to say so.
    before = binds.count()
    assert outcomes(logins, user, NEW, 1) == {"success"}
    assert logins.outcome(user, "wrong") == "auth_err"
    logins.outcome(user, PASSWORD)
    assert binds.count() == before + 3


def test_a_password_that_was_set_lately_is_left_to_the_server(
    ad: Make, user: str, binds: Binds
) -> None:
    assert outcomes(ad(), user, number=6) == {"success"}
    assert binds.count() == 6


def test_a_password_that_must_be_changed_holds_at_once(
    logins: Logins, controller: Controller, user: str
) -> None:
    replace(controller, user, "pwdLastSet", "0")
    assert outcomes(logins, user) == {"new_authtok_reqd"}


def test_a_disabled_account_holds_at_once(
    logins: Logins, controller: Controller, user: str
) -> None:
    replace(controller, user, "userAccountControl", "514")
    assert outcomes(logins, user) == {"perm_denied"}
    replace(controller, user, "userAccountControl", "512")
    assert outcomes(logins, user) == {"success"}


def test_an_account_that_has_expired_holds_at_once(
    logins: Logins, controller: Controller, user: str
) -> None:
    replace(controller, user, "accountExpires", "130000000000000000")
    assert outcomes(logins, user) == {"acct_expired"}


def test_failures_elsewhere_lock_at_once(
    logins: Logins, controller: Controller, user: str, binds: Binds
) -> None:
    guess(controller, user)
    before = binds.count()
    # So that the server hears of a right one, and forgets the failure.
    assert outcomes(logins, user, number=1) == {"success"}
    assert binds.count() == before + 1
    assert outcomes(logins, user) == {"success"}
    for _ in range(3):
        guess(controller, user)
    assert logins.outcome(user, PASSWORD) == "maxtries"
    replace(controller, user, "lockoutTime", "0")
    assert outcomes(logins, user) == {"success"}


@pytest.mark.parametrize(
    ("name", "value"), [("logonHours:", "AAAAAAAAAAAAAAAAAAAAAAAAAAAA"), ("userWorkstations", "PC")]
)
def test_limits_of_logins_are_left_to_the_server(
    logins: Logins, controller: Controller, user: str, binds: Binds, name: str, value: str
) -> None:
    plain = name.rstrip(":")
    controller.modify(f"dn: {dn(user)}\nchangetype: modify\nreplace: {plain}\n{name}: {value}\n")
    before = binds.count()
    outcomes(logins, user)
    assert binds.count() == before + 4


def test_a_group_that_is_left_holds_at_once(
    ad: Make, controller: Controller, user: str, only_password: None
) -> None:
    controller.add(group(f"of{user}", dn(user)))
    logins = ad(f"pam_groupdn {dn(f'of{user}')}")
    assert outcomes(logins, user) == {"success"}
    controller.modify(
        f"dn: {dn(f'of{user}')}\nchangetype: modify\ndelete: member\nmember: {dn(user)}\n"
    )
    assert logins.outcome(user, PASSWORD) == "perm_denied"


def test_a_renamed_entry_and_one_that_was_made_anew_are_others(
    logins: Logins, controller: Controller, user: str, binds: Binds
) -> None:
    controller.modify(f"dn: {dn(user)}\nchangetype: modrdn\nnewrdn: CN={user}x\ndeleteoldrdn: 1\n")
    before = binds.count()
    assert logins.outcome(user, PASSWORD) == "success"
    assert binds.count() == before + 1
    controller.modify(f"dn: {dn(user + 'x')}\nchangetype: delete\n")
    assert logins.outcome(user, PASSWORD) == "user_unknown"
    controller.add(person(user, NEW))
    assert logins.outcome(user, PASSWORD) == "auth_err"
    assert logins.outcome(user, NEW) == "success"
