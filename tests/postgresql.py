"""Real PostgreSQL servers for tests: in a temporary folder, on a free port of loopback."""

from __future__ import annotations

import atexit
import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from tests.machine import patience

PASSWORD = "hunter2"
"""Of the role that has rights; no log may ever show it."""

_SECONDS = patience(60)
# Nothing has to survive a failing power supply, and little has to be quick.
_SETTINGS = (
    "fsync=off",
    "full_page_writes=off",
    "max_wal_senders=4",
    "wal_keep_size=64MB",
    "shared_buffers=16MB",
    "max_connections=100",
    "autovacuum=off",
    "jit=off",
    "deadlock_timeout=100ms",
    "wal_retrieve_retry_interval=100ms",
)


class Server:
    """One server: `folder` holds all that it has."""

    def __init__(self, folder: Path) -> None:
        """Take a free port; nothing is started."""
        self.folder = folder
        self.data = folder / "data"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process that starts all others."""
        assert self._process is not None
        return self._process.pid

    def initialize(self) -> None:
        """Have an empty cluster, in which texts are not ordered by octets: a copy of the first."""
        run(self.folder, Path("/bin/cp"), "--archive", str(_template()), str(self.data))

    def make(self) -> None:
        """Make the first."""
        password = self.folder / "password"
        password.write_text(PASSWORD)
        _own(password)
        run(
            self.folder,
            binary("initdb"),
            *("--pgdata", str(self.data), "--username", "ualauth", "--pwfile", str(password)),
            *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync"),
            *("--locale-provider", "icu", "--icu-locale", "en-US"),
        )

    def copy(self, folder: Path) -> Server:
        """Return a new replica of this server, which follows it."""
        replica = Server(folder)
        replica._copy_from(self)
        return replica

    def _copy_from(self, primary: Server) -> None:
        run(
            self.folder,
            binary("pg_basebackup"),
            *("--pgdata", str(self.data), "--write-recovery-conf", "--checkpoint", "fast"),
            *("--dbname", primary.dsn("postgres"), "--no-sync", "--wal-method", "stream"),
        )

    def start(self, *settings: str) -> None:
        """Start it, and wait until it answers."""
        log = (self.folder / "log").open("ab")
        options = [f"--{each}" for each in (*_SETTINGS, *settings)]
        self._process = subprocess.Popen(
            [
                *_as_owner(),
                str(binary("postgres")),
                *("-D", str(self.data), "-p", str(self.port), "-h", "127.0.0.1"),
                *("-k", str(self.folder), *options),
            ],
            cwd=self.folder,
            stdout=log,
            stderr=log,
        )
        log.close()
        self._wait()

    def _wait(self) -> None:
        assert self._process is not None
        arguments = [str(binary("pg_isready")), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        for _ in range(int(_SECONDS) * 20):
            if subprocess.run(arguments, check=False, timeout=_SECONDS).returncode == 0:
                return
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.05)
                break
        raise AssertionError((self.folder / "log").read_text())

    def backends(self, database: str) -> list[int]:
        """Return the processes that serve ualauth's connections to a database."""
        rows = self.execute(
            "postgres",
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'ualauth' "
            f"AND datname = '{database}' ORDER BY pid",
        )
        return [row[0] for row in rows]

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it: SIGINT ends connections first, SIGQUIT loses what is not written yet."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """End it and all its processes at once, as a host does that loses its power."""
        process, self._process = self._process, None
        assert process is not None
        # It starts no other one meanwhile.
        process.send_signal(signal.SIGSTOP)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        for each in (*map(int, children), process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        process.wait()

    def follow(self, primary: Server) -> None:
        """Become a replica of another server, in the place of what it was; start it then."""
        shutil.rmtree(self.data)
        self._copy_from(primary)

    def url(self, database: str, *, password: bool = True) -> str:
        """Return the URL of a database on it."""
        secret = f":{PASSWORD}" if password else ""
        return f"postgresql://ualauth{secret}@127.0.0.1:{self.port}/{database}"

    def dsn(self, database: str) -> str:
        """Return the same in libpq's other form."""
        return f"host=127.0.0.1 port={self.port} user=ualauth password={PASSWORD} dbname={database}"

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """Return a connection that is in no transaction."""
        return psycopg.connect(self.url(database), autocommit=True, connect_timeout=int(_SECONDS))

    def execute(self, database: str, statement: str) -> list[tuple[Any, ...]]:
        """Return the rows of one statement, if it has any."""
        with contextlib.closing(self.connect(database)) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def create(self, database: str, template: str = "template0", options: str = "") -> None:
        """Create a database."""
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy " + options)
        with contextlib.closing(self.connect()) as connection:
            connection.execute(statement.format(sql.Identifier(database), sql.Identifier(template)))

    def drop(self, database: str) -> None:
        """Drop a database, though programs use it."""
        with contextlib.closing(self.connect()) as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database))
            )


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """Return a temporary folder that belongs to whom servers run as."""
    # A socket's path may have 107 octets: too few for pytest's own folders.
    path = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
    try:
        _own(path)
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def running(*settings: str) -> Iterator[Server]:
    """Return a new server, which is stopped at the end."""
    with folder() as path:
        server = Server(path)
        server.initialize()
        try:
            server.start(*settings)
            yield server
        finally:
            server.stop()


@contextlib.contextmanager
def replica_of(server: Server) -> Iterator[Server]:
    """Return a running replica, which is stopped at the end."""
    with folder() as path:
        replica = server.copy(path)
        try:
            replica.start()
            yield replica
        finally:
            replica.stop()


def binary(name: str) -> Path:
    """Return the newest of a program: Debian has those of the server beside its versions."""
    program = shutil.which(name)
    versions = sorted(
        Path("/usr/lib/postgresql").glob(f"*/bin/{name}"),
        key=lambda path: int(path.parts[4]),
    )
    if versions:
        return versions[-1]
    assert program, f"{name} is missing: apt-get install postgresql"
    return Path(program)


@cache
def _template() -> Path:
    """Return a cluster that this process has made once, and that is never started."""
    path = ExitStack()
    atexit.register(path.close)
    server = Server(path.enter_context(folder()))
    server.make()
    return server.data


def run(where: Path, program: Path, *arguments: str) -> None:
    """Run a program as the owner of servers, to its end."""
    done = subprocess.run(
        [*_as_owner(), str(program), *arguments],
        cwd=where,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _as_owner() -> Sequence[str]:
    """Return what runs a program as a user that servers accept: root is refused."""
    if os.getuid():
        return ()
    return ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--")


def _own(path: Path) -> None:
    if os.getuid() == 0:
        entry = pwd.getpwnam("postgres")
        os.chown(path, entry.pw_uid, entry.pw_gid)
