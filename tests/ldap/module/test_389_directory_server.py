"""om_ldap against 389 Directory Server: locks and ages that no bind tells, and groups in groups."""

from __future__ import annotations

import contextlib
import itertools
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests import ds389
from tests.conftest import Asynchronous, Way
from tests.ds389 import SUFFIX, Server389
from tests.ldap.module.conftest import Logins
from tests.machine import patience
from ualauth import AuthenticationError, PasswordExpired
from ualauth.codes import Flag, ReturnCode

Make = Callable[..., Logins]
PASSWORD = "correct horse"
READER = (f"binddn uid=reader,{SUFFIX}", "bindpw reader-secret")
SIGNED_ON = "auth required pam_permit\naccount required om_ldap\n"
"""Another module has said who it is: single sign-on, or Kerberos."""
_numbers = itertools.count()


@pytest.fixture
def way() -> Iterator[Way]:
    way = Asynchronous()
    yield way
    way.close()


def person_dn(name: str) -> str:
    return f"uid={name},ou=people,{SUFFIX}"


def group_dn(name: str) -> str:
    return f"cn={name},ou=groups,{SUFFIX}"


def person(name: str, dn: str, password: str = PASSWORD) -> str:
    return (
        f"dn: {dn}\nobjectClass: inetOrgPerson\nuid: {name}\ncn: {name}\nsn: {name}\n"
        f"mail: {name}@example.com\nuserPassword: {password}\n\n"
    )


def group(name: str, *members: str) -> str:
    lines = "".join(f"member: {each}\n" for each in members)
    return f"dn: {group_dn(name)}\nobjectClass: groupOfNames\ncn: {name}\n{lines}\n"


def allow(name: str, target: str, who: str) -> str:
    return (
        f'aci: {target}(version 3.0; acl "{name}"; allow (read,search,compare) '
        f'userdn="ldap:///{who}";)\n'
    )


@pytest.fixture(scope="module")
def server() -> Iterator[Server389]:
    with ds389.running() as server:
        server.add(
            "".join(
                f"dn: ou={each},{SUFFIX}\nobjectClass: organizationalUnit\nou: {each}\n\n"
                for each in ("people", "groups")
            )
            + person("reader", f"uid=reader,{SUFFIX}", "reader-secret")
            + person("blind", f"uid=blind,{SUFFIX}", "blind-secret")
        )
        server.modify(
            f"dn: {SUFFIX}\nchangetype: modify\nadd: aci\n"
            + allow("reader", '(targetattr != "userPassword")', f"uid=reader,{SUFFIX}")
        )
        server.modify(
            f"dn: ou=people,{SUFFIX}\nchangetype: modify\nadd: aci\n"
            + allow("blind", '(targetattr != "userPassword")', f"uid=blind,{SUFFIX}")
        )
        for plugin in ("MemberOf Plugin", "Account Policy Plugin"):
            server.set(f"cn={plugin},cn=plugins,cn=config", **{"nsslapd-pluginEnabled": "on"})
        server.restart()
        server.set(
            "cn=config", passwordLockout="on", passwordMaxFailure="2", passwordMustChange="on"
        )
        yield server


@pytest.fixture
def ds(make: Make, server: Server389) -> Make:
    usual = ("ssl off", f"base {SUFFIX}", *READER)

    def logins(*more: str, **options: str) -> Logins:
        given = {each.removeprefix("- ").split()[0] for each in more}
        usual_lines = [each for each in usual if each.split()[0] not in given]
        return make("- tls_cacertfile", *usual_lines, *more, uri=server.uri, **options)

    return logins


@pytest.fixture
def newcomer(server: Server389) -> Callable[[], str]:
    def add() -> str:
        name = f"newcomer{next(_numbers)}"
        server.add(person(name, person_dn(name)))
        # Whom the manager made has to change the password, where the policy wants that.
        server.set(person_dn(name), passwordExpirationTime="20380119031407Z")
        return name

    return add


