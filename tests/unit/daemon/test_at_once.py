"""What is answered at once is what the library answers, and no look is older than its request."""

from __future__ import annotations

import itertools
import math
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.unit.daemon.serving import Client, Served, listen, served
from tests.unit.daemon.test_saslauthd import counted
from ualauth import Authenticator, Identity
from ualauth.daemon.connection import Connection
from ualauth.errors import UalauthError
from ualauth.runtime import audit
from ualauth.runtime.at_once import AtOnce
from ualauth.runtime.peer import ConnectionInfo
from ualauth.testing.folder import ConfigFolder
from ualauth.userlist.store import UserStore

MESSAGES = (
    b"\0jane\0secret",
    b"jane\0jane\0secret",
    b"joe\0jane\0secret",
    b"\0jane\0wrong",
    b"\0jane\0",
    b"\0\0secret",
    b"\0JANE\0secret",
    b"\0jane@example.com\0secret",
    b"\0j\xc3\xa4ne\0secret",
    b"\0j\xffne\0secret",
    b"\0jane",
    b"jane",
    b"",
    b"\0jane\0secret\0",
    b"\0joe\0secret",
    b"\0nobody\0secret",
    b"\0jane\0" + b"x" * 70_000,
    "\0\uff4aane\0secret".encode(),
)
CONNECTIONS: tuple[ConnectionInfo, ...] = (
    {"tls": True},
    {"tls": True, "rhost": "192.0.2.7"},
    {"tls": False, "rhost": "192.0.2.7"},
    {"rhost": "192.0.2.7"},
    {},
    {"tls": True, "channel_binding": {"tls-exporter": b"x"}},
    {"tls": True, "caller_uid": 7},
)
SERVICES = ("imap", "smtpd.auth", "expired", "outage", "absent")


@pytest.fixture
def auth(folder: ConfigFolder) -> Iterator[Authenticator]:
    folder.settings(listen(folder.path, "dovecot-auth"))
    with Authenticator(folder.path) as auth:
        yield auth


def by_exchange(
    auth: Authenticator, service: str, message: bytes, connection: ConnectionInfo
) -> Identity | None:
    try:
        exchange = auth.sasl(service, "PLAIN", **connection)
        exchange.step(message)
    except UalauthError:
        return None
    return exchange.identity if exchange.done else None


def test_plain_is_granted_as_an_exchange_grants_it(auth: Authenticator) -> None:
    granted = 0
    for service, message, connection in itertools.product(SERVICES, MESSAGES, CONNECTIONS):
        # What is remembered of one is tried with all others.
        for _ in range(3):
            expected = by_exchange(auth, service, message, connection)
        identity = AtOnce(auth._base).plain(service, message, connection)
        assert identity is None or identity == expected, (service, message, connection)
        granted += identity is not None
    assert granted


def test_other_requests_than_the_remembered_one_are_not_granted(auth: Authenticator) -> None:
    for _ in range(3):
        assert by_exchange(auth, "imap", MESSAGES[0], CONNECTIONS[1])
    look = AtOnce(auth._base)
    assert look.plain("imap", MESSAGES[0], CONNECTIONS[1])
    for message, connection in itertools.product(MESSAGES, CONNECTIONS):
        if message not in {MESSAGES[0], MESSAGES[1]} or connection != CONNECTIONS[1]:
            assert look.plain("imap", message, connection) is None, (message, connection)
    assert look.plain("smtpd.auth", MESSAGES[0], CONNECTIONS[1]) is None
    assert look.login("imap", "jane", "secret", {"rhost": "192.0.2.7", "tls": True}) is None


def test_typed_password_is_granted_as_authenticate_grants_it(auth: Authenticator) -> None:
    for _ in range(3):
        auth.authenticate("imap", "jane", "secret", rhost="192.0.2.7")
    look = AtOnce(auth._base)
    assert look.login("imap", "jane", "secret", {"rhost": "192.0.2.7"}) is not None
    for service, user, password, peer in (
        ("imap", "jane", "wrong", {"rhost": "192.0.2.7"}),
        ("imap", "jane", "secret", {}),
        ("imap", "jane", "secret", {"rhost": "192.0.2.8"}),
        ("imap", "joe", "secret", {"rhost": "192.0.2.7"}),
        ("pop3", "jane", "secret", {"rhost": "192.0.2.7"}),
    ):
        assert look.login(service, user, password, peer) is None  # type: ignore[arg-type]


def test_login_that_is_to_be_told_of_goes_the_usual_way(auth: Authenticator) -> None:
    for _ in range(3):
        by_exchange(auth, "imap", MESSAGES[0], CONNECTIONS[1])
    assert AtOnce(auth._base).plain("imap", MESSAGES[0], CONNECTIONS[1])
    records: list[object] = []
    audit.listeners = (*audit.listeners, records.append)
    try:
        assert AtOnce(auth._base).plain("imap", MESSAGES[0], CONNECTIONS[1]) is None
    finally:
        audit.listeners = audit.listeners[:-1]


@pytest.fixture
def daemon(folder: ConfigFolder) -> Iterator[Served]:
    folder.settings(listen(folder.path, "dovecot-auth", "saslauthd"))
    with served(folder) as daemon:
        yield daemon


