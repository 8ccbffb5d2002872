"""One entry is one user, however the name was typed; a list in front holds for every spelling."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.changes import in_use
from tests.conftest import Asynchronous, Way
from tests.ldap import people
from tests.ldap.authority import Authority
from tests.ldap.module.conftest import PASSWORD, STACK, Logins
from tests.ldap.module.spellings import (
    LIBRARIES,
    LISTS,
    SPELLINGS,
    TEMPLATE,
    authids,
    denying,
    with_userlist,
)
from tests.ldap.slapd import Slapd, running

Make = Callable[..., Logins]


@pytest.fixture
def way() -> Iterator[Way]:
    way = Asynchronous()
    yield way
    way.close()


@pytest.mark.parametrize("users", [None, ("jsmith",), ("other",)], ids=str)
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("method", ["search", "template"])
def test_every_spelling_is_one_user_or_none(
    make: Make, method: str, library: str, users: tuple[str, ...] | None
) -> None:
    logins = make(library, *(TEMPLATE if method == "template" else ()))
    if users is not None:
        logins = with_userlist(logins, *users)
    answers = authids(logins, people.JOHN.password, *SPELLINGS)
    assert "jsmith" in answers
    assert answers <= {"jsmith", "auth_err", "user_unknown"}
    # The server takes these for one name: nothing here is refused for its spelling alone.
    assert authids(logins, people.JOHN.password, *SPELLINGS[:7]) == {"jsmith"}
    for rule in LISTS.values():
        denied = denying(logins, rule, "jsmith")
        assert "jsmith" not in authids(denied, people.JOHN.password, *SPELLINGS)
        assert denied.login("anna", people.ANNA.password).user == "anna"


@pytest.mark.parametrize("library", LIBRARIES)
def test_who_has_no_login_attribute_has_the_address_that_found_them(
    make: Make, newcomer: Callable[..., str], slapd: Slapd, library: str
) -> None:
    # The second one has an address more.
    local = f"nouid.{library[-1]}"
    slapd.add(
        f"dn: cn={local},{people.PEOPLE}\nobjectClass: inetOrgPerson\ncn: {local}\nsn: x\n"
        f"mail: {local.upper()}@Example.Com\nmail: second.{local}@example.com\n"
        f"userPassword: {people.hashed(PASSWORD)}\n\n"
    )
    logins = make(library, "filter (|(uid={user})(mail={user}))")
    typed = [
        f"{local}@example.com",
        f"{local.title()}@EXAMPLE.com",
        f"{local}@example.com ",
        f"Second.{local}@example.com",
    ]
    name = f"{local}@example.com"
    assert authids(logins, PASSWORD, *typed) == {name}
    assert authids(logins, people.JOHN.password, "JSMITH@EXAMPLE.COM", "Jsmith") == {"jsmith"}
    for rule in LISTS.values():
        denied = denying(logins, rule.replace("jsmith", name), name)
        assert authids(denied, PASSWORD, *typed) <= {"perm_denied", "auth_err"}


@pytest.mark.parametrize("library", LIBRARIES)
def test_an_address_as_login_attribute_is_in_lower_case(
    make: Make, newcomer: Callable[..., str], library: str
) -> None:
    user = newcomer(f"mail: Upper.{library[-1]}@Example.COM")
    logins = make(library, f"filter (&(uid={user})(mail={{user}}))", "pam_login_attribute mail")
    # The first value is the one that the entry was made with.
    typed = (f"UPPER.{library[-1]}@example.com", f"{user}@Example.com")
    assert authids(logins, PASSWORD, *typed) == {f"{user}@example.com"}


def test_an_address_that_is_the_authid_is_in_lower_case(
    make: Make, newcomer: Callable[..., str]
) -> None:
    user = newcomer("employeeType: Mixed@Example.COM")
    identity = make("attribute employeeType authid").login(user.upper(), PASSWORD)
    assert (identity.user, identity.authid) == (user, "mixed@example.com")


@pytest.mark.parametrize("library", LIBRARIES)
def test_who_shows_no_name_at_all_is_refused(make: Make, library: str) -> None:
    logins = make(library, "filter (cn={given_name} {surname})", "pam_login_attribute title")
    assert logins.outcome("John Smith/ny", people.JOHN.password) == "perm_denied"
    assert "does not say who it is" in logins.remarks("John Smith/ny", people.JOHN.password)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("users", [None, (), ("first",), ("second",), ("first", "second")], ids=str)
def test_an_entry_with_several_names_is_the_first_one(
    make: Make, newcomer: Callable[..., str], library: str, users: tuple[str, ...] | None
) -> None:
    first = newcomer()
    second = f"{first}b"
    logins = make(library, "pam_login_attribute employeeType", "filter (employeeType={user})")
    names = {"first": first, "second": second}
    newcomer(f"employeeType: {first}", f"employeeType: {second}")
    if users is not None:
        logins = with_userlist(logins, *(names[each] for each in users))
    assert authids(logins, PASSWORD, first, second, first.upper(), second.upper()) == {first}
    denied = denying(logins, LISTS["pam_listfile"], first)
    assert authids(denied, PASSWORD, first, second, second.title()) == {"auth_err", "perm_denied"}


def test_whom_the_userlist_has_in_another_case_is_who_it_says(
    make: Make, newcomer: Callable[..., str]
) -> None:
    user = newcomer()
    logins = with_userlist(make(), user.upper())
    assert authids(logins, PASSWORD, user.upper(), user) == {user.upper()}


def test_the_place_uid_is_the_name_that_is_vouched_for(
    make: Make, newcomer: Callable[..., str]
) -> None:
    user = newcomer()
    logins = make(f"access_filter (&(uid={{uid}})(mail={user}@example.com))")
    assert authids(logins, PASSWORD, user.upper(), f" {user} ") == {user}
    exact = make("access_filter (userid:caseExactMatch:={uid})")
    assert authids(exact, PASSWORD, user.upper(), f" {user} ") == {user}


SIGNED_ON = "auth required pam_permit\naccount required om_ldap\n"


@pytest.mark.parametrize("library", LIBRARIES)
def test_without_a_bind_every_spelling_is_one_user_too(make: Make, library: str) -> None:
    logins = make(library, stack=SIGNED_ON)
    assert authids(logins, "", *SPELLINGS) <= {"jsmith", "user_unknown"}
    for rule in LISTS.values():
        denied = denying(logins, rule, "jsmith")
        denied.folder.service("mail", rule.format(file=denied.folder.path / "deny") + SIGNED_ON)
        denied = Logins(denied.way, denied.folder, denied.folder.config())
        assert "jsmith" not in authids(denied, "", *SPELLINGS)
        assert denied.login("anna", "").user == "anna"


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_list_in_front_holds_for_changes_of_passwords_too(
    make: Make, newcomer: Callable[..., str], library: str
) -> None:
    user = newcomer()
    logins = make(library)
    file = logins.folder.path / "deny"
    file.write_text(f"{user}\n")
    file.chmod(0o644)
    rule = f"password required pam_listfile item=user sense=deny file={file} onerr=fail\n"
    logins.folder.service("mail", rule + STACK)
    denied = Logins(logins.way, logins.folder, logins.folder.config())
    for each in (user, user.upper(), f" {user}", f"\uff4e{user[1:]}"):
        denied.refusal(denied.change, each, PASSWORD, "battery staple")
        assert denied.login(each, PASSWORD).authid == user
    # A list that was changed counts in a moment; a new service reads it as it is.
    file.write_text("another\n")
    allowed = Logins(logins.way, logins.folder, logins.folder.config())
    for number, each in enumerate((user, user.upper(), f"\uff4e{user[1:]}")):
        old = PASSWORD if number == 0 else f"battery staple {number - 1}"
        allowed.change(each, old, f"battery staple {number}")
        assert allowed.login(each, f"battery staple {number}").authid == user


def test_an_outage_knows_one_user_by_all_names(make: Make, authority: Authority) -> None:
    quick = ("bind_timelimit 1", "timelimit 1", "reconnect_sleeptime 0.05")
    with running(authority) as server:
        right = people.JOHN.password
        # What is remembered is the authenticator's own: the list changes under it.
        allowed = denying(
            make("outage_lifetime 3600", *quick, uri=server.uri), LISTS["pam_listfile"], "other"
        )
        listed = allowed.folder.path / "deny"
        assert authids(allowed, right, "jsmith", "JSmith", "\uff4asmith") == {"jsmith"}
        server.stop()
        assert authids(allowed, right, "jsmith", "JSmith", "\uff4asmith") == {"jsmith"}
        listed.write_text("jsmith\n")
        assert in_use(lambda: authids(allowed, right, "jsmith") != {"jsmith"})
        assert "jsmith" not in authids(allowed, right, "jsmith", "JSmith", "\uff4asmith")
        listed.write_text("other\n")
        assert in_use(lambda: authids(allowed, right, "jsmith") == {"jsmith"})
        assert authids(allowed, right, "jsmith", "JSmith", "\uff4asmith") == {"jsmith"}
        assert authids(allowed, right, "JSMITH") == {"authinfo_unavail"}
        server.start()
        # A password that is changed by one name is forgotten by all.
        allowed.change("JSMITH", right, "battery staple")
        server.stop()
        assert authids(allowed, right, "jsmith", "JSmith", "\uff4asmith") == {"authinfo_unavail"}


def test_a_new_password_takes_the_place_of_the_old_one_by_all_names(
    make: Make, authority: Authority
) -> None:
    quick = ("bind_timelimit 1", "timelimit 1", "reconnect_sleeptime 0.05")
    with running(authority) as server:
        logins = make("outage_lifetime 3600", *quick, uri=server.uri)
        assert authids(logins, people.JOHN.password, "jsmith", "JSmith") == {"jsmith"}
        server.modify(
            f"dn: {people.JOHN.name}\nchangetype: modify\nreplace: userPassword\n"
            "userPassword: battery staple\n"
        )
        assert authids(logins, "battery staple", "JSmith") == {"jsmith"}
        server.stop()
        assert authids(logins, people.JOHN.password, "jsmith") == {"authinfo_unavail"}
        assert authids(logins, "battery staple", "jsmith", "JSmith") == {"jsmith"}
