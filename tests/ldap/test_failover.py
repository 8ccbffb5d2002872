"""Connections that end, servers that go away and come back, and who waits for whom."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.kerberos import free_port
from tests.ldap import people
from tests.ldap.authority import Authority
from tests.ldap.bad_server import BadServer, Request, answer, well
from tests.ldap.conftest import Client
from tests.ldap.slapd import Slapd, running
from tests.machine import patience
from ualauth.ldap.client.blocking import BLOCKING, run_blocking
from ualauth.ldap.client.faults import Lost, TimedOut, Unanswered, Unreachable
from ualauth.ldap.client.pending import PendingConnection
from ualauth.ldap.client.servers import Purpose
from ualauth.ldap.client.settings import LdapSettings, Library, Tls, Uri
from ualauth.ldap.client.shared import Directories
from ualauth.ldap.client.values import Kind
from ualauth.system.poll import wait_on_loop

PLAIN = {"login": None, "tls": Tls.OFF}


class OnLoop:
    """A requester on an event loop, as `AsyncAuthenticator` is one."""

    async def offload(self, function: Callable[..., Any], *args: Any) -> Any:
        return await asyncio.to_thread(function, *args)

    async def readable(self, fileno: int, seconds: float) -> bool:
        return await wait_on_loop(fileno, seconds)


@pytest.fixture
def pair(authority: Authority) -> Iterator[tuple[Slapd, Slapd]]:
    """Return two servers of one directory."""
    with running(authority) as first, running(authority) as second:
        yield first, second


def _until(condition: Callable[[], bool]) -> None:
    ended = time.monotonic() + patience(20)
    while not condition():
        assert time.monotonic() < ended
        time.sleep(0.01)


# A connection ends


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_connection_that_was_closed_meanwhile_fails_no_login(
    connect: Callable[..., Client], authority: Authority, how: signal.Signals
) -> None:
    with running(authority) as server:
        client = connect(server.uri)
        for _ in range(3):
            assert client.people("(uid=jsmith)") == ["jsmith"]
            assert client.bind(people.JOHN).ok
            server.stop(how)
            server.start()


def test_a_bind_without_an_answer_is_sent_once_more_on_a_new_connection(
    connect: Callable[..., Client],
) -> None:
    def second_time(connection: socket.socket, request: Request) -> None:
        if server.binds == 2:
            connection.shutdown(socket.SHUT_RDWR)
        well(connection, request)

    with BadServer(second_time) as server:
        client = connect(server.uri, **PLAIN)
        assert [client.bind(people.JOHN).kind for _ in range(3)] == [Kind.OK] * 3
        assert (server.binds, server.connections) == (4, 2)


def test_a_new_connection_that_ends_is_a_failure(connect: Callable[..., Client]) -> None:
    def never(connection: socket.socket, _: Request) -> None:
        connection.shutdown(socket.SHUT_RDWR)

    with BadServer(never) as server:
        client = connect(server.uri, **PLAIN)
        with pytest.raises(Lost):
            client.bind(people.JOHN)
        assert server.binds == 1


def test_connections_are_kept_and_used_again(connect: Callable[..., Client]) -> None:
    with BadServer(well) as server:
        client = connect(server.uri, **PLAIN)
        for _ in range(20):
            client.bind(people.JOHN)
        assert server.connections == 1


def test_connections_that_were_not_used_for_long_are_closed(
    connect: Callable[..., Client],
) -> None:
    with BadServer(well) as server:
        client = connect(server.uri, idle_lifetime=0.05, **PLAIN)
        client.bind(people.JOHN)
        time.sleep(0.06)
        client.bind(people.JOHN)
        assert server.connections == 2


def test_a_process_that_was_forked_has_connections_of_its_own(
    connect: Callable[..., Client], slapd: Slapd
) -> None:
    client = connect(slapd.uri)
    assert client.bind(people.JOHN).ok
    links = [connection for connection, _ in _idle(client)]

    def child(results: Any) -> None:
        results.put([client.bind(people.JOHN).ok for _ in range(5)])

    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()
    process = context.Process(target=child, args=(results,))
    process.start()
    mine = [client.bind(people.JOHN).ok for _ in range(5)]
    assert results.get() == mine == [True] * 5
    process.join(20)
    assert process.exitcode == 0
    assert client.bind(people.JOHN).ok
    assert [connection for connection, _ in _idle(client)] == links


def _idle(client: Client) -> Any:
    return client.directory._servers.all[0].pools[Purpose.USER]._idle


# A server goes away


def test_the_next_server_is_asked_and_the_first_one_again_when_it_is_well(
    connect: Callable[..., Client], pair: tuple[Slapd, Slapd]
) -> None:
    first, second = pair
    client = connect(first.uri, second.uri)
    assert client.connected().server == first.uri
    first.stop()
    for _ in range(3):
        assert client.bind(people.JOHN).ok
        assert client.connected().server == second.uri
    first.start()
    _until(lambda: client.connected().server == first.uri)
    # What was kept of the second one is closed.
    assert client.bind(people.JOHN).ok
    assert all(not pool._idle for pool in client.directory._servers.all[1].pools.values())


def test_a_server_that_hangs_is_left_for_the_next_one(
    connect: Callable[..., Client], pair: tuple[Slapd, Slapd]
) -> None:
    first, second = pair
    limit = patience(0.5)
    client = connect(
        first.uri, second.uri, search_timeout=limit, bind_timeout=limit, connect_timeout=limit
    )
    assert client.bind(people.JOHN).ok
    first.hang()
    try:
        assert client.bind(people.JOHN).ok
        started = time.monotonic()
        # Once is enough to find out.
        for _ in range(5):
            assert client.bind(people.JOHN).ok
        assert time.monotonic() - started < limit
    finally:
        first.go_on()
    _until(lambda: client.connected().server == first.uri)


def test_a_server_that_is_busy_is_left_for_the_next_one(
    connect: Callable[..., Client],
) -> None:
    def busy(connection: socket.socket, request: Request) -> None:
        connection.sendall(answer(request.number, 0x61, 51))

    with BadServer(busy) as first, BadServer(well) as second:
        assert connect(first.uri, second.uri, **PLAIN).bind(people.JOHN).ok
        with pytest.raises(Unanswered):
            connect(first.uri, **PLAIN).bind(people.JOHN)


def test_all_that_is_wrong_is_said(connect: Callable[..., Client]) -> None:
    with socket.socket() as one, socket.socket() as other:
        ports = []
        for each in (one, other):
            each.bind(("127.0.0.1", 0))
            ports.append(each.getsockname()[1])
        client = connect(*(f"ldap://127.0.0.1:{port}" for port in ports), **PLAIN)
        with pytest.raises(Unreachable) as caught:
            client.bind(people.JOHN)
    assert all(f":{port}: " in str(caught.value) for port in ports)


def test_a_server_that_says_nothing_is_not_waited_for_by_every_login(
    connect: Callable[..., Client],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        uri = f"ldap://127.0.0.1:{listener.getsockname()[1]}"
        limit = patience(0.5)
        client = connect(uri, connect_timeout=limit, retry_first=60, retry_most=60)
        with pytest.raises(TimedOut):
            client.bind(people.JOHN)
        started = time.monotonic()
        for _ in range(10):
            with pytest.raises(TimedOut):
                client.bind(people.JOHN)
        assert time.monotonic() - started < limit


def test_a_server_that_refuses_is_asked_by_every_login(
    connect: Callable[..., Client], authority: Authority
) -> None:
    with running(authority) as server:
        client = connect(server.uri, retry_first=60, retry_most=60)
        server.stop()
        with pytest.raises(Unreachable):
            client.bind(people.JOHN)
        server.start()
        assert client.bind(people.JOHN).ok


# Many at once


def test_no_more_connections_are_made_than_are_allowed(
    connect: Callable[..., Client],
) -> None:
    def slow(connection: socket.socket, request: Request) -> None:
        server.wait(0.01)
        well(connection, request)

    with BadServer(slow) as server:
        client = connect(server.uri, pool_size=3, **PLAIN)
        with ThreadPoolExecutor(12) as threads:
            answers = list(threads.map(lambda _: client.bind(people.JOHN).ok, range(60)))
        assert answers == [True] * 60
        assert server.connections == 3


def test_who_waits_for_a_connection_in_vain_learns_so(connect: Callable[..., Client]) -> None:
    def never(_: socket.socket, __: Request) -> None:
        """Never answer."""

    with BadServer(never) as server:
        client = connect(server.uri, pool_size=1, bind_timeout=patience(0.4), **PLAIN)
        with ThreadPoolExecutor(2) as threads:
            futures = [threads.submit(client.bind, people.JOHN) for _ in range(2)]
            faults = sorted(str(each.exception()) for each in futures)
    assert "no answer in time" in faults[1]
    assert "in use" in faults[0] or "no answer in time" in faults[0]


def test_who_gives_up_gives_its_place_back(connect: Callable[..., Client]) -> None:
    hold = threading.Event()

    def held(connection: socket.socket, request: Request) -> None:
        if not hold.is_set():
            server.wait(10)
        well(connection, request)

    async def play() -> None:
        requester = OnLoop()
        tasks = [
            asyncio.create_task(client.directory.bind(requester, people.JOHN)) for _ in range(6)
        ]
        await asyncio.sleep(0.1)
        for each in tasks:
            each.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(each, asyncio.CancelledError) for each in outcomes)
        hold.set()
        again = await asyncio.gather(
            *(client.directory.bind(requester, people.JOHN) for _ in range(6))
        )
        assert [each.ok for each in again] == [True] * 6

    with BadServer(held) as server:
        client = connect(server.uri, pool_size=2, **PLAIN)
        asyncio.run(play())
        pool = client.directory._servers.all[0].pools[Purpose.USER]
        assert (pool._taken, len(pool._waiting), len(pool._idle)) == (0, 0, 2)


def test_one_directory_serves_several_loops_and_threads(
    connect: Callable[..., Client], slapd: Slapd
) -> None:
    client = connect(slapd.uri, pool_size=2)

    async def some() -> int:
        requester = OnLoop()
        answers = await asyncio.gather(
            *(client.directory.bind(requester, people.JOHN) for _ in range(20))
        )
        return sum(each.ok for each in answers)

    with ThreadPoolExecutor(4) as threads:
        loops = [threads.submit(asyncio.run, some()) for _ in range(3)]
        plain = [threads.submit(client.bind, people.JOHN) for _ in range(20)]
        assert [each.result() for each in loops] == [20] * 3
        assert all(each.result().ok for each in plain)


# Connections in the making


def test_a_connection_that_comes_too_late_is_closed(library: Library) -> None:
    class Slow:
        name = "slow"
        connection: Any = None

        def connect(self, _: Uri, __: LdapSettings) -> Any:
            wanted.wait(10)
            self.connection = Connection()
            return self.connection

    class Connection:
        closed = threading.Event()

        def close(self) -> None:
            self.closed.set()

    wanted = threading.Event()
    settings = LdapSettings(uris=("ldap://localhost",), connect_timeout=0.05)
    pending = PendingConnection(Slow(), settings.servers[0], settings)
    with pytest.raises(TimedOut):
        pending.wait()
    wanted.set()
    assert Connection.closed.wait(10)


# Sharing


def test_a_directory_is_shared_by_its_settings_and_ends_with_its_last_user(
    slapd: Slapd, authority: Authority, library: Library
) -> None:
    def settings() -> LdapSettings:
        return LdapSettings(uris=(slapd.uri,), ca_file=str(authority.file), library=library)

    directories = Directories()
    one = directories.of(settings())
    assert directories.of(settings()) is one
    assert directories.of(LdapSettings(uris=(slapd.uri,), library=library)) is not one
    assert Directories().of(settings()) is not one
    assert run_blocking(one.bind(BLOCKING, people.JOHN)).ok
    connection = one._servers.all[0].pools[Purpose.USER]._idle[0][0]
    assert connection.fileno() >= 0
    del one
    gc.collect()
    assert connection.fileno() < 0


def test_a_directory_may_be_used_after_it_was_closed(
    connect: Callable[..., Client], slapd: Slapd
) -> None:
    client = connect(slapd.uri)
    for _ in range(2):
        assert client.bind(people.JOHN).ok
        client.directory.close()


def test_a_connection_that_is_in_use_when_the_directory_is_closed_is_closed_when_it_comes_back(
    connect: Callable[..., Client], slapd: Slapd
) -> None:
    directory = connect(slapd.uri).directory

    async def use() -> int:
        async with directory.session(BLOCKING, people.JOHN) as session:
            directory.close()
            assert session.answer.ok
            assert await session.compare(BLOCKING, people.JOHN.name, "uid", b"jsmith")
            connection = session.connection
        return connection.fileno()

    assert run_blocking(use()) < 0
    assert run_blocking(directory.bind(BLOCKING, people.JOHN)).ok


def test_closing_ends_the_thread_that_looks_after_servers(
    connect: Callable[..., Client],
) -> None:
    directory = connect(f"ldap://127.0.0.1:{free_port()}").directory
    with pytest.raises(Unreachable):
        run_blocking(directory.bind(BLOCKING, people.JOHN))
    assert "ualauth-ldap" in {each.name for each in threading.enumerate()}
    directory.close()
    assert "ualauth-ldap" not in {each.name for each in threading.enumerate()}
