"""What a connection costs a server: from the greeting over the login to the logout."""

from __future__ import annotations

import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks.adapter_server import HOST, PASSWORD, USER
from tests.benchmarks.page import Row
from tests.unit.adapters import certificates
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

TITLE = "Adapters beside the bare servers"
HOW = """
Processor time that the server's process takes for one connection: TLS handshake, greeting, login,
logout. Median of 15 rounds of 40 connections, alternating. The bare server is the framework's own
with the same TLS, the same commands, and its own checker: a comparison with a password in memory,
and no hash. ualauth's asks a service whose stacks have `om_auth`, on a USERLIST in SQLite that is
asked each time whether anything changed, for a user who logged in before from there. Logins are
by PLAIN: `AUTH PLAIN` in SMTP, `AUTHENTICATE PLAIN` in IMAP, USER and PASS in POP3.
"""

SETTINGS = """
    [sasl]
    mechanisms = ["PLAIN"]
    [service."smtpd.auth"]
    mechanisms = ["PLAIN"]
"""
SERVERS = {
    "aiosmtpd-smtp": "aiosmtpd, SMTP",
    "pymap-imap": "pymap, IMAP",
    "twisted-imap": "Twisted, IMAP",
    "twisted-pop3": "Twisted, POP3",
    "twisted-smtp": "Twisted, SMTP",
}
ROUNDS, CONNECTIONS = 15, 40
PLAIN = b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode()
DIALOGUES = {
    "smtp": (("EHLO me", b"250 "), (f"AUTH PLAIN {PLAIN}", b"235"), ("QUIT", b"221")),
    "imap": (("a AUTHENTICATE PLAIN", b"+"), (PLAIN, b"a OK"), ("b LOGOUT", b"b OK")),
    "pop3": ((f"USER {USER}", b"+OK"), (f"PASS {PASSWORD}", b"+OK"), ("QUIT", b"+OK")),
}


def rows() -> list[Row]:
    """Measure each adapter beside the bare server."""
    with _folder() as folder:
        return [_beside(name, folder) for name in SERVERS]


def _beside(name: str, folder: Path) -> Row:
    with ExitStack() as started:
        sides = [started.enter_context(Server.run(name, side, folder)) for side in ("ours", "bare")]
        taken: list[list[float]] = [[], []]
        for side in sides:
            side.talk(CONNECTIONS)
        for _ in range(ROUNDS):
            for side, times in zip(sides, taken, strict=True):
                before = side.seconds()
                side.talk(CONNECTIONS)
                times.append((side.seconds() - before) / CONNECTIONS)
        ours, bare = (statistics.median(times) for times in taken)
    return Row(
        SERVERS[name],
        f"{ours * 1000:.2f} ms",
        f"{bare * 1000:.2f} ms",
        f"{ours / bare:.2f}",
        "1.5 or less",
    )


class Server:
    """A server in a process of its own, and a client of it."""

    def __init__(self, name: str, process: subprocess.Popen[str], folder: Path) -> None:
        """Read which port it has."""
        self._dialogue = DIALOGUES[name.partition("-")[2]]
        self._process = process
        assert process.stdout is not None
        self._port = int(process.stdout.readline())
        self._context = ssl.create_default_context(cafile=folder / "authority.pem")

    @classmethod
    @contextmanager
    def run(cls, name: str, side: str, folder: Path) -> Iterator[Server]:
        """Run one until the end."""
        with subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.adapter_server", name, side, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # aiosmtpd's own server warns of its own attributes.
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process:
            yield cls(name, process, folder)
            assert process.stdin is not None
            process.stdin.close()

    def seconds(self) -> float:
        """Return how much processor time it has used."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(file=self._process.stdin, flush=True)
        return float(self._process.stdout.readline())

    def talk(self, times: int) -> None:
        """Connect, log in and out, one time after the other."""
        for _ in range(times):
            with (
                socket.create_connection((HOST, self._port), 30) as plain,
                self._context.wrap_socket(plain, server_hostname="localhost") as secure,
                secure.makefile("rb") as lines,
            ):
                lines.readline()
                for line, expected in self._dialogue:
                    secure.sendall(f"{line}\r\n".encode())
                    while not (came := lines.readline()).startswith(expected):
                        assert came.startswith((b"250-", b"* ")), came


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        folder = ConfigFolder(Path(name) / "etc")
        folder.settings(SETTINGS)
        for service in ("imap", "pop3", "smtpd.auth"):
            folder.service(service, "auth required om_auth\naccount required om_auth\n")
        userlist = Userlist.create(folder.path)
        hashed, now = userlist.hasher.hash(PASSWORD), datetime.now(UTC)
        userlist.store.set_password(userlist.add(USER), hashed, [], changed=now, expires=None)
        userlist.close()
        certificates.make(folder.path)
        yield folder.path
