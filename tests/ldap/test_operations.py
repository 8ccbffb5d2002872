"""Every operation, against OpenLDAP, over both libraries and every kind of connection."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from tests.ldap import people
from tests.ldap.conftest import Client
from tests.ldap.slapd import Slapd, running
from ualauth.ldap.client.blocking import BLOCKING, run_blocking
from ualauth.ldap.client.credentials import BindCredentials
from ualauth.ldap.client.faults import ServiceRefused, Unanswered
from ualauth.ldap.client.settings import Tls
from ualauth.ldap.client.values import Change, How, Kind, Modification, PolicyError, Scope, Search

_numbers = itertools.count(10_000)
STRICT = f"pwdPolicySubentry: cn=strict,ou=policies,{people.SUFFIX}"


@pytest.fixture
def client(connect: Callable[..., Client], slapd: Slapd) -> Client:
    """Return a client that uses StartTLS."""
    return connect(slapd.uri)


@pytest.fixture
def add_person(slapd: Slapd) -> Callable[..., BindCredentials]:
    """Return a function that adds a person of whom no other test knows."""

    def add(*lines: str) -> BindCredentials:
        login = people.user(next(_numbers))
        slapd.add(people.person(login, "Some Body", *lines))
        return login

    return add


# Connections


def test_connections_are_encrypted_unless_they_stay_on_the_host(
    connect: Callable[..., Client], slapd: Slapd
) -> None:
    versions = [
        connect(each).connected().tls.split(" ")[0]
        for each in (slapd.uri, slapd.tls_uri, slapd.socket_uri)
    ]
    assert versions[0].startswith("TLS")
    assert versions[0].endswith("1.3")
    assert versions[1:] == [versions[0], ""]


def test_encryption_can_be_switched_off(connect: Callable[..., Client], slapd: Slapd) -> None:
    client = connect(slapd.uri, tls=Tls.OFF)
    assert client.connected().tls == ""
    assert client.bind(people.JOHN).ok


def test_a_server_may_want_a_certificate(
    connect: Callable[..., Client], slapd: Slapd, authority: Any
) -> None:
    certificate, key = authority.issue("mail.example.com")
    client = connect(slapd.uri, certificate_file=str(certificate), key_file=str(key))
    assert client.bind(people.JOHN).ok


def test_a_refused_service_says_so_and_is_not_tried_again_at_once(
    connect: Callable[..., Client], slapd: Slapd
) -> None:
    client = connect(slapd.uri, login=BindCredentials(people.READER.name, "hunter2"))
    for _ in range(2):
        with pytest.raises(ServiceRefused) as caught:
            client.people("(uid=jsmith)")
        assert "may not bind as cn=reader" in str(caught.value)
        assert "hunter2" not in str(caught.value)
    # Users' passwords do not need the service.
    assert client.bind(people.JOHN).ok


# Binding


def test_a_right_password_is_a_yes(client: Client) -> None:
    for login in (people.JOHN, people.ANNA):
        answer = client.bind(login)
        assert (answer.ok, answer.kind, answer.code) == (True, Kind.OK, 0)


def test_a_wrong_password_is_told_apart(client: Client) -> None:
    for password in ("S3cret", "s3cret ", " ", "*", "{SSHA}", people.ANNA.password):
        assert client.bind(BindCredentials(people.JOHN.name, password)).kind is Kind.WRONG_PASSWORD


def test_no_client_is_let_in_for_a_name_that_is_none(client: Client) -> None:
    for name in (f"uid=nobody,{people.PEOPLE}", people.PEOPLE, people.SUFFIX, "uid=jsmith"):
        assert not client.bind(BindCredentials(name, "s3cret")).ok
    assert client.bind(BindCredentials("jsmith", "s3cret")).kind is Kind.NO_SUCH_OBJECT


@pytest.mark.parametrize(
    ("name", "password"), [("", "s3cret"), ("x", ""), ("", ""), ("x", "\0"), ("x\0y", "s3cret")]
)
def test_a_login_that_a_server_might_take_for_anonymous_cannot_be_made(
    name: str, password: str
) -> None:
    with pytest.raises(ValueError, match="needs a name and a password"):
        BindCredentials(name, password)


def test_a_long_password_is_just_wrong(client: Client) -> None:
    assert client.bind(BindCredentials(people.JOHN.name, "x" * 100_000)).kind is Kind.WRONG_PASSWORD


# Searching


def test_a_search_finds_entries_with_their_values(client: Client) -> None:
    attributes = ["mail", "memberOf", "userPassword"]
    (entry,) = client.search(Search(people.SUFFIX, Scope.SUBTREE, "(uid=jsmith)", attributes, 2))
    assert entry.dn == people.JOHN.name
    assert entry.text("MAIL") == "jsmith@example.com"
    assert entry.texts("memberof") == (f"cn=mail,{people.GROUPS}",)
    assert "userPassword" not in entry.attributes
    assert "jsmith@example.com" not in repr(entry)


def test_a_search_has_its_scope(client: Client) -> None:
    counts = [
        len(client.search(Search(people.PEOPLE, scope, "(objectClass=*)", [], 1000)))
        for scope in Scope
    ]
    assert counts[0] == 1
    assert counts[2] == counts[1] + 1


def test_a_search_ends_at_its_limit(client: Client) -> None:
    assert len(client.people("(uid=*)", limit=1)) == 1
    assert len(client.people("(uid=*)", limit=2)) == 2


def test_an_entry_that_is_not_there_has_nothing_to_show(client: Client) -> None:
    dn = f"uid=nobody,{people.PEOPLE}"
    assert client.search(Search(dn, Scope.BASE, "(objectClass=*)", [], 1)) == []


def test_a_base_that_is_not_there_is_no_answer(client: Client) -> None:
    with pytest.raises(Unanswered) as caught:
        client.search(Search("dc=elsewhere", Scope.SUBTREE, "(uid=x)", [], 1))
    # noSuchObject: there is no such database.
    assert caught.value.code == 32


def test_an_anonymous_search_sees_nothing(connect: Callable[..., Client], slapd: Slapd) -> None:
    client = connect(slapd.uri, login=None)
    with pytest.raises(Unanswered):
        client.people("(uid=jsmith)")


def test_a_filter_that_is_none_is_a_mistake_and_harms_no_server(client: Client) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="no filter"):
            client.people("(uid=")
    assert client.people("(uid=jsmith)") == ["jsmith"]


def test_the_server_tells_of_itself(client: Client) -> None:
    entry = client.root_dse()
    assert people.SUFFIX in entry.texts("namingContexts")
    assert "1.3.6.1.4.1.4203.1.11.1" in entry.texts("supportedExtension")


# Comparing and changing


def test_a_value_is_compared(client: Client) -> None:
    def has(attribute: str, value: bytes) -> bool:
        same: bool = client.compare(people.JOHN.name, attribute, value)
        return same

    assert has("mail", b"jsmith@example.com")
    assert not has("mail", b"other@example.com")
    assert not has("telephoneNumber", b"1")
    with pytest.raises(Unanswered) as caught:
        client.compare(f"uid=nobody,{people.PEOPLE}", "mail", b"x")
    assert caught.value.code == 32


def test_the_service_may_not_change_what_it_may_not(client: Client) -> None:
    change = [Modification(Change.REPLACE, "mail", (b"x@example.com",))]
    assert client.modify(people.JOHN.name, change).kind is Kind.REFUSED
    assert client.change_password(people.JOHN.name, None, "other", How.EXOP).kind is Kind.REFUSED
    assert client.bind(people.JOHN).ok


def test_an_administrator_changes_entries(connect: Callable[..., Client], slapd: Slapd) -> None:
    client = connect(slapd.uri, login=people.ADMIN)
    for change, values in ((Change.ADD, (b"a", b"b")), (Change.DELETE, (b"a",))):
        assert client.modify(people.ANNA.name, [Modification(change, "title", values)]).ok
    (entry,) = client.search(Search(people.ANNA.name, Scope.BASE, "(title=*)", ["title"], 1))
    assert entry.texts("title") == ("b",)
    assert client.modify(people.ANNA.name, [Modification(Change.DELETE, "title")]).ok
    again = client.modify(people.ANNA.name, [Modification(Change.DELETE, "title")])
    assert (again.kind, again.code) == (Kind.REFUSED, 16)


@pytest.mark.parametrize("how", [How.EXOP, How.MODIFY])
def test_an_administrator_resets_a_password(
    connect: Callable[..., Client],
    slapd: Slapd,
    add_person: Callable[..., BindCredentials],
    how: How,
) -> None:
    login = add_person()
    client = connect(slapd.uri, login=people.ADMIN)
    assert client.change_password(login.name, None, "neü", how).ok
    assert client.bind(BindCredentials(login.name, "neü")).ok
    assert not client.bind(login).ok


# As the user


async def _change(client: Client, login: BindCredentials, *change: Any) -> tuple[bool, Any]:
    async with client.directory.session(BLOCKING, login) as session:
        answer = await session.change_password(BLOCKING, login.name, *change)
        return session.answer.ok, answer


@pytest.mark.parametrize("how", [How.EXOP, How.MODIFY])
def test_a_user_changes_the_own_password(
    client: Client, add_person: Callable[..., BindCredentials], how: How
) -> None:
    login = add_person()
    bound, answer = run_blocking(_change(client, login, login.password, "another", how))
    assert (bound, answer.ok) == (True, True)
    assert client.bind(BindCredentials(login.name, "another")).ok
    assert client.bind(login).kind is Kind.WRONG_PASSWORD


def test_a_wrong_old_password_changes_nothing(
    client: Client, add_person: Callable[..., BindCredentials]
) -> None:
    login = add_person()
    _, answer = run_blocking(_change(client, login, "wrong", "another", How.EXOP))
    assert not answer.ok
    assert client.bind(login).ok


@pytest.mark.parametrize("new", ["", "a\0b"])
def test_an_empty_new_password_cannot_be_sent(client: Client, new: str) -> None:
    with pytest.raises(ValueError, match="new password"):
        run_blocking(_change(client, people.JOHN, people.JOHN.password, new, How.EXOP))


def test_a_session_that_was_refused_is_anonymous(client: Client) -> None:
    async def look() -> None:
        wrong = BindCredentials(people.JOHN.name, "wrong")
        async with client.directory.session(BLOCKING, wrong) as session:
            assert session.answer.kind is Kind.WRONG_PASSWORD
            await session.search(BLOCKING, Search(people.JOHN.name, Scope.BASE, "(uid=*)", [], 1))

    # Even if a user has bound on this connection before.
    assert client.bind(people.JOHN).ok
    with pytest.raises(Unanswered):
        run_blocking(look())


def test_a_session_sees_what_its_user_may(client: Client) -> None:
    async def look() -> tuple[int, bool]:
        async with client.directory.session(BLOCKING, people.JOHN) as session:
            entries = await session.search(
                BLOCKING, Search(people.JOHN.name, Scope.BASE, "(uid=*)", [], 1)
            )
            mail = b"jsmith@example.com"
            return len(entries), await session.compare(BLOCKING, people.JOHN.name, "mail", mail)

    assert run_blocking(look()) == (1, True)


# Password policy (draft-behera-ldap-password-policy-10)


def test_policy_says_nothing_where_there_is_nothing_to_say(client: Client) -> None:
    policy = client.bind(people.JOHN).policy
    assert (policy.seconds_left, policy.grace_left, policy.error) == (None, None, None)


def test_policy_warns_before_a_password_expires(
    client: Client, add_person: Callable[..., BindCredentials], slapd: Slapd
) -> None:
    login = add_person(STRICT)
    slapd.modify(_operational(login, "pwdChangedTime", _ago(60_000)))
    answer = client.bind(login)
    assert answer.ok
    assert 26_000 < answer.policy.seconds_left < 26_500


def test_policy_counts_grace_logins_and_ends_them(
    client: Client, add_person: Callable[..., BindCredentials], slapd: Slapd
) -> None:
    login = add_person(STRICT)
    slapd.modify(_operational(login, "pwdChangedTime", _ago(100_000)))
    assert [client.bind(login).policy.grace_left for _ in range(2)] == [1, 0]
    answer = client.bind(login)
    assert answer.kind is Kind.WRONG_PASSWORD
    assert answer.policy.error is PolicyError.PASSWORD_EXPIRED


def test_policy_wants_a_change_after_a_reset(
    client: Client, add_person: Callable[..., BindCredentials], slapd: Slapd
) -> None:
    login = add_person(STRICT)
    slapd.modify(_operational(login, "pwdReset", "TRUE"))
    answer = client.bind(login)
    assert answer.ok
    assert answer.policy.error is PolicyError.CHANGE_AFTER_RESET
    _, changed = run_blocking(_change(client, login, login.password, "quite-new-1", How.EXOP))
    assert changed.ok
    assert client.bind(BindCredentials(login.name, "quite-new-1")).policy.error is None


def test_policy_says_why_a_new_password_is_not_taken(
    client: Client, add_person: Callable[..., BindCredentials]
) -> None:
    login = add_person(STRICT)
    _, answer = run_blocking(_change(client, login, login.password, "short", How.EXOP))
    assert answer.kind is Kind.REFUSED
    assert answer.policy.error is PolicyError.PASSWORD_TOO_SHORT
    _, answer = run_blocking(_change(client, login, login.password, login.password, How.MODIFY))
    assert answer.policy.error is PolicyError.PASSWORD_IN_HISTORY


def test_policy_locks_an_account_and_the_right_password_no_longer_helps(
    client: Client, add_person: Callable[..., BindCredentials]
) -> None:
    login = add_person(STRICT)
    for _ in range(3):
        assert client.bind(BindCredentials(login.name, "wrong")).kind is Kind.WRONG_PASSWORD
    answer = client.bind(login)
    assert not answer.ok
    assert client.bind(login).kind is Kind.WRONG_PASSWORD


def _operational(login: BindCredentials, name: str, value: str) -> str:
    return f"dn: {login.name}\nchangetype: modify\nreplace: {name}\n{name}: {value}\n"


def _ago(seconds: int) -> str:
    from datetime import UTC, datetime, timedelta

    return f"{datetime.now(UTC) - timedelta(seconds=seconds):%Y%m%d%H%M%SZ}"


def test_more_entries_come_than_a_server_sends_at_once(
    connect: Callable[..., Client], authority: Any
) -> None:
    # OpenLDAP's limit for one answer is 500 here, and its pages count by themselves for the reader.
    with running(authority, entries=people.many(1100)) as server:
        client = connect(server.uri)
        uids = client.people("(uid=user*)", limit=2000)
        assert sorted(uids) == sorted(f"user{number}" for number in range(1100))
        assert len(client.people("(uid=user*)", limit=700)) == 700
        other = connect(server.uri, login=people.JOHN)
        with pytest.raises(Unanswered):
            other.people("(uid=user*)", limit=2000)
