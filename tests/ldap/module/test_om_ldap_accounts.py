"""Who of those with the right password may come in: groups, filters, locks, dates."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from tests.conftest import Asynchronous, Way
from tests.ldap import people
from tests.ldap.bad_server import BadServer, Request, answer
from tests.ldap.module.conftest import PASSWORD, Logins
from tests.ldap.module.spellings import LIBRARIES, TEMPLATE
from tests.ldap.slapd import Slapd
from tests.moments import now, written
from ualauth import AccountRestricted, PasswordExpired
from ualauth.codes import ReturnCode
from ualauth.reasons import ReasonCode


@pytest.fixture
def way() -> Iterator[Way]:
    """One way in is enough: what differs between them is not what is tested here."""
    way = Asynchronous()
    yield way
    way.close()


Make = Callable[..., Logins]
Newcomer = Callable[..., str]
BIND_RESPONSE, INVALID_CREDENTIALS = 0x61, 49
SHADOW = "objectClass: shadowAccount"
ANYTHING = "objectClass: extensibleObject"


def group_dn(name: str) -> str:
    return f"cn={name},{people.GROUPS}"


def person_dn(name: str) -> str:
    return f"uid={name},{people.PEOPLE}"


# Groups


@pytest.fixture(scope="module")
def nested(slapd: Slapd) -> None:
    """Add groups in groups, one of which is a circle, and one by names."""
    slapd.add(
        people.group("inner", people.JOHN.name)
        + people.group("middle", group_dn("inner"))
        + people.group("outer", group_dn("middle"))
        + people.group("circle-a", people.ANNA.name)
        + people.group("circle-b", group_dn("circle-a"))
        + f"dn: cn=posix,{people.GROUPS}\nobjectClass: posixGroup\ncn: posix\n"
        "gidNumber: 1\nmemberUid: jsmith\n\n"
    )
    slapd.modify(
        f"dn: {group_dn('circle-a')}\nchangetype: modify\n"
        f"add: member\nmember: {group_dn('circle-b')}\n"
    )


@pytest.mark.parametrize(
    ("group", "more", "john"),
    [
        ("mail", (), "success"),
        ("inner", (), "success"),
        ("inner", ("nested_groups expand",), "success"),
        ("outer", (), "perm_denied"),
        ("outer", ("nested_groups expand",), "success"),
        ("outer", ("nested_groups auto",), "success"),
        ("outer", ("nested_groups expand", "nested_depth 1"), "perm_denied"),
        ("outer", ("nested_groups chain",), "authinfo_unavail"),
        ("circle-b", ("nested_groups expand",), "perm_denied"),
        ("posix", ("pam_member_attribute memberUid",), "success"),
        ("none", (), "perm_denied"),
    ],
)
def test_a_group_is_needed(
    make: Make, nested: None, group: str, more: tuple[str, ...], john: str
) -> None:
    logins = make(f"pam_groupdn {group_dn(group)}", *more)
    assert logins.outcome("jsmith", people.JOHN.password) == john
    others = "perm_denied" if john != "authinfo_unavail" else john
    expected = "success" if group == "circle-b" else others
    assert logins.outcome("anna", people.ANNA.password) == expected


def test_one_of_several_groups_is_enough(make: Make, nested: None) -> None:
    logins = make(
        f"pam_groupdn {group_dn('none')}",
        f"pam_groupdn {group_dn('posix')}",
        "pam_member_attribute memberUid",
    )
    assert logins.outcome("jsmith", people.JOHN.password) == "success"


def test_without_a_service_the_person_asks_for_groups(make: Make, nested: None) -> None:
    template = f"bind_template uid={{user}},{people.PEOPLE}"
    logins = make(template, "- binddn", "- bindpw", f"pam_groupdn {group_dn('mail')}")
    assert logins.outcome("jsmith", people.JOHN.password) == "success"
    assert logins.outcome("anna", people.ANNA.password) in {"perm_denied", "authinfo_unavail"}


# Filters, hosts, services


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("access_filter (mail={user}@example.com)", "success"),
        ("access_filter (mail=$username@example.com)", "success"),
        ("access_filter (mail=anna@example.com)", "perm_denied"),
        ("access_filter (!(cn={service}))", "success"),
        ("access_filter (cn={rhost})", "perm_denied"),
        ("access_filter (cn={tty})", "perm_denied"),
        ("access_filter (!(cn={tty}))", "perm_denied"),
        ("access_filter (!(cn={hostname}{fqdn}))", "success"),
        ("pam_authz_search (&(objectClass=groupOfNames)(member={dn}))", "success"),
        ("pam_authz_search (&(cn=mail)(member=$dn))", "success"),
        ("pam_authz_search (&(cn=other)(member=$dn))", "perm_denied"),
        ("pam_authz_search (uid={uid})", "success"),
    ],
)
def test_a_filter_decides(make: Make, line: str, code: str) -> None:
    assert make(line).outcome("jsmith", people.JOHN.password, rhost="192.0.2.7") == code


def test_a_value_cannot_change_a_filter(make: Make) -> None:
    logins = make("access_filter (cn={rhost})")
    assert logins.outcome("jsmith", people.JOHN.password, rhost="*") == "perm_denied"
    logins = make("pam_authz_search (&(uid={user})(cn={ruser}))")
    assert logins.outcome("jsmith", people.JOHN.password, ruser="x)(uid=*") == "perm_denied"


@pytest.mark.parametrize(
    ("line", "values", "code"),
    [
        ("pam_check_service_attr yes", (), "perm_denied"),
        ("pam_check_service_attr yes", ("mail",), "success"),
        ("pam_check_service_attr yes", ("other",), "perm_denied"),
        ("pam_check_service_attr yes", ("*",), "success"),
        ("pam_check_service_attr yes", ("*", "!mail"), "perm_denied"),
        ("pam_check_host_attr yes", ("nowhere",), "perm_denied"),
        ("pam_check_host_attr yes", (socket.gethostname(),), "success"),
        ("pam_check_host_attr yes", (f"!{socket.gethostname()}", "*"), "perm_denied"),
    ],
)
def test_an_attribute_lists_hosts_and_services(
    make: Make, newcomer: Newcomer, line: str, values: tuple[str, ...], code: str
) -> None:
    name = "host" if "host" in line else "authorizedService"
    if name == "host":
        user = newcomer(ANYTHING, *(f"host: {each}" for each in values))
    else:
        user = newcomer(ANYTHING, *(f"{name}: {each}" for each in values))
    assert make(line).outcome(user, PASSWORD) == code


# Locks and dates


def time_of(**delta: float) -> str:
    return f"{now() + timedelta(**delta):%Y%m%d%H%M%SZ}"


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ((SHADOW, "shadowExpire: {days+2}"), "success"),
        ((SHADOW, "shadowExpire: -1"), "success"),
        ((SHADOW, "shadowExpire: {days}"), "acct_expired"),
        ((SHADOW, "shadowExpire: 0"), "acct_expired"),
        ((SHADOW, "shadowLastChange: {days-10}", "shadowMax: 20"), "success"),
        ((SHADOW, "shadowLastChange: {days-30}", "shadowMax: 20"), "new_authtok_reqd"),
        ((SHADOW, "shadowLastChange: 0"), "new_authtok_reqd"),
        (
            (SHADOW, "shadowLastChange: {days-40}", "shadowMax: 20", "shadowInactive: 5"),
            "acct_expired",
        ),
        (("pwdAccountLockedTime: 000001010000Z",), "perm_denied"),
        ((ANYTHING, "nsAccountLock: TRUE"), "perm_denied"),
        ((ANYTHING, "nsAccountLock: false"), "success"),
        ((ANYTHING, "loginDisabled: TRUE"), "perm_denied"),
        ((ANYTHING, "inetUserStatus: active"), "success"),
        ((ANYTHING, "inetUserStatus: deleted"), "perm_denied"),
        ((ANYTHING, "userAccountControl: 514"), "perm_denied"),
        ((ANYTHING, "userAccountControl: 512"), "success"),
        ((ANYTHING, "userAccountControl: none"), "authinfo_unavail"),
        ((ANYTHING, "accountExpires: 0"), "success"),
        ((ANYTHING, "accountExpires: 9223372036854775807"), "success"),
        ((ANYTHING, "accountExpires: 130000000000000000"), "acct_expired"),
        ((ANYTHING, "accountExpires: 190000000000000000"), "success"),
        ((ANYTHING, "msDS-User-Account-Control-Computed: 16"), "perm_denied"),
        ((ANYTHING, "msDS-User-Account-Control-Computed: 8388608"), "new_authtok_reqd"),
        ((ANYTHING, "pwdLastSet: 0", "userAccountControl: 512"), "new_authtok_reqd"),
        ((ANYTHING, "pwdLastSet: 0", "userAccountControl: 66048"), "success"),
        ((ANYTHING, "krbPrincipalExpiration: 20200101000000Z"), "acct_expired"),
        ((ANYTHING, "krbPrincipalExpiration: 21000101000000.5Z"), "success"),
        ((ANYTHING, "krbPrincipalExpiration: soon"), "authinfo_unavail"),
        ((ANYTHING, "krbPasswordExpiration: 20200101000000Z"), "new_authtok_reqd"),
        ((ANYTHING, "passwordExpirationTime: 20200101000000+0100"), "new_authtok_reqd"),
    ],
)
def test_attributes_lock_and_expire(
    make: Make, newcomer: Newcomer, attributes: tuple[str, ...], code: str
) -> None:
    user = newcomer(*map(written, attributes))
    assert make().outcome(user, PASSWORD) == code
    assert make("check_lock no").outcome(user, PASSWORD) == "success"


@pytest.mark.parametrize("library", ["python-ldap", "ldap3"])
@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("accountUnlockTime: 19700101000000Z", "perm_denied"),
        ("accountUnlockTime: {generalized+1h}", "perm_denied"),
        ("accountUnlockTime: {generalized-1h}", "success"),
        ("nsAccountLock: maybe", "authinfo_unavail"),
        ("lockedByIntruder: TRUE", "perm_denied"),
        ("loginActivationTime: {generalized+1h}", "perm_denied"),
        ("loginActivationTime: {generalized-1h}", "success"),
        ("lockoutTime: 134401036000000000", "perm_denied"),
        ("lockoutTime: 0", "success"),
        ("krbTicketFlags: 64", "perm_denied"),
        ("krbPrincipalExpiration: 19700101000000Z", "success"),
        ("krbPasswordExpiration: 19700101000000Z", "success"),
        ("sambaAcctFlags: [DU         ]", "perm_denied"),
        ("sambaKickoffTime: 1", "acct_expired"),
        ("sambaKickoffTime: 2147483647", "success"),
        ("passwordExpirationTime: 19700101000000Z", "new_authtok_reqd"),
        ("passwordExpirationTime: 20380119031407Z", "success"),
        ("accountExpires: -1", "authinfo_unavail"),
    ],
)
def test_what_no_bind_has_told_the_attributes_tell(
    make: Make, newcomer: Newcomer, line: str, code: str, library: str
) -> None:
    user = newcomer(ANYTHING, written(line))
    others = "auth required pam_permit\naccount required om_ldap ignore_authinfo_unavail\n"
    logins = make(f"library {library}", stack=others + "account required pam_permit\n")
    assert logins.outcome(user, "") == code
    # A bind at a server that does not know the attribute tells nothing more.
    assert make(f"library {library}").outcome(user, PASSWORD) == code


def test_who_was_let_in_by_others_is_locked_by_an_attribute(make: Make, newcomer: Newcomer) -> None:
    stack = "auth required pam_permit\naccount required om_ldap\n"
    logins = make(stack=stack)
    assert logins.outcome(newcomer(), PASSWORD) == "success"
    assert logins.outcome(newcomer("pwdAccountLockedTime: 000001010000Z"), "") == "perm_denied"
    assert (
        logins.outcome(newcomer(f"pwdAccountLockedTime: {time_of(minutes=-1)}"), "")
        == "perm_denied"
    )
    assert logins.outcome("nobody", PASSWORD) == "user_unknown"


def test_who_may_not_come_in_yet_is_told_apart_in_the_log(make: Make, newcomer: Newcomer) -> None:
    user = newcomer(ANYTHING, written("loginActivationTime: {generalized+1h}"))
    logins = make()
    error = logins.refusal(logins.login, user, PASSWORD)
    assert (error.code, error.reason) == (ReturnCode.PERM_DENIED, ReasonCode.NOT_YET_VALID)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    ("text", "code", "reason"),
    [
        ("NDS error: login lockout (-197)", "maxtries", ReasonCode.LOCKED),
        ("NDS error: bad login time (-218)", "perm_denied", ReasonCode.NOT_IN_HOURS),
        ("NDS error: bad login address (-219)", "perm_denied", ReasonCode.SOURCE_NOT_ALLOWED),
        ("NDS error: log account expired (-220)", "acct_expired", ReasonCode.ACCOUNT_EXPIRED),
        ("NDS error: password expired (-222)", "perm_denied", ReasonCode.PASSWORD_EXPIRED),
        ("NDS error: failed authentication (-669)", "auth_err", ReasonCode.WRONG_PASSWORD),
    ],
)
def test_what_edirectory_says_of_a_bind_is_understood(
    make: Make, library: str, text: str, code: str, reason: ReasonCode
) -> None:
    def refuse(connection: socket.socket, request: Request) -> None:
        connection.sendall(answer(request.number, BIND_RESPONSE, INVALID_CREDENTIALS, text))

    with BadServer(refuse) as server:
        logins = make(library, "ssl off", *TEMPLATE, uri=server.uri)
        error = logins.refusal(logins.login, "jsmith", PASSWORD)
    assert (str(error.code), error.reason) == (code, reason)


# Password policy

STRICT = f"pwdPolicySubentry: cn=strict,ou=policies,{people.SUFFIX}"


def test_who_must_change_the_password_is_told(make: Make, newcomer: Newcomer) -> None:
    user = newcomer(STRICT, "pwdReset: TRUE")
    logins = make()
    error = logins.refusal(logins.login, user, PASSWORD)
    assert isinstance(error, PasswordExpired)
    assert error.messages == ("Your password must be changed.",)
    assert logins.outcome(user, "wrong") == "auth_err"


def test_without_a_service_who_must_change_the_password_is_told_too(
    make: Make, newcomer: Newcomer
) -> None:
    user = newcomer(STRICT, "pwdReset: TRUE")
    template = f"bind_template uid={{user}},{people.PEOPLE}"
    logins = make(template, "- binddn", "- bindpw", f"pam_groupdn {group_dn('mail')}")
    assert logins.outcome(user, PASSWORD) == "new_authtok_reqd"


def test_a_password_that_expires_soon_is_said_so(make: Make, newcomer: Newcomer) -> None:
    user = newcomer(STRICT, f"pwdChangedTime: {time_of(hours=-20, minutes=-30)}")
    assert make().login(user, PASSWORD).messages == ("Your password expires in 3 hours.",)


def test_grace_logins_are_counted_down_and_then_it_must_be_changed(
    make: Make, newcomer: Newcomer
) -> None:
    user = newcomer(STRICT, f"pwdChangedTime: {time_of(days=-20)}")
    logins = make()
    assert logins.login(user, PASSWORD).messages == (
        "Your password has expired. You may log in once more with it.",
    )
    assert logins.login(user, PASSWORD).messages == (
        "Your password has expired. You may log in no more with it.",
    )
    error = logins.refusal(logins.login, user, PASSWORD)
    assert isinstance(error, PasswordExpired)
    assert logins.outcome(user, "wrong") == "auth_err"


def test_too_many_failures_lock_and_no_client_is_told(make: Make, newcomer: Newcomer) -> None:
    user = newcomer(STRICT)
    logins = make()
    assert [logins.outcome(user, "wrong") for _ in range(3)] == ["auth_err"] * 3
    locked = logins.refusal(logins.login, user, PASSWORD)
    assert locked.code is ReturnCode.MAXTRIES
    assert not locked.messages
    assert not isinstance(locked, AccountRestricted)
