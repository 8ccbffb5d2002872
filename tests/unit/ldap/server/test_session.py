"""The state machine of a connection: logins, limits, what ends what."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.ldap.server import codec
from tests.unit.ldap.server.driven import (
    ANN,
    ANY,
    JOHN,
    SUFFIX,
    Client,
    code,
    contains,
    directory_of,
    equal,
    identity,
    people,
)
from ualauth.codes import ReturnCode
from ualauth.config.config import PasswordSettings
from ualauth.contract.identity import Identity, Person
from ualauth.errors import (
    AccountRestricted,
    AuthenticationFailed,
    ConfigurationError,
    MechanismUnavailable,
    PasswordExpired,
    PasswordRefused,
    StoreError,
    TemporaryFailure,
)
from ualauth.ldap.server import controls
from ualauth.ldap.server.directory import Directory
from ualauth.passwords.schemes import PasswordHasher
from ualauth.testing.userlist import Userlist

OTHER = AuthenticationFailed(ReturnCode.AUTH_ERR)


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    userlist = Userlist.create(tmp_path)
    people(userlist)
    directory = directory_of(tmp_path, userlist)
    yield directory
    directory.close()
    userlist.close()


@pytest.fixture
def client(directory: Directory) -> Client:
    return Client(directory)


def page(size: int, cookie: bytes = b"") -> list[dict[str, Any]]:
    octets = b"\x02\x01" + bytes((size,)) + b"\x04" + bytes((len(cookie),)) + cookie
    value = b"\x30" + bytes((len(octets),)) + octets
    return [{"controlType": controls.PAGED_RESULTS.encode(), "controlValue": value}]


# Binds


@pytest.mark.parametrize("name", [JOHN, JOHN.upper(), JOHN.replace(",", " , "), "jsmith"])
def test_a_bind_by_the_name_of_the_entry_or_of_the_login(client: Client, name: str) -> None:
    assert client.bind(name) is None
    tag, login_name, password = client.logins[-1]
    assert str(login_name).lower() == "jsmith"
    assert password == "secret"
    assert not client.session.is_bound
    client.session.granted(tag, identity("jsmith"))
    assert code(client.receive()[-1][2]) == 0
    assert client.session.is_bound


@pytest.mark.parametrize(
    "name",
    [
        f"uid=jsmith,ou=ny,{SUFFIX}",  # another mail node
        f"uid=jsmith,{SUFFIX}",
        f"uid=unnamed,{SUFFIX}",
        "uid=jsmith,ou=hq,ou=ny,dc=example,dc=org",
        "cn=admin",
    ],
)
def test_the_name_of_no_entry_is_asked_as_it_is(client: Client, name: str) -> None:
    client.bind(name)
    assert client.logins[-1][1] == name


def test_an_empty_password_never_binds(client: Client) -> None:
    assert code(client.bind(JOHN, "")) == 53
    assert not client.logins
    assert code(client.bind("", "")) == 0
    assert not client.session.is_bound
    assert code(client.bind("", "secret")) == 49
    assert not client.logins


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (OTHER, 49),
        (AccountRestricted(ReturnCode.ACCT_EXPIRED), 49),
        (PasswordExpired(ReturnCode.NEW_AUTHTOK_REQD), 49),
        (TemporaryFailure(ReturnCode.AUTHINFO_UNAVAIL), 52),
        (StoreError("gone"), 52),
        (ConfigurationError("wrong"), 52),
        (RuntimeError("a bug"), 52),
        (TimeoutError(), 52),
        (MechanismUnavailable("PLAIN"), 7),
        (MechanismUnavailable("PLAIN", needs_tls=True), 13),
    ],
)
def test_what_could_not_be_checked_is_no_wrong_password(
    client: Client, error: Exception, result: int
) -> None:
    client.log_in("ann")
    client.bind(JOHN)
    client.session.failed(client.logins[-1][0], error)
    assert code(client.receive()[-1][2]) == result
    assert not client.session.is_bound
    assert client.code_of("searchRequest", codec.search(ANY)) == 32


POLICY = [{"controlType": controls.PASSWORD_POLICY.encode()}]


@pytest.mark.parametrize(
    ("messages", "expires", "begin"),
    [
        (("Your password expires in 3 days.",), timedelta(days=3), b"\xa0\x05\x80\x03\x03"),
        (("Your password has expired.",), timedelta(days=-1), b"\xa0\x03\x81\x01\x02"),
        (("Welcome.",), timedelta(days=300), b""),
        (("Welcome.",), None, b""),
        ((), timedelta(days=3), b""),
    ],
)
def test_a_login_is_told_how_long_the_password_is_valid(
    directory: Directory, messages: tuple[str, ...], expires: timedelta | None, begin: bytes
) -> None:
    rules = PasswordSettings(warning_days=10, grace_logins=2)
    directory.config = replace(directory.config, password=rules)
    user = directory._everything.get("jsmith")
    moment = None if expires is None else datetime.now(UTC) + expires
    directory._everything.update(user, password_expires=moment)
    client = Client(directory)
    value = {"version": 3, "name": b"jsmith", "authentication": ("simple", b"secret")}
    client.write("bindRequest", value, POLICY)
    client.session.granted(client.logins[-1][0], replace(identity("jsmith"), messages=messages))
    ((_, kind, answer, answered),) = client.receive()
    assert (kind, code(answer)) == ("bindResponse", 0)
    (control,) = answered
    assert control["controlType"] == controls.PASSWORD_POLICY.encode()
    content = control["controlValue"][2:]
    assert content.startswith(begin)
    assert bool(content) is bool(begin)
    assert client.session.is_bound
    assert client.ask("extendedReq", extended(controls.WHO_AM_I))[0][1]["responseValue"]


def test_a_login_counts_though_the_password_cannot_be_looked_up(directory: Directory) -> None:
    client = Client(directory, waits=True)
    value = {"version": 3, "name": b"jsmith", "authentication": ("simple", b"secret")}
    client.write("bindRequest", value, POLICY)
    tag = client.logins[-1][0]
    client.session.granted(tag, replace(identity("jsmith"), messages=("Soon.",)))
    assert not client.receive()
    assert not client.session.is_bound
    client.session.failed(tag, StoreError("gone"))
    assert code(client.receive()[0][2]) == 0
    assert client.session.is_bound


def test_an_anonymous_login_is_no_user(client: Client) -> None:
    client.bind("anonymous")
    unnamed = Identity("omslapdeng", "anonymous", "anonymous", Person("anonymous"), anonymous=True)
    client.session.granted(client.logins[-1][0], unnamed)
    assert code(client.receive()[-1][2]) == 0
    assert not client.session.is_bound


def test_a_password_needs_a_safe_connection(directory: Directory) -> None:
    client = Client(directory, is_local=False)
    assert code(client.bind(JOHN)) == 13
    assert not client.logins
    client = Client(directory, is_local=False, has_tls=True)
    assert client.bind(JOHN) is None


def test_another_version_is_refused(client: Client) -> None:
    value = {"version": 2, "name": b"x", "authentication": ("simple", b"x")}
    assert client.code_of("bindRequest", value) == 2
    assert not client.logins


def test_while_a_bind_is_decided_nothing_else_is_looked_at(client: Client) -> None:
    client.bind(JOHN)
    client.write("searchRequest", codec.search(ANY, scope="baseObject"))
    assert client.session.is_busy
    assert client.receive() == []
    client.session.granted(client.logins[-1][0], identity("jsmith"))
    assert [each[1] for each in client.receive()] == [
        "bindResponse",
        "searchResEntry",
        "searchResDone",
    ]


def test_an_answer_to_a_bind_that_is_over_says_nothing(client: Client) -> None:
    client.bind("ann")
    tag = client.logins[-1][0]
    client.session.failed(tag, OTHER)
    client.session.granted(tag, identity("ann"))
    assert not client.session.is_bound


def sasl(mechanism: str, credentials: bytes | None) -> dict[str, Any]:
    pair: dict[str, Any] = {"mechanism": mechanism.encode()}
    pair |= {} if credentials is None else {"credentials": credentials}
    return {"version": 3, "name": b"", "authentication": ("sasl", pair)}


def test_an_exchange_of_two_steps(client: Client) -> None:
    client.write("bindRequest", sasl("SCRAM-SHA-256", b"n,,n=jsmith,r=x"))
    tag, mechanism, initial = client.logins[-1]
    assert (mechanism, initial) == ("SCRAM-SHA-256", b"n,,n=jsmith,r=x")
    client.session.challenged(tag, b"r=xy", is_last=False)
    (answer,) = client.receive()
    assert code(answer[2]) == 14
    assert answer[2]["serverSaslCreds"] == b"r=xy"
    client.write("bindRequest", sasl("SCRAM-SHA-256", b"c=biws"))
    assert client.logins[-1] == (tag, b"c=biws")
    client.session.challenged(tag, b"v=abc", is_last=True)
    assert client.logins[-1] == (tag, b"")
    client.session.granted(tag, identity("jsmith"))
    (answer,) = client.receive()
    assert code(answer[2]) == 0
    assert answer[2]["serverSaslCreds"] == b"v=abc"
    assert client.session.is_bound


def test_another_mechanism_begins_anew(client: Client) -> None:
    client.write("bindRequest", sasl("SCRAM-SHA-256", b"n,,n=jsmith,r=x"))
    tag = client.logins[-1][0]
    client.session.challenged(tag, b"r=xy", is_last=False)
    client.receive()
    client.write("bindRequest", sasl("PLAIN", b"\0jane\0x"))
    assert client.dropped == [tag]
    assert client.logins[-1][0] != tag
    client.session.granted(tag, identity("jsmith"))
    assert client.receive() == []
    assert not client.session.is_bound


def test_a_bind_ends_what_runs(directory: Directory) -> None:
    client = Client(directory)
    client.log_in("ann")
    client.waits = True
    number = client.write("searchRequest", codec.search(ANY))
    client.bind("jsmith")
    assert client.dropped == [number]
    client.waits = False
    client.go_on()
    assert client.receive() == []


# Messages


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.0\r\n\r\n",
        b"\x30\x05\x02\x01\x01\x7f\x00",  # a request that there is not
        b"\x30\x05\x02\x01\x01\x65\x00",  # an answer
        b"\x30\x05\x02\x01\x00\x4a\x00",  # the number 0
        b"\x30\x06\x02\x01\xff\x42\x00\x00",  # a number that is none
        b"\x30\x84\x00\x10\x00\x01",  # too long before a login
        b"\x30\x03\x02\x01\x01",  # no request
    ],
)
def test_what_is_no_message_ends_in_a_notice(client: Client, data: bytes) -> None:
    client.session.receive(data)
    (notice,) = client.receive()
    assert notice[0] == 0
    assert notice[2]["responseName"] == b"1.3.6.1.4.1.1466.20036"
    assert code(notice[2]) == 2
    assert client.closed
    client.session.receive(codec.encode(1, "unbindRequest", None))


def test_a_message_in_pieces(client: Client) -> None:
    data = codec.encode(1, "bindRequest", sasl("PLAIN", b"\0jane\0x"))
    for octet in data:
        client.session.receive(bytes((octet,)))
    assert client.logins[-1][1] == "PLAIN"


def test_a_number_that_is_in_use_ends_the_connection(directory: Directory) -> None:
    client = Client(directory)
    client.log_in("ann")
    client.waits = True
    data = codec.encode(9, "searchRequest", codec.search(ANY))
    client.session.receive(data)
    client.session.receive(data)
    assert client.receive()[-1][0] == 0
    assert client.closed
    assert 9 in client.dropped


def test_more_operations_than_run_at_a_time_are_told_so(directory: Directory) -> None:
    client = Client(directory)
    client.log_in("ann")
    client.waits = True
    for _ in range(16):
        client.write("searchRequest", codec.search(ANY))
    assert client.receive() == []
    assert client.code_of("searchRequest", codec.search(ANY)) == 51
    client.write("abandonRequest", client.number - 1)
    assert client.dropped == [client.number - 2]
    assert not client.closed


def test_unbind_closes_without_an_answer(client: Client) -> None:
    client.write("unbindRequest", None)
    assert client.closed
    assert client.receive() == []


def test_a_critical_control_that_is_not_known(client: Client) -> None:
    client.log_in("ann")
    unknown = {"controlType": b"1.2.3.4", "criticality": True}
    search = codec.search(ANY, scope="baseObject")
    assert code(client.ask("searchRequest", search, [unknown])[-1][1]) == 12
    assert (
        code(client.ask("searchRequest", search, [{**unknown, "criticality": False}])[-1][1]) == 0
    )
    # Known, but not with this request.
    paged = [{**page(5)[0], "criticality": True}]
    assert code(client.ask("delRequest", JOHN.encode(), paged)[-1][1]) == 12


def test_a_filter_that_is_too_deep(client: Client) -> None:
    wanted: Any = ANY
    for _ in range(40):
        wanted = ("not", wanted)
    assert client.code_of("searchRequest", codec.search(wanted)) == 11


def test_a_stop_is_told(client: Client) -> None:
    client.session.stop()
    (notice,) = client.receive()
    assert code(notice[2]) == 52
    assert client.closed


# Operations


def extended(oid: str, value: bytes | None = None) -> dict[str, Any]:
    return {"requestName": oid.encode(), **({} if value is None else {"requestValue": value})}


def test_who_am_i(client: Client) -> None:
    answer = client.ask("extendedReq", extended(controls.WHO_AM_I))[-1][1]
    assert answer["responseValue"] == b""
    client.log_in("jsmith")
    answer = client.ask("extendedReq", extended(controls.WHO_AM_I))[-1][1]
    assert answer["responseValue"] == f"dn:{JOHN}".encode()
    client.log_in("stranger")
    answer = client.ask("extendedReq", extended(controls.WHO_AM_I))[-1][1]
    assert answer["responseValue"] == b"u:stranger"


def test_tls_begins_and_what_came_before_is_thrown_away(directory: Directory) -> None:
    client = Client(directory, is_local=False, offers_tls=True)
    start = codec.encode(1, "extendedReq", extended(controls.START_TLS))
    # What an attacker puts behind it must not be taken for the client's.
    client.session.receive(start + codec.encode(2, "bindRequest", sasl("PLAIN", b"\0a\0b")))
    client.session.receive(codec.encode(3, "bindRequest", sasl("PLAIN", b"\0a\0b")))
    (answer,) = client.receive()
    assert code(answer[2]) == 0
    assert client.tls == 1
    assert client.session.is_busy
    client.session.secured()
    assert not client.logins
    assert client.bind(JOHN) is None
    client.session.granted(client.logins[-1][0], identity("jsmith"))
    client.receive()
    assert client.code_of("extendedReq", extended(controls.START_TLS)) == 1


def test_tls_that_is_not_offered(client: Client) -> None:
    assert client.code_of("extendedReq", extended(controls.START_TLS)) == 2
    assert client.tls == 0


def test_tls_does_not_begin_while_something_runs(directory: Directory) -> None:
    client = Client(directory, offers_tls=True)
    client.log_in("ann")
    client.waits = True
    client.write("searchRequest", codec.search(ANY))
    assert client.code_of("extendedReq", extended(controls.START_TLS)) == 1


def test_cancel(directory: Directory) -> None:
    client = Client(directory)
    client.log_in("ann")
    client.waits = True
    number = client.write("searchRequest", codec.search(ANY))
    value = b"\x30\x03\x02\x01" + bytes((number,))
    client.write("extendedReq", extended(controls.CANCEL, value))
    results = {each[0]: code(each[2]) for each in client.receive()}
    assert results == {number: 118, number + 1: 0}
    assert client.dropped == [number]
    assert client.code_of("extendedReq", extended(controls.CANCEL, value)) == 119


def test_an_extended_operation_that_is_not_known(client: Client) -> None:
    assert client.code_of("extendedReq", extended("1.2.3.4")) == 2
    assert not client.closed


def test_the_root_dse_is_for_every_client(client: Client) -> None:
    search = codec.search(ANY, "", scope="baseObject", attributes=[b"+"])
    entry, done = client.ask("searchRequest", search)
    values = {each["type"]: each["vals"] for each in entry[1]["attributes"]}
    assert values[b"namingContexts"] == [SUFFIX.encode()]
    assert values[b"supportedSASLMechanisms"] == [b"SCRAM-SHA-256"]
    assert controls.START_TLS.encode() not in values[b"supportedExtension"]
    assert code(done[1]) == 0


def test_pages(client: Client) -> None:
    client.log_in("ann")
    names: list[str] = []
    cookie = b""
    search = codec.search(equal("objectClass", "inetOrgPerson"))
    sizes = []
    while True:
        client.write("searchRequest", search, page(2, cookie))
        *entries, done = client.receive()
        sizes.append(len(entries))
        names += [each[2]["objectName"].decode() for each in entries]
        value = done[3][0]["controlValue"]
        cookie = value[value.index(b"\x04", 3) + 2 :] if value[-2:] != b"\x04\x00" else b""
        if not cookie:
            break
    assert sizes in ([2, 2], [2, 2, 0])
    assert len(set(names)) == 4


def test_a_cookie_is_of_one_search_and_one_login(client: Client) -> None:
    client.log_in("ann")
    client.write("searchRequest", codec.search(equal("objectClass", "inetOrgPerson")), page(1))
    value = client.receive()[-1][3][0]["controlValue"]
    cookie = value[-12:]
    other = codec.search(ANY)
    assert code(client.ask("searchRequest", other, page(1, cookie))[-1][1]) == 53
    search = codec.search(equal("objectClass", "inetOrgPerson"))
    assert code(client.ask("searchRequest", search, page(1, cookie))[-1][1]) == 53
    client.write("searchRequest", search, page(1))
    cookie = client.receive()[-1][3][0]["controlValue"][-12:]
    client.log_in("jsmith")
    assert code(client.ask("searchRequest", search, page(1, cookie))[-1][1]) == 53


def test_a_size_limit_returns_what_was_found(client: Client) -> None:
    client.log_in("ann")
    search = codec.search(equal("objectClass", "inetOrgPerson"), sizeLimit=3)
    *entries, done = client.ask("searchRequest", search)
    assert len(entries) == 3
    assert code(done[1]) == 4
    search = codec.search(equal("objectClass", "inetOrgPerson"), sizeLimit=4)
    *entries, done = client.ask("searchRequest", search)
    assert len(entries) == 4
    assert code(done[1]) == 0


def test_new_passwords(client: Client) -> None:
    def request(user: str | None, old: bytes | None, new: bytes | None) -> dict[str, Any]:
        parts = [(0x80, None if user is None else user.encode()), (0x81, old), (0x82, new)]
        octets = b"".join(bytes((tag, len(x))) + x for tag, x in parts if x is not None)
        return extended(controls.PASSWORD_MODIFY, b"\x30" + bytes((len(octets),)) + octets)

    # Without a login, the old password is needed.
    assert client.code_of("extendedReq", request(JOHN, None, b"new")) == 50
    client.write("extendedReq", request(JOHN, b"secret", b"new"))
    tag, *rest = client.logins[-1]
    assert rest == ["jsmith", "secret", "new"]
    client.session.changed(tag)
    assert code(client.receive()[-1][2]) == 0
    client.log_in("jsmith")
    assert client.code_of("extendedReq", request(None, None, b"new")) == 53
    assert client.code_of("extendedReq", request(ANN, None, b"new")) == 53
    client.write("extendedReq", request(None, b"secret", b"short"))
    refused = PasswordRefused(ReturnCode.AUTHTOK_ERR, ["it is too short"])
    client.session.failed(client.logins[-1][0], refused)
    answer = client.receive()[-1][2]
    assert code(answer) == 19
    assert answer["diagnosticMessage"] == b"it is too short"
    client.write("extendedReq", request(None, b"wrong", b"new"))
    client.session.failed(client.logins[-1][0], OTHER)
    assert code(client.receive()[-1][2]) == 49


def test_an_administrator_sets_a_password_and_may_have_it_made(client: Client) -> None:
    client.log_in("ann")
    name = f"uid=zoe,{SUFFIX}".encode()
    octets = b"\x80" + bytes((len(name),)) + name
    value = b"\x30" + bytes((len(octets),)) + octets
    answer = client.ask("extendedReq", extended(controls.PASSWORD_MODIFY, value))[-1][1]
    assert code(answer) == 0
    password = answer["responseValue"][4:].decode()
    store = client.directory._everything
    assert PasswordHasher().verify(password, store.get("zoe").password or "")


def test_a_search_that_is_cut_into_calls_returns_all(directory: Directory) -> None:
    client = Client(directory)
    client.log_in("jsmith")
    assert client.search(contains("mail", "example")) == [JOHN, f"uid=zoe,{SUFFIX}"]
