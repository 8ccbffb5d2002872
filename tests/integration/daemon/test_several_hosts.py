"""Two hosts serve by one PostgreSQL, whose primary is killed and whose replica takes its place.

Logins go on or are temporary failures: never a wrong one, and no change that was confirmed is
lost. Each host is a daemon with a folder of its own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.conftest import CHEAP
from tests.integration.daemon.test_programs import program
from tests.integration.daemon.test_workers import Daemon
from tests.integration.test_primary_that_dies import Pair
from tests.machine import patience
from tests.postgresql import replica_of, running
from tests.unit.daemon.conftest import OM_AUTH
from tests.unit.daemon.test_saslauthd import counted
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
from ualauth.userlist.administration import set_password
from ualauth.userlist.store import UserStore

OK, NO = counted(b"OK"), counted(b"NO authentication failed")
NOT_NOW = counted(b"NO temporary authentication failure")
OLD, NEW, NEWEST = b"copper 5 lantern", b"copper 6 lantern", b"copper 7 lantern"


@pytest.fixture
def pair() -> Iterator[Pair]:
    with running() as primary:
        primary.create("mail")
        with UserStore(primary.url("mail")) as store:
            store.create()
            userlist = Userlist(store)
            userlist.add("anna", "violet 7 anchor")
            userlist.add("bert", OLD.decode())
        with replica_of(primary) as replica:
            pair = Pair(primary, replica)
            pair.confirm_by_both()
            yield pair


@pytest.fixture
def hosts(pair: Pair, tmp_path: Path) -> Iterator[list[Daemon]]:
    with ExitStack() as stack:
        hosts = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            folder = ConfigFolder(tmp_path / name)
            folder.service("imap", OM_AUTH)
            sockets = "".join(
                f'[[listen]]\nprotocol = "{each}"\npath = "{folder.path}/{each}"\n'
                for each in ("saslauthd", "control")
            )
            folder.settings(
                f'{CHEAP}[userlist]\nurl = "{pair.url}"\ntimeout = 5\n[lockout]\nfailures = 0\n'
                f"failure_delay = 0\n[serve]\nworkers = 2\n{sockets}"
            )
            hosts.append(Daemon(folder, stack.enter_context(program(folder))))
        yield hosts


def says(host: Daemon, user: bytes, password: bytes) -> bytes:
    return host.says(counted(user, password, b"imap", b""))


class Clients(threading.Thread):
    """Clients of one host: anna's password is right, bert's old one is not."""

    def __init__(self, host: Daemon) -> None:
        super().__init__()
        self.host = host
        self.enough = threading.Event()
        self.mistakes: list[tuple[bytes, bytes]] = []
        self.laps = 0

    def run(self) -> None:
        tries = ((b"anna", b"violet 7 anchor", OK), (b"anna", b"wrong", NO), (b"bert", OLD, NO))
        while not self.enough.is_set():
            for user, password, right in tries:
                said = says(self.host, user, password)
                if said not in {right, NOT_NOW}:
                    self.mistakes.append((user, said))
            self.laps += 1


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + patience(120)
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_replica_takes_the_place_of_the_primary_under_load(
    pair: Pair, hosts: list[Daemon]
) -> None:
    with UserStore(pair.url, timeout=5) as store:
        hasher = Userlist(store).hasher
        for host in hosts:
            # The first login of a process may take longer than one may.
            until(lambda host=host: says(host, b"bert", OLD) == OK)  # type: ignore[misc]
        set_password(store, hasher, store.get("bert"), NEW.decode())
        # At the very next login, on both hosts.
        for host in hosts:
            assert says(host, b"bert", OLD) in {NO, NOT_NOW}
            until(lambda host=host: says(host, b"bert", OLD) == NO)  # type: ignore[misc]
        clients = [Clients(host) for host in hosts for _ in range(2)]
        for each in clients:
            each.start()
        try:
            _lap(clients)
            pair.primary.kill()
            _lap(clients)
            pair.replica.execute("postgres", "ALTER SYSTEM RESET synchronous_standby_names")
            assert pair.replica.execute("postgres", "SELECT pg_promote()") == [(True,)]
            _lap(clients)
            # What was confirmed before is there.
            for host in hosts:
                until(lambda host=host: says(host, b"bert", NEW) == OK)  # type: ignore[misc]
            # What is changed there holds on both hosts.
            set_password(store, hasher, store.get("bert"), NEWEST.decode())
            for host in hosts:
                assert says(host, b"bert", NEW) in {NO, NOT_NOW}
                until(lambda host=host: says(host, b"bert", NEWEST) == OK)  # type: ignore[misc]
        finally:
            for each in clients:
                each.enough.set()
            for each in clients:
                each.join()
        assert not [mistake for each in clients for mistake in each.mistakes]


def _lap(clients: list[Clients]) -> None:
    """Wait until each client has asked all of its questions once more."""
    laps = [each.laps for each in clients]
    until(lambda: all(each.laps > before + 1 for each, before in zip(clients, laps, strict=True)))