def block(first: int, number: int, password: str = "secret") -> bytes:
    response = b64encode(f"\0jane\0{password}".encode())
    return b"".join(
        b"AUTH\t%d\tPLAIN\tservice=imap\tsecured\tresp=%b\n" % (each, response)
        for each in range(first, first + number)
    )


@pytest.fixture
def client(daemon: Served, folder: ConfigFolder) -> Iterator[Client]:
    with daemon.connect(f"{folder.path}/dovecot-auth") as client:
        while (line := client.line()) != b"DONE":
            assert line
        client.send(b"VERSION\t1\t2\nCPID\t1\n")
        base: Any = daemon.daemon._current()._base
        for number in itertools.count(1):
            client.send(block(number, 1))
            assert client.line() == b"OK\t%d\tuser=jane" % number
            if base.verdicts.hits:
                break
        yield client


def answers(client: Client, number: int) -> set[bytes]:
    return {client.line().split(b"\t")[0] for _ in range(number)}


def connection_of(daemon: Served) -> Connection:
    (connection,) = daemon.daemon._connections
    return connection


def test_one_look_is_for_all_that_was_read_at_once(daemon: Served, client: Client) -> None:
    looks = 0
    base: Any = daemon.daemon._current()._base
    users = base._users
    look = users.version

    def count() -> Any:
        nonlocal looks
        looks += 1
        return look()

    def read() -> int:
        nonlocal looks
        connection_of(daemon).data_received(block(100, 200))
        base.services.load("imap")
        loaded = base.services._loaded
        # However long it takes until it is answered.
        loaded["imap"] = replace(loaded["imap"], next_check=math.inf)
        looks = 0
        daemon.daemon._carry_on()
        return looks

    users.version = count
    assert daemon.call(read) == 1
    assert answers(client, 200) == {b"OK"}
    assert not daemon.daemon._readers


def lock(store: UserStore) -> None:
    store.update(store.get("jane"), locked=True)


def change_password(store: UserStore) -> None:
    store.set_password(store.get("jane"), "*", (), changed=datetime.now(UTC), expires=None)


def delete(store: UserStore) -> None:
    store.delete(store.get("jane"))


@pytest.mark.parametrize("change", [lock, change_password, delete])
def test_change_holds_for_the_next_request(
    daemon: Served, folder: ConfigFolder, client: Client, change: Callable[[UserStore], None]
) -> None:
    with UserStore(f"sqlite:///{folder.path}/userlist.db") as store:
        client.send(block(100, 50))
        assert answers(client, 50) == {b"OK"}
        change(store)
        client.send(block(200, 50))
        assert answers(client, 50) == {b"FAIL"}


def test_change_between_the_reading_and_the_look_holds(
    daemon: Served, folder: ConfigFolder, client: Client
) -> None:
    def read_and_lock() -> None:
        connection_of(daemon).data_received(block(100, 5))
        with UserStore(f"sqlite:///{folder.path}/userlist.db") as store:
            lock(store)

    daemon.call(read_and_lock)
    assert answers(client, 5) == {b"FAIL"}


def test_wrong_passwords_among_right_ones(daemon: Served, client: Client) -> None:
    client.send(block(100, 3) + block(200, 2, "wrong") + block(300, 3))
    said = [client.line().split(b"\t")[:2] for _ in range(8)]
    assert {int(number) for word, number in said if word == b"OK"} == {100, 101, 102, 300, 301, 302}
    assert {int(number) for word, number in said if word == b"FAIL"} == {200, 201}


def test_saslauthd_is_answered_too(daemon: Served, folder: ConfigFolder) -> None:
    for password, expected in ([(b"secret", b"OK")] * 4) + [(b"wrong", b"NO")]:
        with daemon.connect(f"{folder.path}/saslauthd") as client:
            client.send(counted(b"jane", password, b"imap", b""))
            assert client.rest()[2:4] == expected


def test_logins_are_counted(daemon: Served, client: Client) -> None:
    before = daemon.daemon._logins.copy()
    client.send(block(1000, 20) + block(2000, 1, "wrong"))
    assert answers(client, 21) == {b"OK", b"FAIL"}
    assert daemon.daemon._logins - before == {
        ("dovecot-auth", "granted"): 20,
        ("dovecot-auth", "refused"): 1,
    }


def test_many_more_exchanges_than_are_kept(daemon: Served, client: Client) -> None:
    # Each of them waits for its client, which never responds.
    number = 6000
    begun = b"".join(b"AUTH\t%d\tPLAIN\tservice=imap\tsecured\n" % i for i in range(1, number + 1))

    def read() -> int:
        connection_of(daemon).data_received(begun.replace(b"AUTH\t", b"AUTH\t1"))
        return len(connection_of(daemon)._protocol._exchanges)  # type: ignore[union-attr]

    assert daemon.call(read) <= 5000
    client.send(block(5, 1))
    while not (line := client.line()).startswith(b"OK\t5\t"):
        assert line


def test_what_is_cancelled_at_once_leaves_nothing(daemon: Served, client: Client) -> None:
    begun = b"".join(
        b"AUTH\t%d\tPLAIN\tservice=imap\tsecured\nCANCEL\t%d\n" % (each, each)
        for each in range(100, 600)
    )
    connection = daemon.call(lambda: connection_of(daemon))
    client.send(begun + block(1000, 1))
    assert client.line() == b"OK\t1000\tuser=jane"
    left = daemon.call(lambda: (len(connection._asker._exchanges), len(connection._timers)))
    assert left == (0, 0)