@pytest.mark.parametrize("unlock", ["on", "off"])
def test_who_is_locked_after_failures_is_locked_without_a_bind(
    ds: Make, server: Server389, newcomer: Callable[[], str], unlock: str
) -> None:
    server.set("cn=config", passwordUnlock=unlock)
    user, other = newcomer(), newcomer()
    assert ds().outcome(user, PASSWORD) == "success"
    codes = [ds().outcome(user, "wrong") for _ in range(4)]
    assert codes[0] == "auth_err"
    assert codes[-1] == "maxtries"
    assert ds().outcome(user, PASSWORD) == "maxtries"
    logins = ds(stack=SIGNED_ON)
    assert logins.outcome(user, "") == "perm_denied"
    assert "accountUnlockTime" in logins.remarks(user, "")
    assert logins.outcome(other, "") == "success"


def test_a_lock_that_is_over_is_none(
    ds: Make, server: Server389, newcomer: Callable[[], str]
) -> None:
    user = newcomer()
    logins = ds(stack=SIGNED_ON)
    for delta, code in ((1, "perm_denied"), (-1, "success")):
        moment = datetime.now(UTC) + timedelta(hours=delta)
        server.set(person_dn(user), accountUnlockTime=moment.strftime("%Y%m%d%H%M%SZ"))
        assert logins.outcome(user, "") == code


def test_an_account_that_was_inactivated_is_locked_without_a_bind(
    ds: Make, server: Server389, newcomer: Callable[[], str]
) -> None:
    user = newcomer()
    logins = ds(stack=SIGNED_ON)
    for word, code in (("true", "perm_denied"), ("false", "success"), ("?", "authinfo_unavail")):
        server.set(person_dn(user), nsAccountLock=word)
        assert logins.outcome(user, "") == code


def test_a_lock_that_cannot_be_read_is_not_left_to_others(
    ds: Make, server: Server389, newcomer: Callable[[], str]
) -> None:
    user = newcomer()
    server.set(person_dn(user), nsAccountLock="?")
    stack = (
        "auth required pam_permit\naccount required om_ldap ignore_authinfo_unavail\n"
        "account required pam_permit\n"
    )
    assert ds(stack=stack).outcome(user, "") == "authinfo_unavail"


def test_a_password_that_was_reset_must_be_changed(
    ds: Make, server: Server389, newcomer: Callable[[], str]
) -> None:
    user = newcomer()
    server.set(person_dn(user), userPassword="another horse")
    assert ds().outcome(user, "another horse") == "new_authtok_reqd"
    assert ds(stack=SIGNED_ON).outcome(user, "") == "new_authtok_reqd"


@pytest.mark.parametrize(
    ("end", "code"),
    [
        # What the server writes at the login after a reset, where nothing had to be changed.
        ("19700101000001Z", "success"),
        ("20380119031407Z", "success"),
        ("19700101000000Z", "new_authtok_reqd"),
        ("20200101000000Z", "new_authtok_reqd"),
    ],
)
def test_dates_that_are_words(
    ds: Make, server: Server389, newcomer: Callable[[], str], end: str, code: str
) -> None:
    user = newcomer()
    server.set(person_dn(user), passwordExpirationTime=end)
    assert ds(stack=SIGNED_ON).outcome(user, "") == code


@pytest.mark.parametrize("library", ["python-ldap", "ldap3"])
def test_indirect_groups_in_member_of_are_none_of_direct_ones(
    ds: Make, server: Server389, newcomer: Callable[[], str], library: str
) -> None:
    direct, indirect, other = newcomer(), newcomer(), newcomer()
    inner, outer = f"inner of {indirect}", f"outer of {indirect}"
    server.add(group(inner, person_dn(indirect)) + group(outer, group_dn(inner), person_dn(direct)))
    blind = (f"binddn uid=blind,{SUFFIX}", "bindpw blind-secret")
    for more, nesting, codes in (
        ((), "no", ("success", "perm_denied", "perm_denied")),
        ((), "expand", ("success", "success", "perm_denied")),
        ((), "auto", ("success", "success", "perm_denied")),
        # Where groups cannot be seen, memberOf is all there is: whether it is direct it does
        # not say.
        (blind, "no", ("perm_denied", "perm_denied", "perm_denied")),
        (blind, "expand", ("success", "success", "perm_denied")),
    ):
        logins = ds(
            f"library {library}",
            f"pam_groupdn {group_dn(outer)}",
            f"nested_groups {nesting}",
            *more,
        )
        outcomes = tuple(logins.outcome(each, PASSWORD) for each in (direct, indirect, other))
        assert outcomes == codes, (nesting, more)


