"""A primary and its replica: reads go on, writes wait for the primary."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.machine import patience
from tests.postgresql import PASSWORD, Server, replica_of, running
from ualauth.errors import StoreError
from ualauth.userlist.database.postgresql import PostgreSQLBackend
from ualauth.userlist.database.postgresql_servers import Servers
from ualauth.userlist.names import ORName
from ualauth.userlist.record import NewUser
from ualauth.userlist.store import UserStore


@dataclass(frozen=True, slots=True)
class Pair:
    """Two servers: what the primary has confirmed, the replica has."""

    primary: Server
    replica: Server

    def url(self, *servers: Server, options: str = "") -> str:
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in servers)
        return f"postgresql://ualauth:{PASSWORD}@{hosts}/mail{options}"


@pytest.fixture(scope="module")
def servers() -> Iterator[Pair]:
    with running() as primary:
        primary.create("mail")
        with UserStore(primary.url("mail")) as store:
            store.create()
            store.add(NewUser(name=ORName("Smith"), authid="jsmith"))
        with replica_of(primary) as replica:
            primary.execute("postgres", "ALTER SYSTEM SET synchronous_commit = remote_apply")
            yield Pair(primary, replica)


@pytest.fixture
def pair(servers: Pair) -> Iterator[Pair]:
    """Return the pair while the replica follows."""
    follow(servers, "*")
    yield servers
    # A primary without its replica would wait for it.
    follow(servers, "")


def follow(pair: Pair, name: str) -> None:
    pair.primary.execute("postgres", f"ALTER SYSTEM SET synchronous_standby_names = '{name}'")
    pair.primary.execute("postgres", "SELECT pg_reload_conf()")
    wanted = "sync" if name else "async"
    until(
        pair.primary,
        f"SELECT count(*) > 0 FROM pg_stat_replication WHERE sync_state = '{wanted}'",
    )


def until(server: Server, question: str) -> None:
    deadline = time.monotonic() + patience(60)
    with contextlib.closing(server.connect()) as connection:
        while connection.execute(question.encode()).fetchone() != (True,):
            assert time.monotonic() < deadline, question


def read_from(store: UserStore) -> int:
    """Return the port of the server that is read from."""
    assert store.get("jsmith").authid == "jsmith"
    driver = store._database._idle[-1].connection.dbapi_connection
    assert driver is not None
    port: int = driver.info.port
    return port


def servers_of(store: UserStore) -> Servers:
    """Return what the store knows of its servers."""
    backend = store._database.backend
    assert isinstance(backend, PostgreSQLBackend)
    return backend._servers


def look_again(store: UserStore) -> None:
    """Let the time pass after which the primary is looked for."""
    servers_of(store)._breaker.succeeded("primary")


@pytest.mark.parametrize("order", [1, -1])
def test_reads_go_on_from_a_replica_until_the_primary_is_back(pair: Pair, order: int) -> None:
    url = pair.url(*(pair.primary, pair.replica)[::order])
    with UserStore(url, timeout=5) as store:
        assert read_from(store) == pair.primary.port
        user = store.update(store.get("jsmith"), language="de" if order > 0 else "fr")
        pair.primary.stop()
        assert read_from(store) == pair.replica.port
        # What was confirmed before is there.
        assert store.get("jsmith") == user
        with pytest.raises(StoreError, match="no server of the URL takes changes") as refused:
            store.update(user, locked=True)
        assert PASSWORD not in str(refused.value)
        look_again(store)
        assert read_from(store) == pair.replica.port
        store.close()
        assert read_from(store) == pair.replica.port
        pair.primary.start()
        # A writer asks for the primary at once.
        changed = store.update(user, language="pt")
        assert changed.revision == user.revision + 1
        look_again(store)
        assert read_from(store) == pair.primary.port
        assert store.get("jsmith") == changed


def test_a_lost_replica_is_not_missed(pair: Pair) -> None:
    follow(pair, "")
    with UserStore(pair.url(pair.replica, pair.primary), timeout=5) as store:
        pair.replica.stop()
        try:
            assert read_from(store) == pair.primary.port
            store.update(store.get("jsmith"), language="en")
        finally:
            pair.replica.start()


def test_a_replica_alone_is_read_from(pair: Pair) -> None:
    with UserStore(pair.url(pair.replica), timeout=5) as store:
        store.check()
        user = store.get("jsmith")
        for write in (
            lambda: store.update(user, locked=True),
            lambda: store.replace_hash(user, "old", "new"),
            lambda: store.delete(user),
            store.create,
        ):
            with pytest.raises(StoreError, match="no server of the URL takes changes"):
                write()
        assert store.get("jsmith") == user


def test_the_url_may_say_where_reads_go(pair: Pair) -> None:
    url = pair.url(pair.primary, pair.replica, options="?target_session_attrs=prefer-standby")
    with UserStore(url, timeout=5) as store:
        assert read_from(store) == pair.replica.port
        user = store.update(store.get("jsmith"), language="nl")
        assert read_from(store) == pair.replica.port
        assert store.get("jsmith") == user


def test_a_server_that_is_cut_off_is_waited_for_once(pair: Pair) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = pair.url(pair.replica).replace(
            "@127.0.0.1", f"@127.0.0.1:{silent.getsockname()[1]},127.0.0.1"
        )
        with UserStore(url, timeout=1) as store:
            begun = time.monotonic()
            assert read_from(store) == pair.replica.port
            looked = time.monotonic()
            assert 1 < looked - begun < patience(4)
            # The others, and new connections, go on with the replica.
            for _ in range(20):
                connection = store._database._connect(writing=False)
                connection.close()
                assert read_from(store) == pair.replica.port
            assert time.monotonic() - looked < patience(1)
            rest = servers_of(store)._breaker.retry_at("primary") - time.monotonic()
            assert rest > 5 * (looked - begun)


def test_servers_that_are_all_away_are_all_named(pair: Pair) -> None:
    ports = []
    for _ in range(2):
        with socket.create_server(("127.0.0.1", 0)) as closed:
            ports.append(closed.getsockname()[1])
    url = f"postgresql://ualauth:{PASSWORD}@127.0.0.1:{ports[0]},127.0.0.1:{ports[1]}/mail"
    with UserStore(url, timeout=1) as store:
        for use in (lambda: store.get("jsmith"), store.create):
            with pytest.raises(StoreError, match=f"{ports[0]}.*{ports[1]}") as refused:
                use()
            assert PASSWORD not in str(refused.value)
