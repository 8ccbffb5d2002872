"""Ten thousand clients that say nothing, and workers that die while many clients log in."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.daemon.test_programs import program
from tests.integration.daemon.test_workers import (
    JANE,
    NO,
    OK,
    PLAIN,
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
CLIENTS = 4
KILLS = 4
WRONG_PLAIN = b64encode(b"\0jane\0wrong")


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


class Load(threading.Thread):
    """Clients that log in until it is enough, right and wrong in turn."""

    def __init__(self, daemon: Daemon) -> None:
        super().__init__()
        self.daemon_asked = daemon
        self.enough = threading.Event()
        self.answered = 0
        self.cut = 0
        self.mistakes: list[bytes] = []

    def run(self) -> None:
        while not self.enough.is_set():
            self._typed()
            self._by_dovecot()

    def _typed(self) -> None:
        for request, right in ((JANE, OK), (WRONG, NO)):
            self._judge(self.daemon_asked.says(request), right)

    def _by_dovecot(self) -> None:
        """Have sixteen requests on their way: the odd ones are right."""
        lines = [
            b"AUTH\t%d\tPLAIN\tservice=imap\tsecured\tresp=%b\n"
            % (number, PLAIN if number % 2 else WRONG_PLAIN)
            for number in range(1, 17)
        ]
        with contextlib.suppress(OSError), greeted(self.daemon_asked) as client:
            client.send(b"VERSION\t1\t2\nCPID\t1\n" + b"".join(lines))
            said = b""
            while said.count(b"\n") < len(lines) and (data := client.socket.recv(65_536)):
                said += data
            # Of a line that was cut, it is not known what it says.
            *answers, _ = said.split(b"\n")
            for word, number in (each.split(b"\t")[:2] for each in answers):
                self._judge(word, b"OK" if int(number) % 2 else b"FAIL")
            self.cut += len(lines) - len(answers)

    def _judge(self, said: bytes, right: bytes) -> None:
        if not said:
            self.cut += 1
        elif said == right:
            self.answered += 1
        else:
            self.mistakes.append(said)


def test_workers_that_die_one_after_another_under_load(folder: ConfigFolder) -> None:
    with daemon_with(folder, 2) as daemon:
        loads = [Load(daemon) for _ in range(CLIENTS)]
        for load in loads:
            load.start()
        try:
            for kill in range(KILLS):
                until(lambda: len(pids_or_none(daemon)) == 2)
                pids = pids_or_none(daemon)
                victim = pids.get(kill % 2)
                if victim is None:
                    continue
                answered = sum(load.answered for load in loads)
                os.kill(victim, signal.SIGKILL)
                until(lambda: pids_or_none(daemon).get(kill % 2, victim) != victim)  # noqa: B023
                # The others go on.
                until(lambda: sum(load.answered for load in loads) > answered)  # noqa: B023
        finally:
            for load in loads:
                load.enough.set()
            for load in loads:
                load.join()
        assert not [each for load in loads for each in load.mistakes]
        assert daemon.says(JANE) == OK
        assert daemon.says(WRONG) == NO