@pytest.mark.parametrize("library", ["python-ldap", "ldap3"])
@pytest.mark.parametrize("readable", [True, False], ids=["readable", "hidden"])
def test_every_spelling_is_one_user(
    ds: Make, server: Server389, newcomer: Callable[[], str], library: str, readable: bool
) -> None:
    user = newcomer()
    if readable:
        rule = allow("self", '(targetattr != "userPassword")', "self")
        server.modify(f"dn: {person_dn(user)}\nchangetype: modify\nadd: aci\n{rule}")
    template = f"bind_template uid={{user}},ou=people,{SUFFIX}"
    logins = ds(f"library {library}", template, "- binddn", "- bindpw")
    typed = (user, user.upper(), user.title(), f"{user} ", f" {user}", f"\uff4e{user[1:]}")
    authid_of = dict.fromkeys(typed, "")
    for each in typed:
        with contextlib.suppress(AuthenticationError):
            authid_of[each] = logins.login(each, PASSWORD).authid
    assert authid_of[user] == authid_of[user.upper()] == user
    assert set(authid_of.values()) <= {user, ""}, authid_of


LIBRARIES = ("library python-ldap", "library ldap3")
LONG_AGO = "20200101000000Z"


MANAGER = ("binddn cn=Directory Manager", f"bindpw {ds389.MANAGER.password}")


def change_expired(logins: Logins, user: str, old: str, new: str) -> ReturnCode:
    """Change a password if it has expired."""
    answers = iter([old, new, new])

    async def ask(messages: list[object]) -> list[str | None]:
        return [next(answers) for _ in messages]

    with logins.way.begin(logins.config, "mail", user, ask) as transaction:
        code: ReturnCode = logins.way.run(transaction.chauthtok(Flag.CHANGE_EXPIRED_AUTHTOK))
    return code


USUAL = {
    "passwordExp": "off",
    "passwordGraceLimit": "0",
    "passwordLockout": "on",
    "passwordMustChange": "on",
}


@pytest.fixture
def policy(server: Server389) -> Iterator[Callable[..., None]]:
    """Return what sets the policy for all users; the usual one comes back at the end."""
    usual: dict[str, str] = {}

    def set_(**values: str) -> None:
        usual.update({name: USUAL[name] for name in values})
        server.set("cn=config", **values)

    yield set_
    server.set("cn=config", **usual)


@pytest.mark.parametrize("library", LIBRARIES)
def test_grace_logins_that_the_server_grants_let_in(
    ds: Make,
    server: Server389,
    newcomer: Callable[[], str],
    policy: Callable[..., None],
    library: str,
) -> None:
    policy(passwordExp="on", passwordGraceLimit="2")
    user = newcomer()
    server.set(person_dn(user), passwordExpirationTime=LONG_AGO)
    logins = ds(library)
    for left in ("once more", "no more"):
        (message,) = logins.login(user, PASSWORD).messages
        assert left in message
    error = logins.refusal(logins.login, user, PASSWORD)
    assert isinstance(error, PasswordExpired)
    # Where no user has bound, the attribute is all that is known.
    assert ds(library, stack=SIGNED_ON).outcome(user, "") == "new_authtok_reqd"


def test_a_password_in_its_grace_logins_is_changed_as_one_that_has_expired(
    ds: Make, server: Server389, newcomer: Callable[[], str], policy: Callable[..., None]
) -> None:
    policy(passwordExp="on", passwordGraceLimit="3", passwordMustChange="off")
    user = newcomer()
    server.set(person_dn(user), passwordExpirationTime=LONG_AGO)
    logins = ds(*MANAGER, "password_as service", "pam_password clear")
    assert change_expired(logins, user, PASSWORD, "another horse") is ReturnCode.SUCCESS
    assert logins.outcome(user, "another horse") == "success"
    # Now it is not expired: there is nothing to do, which is what no entry has decided.
    code = change_expired(logins, user, "another horse", PASSWORD)
    assert code is ReturnCode.PERM_DENIED


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_date_that_the_policy_does_not_look_at_any_more_refuses_no_user_who_could_bind(
    ds: Make,
    server: Server389,
    newcomer: Callable[[], str],
    policy: Callable[..., None],
    library: str,
) -> None:
    policy(passwordExp="off", passwordLockout="off")
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y%m%d%H%M%SZ")
    for name, value, signed_on in (
        ("passwordExpirationTime", LONG_AGO, "new_authtok_reqd"),
        ("accountUnlockTime", tomorrow, "perm_denied"),
    ):
        user = newcomer()
        server.set(person_dn(user), **{name: value})
        assert ds(library).outcome(user, PASSWORD) == "success", name
        template = f"bind_template uid={{user}},ou=people,{SUFFIX}"
        assert ds(library, template).outcome(user, PASSWORD) == "success", name
        assert ds(library, stack=SIGNED_ON).outcome(user, "") == signed_on, name


