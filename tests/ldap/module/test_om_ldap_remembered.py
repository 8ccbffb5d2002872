"""Remembered logins on OpenLDAP: no bind while nothing changed, and every change holds at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import ldap
import pytest

from tests.ldap import people
from tests.ldap.authority import Authority
from tests.ldap.module.conftest import PASSWORD, Logins
from tests.ldap.module.remembering import NEW, Binds, binds_of
from tests.ldap.slapd import Slapd, running
from ualauth.ldap.client.credentials import BindCredentials
from ualauth.system.poll import wait_blocking

Make = Callable[..., Logins]
ON = ("remember_logins 3600", f"ppolicy_default {people.POLICY}")


@pytest.fixture
def binds(monkeypatch: pytest.MonkeyPatch) -> Binds:
    return binds_of(monkeypatch)


@pytest.fixture
def remembered(make: Make, binds: Binds) -> Callable[..., Logins]:
    """Return what makes logins that are remembered for a user."""

    def logins(user: str, *more: str, password: str = PASSWORD, **options: str) -> Logins:
        logins = make(*ON, *more, **options)
        assert [logins.outcome(user, password) for _ in range(4)] == ["success"] * 4
        assert binds.count() == 2
        return logins

    return logins


def dn(user: str) -> str:
    return f"uid={user},{people.PEOPLE}"


def bound(slapd: Slapd, name: str, password: str) -> Any:
    """Return a connection of another program on which a user has bound."""
    connection = ldap.initialize(slapd.socket_uri)
    connection.simple_bind_s(name, password)
    return connection


def guess_elsewhere(slapd: Slapd, user: str) -> None:
    with pytest.raises(ldap.INVALID_CREDENTIALS):
        bound(slapd, dn(user), "wrong")


def with_policy(slapd: Slapd, name: str, lines: str = "pwdAllowUserChange: TRUE") -> str:
    """Add a policy, and return its DN."""
    policy = f"cn={name},ou=policies,{people.SUFFIX}"
    slapd.add(
        f"dn: {policy}\nobjectClass: device\nobjectClass: pwdPolicy\ncn: {name}\n"
        f"pwdAttribute: userPassword\n{lines}\n"
    )
    return policy


def change(slapd: Slapd, user: str, *lines: str) -> None:
    slapd.modify("\n".join([f"dn: {dn(user)}", "changetype: modify", *lines, ""]))


def replace(slapd: Slapd, user: str, name: str, value: str) -> None:
    change(slapd, user, f"replace: {name}", f"{name}: {value}")


def test_the_third_login_needs_no_bind_and_is_the_same(
    make: Make, binds: Binds, newcomer: Callable[..., str]
) -> None:
    user = newcomer()
    logins = make(*ON)
    identities = [logins.login(user, PASSWORD) for _ in range(4)]
    assert binds.count() == 2
    assert [each.user for each in identities] == [user] * 4
    assert identities[3].person == identities[0].person
    assert "the entry is unchanged" in logins.remarks(user, PASSWORD)


def test_without_the_option_each_login_binds(
    make: Make, binds: Binds, newcomer: Callable[..., str]
) -> None:
    user, logins = newcomer(), make()
    assert [logins.outcome(user, PASSWORD) for _ in range(4)] == ["success"] * 4
    assert binds.count() == 4


def test_a_wrong_password_always_goes_to_the_server(
    remembered: Callable[..., Logins], binds: Binds, newcomer: Callable[..., str]
) -> None:
    user = newcomer()
    logins = remembered(user)
    for wrong in ("wrong", PASSWORD + " ", PASSWORD[:-1], PASSWORD.upper()):
        before = binds.count()
        assert logins.outcome(user, wrong) == "auth_err"
        assert binds.count() == before + 1
    assert logins.outcome(user, "") == "auth_err"
    before = binds.count()
    assert logins.outcome(user, PASSWORD) == "success"
    assert binds.count() == before + 1


@pytest.mark.parametrize("how", ["own", "own by exop", "own by modify", "administrator", "ldif"])
def test_a_changed_password_holds_at_once(
    remembered: Callable[..., Logins], slapd: Slapd, newcomer: Callable[..., str], how: str
) -> None:
    user = newcomer()
    logins = remembered(user)
    match how:
        case "own":
            logins.change(user, PASSWORD, NEW)
        case "own by exop":
            bound(slapd, dn(user), PASSWORD).passwd_s(dn(user), PASSWORD, NEW)
        case "own by modify":
            changes = [(ldap.MOD_REPLACE, "userPassword", [NEW.encode()])]
            bound(slapd, dn(user), PASSWORD).modify_s(dn(user), changes)
        case "administrator":
            bound(slapd, people.ADMIN.name, people.ADMIN.password).passwd_s(dn(user), None, NEW)
        case "ldif":
            replace(slapd, user, "userPassword", people.hashed(NEW))
    assert logins.outcome(user, PASSWORD) == "auth_err"
    assert [logins.outcome(user, NEW) for _ in range(4)] == ["success"] * 4
    assert logins.outcome(user, PASSWORD) == "auth_err"


def test_a_password_that_was_changed_twice_is_not_the_one_of_before(
    remembered: Callable[..., Logins],
    slapd: Slapd,
    binds: Binds,
    newcomer: Callable[..., str],
) -> None:
    user = newcomer()
    logins = remembered(user)
    replace(slapd, user, "userPassword", people.hashed(NEW))
    replace(slapd, user, "userPassword", people.hashed(PASSWORD))
    before = binds.count()
    assert logins.outcome(user, PASSWORD) == "success"
    assert binds.count() == before + 1


def test_a_reset_holds_at_once(
    make: Make, binds: Binds, slapd: Slapd, newcomer: Callable[..., str]
) -> None:
    policy = with_policy(slapd, newcomer(), "pwdMustChange: TRUE")
    user = newcomer(f"pwdPolicySubentry: {policy}")
    logins = make(*ON)
    assert [logins.outcome(user, PASSWORD) for _ in range(4)] == ["success"] * 4
    assert binds.count() == 2
    # To the same one: the entry is another all the same.
    bound(slapd, people.ADMIN.name, people.ADMIN.password).passwd_s(dn(user), None, PASSWORD)
    assert [logins.outcome(user, PASSWORD) for _ in range(4)] == ["new_authtok_reqd"] * 4


def test_a_lock_and_its_end_hold_at_once(
    remembered: Callable[..., Logins], slapd: Slapd, newcomer: Callable[..., str]
) -> None:
    user = newcomer()
    logins = remembered(user)
    replace(slapd, user, "pwdAccountLockedTime", "000001010000Z")
    assert logins.outcome(user, PASSWORD) in {"maxtries", "perm_denied"}
    change(slapd, user, "delete: pwdAccountLockedTime")
    assert logins.outcome(user, PASSWORD) == "success"


def test_a_lock_after_failures_elsewhere_holds_at_once(
    make: Make, binds: Binds, slapd: Slapd, newcomer: Callable[..., str]
) -> None:
    policy = with_policy(slapd, newcomer(), "pwdLockout: TRUE\npwdMaxFailure: 3")
    user = newcomer(f"pwdPolicySubentry: {policy}")
    logins = make(*ON)
    assert [logins.outcome(user, PASSWORD) for _ in range(4)] == ["success"] * 4
    assert binds.count() == 2
    guess_elsewhere(slapd, user)
    # So that the server hears of a right one, and forgets the failures.
    assert [logins.outcome(user, PASSWORD) for _ in range(4)] == ["success"] * 4
    assert 2 < binds.count() < 6
    for _ in range(3):
        guess_elsewhere(slapd, user)
    assert logins.outcome(user, PASSWORD) == "maxtries"


@pytest.mark.parametrize(
    "lines", [("pwdStartTime", "20990101000000Z"), ("pwdEndTime", "20010101000000Z")]
)
def test_a_time_that_is_set_holds_at_once(
    remembered: Callable[..., Logins],
    slapd: Slapd,
    newcomer: Callable[..., str],
    lines: tuple[str, str],
) -> None:
    user = newcomer()
    logins = remembered(user)
    replace(slapd, user, *lines)
    assert logins.outcome(user, PASSWORD) != "success"


@pytest.mark.parametrize("attribute", ["pwdMaxAge: 86400", "pwdMaxIdle: 86400"])
def test_a_policy_by_which_passwords_end_is_left_to_the_server(
    make: Make, binds: Binds, slapd: Slapd, newcomer: Callable[..., str], attribute: str
) -> None:
    policy = with_policy(slapd, newcomer())
    own = newcomer(f"pwdPolicySubentry: {policy}")
    logins = make(*ON)
    assert [logins.outcome(own, PASSWORD) for _ in range(4)] == ["success"] * 4
    assert binds.count() == 2
    name = attribute.split(":", maxsplit=1)[0]
    slapd.modify(f"dn: {policy}\nchangetype: modify\nadd: {name}\n{attribute}\n")
    # What was told of a policy holds for a second, or two.
    wait_until(lambda: logins.outcome(own, PASSWORD) == "success" and binds.count() > 2)
    before = binds.count()
    assert [logins.outcome(own, PASSWORD) for _ in range(3)] == ["success"] * 3
    assert binds.count() == before + 3


def wait_until(true: Callable[[], bool]) -> None:
    reading, writing = os.pipe()
    try:
        for _ in range(100):
            if true():
                return
            wait_blocking(reading, 0.1)
    finally:
        os.close(reading)
        os.close(writing)
    raise AssertionError("it does not come to pass")


def test_without_the_policy_each_login_binds(
    make: Make, binds: Binds, newcomer: Callable[..., str]
) -> None:
    user, logins = newcomer(), make("remember_logins 3600")
    assert [logins.outcome(user, PASSWORD) for _ in range(4)] == ["success"] * 4
    assert binds.count() == 4


def test_a_policy_that_cannot_be_read_is_none(
    make: Make, binds: Binds, newcomer: Callable[..., str]
) -> None:
    user = newcomer()
    logins = make("remember_logins 3600", f"ppolicy_default cn=none,{people.SUFFIX}")
    assert [logins.outcome(user, PASSWORD) for _ in range(4)] == ["success"] * 4
    assert binds.count() == 4


def test_a_group_that_is_left_holds_at_once(
    make: Make, binds: Binds, slapd: Slapd, newcomer: Callable[..., str]
) -> None:
    user = newcomer()
    group = f"cn=of{user},{people.GROUPS}"
    slapd.add(people.group(f"of{user}", dn(user), people.JOHN.name))
    logins = make(*ON, f"pam_groupdn {group}")
    assert [logins.outcome(user, PASSWORD) for _ in range(4)] == ["success"] * 4
    change_group = f"dn: {group}\nchangetype: modify\n{{}}: member\nmember: {dn(user)}\n"
    slapd.modify(change_group.format("delete"))
    assert logins.outcome(user, PASSWORD) == "perm_denied"
    slapd.modify(change_group.format("add"))
    assert [logins.outcome(user, PASSWORD) for _ in range(4)] == ["success"] * 4
    assert binds.count() < 9


def test_a_renamed_entry_is_another(
    remembered: Callable[..., Logins], slapd: Slapd, binds: Binds, newcomer: Callable[..., str]
) -> None:
    user = newcomer()
    logins = remembered(user)
    slapd.modify(f"dn: {dn(user)}\nchangetype: modrdn\nnewrdn: uid={user}x\ndeleteoldrdn: 1\n")
    assert logins.outcome(user, PASSWORD) == "user_unknown"
    assert logins.login(f"{user}x", PASSWORD).user == f"{user}x"
    slapd.modify(f"dn: {dn(user + 'x')}\nchangetype: modrdn\nnewrdn: uid={user}\ndeleteoldrdn: 1\n")
    before = binds.count()
    assert logins.outcome(user, PASSWORD) == "success"
    assert binds.count() == before + 1


def test_an_entry_that_was_made_anew_is_another(
    remembered: Callable[..., Logins], slapd: Slapd, newcomer: Callable[..., str]
) -> None:
    user = newcomer()
    logins = remembered(user)
    slapd.modify(f"dn: {dn(user)}\nchangetype: delete\n")
    assert logins.outcome(user, PASSWORD) == "user_unknown"
    slapd.add(people.person(BindCredentials(dn(user), NEW), "Another One"))
    assert logins.outcome(user, PASSWORD) == "auth_err"
    assert logins.outcome(user, NEW) == "success"


def test_a_second_entry_that_matches_makes_both_none(
    remembered: Callable[..., Logins], slapd: Slapd, newcomer: Callable[..., str]
) -> None:
    user = newcomer()
    logins = remembered(user)
    namesake = BindCredentials(f"cn=namesake of {user},{people.PEOPLE}", PASSWORD)
    slapd.add(people.person(namesake, "Namesake", f"uid: {user}"))
    assert logins.outcome(user, PASSWORD) == "user_unknown"


def test_a_restart_of_the_server_changes_nothing(
    make: Make, binds: Binds, authority: Authority
) -> None:
    with running(authority) as server:
        logins = make(*ON, "reconnect_sleeptime 0.01", uri=server.uri)
        password = people.JOHN.password
        assert [logins.outcome("jsmith", password) for _ in range(4)] == ["success"] * 4
        server.stop()
        assert logins.outcome("jsmith", password) == "authinfo_unavail"
        server.start()
        wait_until(lambda: logins.outcome("jsmith", password) == "success")
        assert binds.count() == 2
        server.modify(
            f"dn: {people.JOHN.name}\nchangetype: modify\nreplace: userPassword\n"
            f"userPassword: {people.hashed(NEW)}\n"
        )
        assert logins.outcome("jsmith", password) == "auth_err"


_HIDDEN = (
    "pwdAccountLockedTime",
    "pwdFailureTime",
    "pwdPolicySubentry",
    "entryCSN",
    "pwdEndTime",
)


@pytest.fixture(scope="module", params=_HIDDEN)
def closed(authority: Authority, request: pytest.FixtureRequest) -> Iterator[Slapd]:
    """Return a server that hides something from the service."""
    # The database's own lines come first, and the first that fits counts.
    with running(authority, before=f"access to attrs={request.param} by * none") as server:
        yield server


def test_what_the_service_may_not_see_is_left_to_the_server(
    make: Make, binds: Binds, closed: Slapd
) -> None:
    logins = make(*ON, uri=closed.uri)
    password = people.JOHN.password
    assert [logins.outcome("jsmith", password) for _ in range(6)] == ["success"] * 6
    assert binds.count() == 6


def test_another_service_and_another_name_are_remembered_by_themselves(
    remembered: Callable[..., Logins], binds: Binds, newcomer: Callable[..., str]
) -> None:
    user = newcomer()
    logins = remembered(user, "filter (|(uid={user})(mail={user}))")
    address = f"{user}@example.com"
    assert [logins.login(address, PASSWORD).user for _ in range(4)] == [user] * 4
    assert binds.count() == 4
    assert logins.outcome(address, "wrong") == "auth_err"


def test_the_old_password_of_a_change_is_always_asked(
    remembered: Callable[..., Logins], slapd: Slapd, binds: Binds, newcomer: Callable[..., str]
) -> None:
    user = newcomer()
    logins = remembered(user)
    before = binds.count()
    logins.change(user, PASSWORD, NEW)
    assert binds.count() == before + 1


def test_no_more_are_remembered_than_may_be(
    make: Make, binds: Binds, newcomer: Callable[..., str]
) -> None:
    users = [newcomer() for _ in range(3)]
    logins = make(*ON, "remember_users 2")
    for user in users:
        assert [logins.outcome(user, PASSWORD) for _ in range(3)] == ["success"] * 3
    assert binds.count() == 6
    assert logins.outcome(users[0], PASSWORD) == "success"
    assert binds.count() == 7
