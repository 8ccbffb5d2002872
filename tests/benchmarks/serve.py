"""`ualauth serve` beside Debian's Dovecot and saslauthd: rate, and processor time of the servers.

One client program asks either of them (`serve_client`). Passwords are remembered on both sides:
Dovecot has a passwd-file with {PLAIN} and its cache, and does not hash.
"""

from __future__ import annotations

import contextlib
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks import dovecot
from tests.benchmarks.page import Row
from tests.benchmarks.serve_client import PASSWORD, USER
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

TITLE = "ualauth serve"
HOW = """PLAIN on the socket of Dovecot's auth, by one client program that asks either server
(`tests/benchmarks/serve_client.py`): each a request for each answer that has come. One worker
of `ualauth serve`, whose user is in a USERLIST; Debian's Dovecot with a passwd-file, `{PLAIN}` and
its cache. Medians of alternating rounds; processor time is that of the servers, the system's part
included."""
_ROUNDS = 5
_SECONDS = 30
_TICKS = os.sysconf("SC_CLK_TCK")
_SETTINGS = """
[serve]
workers = 1
[[listen]]
protocol = "dovecot-auth"
path = "{folder}/socket"
service = "imap"
"""


@dataclass(frozen=True, slots=True)
class Shape:
    """How many connections have how many requests on their way, and how many logins in all."""

    what: str
    connections: int
    depth: int
    logins: int
    least: float
    """The ratio of rates that is aimed at."""
    most_time: float = 0.0
    """The ratio of processor times that is aimed at, if there is one."""


SHAPES = (
    Shape("4 connections, 64 requests on their way on each", 4, 64, 60_000, 2.0, 0.5),
    Shape("one request after another", 1, 1, 8000, 0.9),
    Shape("48 connections, one request on its way on each", 48, 1, 30_000, 0.8),
)


@dataclass(frozen=True, slots=True)
class Server:
    """Where one is asked, and what returns the seconds of processor time that it has used."""

    path: Path
    processor_time: Callable[[], float]


def processor_time(pid: int) -> float:
    """Return the seconds that the children of a process have used (proc(5))."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(") ")[2].split()
            if int(fields[1]) == pid:
                ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICKS


@contextlib.contextmanager
def ualauth() -> Iterator[Server]:
    """Return a running `ualauth serve`."""
    with tempfile.TemporaryDirectory(prefix="ualauth") as name:
        folder = ConfigFolder(Path(name))
        folder.service("imap", "auth required om_auth\naccount required om_auth\n")
        folder.settings(_SETTINGS.format(folder=name))
        userlist = Userlist.create(folder.path)
        userlist.add(USER, PASSWORD)
        userlist.close()
        code = "from ualauth.cli.application import application; application()"
        command = [sys.executable, "-c", code, "--config-dir", name, "serve"]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            try:
                assert process.stderr is not None
                if process.stderr.readline() != "serving\n":
                    raise RuntimeError("ualauth serve does not start")
                yield Server(Path(name) / "socket", lambda: processor_time(process.pid))
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(_SECONDS)


@contextlib.contextmanager
def debian() -> Iterator[Server]:
    """Return a running Dovecot."""
    line = f"{USER}:{{PLAIN}}{PASSWORD}\n"
    with dovecot.running(line, "passwd-file", cache="10 M") as service:
        yield Server(service.socket, service.processor_time)


def ask(server: Server, shape: Shape) -> tuple[float, float]:
    """Return logins a second, and microseconds of the server's processor time a login."""
    before = server.processor_time()
    numbers = map(str, (shape.connections, shape.depth, shape.logins))
    command = [sys.executable, "-m", "tests.benchmarks.serve_client", str(server.path), *numbers]
    seconds = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    used = server.processor_time() - before
    return shape.logins / seconds, 1e6 * used / (shape.logins + shape.connections * shape.depth)


def rows() -> list[Row]:
    """Measure, and return the figures."""
    table = []
    with ualauth() as ours, debian() as theirs:
        warm = Shape("", 1, 1, 500, 0.0)
        for server in (ours, theirs):
            ask(server, warm)
        for shape in SHAPES:
            rounds = [(ask(ours, shape), ask(theirs, shape)) for _ in range(_ROUNDS)]
            rates, times = (
                [statistics.median(each[side][figure] for each in rounds) for side in (0, 1)]
                for figure in (0, 1)
            )
            table.append(
                Row(
                    f"{shape.what}: logins a second",
                    f"{rates[0]:,.0f}",
                    f"Dovecot: {rates[1]:,.0f}",
                    f"{rates[0] / rates[1]:.2f}",
                    f"at least {shape.least}",
                )
            )
            target = f"at most {shape.most_time}" if shape.most_time else ""
            table.append(
                Row(
                    f"{shape.what}: processor time a login",
                    f"{times[0]:.1f} µs",
                    f"Dovecot: {times[1]:.1f} µs",
                    f"{times[0] / times[1]:.2f}",
                    target,
                )
            )
    return table


if __name__ == "__main__":
    begun = time.perf_counter()
    for row in rows():
        sys.stdout.write(f"{row}\n")
    sys.stdout.write(f"{time.perf_counter() - begun:.0f} s\n")