def test_a_compared_password_decides_nothing_about_its_age(
    ds: Make, server: Server389, newcomer: Callable[[], str]
) -> None:
    user = newcomer()
    server.modify(
        f"dn: {person_dn(user)}\nchangetype: modify\nadd: description\ndescription: {PASSWORD}\n"
    )
    compare = ("auth_method compare", "password_attribute description")
    assert ds(*compare).outcome(user, PASSWORD) == "success"
    server.set(person_dn(user), passwordExpirationTime=LONG_AGO)
    assert ds(*compare).outcome(user, PASSWORD) == "new_authtok_reqd"


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("template", ["", f"bind_template uid={{user}},ou=people,{SUFFIX}"])
def test_why_an_account_is_refused_the_log_says_in_the_words_of_the_server(
    ds: Make, server: Server389, newcomer: Callable[[], str], library: str, template: str
) -> None:
    more = [library, template] if template else [library]
    user = newcomer()
    server.set(person_dn(user), nsAccountLock="true")
    assert ds(*more).outcome(user, PASSWORD) == "perm_denied"
    remarks = ds(*more).remarks(user, PASSWORD)
    assert "the account is inactive" in remarks
    assert "Account inactivated. Contact system administrator." in remarks
    user = newcomer()
    idle = f"cn=idle of {user},{SUFFIX}"
    server.add(
        f"dn: {idle}\nobjectClass: ldapsubentry\nobjectClass: extensibleObject\n"
        f"objectClass: accountpolicy\ncn: idle of {user}\naccountInactivityLimit: 3600\n\n"
    )
    server.set(person_dn(user), acctPolicySubentry=idle, lastLoginTime=LONG_AGO)
    assert ds(*more).outcome(user, PASSWORD) == "acct_expired"
    remarks = ds(*more).remarks(user, PASSWORD)
    assert "it was not used for too long" in remarks
    assert "Account inactivity limit exceeded" in remarks
    assert ds(*more).outcome(newcomer(), PASSWORD) == "success"


def test_a_service_that_may_not_change_passwords_is_not_the_person(
    ds: Make, server: Server389, newcomer: Callable[[], str]
) -> None:
    user = newcomer()
    logins = ds("password_as service", "pam_password clear")
    error = logins.refusal(logins.change, user, PASSWORD, "another horse")
    assert error.code is ReturnCode.PERM_DENIED
    assert error.messages == ("You may not change your password here.",)
    assert ds().outcome(user, PASSWORD) == "success"


def test_the_command_needs_no_service_where_logins_need_none(
    ds: Make, server: Server389, newcomer: Callable[[], str]
) -> None:
    user = newcomer()
    rule = allow("self", '(targetattr != "userPassword")', "self")
    server.modify(f"dn: {person_dn(user)}\nchangetype: modify\nadd: aci\n{rule}")
    server.set("cn=config", **{"nsslapd-allow-anonymous-access": "off"})
    try:
        logins = ds(f"bind_template uid={{user}},ou=people,{SUFFIX}", "- binddn", "- bindpw")
        assert logins.outcome(user, PASSWORD) == "success"
        program = Path(sys.executable).with_name("ualauth")
        arguments = ("--config-dir", str(logins.folder.path), "ldap", "test", user)
        for password, status in ((PASSWORD, 0), ("wrong", 1)):
            done = subprocess.run(
                [program, *arguments, "--password-stdin"],
                input=f"{password}\n",
                capture_output=True,
                text=True,
                timeout=patience(60),
                check=False,
            )
            assert done.returncode == status, done.stdout + done.stderr
        # A service that is missed is named, and where to say it.
        searching = ds(f"base {SUFFIX}", "- binddn", "- bindpw")
        assert "result code 48" in searching.remarks(user, PASSWORD)
    finally:
        server.set("cn=config", **{"nsslapd-allow-anonymous-access": "on"})
