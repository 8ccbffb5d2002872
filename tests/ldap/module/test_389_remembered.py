"""Remembered logins on 389 Directory Server, whose plugin USN says when an entry was changed."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import ldap
import pytest

from tests import ds389
from tests.conftest import Asynchronous, Way
from tests.ds389 import SUFFIX, Server389
from tests.ldap.module.conftest import PASSWORD, Logins
from tests.ldap.module.remembering import NEW, Binds, binds_of
from tests.ldap.module.test_389_directory_server import allow, group, group_dn, person, person_dn

Make = Callable[..., Logins]
GRANTED = ["success"] * 4
_BLIND = "objectClass || uid || mail || entryusn || modifyTimestamp || nsUniqueId"
_numbers = itertools.count()


@pytest.fixture
def way() -> Iterator[Way]:
    way = Asynchronous()
    yield way
    way.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server389]:
    """Return a server whose accounts are locked by failures, and by a role."""
    with ds389.running() as server:
        server.add(
            "".join(
                f"dn: ou={each},{SUFFIX}\nobjectClass: organizationalUnit\nou: {each}\n\n"
                for each in ("people", "groups")
            )
            + person("reader", f"uid=reader,{SUFFIX}", "reader-secret")
            + person("blind", f"uid=blind,{SUFFIX}", "blind-secret")
        )
        own = """(targetattr = "userPassword")(version 3.0; acl "own"; allow (write)"""
        rules = [
            allow("reader", '(targetattr != "userPassword")', f"uid=reader,{SUFFIX}"),
            allow("blind", f'(targetattr = "{_BLIND}")', f"uid=blind,{SUFFIX}"),
            f'aci: {own} userdn="ldap:///self";)\n',
        ]
        server.modify(f"dn: {SUFFIX}\nchangetype: modify\nadd: aci\n" + "".join(rules))
        server.add(_ROLE)
        server.set("cn=USN,cn=plugins,cn=config", **{"nsslapd-pluginEnabled": "on"})
        server.restart()
        server.set("cn=config", passwordLockout="on", passwordMaxFailure="3")
        yield server


# As `dsidm role lock` makes it, with a filter: the entry of the person says nothing of it.
_ROLE = f"""\
dn: cn=locked,{SUFFIX}
objectClass: LDAPsubentry
objectClass: nsRoleDefinition
objectClass: nsComplexRoleDefinition
objectClass: nsFilteredRoleDefinition
cn: locked
nsRoleFilter: (description=none)

dn: cn=templates,{SUFFIX}
objectClass: nsContainer
cn: templates

dn: cn="cn=locked,{SUFFIX}",cn=templates,{SUFFIX}
objectClass: extensibleObject
objectClass: costemplate
objectClass: ldapsubentry
nsAccountLock: true
cosPriority: 1

dn: cn=locks,{SUFFIX}
objectClass: LDAPsubentry
objectClass: cosSuperDefinition
objectClass: cosClassicDefinition
cosTemplateDn: cn=templates,{SUFFIX}
cosSpecifier: nsRole
cosAttribute: nsAccountLock operational
cn: locks

"""


@pytest.fixture
def binds(monkeypatch: pytest.MonkeyPatch) -> Binds:
    return binds_of(monkeypatch)


@pytest.fixture
def ds(make: Make, server: Server389) -> Make:
    def logins(*more: str, service: str = "reader") -> Logins:
        reader = (f"binddn uid={service},{SUFFIX}", f"bindpw {service}-secret")
        usual = ("- tls_cacertfile", "ssl off", f"base {SUFFIX}", "remember_logins 3600")
        return make(*usual, *reader, *more, uri=server.uri)

    return logins


@pytest.fixture
def user(server: Server389) -> str:
    name = f"remembered{next(_numbers)}"
    server.add(person(name, person_dn(name)))
    return name


@pytest.fixture
def logins(ds: Make, user: str, binds: Binds) -> Logins:
    """Return logins that are remembered for the user."""
    logins = ds()
    assert [logins.outcome(user, PASSWORD) for _ in range(4)] == GRANTED
    assert binds.count() == 2
    return logins


def test_a_wrong_password_always_goes_to_the_server(
    logins: Logins, user: str, binds: Binds
) -> None:
    assert logins.outcome(user, "wrong") == "auth_err"
    assert binds.count() == 3
    assert [logins.outcome(user, PASSWORD) for _ in range(4)] == GRANTED
    assert 3 < binds.count() < 7


@pytest.mark.parametrize("how", ["own", "administrator"])
def test_a_changed_password_holds_at_once(
    logins: Logins, server: Server389, user: str, how: str
) -> None:
    if how == "own":
        connection = ldap.initialize(server.uri)
        connection.simple_bind_s(person_dn(user), PASSWORD)
        changes = [(ldap.MOD_REPLACE, "userPassword", [NEW.encode()])]
        connection.modify_s(person_dn(user), changes)
    else:
        server.set(person_dn(user), userPassword=NEW)
    assert logins.outcome(user, PASSWORD) == "auth_err"
    assert [logins.outcome(user, NEW) for _ in range(4)] == GRANTED


def test_a_reset_holds_at_once(logins: Logins, server: Server389, user: str) -> None:
    server.set("cn=config", passwordMustChange="on")
    try:
        server.set(person_dn(user), userPassword=PASSWORD)
        assert [logins.outcome(user, PASSWORD) for _ in range(4)] == ["new_authtok_reqd"] * 4
    finally:
        server.set("cn=config", passwordMustChange="off")


def test_a_lock_and_its_end_hold_at_once(logins: Logins, server: Server389, user: str) -> None:
    server.set(person_dn(user), nsAccountLock="true")
    assert logins.outcome(user, PASSWORD) == "perm_denied"
    server.set(person_dn(user), nsAccountLock="false")
    assert [logins.outcome(user, PASSWORD) for _ in range(4)] == GRANTED


def test_a_lock_by_a_role_holds_at_once(
    logins: Logins, server: Server389, user: str, binds: Binds
) -> None:
    server.set(f"cn=locked,{SUFFIX}", nsRoleFilter=f"(uid={user})")
    assert logins.outcome(user, PASSWORD) == "perm_denied"
    server.set(f"cn=locked,{SUFFIX}", nsRoleFilter="(description=none)")
    assert logins.outcome(user, PASSWORD) == "success"


def test_failures_elsewhere_lock_at_once(logins: Logins, server: Server389, user: str) -> None:
    for _ in range(3):
        with pytest.raises(ldap.LDAPError):
            ldap.initialize(server.uri).simple_bind_s(person_dn(user), "wrong")
    assert logins.outcome(user, PASSWORD) == "maxtries"
    server.modify(
        f"dn: {person_dn(user)}\nchangetype: modify\ndelete: accountUnlockTime\n-\n"
        "replace: passwordRetryCount\npasswordRetryCount: 0\n"
    )
    assert [logins.outcome(user, PASSWORD) for _ in range(4)] == GRANTED


def test_a_password_that_has_expired_is_none(
    logins: Logins, server: Server389, user: str, binds: Binds
) -> None:
    server.set("cn=config", passwordExp="on", passwordMaxAge="86400")
    try:
        server.set(person_dn(user), passwordExpirationTime="20200101000000Z")
        assert logins.outcome(user, PASSWORD) == "new_authtok_reqd"
    finally:
        server.set("cn=config", passwordExp="off")


def test_a_policy_that_begins_to_expire_is_heard(
    ds: Make, server: Server389, user: str, binds: Binds
) -> None:
    server.set(person_dn(user), passwordExpirationTime="20200101000000Z")
    logins = ds("check_lock no")
    assert [logins.outcome(user, PASSWORD) for _ in range(4)] == GRANTED
    # The server does not look at it yet: so it is the server that has to say so.
    assert binds.count() == 4
    server.set("cn=config", passwordExp="on", passwordMaxAge="86400")
    try:
        assert logins.outcome(user, PASSWORD) == "new_authtok_reqd"
    finally:
        server.set("cn=config", passwordExp="off")


def test_an_account_with_a_time_of_its_last_login_is_left_to_the_server(
    logins: Logins, server: Server389, user: str, binds: Binds
) -> None:
    server.set(person_dn(user), lastLoginTime="20260101000000Z")
    assert [logins.outcome(user, PASSWORD) for _ in range(4)] == GRANTED
    assert binds.count() == 6


def test_a_group_that_is_left_holds_at_once(ds: Make, server: Server389, user: str) -> None:
    server.add(group(f"of{user}", person_dn(user), person_dn("none")))
    logins = ds(f"pam_groupdn {group_dn(f'of{user}')}")
    assert [logins.outcome(user, PASSWORD) for _ in range(4)] == GRANTED
    server.set(group_dn(f"of{user}"), member=person_dn("none"))
    assert logins.outcome(user, PASSWORD) == "perm_denied"


def test_a_renamed_entry_and_one_that_was_made_anew_are_others(
    logins: Logins, server: Server389, user: str, binds: Binds
) -> None:
    rename = "dn: {}\nchangetype: modrdn\nnewrdn: uid={}\ndeleteoldrdn: 1\n"
    server.modify(rename.format(person_dn(user), f"{user}x"))
    assert logins.outcome(user, PASSWORD) == "user_unknown"
    server.modify(rename.format(person_dn(f"{user}x"), user))
    assert logins.outcome(user, PASSWORD) == "success"
    server.modify(f"dn: {person_dn(user)}\nchangetype: delete\n")
    server.add(person(user, person_dn(user), NEW))
    assert logins.outcome(user, PASSWORD) == "auth_err"
    assert logins.outcome(user, NEW) == "success"


def test_what_the_service_may_not_see_is_left_to_the_server(
    ds: Make, user: str, binds: Binds
) -> None:
    logins = ds(service="blind")
    assert [logins.outcome(user, PASSWORD) for _ in range(6)] == ["success"] * 6
    assert binds.count() == 6


def test_without_the_plugin_each_login_binds(
    ds: Make, server: Server389, user: str, binds: Binds
) -> None:
    server.set("cn=USN,cn=plugins,cn=config", **{"nsslapd-pluginEnabled": "off"})
    server.restart()
    name = f"{user}new"
    server.add(person(name, person_dn(name)))
    logins = ds()
    assert [logins.outcome(name, PASSWORD) for _ in range(4)] == GRANTED
    assert binds.count() == 4
