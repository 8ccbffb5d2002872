"""A server that goes away in the middle of an answer, wherever that is: nothing is changed."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.integration.sync.conftest import Follower
from tests.ldap import people, slapd
from tests.ldap.authority import Authority
from tests.machine import patience
from ualauth.sync.agreement import Source
from ualauth.sync.failures import SyncUnavailable
from ualauth.sync.products import Product

USERS = 1200
"""More than two pages."""
PARTS = 4
AFTER = "overlay syncprov\nsyncprov-checkpoint 100 10\nsyncprov-sessionlog 1000\n"


class Wire:
    """What lies before a server; it breaks after so many octets of answers, if any are said."""

    def __init__(self, server: slapd.Slapd) -> None:
        self._to = int(server.uri.rpartition(":")[2].strip("/"))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.uri = f"ldap://127.0.0.1:{self._listener.getsockname()[1]}"
        self.octets: int | None = None
        self.passed = 0
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def close(self) -> None:
        """Let no client in any more, and wait for those who are there."""
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(patience(30))
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.passed = 0
                self._start(self._connect, client)

    def _start(self, target: Callable[..., None], *arguments: object) -> threading.Thread:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def _connect(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._to)) as server:
            asking = self._start(_pass, client, server, lambda octets: octets)
            _pass(server, client, self._left)
            asking.join(patience(30))

    def _left(self, octets: bytes) -> bytes:
        """Return what still passes of an answer."""
        if self.octets is not None:
            octets = octets[: max(0, self.octets - self.passed)]
        self.passed += len(octets)
        return octets


def _pass(source: socket.socket, sink: socket.socket, left: Callable[[bytes], bytes]) -> None:
    with contextlib.suppress(OSError):
        while octets := left(source.recv(65536)):
            sink.sendall(octets)
    for each in (source, sink):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """A server behind a wire that breaks."""
    authority = Authority(tmp_path_factory.mktemp("authority"))
    with slapd.running(
        authority, before="moduleload syncprov", after=AFTER, entries=people.many(USERS)
    ) as server:
        wire = Wire(server)
        yield wire
        wire.close()


@pytest.mark.parametrize("source", [Source.FULL, Source.SYNCREPL])
def test_wherever_it_breaks_nothing_is_changed(
    wire: Wire, followers: Callable[..., Follower], source: Source
) -> None:
    staff = followers(
        people.READER.password,
        product=Product.OPENLDAP,
        source=source,
        uris=(wire.uri,),
        base=people.PEOPLE,
        group_base=people.GROUPS,
        bind_dn=people.READER.name,
        tls=False,
    )
    wire.octets = None
    assert staff.does()["add"] == USERS + 2
    staff.run(read_all=True)
    size = wire.passed
    before, members = staff.users(), staff.members()
    state = staff.state()["source"]
    for part in range(PARTS):
        wire.octets = max(1, size * part // PARTS)
        with pytest.raises(SyncUnavailable):
            staff.run(read_all=True)
        assert staff.users() == before
        assert staff.members() == members
        assert staff.state()["source"] == state
    wire.octets = size - 1
    with pytest.raises(SyncUnavailable):
        staff.run(read_all=True)
    wire.octets = None
    assert staff.does() == {}
