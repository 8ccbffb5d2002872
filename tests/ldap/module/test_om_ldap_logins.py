"""Logins by om_ldap against OpenLDAP: who is let in, and what others are told."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.changes import in_use
from tests.ldap import people
from tests.ldap.authority import Authority
from tests.ldap.module.conftest import PASSWORD, STACK, Logins
from tests.ldap.slapd import Slapd, running
from ualauth import AuthenticationFailed, TemporaryFailure
from ualauth.codes import ReturnCode
from ualauth.testing.userlist import Userlist

Make = Callable[..., Logins]
METHODS = {
    "search": [],
    "search by ldap3": ["library ldap3"],
    "template": [f"bind_template uid={{user}},{people.PEOPLE}"],
    "template without service": [
        f"bind_template uid=$user,{people.PEOPLE}",
        "- binddn",
        "- bindpw",
    ],
}


@pytest.mark.parametrize("more", METHODS.values(), ids=METHODS)
def test_the_right_password_lets_in(make: Make, more: list[str]) -> None:
    logins = make(*more)
    identity = logins.login("jsmith", people.JOHN.password)
    assert identity.user == "jsmith"
    assert identity.addresses == ("jsmith@example.com",)
    assert logins.login("anna", people.ANNA.password).user == "anna"


@pytest.mark.parametrize("more", METHODS.values(), ids=METHODS)
@pytest.mark.parametrize("password", ["wrong", "", " ", "s3cret ", "S3CRET"])
def test_a_wrong_password_is_refused(make: Make, more: list[str], password: str) -> None:
    assert make(*more).outcome("jsmith", password) == "auth_err"


def test_an_unknown_user_is_told_apart_for_the_log_only(make: Make) -> None:
    logins = make()
    unknown = logins.refusal(logins.login, "nobody", "s3cret")
    wrong = logins.refusal(logins.login, "jsmith", "wrong")
    assert unknown.code is ReturnCode.USER_UNKNOWN
    assert wrong.code is ReturnCode.AUTH_ERR
    assert (str(unknown), unknown.messages) == (str(wrong), wrong.messages)
    assert type(unknown) is type(wrong) is AuthenticationFailed


def test_the_user_is_as_the_directory_writes_it(make: Make) -> None:
    identity = make().login("JSmith", people.JOHN.password)
    assert (identity.login_name, identity.user, identity.authid) == ("JSmith", "jsmith", "jsmith")


def test_a_filter_takes_an_address(make: Make) -> None:
    logins = make("filter (|(uid={user})(mail={user}))")
    assert logins.login("jsmith@example.com", people.JOHN.password).user == "jsmith"


def test_a_name_that_matches_two_entries_is_refused(make: Make) -> None:
    logins = make("filter (|(uid={user})(uid=anna))")
    assert logins.outcome("jsmith", people.JOHN.password) == "user_unknown"
    assert "several entries" in logins.remarks("jsmith", people.JOHN.password)


def test_an_or_name_is_looked_for_by_its_parts(make: Make) -> None:
    logins = make("filter (&(sn={surname})(cn={given_name} {surname}))")
    assert logins.login("John Smith/ny", people.JOHN.password).user == "jsmith"
    assert logins.outcome("Smith", people.JOHN.password) == "user_unknown"


def test_who_is_in_the_userlist_is_looked_for_by_authid(make: Make) -> None:
    logins = make()
    userlist = Userlist.create(logins.folder.path)
    userlist.add("jsmith", addresses=("john@example.org",), administrator=True)
    userlist.close()
    logins = Logins(logins.way, logins.folder, logins.folder.config())
    identity = logins.login("john@example.org", people.JOHN.password)
    assert identity.user == "jsmith"
    assert identity.addresses == ("john@example.org",)
    assert identity.person.administrator


def test_attributes_reach_the_identity(make: Make) -> None:
    logins = make(
        "attribute mail addresses",
        "attribute sn mail_node",
        "attribute cn name",
        "attribute uid authid",
    )
    person = logins.login("jsmith", people.JOHN.password).person
    assert person.mail_node == "Smith"
    assert person.name == "John Smith"
    assert person.addresses == ("jsmith@example.com",)


def test_a_password_is_compared_with_an_attribute(make: Make, newcomer: Callable[..., str]) -> None:
    name = newcomer("employeeNumber: 4711 äß")
    admin = [f"binddn {people.ADMIN.name}", f"bindpw {people.ADMIN.password}"]
    logins = make("auth_method compare", "password_attribute employeeNumber", *admin)
    assert logins.outcome(name, "4711 äß") == "success"
    assert logins.outcome(name, "4711") == "auth_err"
    assert logins.outcome(name, "") == "auth_err"
    assert logins.outcome("nobody", "4711 äß") == "user_unknown"


def test_a_comparison_takes_no_lock_away(make: Make, newcomer: Callable[..., str]) -> None:
    # The server looks at locks when a user binds: where none does, the attribute counts.
    name = newcomer("employeeNumber: 4712", "pwdAccountLockedTime: 20200101000000Z")
    admin = [f"binddn {people.ADMIN.name}", f"bindpw {people.ADMIN.password}"]
    logins = make("auth_method compare", "password_attribute employeeNumber", *admin)
    assert logins.outcome(name, "4712") == "perm_denied"


def test_a_server_that_is_away_is_no_wrong_password(make: Make) -> None:
    logins = make(uri="ldap://127.0.0.1:1")
    error = logins.refusal(logins.login, "jsmith", people.JOHN.password)
    assert isinstance(error, TemporaryFailure)
    assert error.code is ReturnCode.AUTHINFO_UNAVAIL


def test_a_service_that_may_not_bind_is_no_wrong_password(make: Make) -> None:
    logins = make("bindpw wrong")
    assert logins.outcome("jsmith", people.JOHN.password) == "authinfo_unavail"


def test_a_certificate_of_an_authority_we_do_not_trust_is_no_wrong_password(make: Make) -> None:
    logins = make("tls_cacertfile /etc/ssl/certs/ca-certificates.crt")
    assert logins.outcome("jsmith", people.JOHN.password) == "authinfo_unavail"


@pytest.mark.parametrize("library", ["python-ldap", "ldap3"])
def test_a_version_of_tls_that_is_too_old_is_no_wrong_password(
    make: Make, authority: Authority, library: str
) -> None:
    old = "TLSCipherSuite NORMAL:-VERS-ALL:+VERS-TLS1.1"
    with running(authority, before=old) as server:
        for uri in (server.uri, server.tls_uri):
            logins = make(f"library {library}", uri=uri)
            assert logins.outcome("jsmith", people.JOHN.password) == "authinfo_unavail"
            assert logins.outcome("jsmith", "wrong") == "authinfo_unavail"
            with pytest.raises(TemporaryFailure):
                logins.change("jsmith", people.JOHN.password, "another s3cret")


@pytest.mark.parametrize(
    ("option", "uri", "user"),
    [
        ("ignore_unknown_user", None, "nobody"),
        ("ignore_authinfo_unavail", "ldap://127.0.0.1:1", "jsmith"),
    ],
)
def test_what_is_ignored_is_left_to_the_others(
    make: Make, option: str, uri: str | None, user: str
) -> None:
    stack = f"auth required om_ldap {option}\nauth required pam_debug auth=%s\n"
    stack += f"account required om_ldap {option}\naccount required pam_permit\n"
    assert make(uri=uri, stack=stack % "success").outcome(user, "x") == "success"
    assert make(uri=uri, stack=stack % "auth_err").outcome(user, "x") == "auth_err"


def test_a_second_module_gets_the_same_password(make: Make) -> None:
    first = STACK.replace("om_ldap", "om_ldap use_first_pass", 1)
    logins = make(stack=f"auth sufficient om_auth\n{first}")
    assert logins.outcome("jsmith", people.JOHN.password) == "success"


def test_try_first_pass_asks_again(make: Make) -> None:
    answers = iter(["wrong", people.JOHN.password])
    stack = "auth optional om_auth\nauth required om_ldap try_first_pass\n"
    logins = make(stack=stack)
    Userlist.create(logins.folder.path).close()
    config = logins.folder.config()

    def ask(_: object) -> list[str]:
        return [next(answers)]

    async def ask_later(_: object) -> list[str]:
        return [next(answers)]

    conversation = ask_later if logins.way.asynchronous else ask
    with logins.way.begin(config, "mail", "jsmith", conversation) as transaction:
        assert logins.way.run(transaction.authenticate()) is ReturnCode.SUCCESS


def test_a_changed_file_is_in_use_soon(make: Make) -> None:
    logins = make()
    assert logins.outcome("jsmith", people.JOHN.password) == "success"
    logins.file.write_text(logins.file.read_text() + "access_filter (uid=anna)\n")
    services = logins.authenticator._base.services
    assert logins.file.as_posix() in services.load("mail").files
    password = people.JOHN.password
    assert in_use(lambda: logins.outcome("jsmith", password) == "perm_denied")


def test_a_broken_file_is_a_temporary_failure(make: Make) -> None:
    logins = make("timelimit soon")
    assert logins.outcome("jsmith", people.JOHN.password) == "service_err"


def test_an_unknown_user_costs_a_bind_to_the_decoy(
    make: Make, slapd: Slapd, newcomer: Callable[..., str]
) -> None:
    strict = f"pwdPolicySubentry: cn=strict,ou=policies,{people.SUFFIX}"
    decoy = f"uid={newcomer(strict)},{people.PEOPLE}"
    logins = make(f"decoy_dn {decoy}")
    assert logins.outcome("nobody", "a password") == "user_unknown"
    # Not even with the decoy's own password.
    assert logins.outcome("nobody", PASSWORD) == "user_unknown"
    failed = f"(&(entryDN={decoy})(pwdFailureTime=*))"
    looking = make(
        f"pam_authz_search {failed}",
        f"binddn {people.ADMIN.name}",
        f"bindpw {people.ADMIN.password}",
    )
    assert logins.outcome("nobody", "another") == "user_unknown"
    assert looking.outcome("jsmith", people.JOHN.password) == "success"
