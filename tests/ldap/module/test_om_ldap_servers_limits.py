"""om_ldap where a server has a limit of its own, and attributes that have options."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.conftest import Asynchronous, Way
from tests.ldap import people
from tests.ldap.authority import Authority
from tests.ldap.module.conftest import PASSWORD, Logins
from tests.ldap.slapd import Slapd, running

Make = Callable[..., Logins]
LIBRARIES = ("library python-ldap", "library ldap3")


@pytest.fixture
def way() -> Iterator[Way]:
    way = Asynchronous()
    yield way
    way.close()


@pytest.fixture(scope="module")
def limited(authority: Authority) -> Iterator[Slapd]:
    """Return a server that sends the service one entry, and the code 4 for more."""
    with running(authority, limit="1") as server:
        yield server


@pytest.mark.parametrize("library", LIBRARIES)
def test_more_than_a_server_sends_are_several(make: Make, limited: Slapd, library: str) -> None:
    password = people.JOHN.password
    either = "filter (|(uid={user})(uid=anna))"
    logins = make(library, either, uri=limited.uri)
    assert logins.outcome("jsmith", password) == "user_unknown"
    assert "several entries" in logins.remarks("jsmith", password)
    signed_on = "auth required pam_permit\naccount required om_ldap\n"
    logins = make(library, either, uri=limited.uri, stack=signed_on)
    assert logins.outcome("jsmith", "") == "user_unknown"
    assert make(library, uri=limited.uri).outcome("jsmith", password) == "success"


@pytest.mark.parametrize("library", LIBRARIES)
def test_what_is_only_asked_for_may_be_there_more_than_once(
    make: Make, limited: Slapd, library: str
) -> None:
    line = "pam_authz_search (objectClass=inetOrgPerson)"
    outcome = make(library, line, uri=limited.uri).outcome("jsmith", people.JOHN.password)
    assert outcome == "success"


@pytest.mark.parametrize("library", LIBRARIES)
def test_attributes_have_options(make: Make, newcomer: Callable[..., str], library: str) -> None:
    name = newcomer()
    address = f"{name}.en@example.com"
    user = newcomer(
        f"mail;lang-en: {address}", f"cn;lang-de;lang-at: {name} von", f"uid;lang-en: {name}-en"
    )
    lines = ("attribute mail;lang-EN addresses", "attribute cn;lang-at;lang-de name")
    identity = make(library, *lines).login(user, PASSWORD)
    assert identity.addresses == (address,)
    assert identity.person.name == f"{name} von"
    # Found by it, and named by it.
    by_option = make(library, "pam_login_attribute uid;lang-en")
    assert by_option.login(f"{name}-en", PASSWORD).authid == f"{name}-en"
    assert by_option.outcome(user, PASSWORD) == "user_unknown"
    by_filter = make(library, "filter (mail;lang-en={user})", "pam_login_attribute employeeType")
    assert by_filter.login(address.upper(), PASSWORD).authid == address
