"""Real MariaDB servers for tests: in a temporary folder, on a free port of loopback."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql

from tests.machine import patience

PASSWORD = "hunter2"
"""Of the user that tests log in as; no log may ever show it."""
_SECONDS = patience(60)
# Nothing has to survive a failing power supply.
_SETTINGS = (
    # What a killed server has written stays with the system.
    "--innodb-flush-log-at-trx-commit=2",
    "--innodb-buffer-pool-size=8M",
    "--innodb-log-file-size=4M",
    # With io_uring, which is the default, it hangs once in a while with some kernels.
    "--innodb-use-native-aio=OFF",
    "--key-buffer-size=1M",
    "--performance-schema=off",
    "--skip-log-bin",
    "--skip-name-resolve",
    "--max-connections=50",
)


class Server:
    """One server: `folder` holds all that it has."""

    def __init__(self, folder: Path) -> None:
        """Take a free port; nothing is started."""
        self.folder = folder
        self.data = folder / "data"
        self.socket = folder / "socket"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The server's process."""
        assert self._process is not None
        return self._process.pid

    def initialize(self) -> None:
        """Make an empty server whose user `mail` may read everything."""
        subprocess.run(
            [
                "mariadb-install-db",
                "--no-defaults",
                f"--datadir={self.data}",
                *_owner(),
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                *_SETTINGS,
            ],
            check=True,
            capture_output=True,
            timeout=_SECONDS,
            cwd=self.folder,
        )

    def start(self, *settings: str) -> None:
        """Start it, and wait until it answers."""
        log = (self.folder / "log").open("ab")
        self._process = subprocess.Popen(
            [
                shutil.which("mariadbd") or "/usr/sbin/mariadbd",
                "--no-defaults",
                f"--datadir={self.data}",
                f"--socket={self.socket}",
                f"--port={self.port}",
                "--bind-address=127.0.0.1",
                f"--pid-file={self.folder}/pid",
                *_owner(),
                *_SETTINGS,
                *settings,
            ],
            cwd=self.folder,
            stdout=log,
            stderr=log,
        )
        log.close()
        until = time.monotonic() + _SECONDS
        while True:
            try:
                # PyMySQL leaves a socket open that is refused.
                with socket.socket(socket.AF_UNIX) as probe:
                    probe.connect(str(self.socket))
                self.execute("SELECT 1")
                break
            except (OSError, pymysql.MySQLError):
                assert self._process.poll() is None, (self.folder / "log").read_text()
                assert time.monotonic() < until, (self.folder / "log").read_text()
                time.sleep(0.05)
        self.execute(f"CREATE USER IF NOT EXISTS mail@'%' IDENTIFIED BY '{PASSWORD}'")
        self.execute("GRANT SELECT ON *.* TO mail@'%'")

    def stop(self) -> None:
        """Stop it at once."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def execute(self, *statements: str, database: str | None = None) -> list[tuple[Any, ...]]:
        """Return the rows of the last of some statements, as an administrator."""
        connection = self.connect(database)
        with contextlib.closing(connection), connection.cursor() as cursor:
            for each in statements:
                cursor.execute(each)
            return list(cursor.fetchall())

    def connect(self, database: str | None = None) -> Any:
        """Return a connection of an administrator."""
        return pymysql.connect(
            unix_socket=str(self.socket), user="root", database=database, autocommit=True
        )


@contextlib.contextmanager
def running(*settings: str) -> Iterator[Server]:
    """Return a new server, which is stopped at the end."""
    path = Path(tempfile.mkdtemp(prefix="maria", dir="/tmp"))
    if os.getuid() == 0:
        entry = pwd.getpwnam("mysql")
        os.chown(path, entry.pw_uid, entry.pw_gid)
    server = Server(path)
    try:
        server.initialize()
        server.start(*settings)
        yield server
    finally:
        server.stop()
        shutil.rmtree(path, ignore_errors=True)


def _owner() -> tuple[str, ...]:
    """Return whom a server runs as that root starts: it refuses to be root."""
    return ("--user=mysql",) if os.getuid() == 0 else ()
