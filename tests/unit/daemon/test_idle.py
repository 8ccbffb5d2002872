"""Connections that are idle cost little, and as little as the first ones."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.unit.daemon.serving import Client, Served, listen, served
from tests.unit.daemon.test_server import until
from ualauth.testing.folder import ConfigFolder

MOST = 20_000
"""Bytes of Python objects of one connection, those of its client in this process included."""
MANY = 300


@pytest.fixture
def daemon(folder: ConfigFolder) -> Iterator[Served]:
    folder.settings(listen(folder.path, "dovecot-auth", "dovecot-master", "saslauthd", "control"))
    with served(folder) as daemon:
        yield daemon


@contextmanager
def connected(daemon: Served, place: str, number: int, greeting: bytes) -> Iterator[list[Client]]:
    with ExitStack() as stack:
        clients = [stack.enter_context(daemon.connect(place)) for _ in range(number)]
        for client in clients:
            while greeting and not (line := client.line()).startswith(greeting):
                assert line
        yield clients


@pytest.mark.parametrize(
    ("protocol", "greeting", "said"),
    [
        ("dovecot-auth", b"DONE", b"VERSION\t1\t2\nCPID\t1\n"),
        ("dovecot-master", b"SPID", b"VERSION\t1\t1\n"),
        ("saslauthd", b"", b"\0"),
    ],
)
def test_memory_of_idle_connections(
    daemon: Served, folder: ConfigFolder, protocol: str, greeting: bytes, said: bytes
) -> None:
    place = f"{folder.path}/{protocol}"
    with connected(daemon, place, 20, greeting):
        gc.collect()
        tracemalloc.start()
        try:
            with connected(daemon, place, MANY, greeting) as clients:
                for client in clients:
                    client.send(said)
                # What has been sent before is read before.
                until(lambda: daemon.call(lambda: daemon.daemon.connections) == MANY + 20)
                daemon.call(gc.collect)
                used, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert used / MANY <= MOST
    until(lambda: daemon.call(lambda: daemon.daemon.connections) == 0)
