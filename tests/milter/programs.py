"""Milters of other programs, run by tests as the page about milters says."""

from __future__ import annotations

import contextlib
import socket as socket_module
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.machine import patience
from tests.milter.recipes import configured


@contextlib.contextmanager
def running(
    arguments: Sequence[str], socket: Path, log: Path, *, is_milter: bool = True
) -> Iterator[None]:
    """Run a server, and wait until it takes connections.

    A milter is killed afterwards: libmilter looks only every five seconds whether it should end.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(arguments, stdout=output, stderr=output)
    try:
        until = time.monotonic() + patience(60)
        while not _listens(socket):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        yield
    finally:
        if is_milter:
            process.kill()
        else:
            process.terminate()
        try:
            process.wait(patience(20))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(patience(20))


def _listens(path: Path) -> bool:
    """Whether there is a server: the socket is there before it listens."""
    with socket_module.socket(socket_module.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except OSError:
            return False
    return True


@contextlib.contextmanager
def opendkim(folder: Path) -> Iterator[Path]:
    socket = folder / "dkim"
    subprocess.run(
        ["opendkim-genkey", "-b", "2048", "-d", "example.com", "-s", "s1", "-D", str(folder)],
        check=True,
    )
    file = folder / "opendkim.conf"
    replaced = {"KeyFile": folder / "s1.private", "Socket": f"local:{socket}"}
    file.write_text(configured("opendkim", replaced, "RequireSafeKeys no"))
    with running(["opendkim", "-f", "-x", str(file)], socket, folder / "dkim.log"):
        yield socket


@contextlib.contextmanager
def opendmarc(folder: Path) -> Iterator[Path]:
    """Run opendmarc; by default it looks at no message from this host."""
    socket, file, ignored = (folder / name for name in ("dmarc", "opendmarc.conf", "ignored"))
    ignored.write_text("192.0.2.1\n")
    replaced = {"Socket": f"local:{socket}", "IgnoreHosts": ignored}
    file.write_text(configured("opendmarc", replaced, "SoftwareHeader yes"))
    with running(["opendmarc", "-f", "-c", str(file)], socket, folder / "dmarc.log"):
        yield socket
