"""Logins by om_ldap against Samba as an Active Directory domain controller."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Callable, Iterator

import pytest

from tests.conftest import Asynchronous, Way
from tests.ldap.module.conftest import STACK, Logins
from tests.samba import PEOPLE, SUFFIX, Controller, group, person
from ualauth import AccountRestricted, AuthenticationFailed, PasswordExpired, PasswordRefused
from ualauth.codes import ReturnCode

Make = Callable[..., Logins]
PASSWORD = "S3cret-pässwörd"
NEW = "N3w-secret-☂"
SERVICE = ("binddn reader@ad.example.com", f"bindpw {PASSWORD}")
SEARCH = (
    *SERVICE,
    "filter (&(objectClass=user)(|(sAMAccountName={user})(userPrincipalName={user})))",
    "pam_login_attribute sAMAccountName",
)
DIRECT = ("ad_domain ad.example.com", "ad_netbios AD", "- binddn", "- bindpw")
BOTH = {
    "search": SEARCH,
    "search by ldap3": (*SEARCH, "library ldap3"),
    "direct": DIRECT,
    "direct with service": (*SERVICE, *DIRECT[:2]),
}
SIGNED_ON = "auth required pam_permit\naccount required om_ldap\n"
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
    """Return the domain controller with the people of these tests."""
    samba_controller.add(
        person("reader", PASSWORD)
        + person(
            "jsmith",
            PASSWORD,
            "proxyAddresses: smtp:js@example.com",
            "proxyAddresses: SMTP:john.smith@example.com",
            "proxyAddresses: x500:/o=x",
        )
        + person("disabled", PASSWORD, control=514)
        + person("expired", PASSWORD, "accountExpires: 130000000000000000")
        + person("locked", PASSWORD)
        + group("inner", dn("jsmith"))
        + group("middle", dn("inner"))
        + group("outer", dn("middle"))
    )
    samba_controller.modify(
        f"dn: {dn('inner')}\nchangetype: modify\nadd: member\nmember: {dn('outer')}\n"
    )
    samba_controller.modify(
        f"dn: {SUFFIX}\nchangetype: modify\nreplace: lockoutThreshold\nlockoutThreshold: 3\n"
        "-\nreplace: minPwdAge\nminPwdAge: 0\n"
    )
    return samba_controller


@pytest.fixture
def ad(make: Make, controller: Controller) -> Make:
    """Return what makes logins by Active Directory."""
    base = f"base {SUFFIX}"
    authority = f"tls_cacertfile {controller.authority.file}"
    return lambda *more, **options: make(
        base, authority, "pam_password ad", *more, **({"uri": controller.uri} | options)
    )


@pytest.fixture
def newcomer(controller: Controller) -> Callable[..., str]:
    def add(*lines: str, control: int = 512) -> str:
        name = f"newcomer{next(_numbers)}"
        controller.add(person(name, PASSWORD, *lines, control=control))
        return name

    return add


@pytest.mark.parametrize("more", BOTH.values(), ids=BOTH)
@pytest.mark.parametrize(
    "name", ["jsmith", "JSmith", "jsmith@ad.example.com", "JSMITH@AD.EXAMPLE.COM"]
)
def test_a_person_has_several_names(ad: Make, more: tuple[str, ...], name: str) -> None:
    logins = ad(*more)
    assert logins.login(name, PASSWORD).user == "jsmith"
    assert logins.outcome(name, "wrong") == "auth_err"
    assert logins.outcome(name, "") == "auth_err"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("AD\\jsmith", "success"),
        ("ad\\JSMITH", "success"),
        ("OTHER\\jsmith", "user_unknown"),
        ("\\jsmith", "user_unknown"),
        ("AD\\", "user_unknown"),
        ("AD\\AD\\jsmith", "user_unknown"),
        ("ad.example.com\\jsmith", "success"),
        ("AD.Example.COM\\JSmith", "success"),
        ("ad.example.org\\jsmith", "user_unknown"),
        ("example.com\\jsmith", "user_unknown"),
        ("ad.example.com\\", "user_unknown"),
        ("ad.example.com\\*", "auth_err"),
        ("jsmith@other.example.com", "auth_err"),
        ("*", "auth_err"),
        ("js*", "auth_err"),
        ("jsmith)(cn=*", "auth_err"),
    ],
)
def test_a_name_of_another_domain_is_no_users(ad: Make, name: str, code: str) -> None:
    assert ad(*DIRECT).outcome(name, PASSWORD) == code


@pytest.mark.parametrize("name", ["ad.example.com\\jsmith", "AD\\jsmith"])
@pytest.mark.parametrize("library", ["python-ldap", "ldap3"])
def test_a_name_with_its_domain_is_the_account(
    ad: Make, newcomer: Callable[..., str], library: str, name: str
) -> None:
    # Another account has the name as its userPrincipalName: that is not who is meant here.
    other = newcomer()
    logins = ad(f"library {library}", *DIRECT)
    assert logins.login(name, PASSWORD).authid == "jsmith"
    assert logins.login(name.replace("jsmith", other), PASSWORD).authid == other
    signed_on = ad(*SERVICE, *DIRECT[:2], stack=SIGNED_ON)
    assert signed_on.outcome(name, "") == "success"
    without = ad(f"library {library}", DIRECT[0], "- binddn", "- bindpw")
    expected = "success" if "." in name else "user_unknown"
    assert without.outcome(name, PASSWORD) == expected


def test_ldaps_serves_as_well(ad: Make, controller: Controller) -> None:
    assert ad(*SEARCH, uri=controller.tls_uri).outcome("jsmith", PASSWORD) == "success"


def test_without_encryption_samba_takes_no_password(make: Make, controller: Controller) -> None:
    logins = make(f"base {SUFFIX}", *SEARCH, "ssl off", uri=controller.uri)
    assert logins.outcome("jsmith", PASSWORD) == "authinfo_unavail"


def test_an_unknown_user(ad: Make) -> None:
    assert ad(*SEARCH).outcome("nobody", PASSWORD) == "user_unknown"
    # A client that may not search cannot tell.
    assert ad(*DIRECT).outcome("nobody", PASSWORD) == "auth_err"


@pytest.mark.parametrize("more", BOTH.values(), ids=BOTH)
@pytest.mark.parametrize(
    ("lines", "control", "code"),
    [
        ((), 514, ReturnCode.PERM_DENIED),
        (("accountExpires: 130000000000000000",), 512, ReturnCode.ACCT_EXPIRED),
    ],
    ids=["disabled", "expired"],
)
def test_an_account_that_may_not_be_used(
    ad: Make,
    newcomer: Callable[..., str],
    more: tuple[str, ...],
    lines: tuple[str, ...],
    control: int,
    code: ReturnCode,
) -> None:
    user = newcomer(*lines, control=control)
    logins = ad(*more)
    error = logins.refusal(logins.login, user, PASSWORD)
    assert error.code is code
    assert len(error.messages) == 1
    assert logins.refusal(logins.login, user, "wrong").code is ReturnCode.AUTH_ERR


def test_who_was_let_in_by_others_is_bound_to_the_hours_of_the_account(
    ad: Make, newcomer: Callable[..., str]
) -> None:
    never, always = (
        newcomer(f"logonHours:: {base64.b64encode(bytes([each] * 21)).decode()}")
        for each in (0, 0xFF)
    )
    # Where a bind decides, the server says the same.
    for logins, password in ((ad(*SEARCH), PASSWORD), (ad(*SEARCH, stack=SIGNED_ON), "")):
        assert logins.outcome(never, password) == "perm_denied"
        assert logins.outcome(always, password) == "success"


def test_too_many_failures_lock_and_no_client_is_told(ad: Make) -> None:
    logins = ad(*SEARCH)
    assert [logins.outcome("locked", "wrong") for _ in range(3)] == ["auth_err"] * 3
    error = logins.refusal(logins.login, "locked", PASSWORD)
    assert error.code is ReturnCode.MAXTRIES
    assert not error.messages
    # Who was let in by others is locked, too.
    others = ad(*SEARCH, stack="auth required pam_permit\naccount required om_ldap\n")
    assert others.outcome("locked", "") == "perm_denied"
    assert others.outcome("disabled", "") == "perm_denied"
    assert others.outcome("expired", "") == "acct_expired"
    assert others.outcome("jsmith", "") == "success"


@pytest.mark.parametrize("more", BOTH.values(), ids=BOTH)
@pytest.mark.parametrize(
    ("wanted", "nesting", "code"),
    [
        ("inner", "no", "success"),
        ("outer", "no", "perm_denied"),
        ("outer", "chain", "success"),
        ("outer", "expand", "success"),
        ("outer", "auto", "success"),
        ("Domain Admins", "auto", "perm_denied"),
        ("Domain Admins", "expand", "perm_denied"),
    ],
)
def test_groups_in_groups(
    ad: Make, more: tuple[str, ...], wanted: str, nesting: str, code: str
) -> None:
    logins = ad(*more, f"pam_groupdn {dn(wanted)}", f"nested_groups {nesting}")
    assert logins.outcome("jsmith", PASSWORD) == code


@pytest.mark.parametrize("more", BOTH.values(), ids=BOTH)
def test_every_name_of_a_person_is_one_user(ad: Make, more: tuple[str, ...]) -> None:
    logins = ad(*more)
    typed = [
        "jsmith",
        "JSMITH",
        "jsmith ",
        " jsmith",
        "\uff4asmith",
        "jsmith@ad.example.com",
        "JSmith@AD.example.COM",
        "AD\\jsmith",
        "ad\\JSmith",
    ]
    authids = {logins.login(each, PASSWORD).authid for each in typed if _comes_in(logins, each)}
    assert authids == {"jsmith"}
    file = logins.folder.path / "deny"
    file.write_text("jsmith\n")
    rule = f"auth required pam_listfile item=user sense=deny file={file} onerr=fail\n"
    denied = ad(*more, stack=rule + STACK)
    assert not [each for each in typed if _comes_in(denied, each)]


def _comes_in(logins: Logins, name: str) -> bool:
    return logins.outcome(name, PASSWORD) == "success"


@pytest.mark.parametrize("more", BOTH.values(), ids=BOTH)
@pytest.mark.parametrize("nesting", ["no", "auto", "expand"])
def test_a_name_with_escapes_is_a_member(
    ad: Make, controller: Controller, more: tuple[str, ...], nesting: str
) -> None:
    number = next(_numbers)
    people = {
        f"plus{number}": f"CN=Jones \\+ Sons {number},{PEOPLE}",
        f"paren{number}": f"CN=Doe (Jane) {number},{PEOPLE}",
        f"star{number}": f"CN=S*r {number},{PEOPLE}",
    }
    inner, outer = f"with escapes {number}", f"over escapes {number}"
    for name, place in people.items():
        controller.add(person(name, PASSWORD).replace(f"dn: {dn(name)}", f"dn: {place}"))
    controller.add(group(inner, *people.values()) + group(outer, dn(inner)))
    code = "perm_denied" if nesting == "no" else "success"
    for name in people:
        for wanted, expected in ((inner, "success"), (outer, code)):
            logins = ad(*more, f"pam_groupdn {dn(wanted)}", f"nested_groups {nesting}")
            assert logins.outcome(name, PASSWORD) == expected, (name, wanted)
    assert logins.outcome("jsmith", PASSWORD) == "perm_denied"


def test_addresses_come_from_proxy_addresses(ad: Make) -> None:
    identity = ad(*SEARCH, "attribute proxyAddresses addresses").login("jsmith", PASSWORD)
    assert identity.addresses == ("john.smith@example.com", "js@example.com")


@pytest.mark.parametrize("more", BOTH.values(), ids=BOTH)
def test_a_password_is_changed(
    ad: Make, newcomer: Callable[..., str], more: tuple[str, ...]
) -> None:
    user = newcomer()
    logins = ad(*more)
    wrong = logins.refusal(logins.change, user, "wrong", NEW)
    assert isinstance(wrong, AuthenticationFailed)
    weak = logins.refusal(logins.change, user, PASSWORD, "weak")
    assert isinstance(weak, PasswordRefused)
    assert "breaks the rules" in weak.messages[0]
    logins.change(user, PASSWORD, NEW)
    assert logins.outcome(user, NEW) == "success"
    old = logins.refusal(logins.change, user, PASSWORD, "An0ther-secret")
    assert isinstance(old, AuthenticationFailed | PasswordRefused)


@pytest.mark.parametrize("more", [SEARCH, BOTH["direct with service"]], ids=["search", "direct"])
def test_who_must_change_the_password_can(
    ad: Make, newcomer: Callable[..., str], more: tuple[str, ...]
) -> None:
    user = newcomer("pwdLastSet: 0")
    logins = ad(*more)
    error = logins.refusal(logins.login, user, PASSWORD)
    assert isinstance(error, PasswordExpired)
    assert error.messages == ("Your password must be changed.",)
    assert isinstance(logins.refusal(logins.change, user, "wrong", NEW), AuthenticationFailed)
    logins.change(user, PASSWORD, NEW)
    assert logins.outcome(user, NEW) == "success"


def test_without_a_service_no_user_can_change_what_has_expired(
    ad: Make, newcomer: Callable[..., str]
) -> None:
    user = newcomer("pwdLastSet: 0")
    logins = ad(*DIRECT)
    assert isinstance(logins.refusal(logins.login, user, PASSWORD), PasswordExpired)
    assert isinstance(logins.refusal(logins.change, user, PASSWORD, NEW), PasswordRefused)


def test_who_was_disabled_cannot_change_a_password(ad: Make, newcomer: Callable[..., str]) -> None:
    logins = ad(*SEARCH)
    error = logins.refusal(logins.change, newcomer(control=514), PASSWORD, NEW)
    assert isinstance(error, AccountRestricted)
