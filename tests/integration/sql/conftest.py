"""Real servers of both kinds, once for a file of tests, and a service that asks one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import pytest

from tests import mariadb, postgresql
from tests.conftest import Blocking, Way
from tests.unit.sql.mailboxes import STACK, Mailboxes
from ualauth.testing.folder import ConfigFolder

TABLE = (
    "CREATE TABLE mailbox (username VARCHAR(255) PRIMARY KEY, password VARCHAR(255), "
    "active BOOLEAN, expires TIMESTAMP NULL, allow_nets VARCHAR(255))"
)
ROW = "INSERT INTO mailbox VALUES ('jo@example.com', '{PLAIN}s3cret', TRUE, NULL, NULL)"
QUERY = "query SELECT username AS user, password, active, expires, allow_nets FROM mailbox"
WHERE = " WHERE username = {user}"


class Process(Protocol):
    """A server that a test may stop and start."""

    @property
    def pid(self) -> int: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...


@dataclass
class Behind:
    """A server with a database `vmail`."""

    kind: str
    server: Any
    url: str

    @property
    def process(self) -> Process:
        process: Process = self.server
        return process

    def execute(self, *statements: str) -> None:
        if isinstance(self.server, mariadb.Server):
            self.server.execute(*statements, database="vmail")
        else:
            for each in statements:
                self.server.execute("vmail", each)

    def renew(self) -> None:
        """Make the table as it was."""
        self.execute("DROP TABLE IF EXISTS mailbox", TABLE, ROW)

    def lock(self) -> Any:
        """Return a connection that holds the table; to close it frees it."""
        if isinstance(self.server, mariadb.Server):
            connection = self.server.connect("vmail")
            connection.cursor().execute("LOCK TABLES mailbox WRITE")
            return connection
        held = self.server.connect("vmail")
        held.execute("BEGIN")
        held.execute("LOCK TABLE mailbox")
        return held


@pytest.fixture(scope="module")
def maria() -> Iterator[Behind]:
    with mariadb.running() as server:
        server.execute("CREATE DATABASE vmail CHARACTER SET utf8mb4")
        yield Behind("mariadb", server, f"mysql://mail@127.0.0.1:{server.port}/vmail")


@pytest.fixture(scope="module")
def postgres() -> Iterator[Behind]:
    with postgresql.running() as server:
        server.create("vmail")
        yield Behind("postgresql", server, f"postgresql://ualauth@127.0.0.1:{server.port}/vmail")


@pytest.fixture(params=["maria", "postgres"])
def behind(request: pytest.FixtureRequest) -> Behind:
    """Return each of the servers, with its table as it was."""
    server: Behind = request.getfixturevalue(request.param)
    server.renew()
    return server


@pytest.fixture
def make(way: Way, folder: ConfigFolder) -> Callable[..., Mailboxes]:
    """Return what makes a service that asks a server; a line replaces the usual one."""
    return _maker(way, folder)


@pytest.fixture
def make_blocking(folder: ConfigFolder) -> Iterator[Callable[..., Mailboxes]]:
    """Return the same for what is of threads and processes, or the same in both ways."""
    way = Blocking()
    yield _maker(way, folder)
    way.close()


def _maker(way: Way, folder: ConfigFolder) -> Callable[..., Mailboxes]:
    def mailboxes(behind: Behind, *lines: str, stack: str = STACK) -> Mailboxes:
        password = folder.path / "sql.password"
        password.write_text(f"{mariadb.PASSWORD}\n")
        password.chmod(0o600)
        given = {each.split()[0] for each in lines}
        usual = [f"url {behind.url}", "password_file sql.password", QUERY + WHERE]
        usual = [each for each in usual if each.split()[0] not in given]
        return Mailboxes(way, folder, *usual, *lines, stack=stack)

    return mailboxes
