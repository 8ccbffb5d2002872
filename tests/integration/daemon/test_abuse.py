"""Ten thousand clients that say nothing, and one that logs in beside them."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.daemon.test_programs import program
from tests.integration.daemon.test_workers import (
    JANE,
    NO,
    OK,
    SOCKETS,
    WRONG,
    Daemon,
    pids_or_none,
    until,
)
from tests.unit.daemon.conftest import OM_AUTH
from tests.unit.daemon.serving import Client, listen
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

MANY = 10_000
MOST = 20_000
"""Bytes of memory for each connection that is idle."""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[ConfigFolder]:
    folder = ConfigFolder(tmp_path)
    folder.service("imap", OM_AUTH)
    userlist = Userlist.create(tmp_path)
    userlist.add("jane", "secret")
    yield folder
    userlist.close()


@contextlib.contextmanager
def daemon_with(folder: ConfigFolder, workers: int) -> Iterator[Daemon]:
    folder.settings(f"[serve]\nworkers = {workers}\n{listen(folder.path, *SOCKETS)}")
    with program(folder) as process:
        daemon = Daemon(folder, process)
        until(lambda: len(pids_or_none(daemon)) == workers)
        yield daemon


@contextlib.contextmanager
def descriptors(least: int) -> Iterator[int]:
    """Let this process have so many files open; yield how many it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = least if hard == resource.RLIM_INFINITY else min(least, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
    try:
        yield most
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def bytes_used(pid: int) -> int:
    """Return the bytes that a process alone has in memory (proc(5))."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    kilobytes = {line.split(":")[0]: line.split()[-2] for line in lines[1:]}
    return 1024 * (int(kilobytes["Private_Dirty"]) + int(kilobytes["Private_Clean"]))


def greeted(daemon: Daemon) -> Client:
    client = daemon.client("dovecot-auth")
    while (line := client.line()) != b"DONE":
        if not line:
            client.close()
            raise ConnectionError("it was cut")
    return client


def test_ten_thousand_connections_that_are_idle(folder: ConfigFolder) -> None:
    with descriptors(MANY + 500) as most, daemon_with(folder, 1) as daemon, ExitStack() as stack:
        number = min(MANY, most - 500)
        (pid,) = daemon.pids().values()
        for _ in range(200):
            stack.enter_context(greeted(daemon))
        before = bytes_used(pid)
        for _ in range(number - 200):
            stack.enter_context(greeted(daemon))
        used = (bytes_used(pid) - before) / (number - 200)
        assert used <= MOST
        # A client beside them is answered.
        assert daemon.says(JANE) == OK
        assert daemon.says(WRONG) == NO
        (worker,) = daemon.control(b"STATUS")["workers"]
        assert worker["connections"] >= number
