"""The outage cache: who comes in while no server can be reached, and who does not."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import pytest

from tests.conftest import Asynchronous, Way
from tests.ldap import people
from tests.ldap.authority import Authority
from tests.ldap.module.conftest import Logins
from tests.ldap.slapd import Slapd, running
from ualauth.ldap.client.credentials import BindCredentials

Make = Callable[..., Logins]
QUICK = ("bind_timelimit 1", "timelimit 1", "reconnect_sleeptime 0.05", "reconnect_retrytime 0.1")
NEW = "battery staple"


@pytest.fixture
def way() -> Iterator[Way]:
    way = Asynchronous()
    yield way
    way.close()


@pytest.fixture(scope="module")
def mortal(authority: Authority) -> Iterator[Slapd]:
    """Return a server that these tests may stop."""
    with running(authority) as server:
        yield server


@pytest.fixture
def server(mortal: Slapd) -> Iterator[Slapd]:
    yield mortal
    if mortal._process is None:
        mortal.start()


@pytest.fixture
def cached(make: Make, server: Slapd) -> Make:
    return lambda *more, **options: make(
        "outage_lifetime 3600", *QUICK, *more, uri=server.uri, **options
    )


def test_without_the_cache_no_user_comes_in(make: Make, server: Slapd) -> None:
    logins = make(*QUICK, uri=server.uri)
    assert logins.outcome("jsmith", people.JOHN.password) == "success"
    server.stop()
    assert logins.outcome("jsmith", people.JOHN.password) == "authinfo_unavail"


def test_who_was_let_in_before_comes_in_during_an_outage(
    cached: Make, server: Slapd, caplog: pytest.LogCaptureFixture
) -> None:
    logins = cached()
    before = logins.login("JSmith", people.JOHN.password)
    server.stop()
    with caplog.at_level(logging.WARNING, "ualauth.modules.om_ldap"):
        assert logins.login("JSmith", people.JOHN.password) == before
    assert "let in from memory" in caplog.text
    assert people.JOHN.password not in caplog.text
    assert "let in from memory" in logins.remarks("JSmith", people.JOHN.password)
    assert logins.outcome("JSmith", "wrong") == "authinfo_unavail"
    assert logins.outcome("JSmith", "") == "auth_err"
    assert logins.outcome("anna", people.ANNA.password) == "authinfo_unavail"


def test_a_server_that_hangs_is_an_outage(cached: Make, server: Slapd) -> None:
    logins = cached()
    assert logins.outcome("jsmith", people.JOHN.password) == "success"
    server.hang()
    try:
        assert logins.outcome("jsmith", people.JOHN.password) == "success"
        assert logins.outcome("jsmith", "wrong") == "authinfo_unavail"
    finally:
        server.go_on()


def test_a_changed_password_is_forgotten(cached: Make, server: Slapd) -> None:
    logins = cached()
    assert logins.outcome("anna", people.ANNA.password) == "success"
    logins.change("anna", people.ANNA.password, NEW)
    server.stop()
    assert logins.outcome("anna", people.ANNA.password) == "authinfo_unavail"
    assert logins.outcome("anna", NEW) == "authinfo_unavail"
    server.start()
    logins.change("anna", NEW, people.ANNA.password)


def test_a_password_that_the_directory_refuses_now_is_forgotten(
    cached: Make, server: Slapd
) -> None:
    logins = cached()
    dn = f"uid=changing,{people.PEOPLE}"
    server.add(people.person(BindCredentials(dn, "old secret"), "Changing"))
    assert logins.outcome("changing", "old secret") == "success"
    # By other means, of which this process learns nothing.
    server.modify(f"dn: {dn}\nchangetype: modify\nreplace: userPassword\nuserPassword: {NEW}\n")
    assert logins.outcome("changing", "wrong") == "auth_err"
    assert logins.outcome("changing", "old secret") == "auth_err"
    server.stop()
    assert logins.outcome("changing", "old secret") == "authinfo_unavail"


def test_a_wrong_password_does_not_take_the_right_one_away(cached: Make, server: Slapd) -> None:
    logins = cached()
    assert logins.outcome("jsmith", people.JOHN.password) == "success"
    assert logins.outcome("jsmith", "wrong") == "auth_err"
    server.stop()
    assert logins.outcome("jsmith", people.JOHN.password) == "success"


def test_who_was_deleted_is_forgotten(cached: Make, server: Slapd) -> None:
    logins = cached()
    dn = f"uid=leaving,{people.PEOPLE}"
    server.add(people.person(BindCredentials(dn, "old secret"), "Leaving"))
    assert logins.outcome("leaving", "old secret") == "success"
    server.modify(f"dn: {dn}\nchangetype: delete\n")
    assert logins.outcome("leaving", "old secret") == "user_unknown"
    server.stop()
    assert logins.outcome("leaving", "old secret") == "authinfo_unavail"


def test_whose_account_was_refused_stays_out(cached: Make, server: Slapd) -> None:
    logins = cached("access_filter (!(uid=jsmith))")
    assert logins.outcome("jsmith", people.JOHN.password) == "perm_denied"
    assert logins.outcome("anna", people.ANNA.password) == "success"
    server.stop()
    assert logins.outcome("jsmith", people.JOHN.password) == "authinfo_unavail"
    assert logins.outcome("anna", people.ANNA.password) == "success"


def test_it_ends_with_its_lifetime(make: Make, server: Slapd) -> None:
    logins = make("outage_lifetime 0.000001", *QUICK, uri=server.uri)
    assert logins.outcome("jsmith", people.JOHN.password) == "success"
    server.stop()
    assert logins.outcome("jsmith", people.JOHN.password) == "authinfo_unavail"


def test_it_has_a_size(cached: Make, server: Slapd) -> None:
    logins = cached("outage_users 1")
    assert logins.outcome("jsmith", people.JOHN.password) == "success"
    assert logins.outcome("anna", people.ANNA.password) == "success"
    server.stop()
    assert logins.outcome("jsmith", people.JOHN.password) == "authinfo_unavail"
    assert logins.outcome("anna", people.ANNA.password) == "success"
