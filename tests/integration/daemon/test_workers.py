"""Several processes that are one daemon: each of them dies, and no client is told a wrong thing."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import signal
import socket
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.daemon.test_programs import PROGRAM, program
from tests.machine import patience
from tests.unit.daemon.conftest import OM_AUTH
from tests.unit.daemon.serving import Client, listen
from tests.unit.daemon.test_saslauthd import counted
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

SOCKETS = ("dovecot-auth", "dovecot-master", "saslauthd", "control")
JANE, WRONG = (counted(b"jane", each, b"imap", b"") for each in (b"secret", b"wrong"))
OK, NO = counted(b"OK"), counted(b"NO authentication failed")
PLAIN = b64encode(b"\0jane\0secret")
WORKERS = 3


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[ConfigFolder]:
    folder = ConfigFolder(tmp_path)
    folder.service("imap", OM_AUTH)
    folder.settings(f"[serve]\nworkers = {WORKERS}\n{listen(tmp_path, *SOCKETS)}")
    userlist = Userlist.create(tmp_path)
    userlist.add("jane", "secret")
    yield folder
    userlist.close()


class Daemon:
    """A daemon that runs, as its administrator sees it."""

    def __init__(self, folder: ConfigFolder, process: subprocess.Popen[str]) -> None:
        self.folder = folder
        self.process = process

    def client(self, protocol: str) -> Client:
        return Client(str(self.folder.path / protocol))

    def control(self, command: bytes) -> Any:
        with self.client("control") as client:
            client.send(command + b"\n")
            return json.loads(client.line())

    def pids(self) -> dict[int, int]:
        """Return the pids of the workers by their numbers."""
        workers = self.control(b"STATUS")["workers"]
        return {each["worker"]: each["pid"] for each in workers}

    def log_in(self) -> tuple[bytes, bytes, Client]:
        """Log jane in; return the cookie, the number of the server, and the connection."""
        client = self.client("dovecot-auth")
        greeting = {}
        while (line := client.line()) != b"DONE":
            name, _, value = line.partition(b"\t")
            greeting[name] = value
        client.send(b"VERSION\t1\t2\nAUTH\t1\tPLAIN\tservice=imap\tsecured\tresp=" + PLAIN + b"\n")
        assert client.line() == b"OK\t1\tuser=jane"
        return greeting[b"COOKIE"], greeting[b"SPID"], client

    def take(self, cookie: bytes) -> bytes:
        with self.client("dovecot-master") as client:
            client.send(b"VERSION\t1\t1\nREQUEST\t1\t1\t1\t" + cookie + b"\n")
            assert [client.line(), client.line().partition(b"\t")[0]] == [b"VERSION\t1\t1", b"SPID"]
            return client.line()

    def says(self, request: bytes) -> bytes:
        """Return what the socket saslauthd says; empty if the connection is cut."""
        with contextlib.suppress(OSError), self.client("saslauthd") as client:
            client.send(request)
            return client.rest()
        return b""

    @contextlib.contextmanager
    def only(self, number: int) -> Iterator[None]:
        """Have one worker accept all clients, since the others stand still."""
        others = [pid for each, pid in self.pids().items() if each != number]
        for pid in others:
            os.kill(pid, signal.SIGSTOP)
        for pid in others:
            until(lambda pid=pid: state(pid) == "T")  # type: ignore[misc]
        try:
            yield
        finally:
            for pid in others:
                os.kill(pid, signal.SIGCONT)


@pytest.fixture
def daemon(folder: ConfigFolder) -> Iterator[Daemon]:
    with program(folder) as process:
        daemon = Daemon(folder, process)
        until(lambda: len(daemon.pids()) == WORKERS)
        yield daemon
    assert process.returncode == 0
    assert not any((folder.path / name).exists() for name in SOCKETS)


def until(condition: Callable[[], bool]) -> None:
    """Wait until it is so."""
    end = time.monotonic() + patience(60)
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def state(pid: int) -> str:
    """Return the letter of a process's state (proc(5)), empty if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except OSError:
        return ""


def test_a_login_is_taken_from_whichever_worker(daemon: Daemon) -> None:
    for number in range(WORKERS):
        with daemon.only(number):
            cookie, server, client = daemon.log_in()
        assert server == b"%d" % daemon.process.pid
        assert bytes.fromhex(cookie.decode())[0] == number
        # With all of them awake, any may be asked; it is told once.
        assert daemon.take(cookie).startswith(b"USER\t1\tjane")
        assert daemon.take(cookie) == b"FAIL\t1"
        client.close()


def test_a_worker_that_dies_is_replaced(daemon: Daemon) -> None:
    with daemon.only(1):
        cookie, _, client = daemon.log_in()
    before = daemon.pids()
    os.kill(before[1], signal.SIGKILL)
    # Its connections end, and what it knew is a temporary failure.
    assert client.rest() == b""
    until(lambda: daemon.pids().get(1, before[1]) != before[1])
    after = daemon.pids()
    assert {each: after[each] == before[each] for each in after} == {0: True, 1: False, 2: True}
    assert daemon.take(cookie) == b"FAIL\t1"
    with daemon.only(1):
        assert daemon.says(JANE) == OK
        _, server, again = daemon.log_in()
    assert server == b"%d" % daemon.process.pid
    client.close()
    again.close()


def test_workers_that_die_under_load_say_nothing_wrong(daemon: Daemon) -> None:
    killed, answered = 0, 0
    while killed < 10:
        for number, pid in daemon.pids().items():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            killed += 1
            for request, right in ((JANE, OK), (WRONG, NO)):
                said = daemon.says(request)
                assert said in {right, b""}, (number, said)
                answered += said == right
        until(lambda: len(pids_or_none(daemon)) == WORKERS)
    assert daemon.says(JANE) == OK
    assert daemon.says(WRONG) == NO


def pids_or_none(daemon: Daemon) -> dict[int, int]:
    try:
        return daemon.pids()
    except (OSError, ValueError):
        # The worker that was asked has died.
        return {}


def test_all_workers_take_a_new_configuration(daemon: Daemon) -> None:
    path = daemon.folder.path
    other = f'\n[[listen]]\nprotocol = "saslauthd"\npath = "{path}/other"\nservice = "outage"\n'
    daemon.folder.service("outage", "auth required pam_debug auth=authinfo_unavail\n")
    with daemon.client("dovecot-auth") as early:
        daemon.folder.settings(f"[serve]\nworkers = {WORKERS}\n{listen(path, *SOCKETS)}{other}")
        assert daemon.control(b"RELOAD") == {"problem": ""}
        for number in range(WORKERS):
            with daemon.only(number), Client(str(path / "other")) as client:
                client.send(JANE)
                assert client.rest() == counted(b"NO temporary authentication failure")
        daemon.folder.settings('[[listen]]\nprotocol = "no-such"\npath = "/x"\n')
        assert "there is no protocol 'no-such'" in daemon.control(b"RELOAD")["problem"]
        daemon.folder.settings("x")
        assert "is not TOML" in daemon.control(b"RELOAD")["problem"]
        # One that dies now has the last configuration that was good.
        pids = daemon.pids()
        os.kill(pids[0], signal.SIGKILL)
        until(lambda: pids_or_none(daemon).get(0, pids[0]) != pids[0])
        with daemon.only(0), Client(str(path / "other")) as client:
            client.send(JANE)
            assert client.rest() == counted(b"NO temporary authentication failure")
        daemon.folder.settings(f"[serve]\nworkers = {WORKERS}\n{listen(path, *SOCKETS)}")
        assert daemon.control(b"RELOAD") == {"problem": ""}
        assert not (path / "other").exists()
        # Connections stay, but those of the worker that was killed.
        with contextlib.suppress(OSError):
            early.send(b"VERSION\t1\t2\n")


def test_workers_end_with_the_first_process(folder: ConfigFolder) -> None:
    with program(folder) as process:
        daemon = Daemon(folder, process)
        pids = daemon.pids().values()
        process.kill()
        for pid in pids:
            until(lambda pid=pid: state(pid) in {"", "Z"})  # type: ignore[misc]
    # The next one takes the sockets that are left.
    with program(folder) as process:
        assert Daemon(folder, process).says(JANE) == OK


def test_a_worker_that_hangs_is_killed(folder: ConfigFolder, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(patience(60))
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "2000000"}
        with program(folder, environment) as process:
            while systemd.recv(100) != b"READY=1":
                pass
            daemon = Daemon(folder, process)
            pids = daemon.pids()
            os.kill(pids[2], signal.SIGSTOP)
            until(lambda: state(pids[2]) == "")
            until(lambda: pids_or_none(daemon).get(2, pids[2]) != pids[2])
            while systemd.recv(100) != b"WATCHDOG=1":
                pass


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_workers_have_the_rights_of_a_user() -> None:
    # By the interpreter of root's own, no other user could run a daemon.
    text = (
        "import os\n"
        "from ualauth.config.serve import ServeSettings\n"
        "from ualauth.daemon.worker import drop_privileges\n"
        "drop_privileges(ServeSettings(user='nobody'))\n"
        "print(os.getresuid(), os.getresgid(), os.getgroups())\n"
        "try:\n    os.setuid(0)\nexcept PermissionError:\n    print('for good')\n"
    )
    said = subprocess.run(
        (sys.executable, "-c", text),
        capture_output=True,
        text=True,
        check=True,
        timeout=patience(60),
    ).stdout
    account = pwd.getpwnam("nobody")
    uid, gid = account.pw_uid, account.pw_gid
    assert said == f"{(uid,) * 3} {(gid,) * 3} [{gid}]\nfor good\n"


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ('user = "no-such-user"', "this host has no such user or group"),
        ('user = "nobody"\ngroup = "no-such-group"', "this host has no such user or group"),
        ('group = "nogroup"', "[serve] group must stand with user"),
        ("workers = 65", "[serve] workers must be from 0 to 64"),
    ],
)
def test_settings_that_cannot_be(folder: ConfigFolder, settings: str, told: str) -> None:
    folder.settings(f"[serve]\n{settings}\n{listen(folder.path, *SOCKETS)}")
    code, said = ualauth(folder, "serve")
    assert code == 2
    assert told in said
    assert not any((folder.path / name).exists() for name in SOCKETS)


def ualauth(folder: ConfigFolder, *command: str) -> tuple[int, str]:
    ended = subprocess.run(
        (*PROGRAM, "--config-dir", str(folder.path), *command),
        capture_output=True,
        text=True,
        check=False,
        timeout=patience(120),
    )
    return ended.returncode, ended.stdout + ended.stderr


def test_status_and_reload(daemon: Daemon) -> None:
    folder = daemon.folder
    code, said = ualauth(folder, "status", "--json")
    assert (code, sorted(each["worker"] for each in json.loads(said))) == (0, [0, 1, 2])
    code, said = ualauth(folder, "status")
    assert code == 0
    assert all(f"{name} at {folder.path}/{name}" in said for name in SOCKETS)
    assert ualauth(folder, "reload") == (0, "the configuration was read anew\n")
    settings = (folder.path / "ualauth.toml").read_text()
    folder.settings(settings.replace("saslauthd", "saslaud"))
    code, said = ualauth(folder, "reload")
    assert code == 2
    assert "there is no protocol 'saslaud'; did you mean 'saslauthd'?" in said
    folder.settings(settings)


def test_a_daemon_that_does_not_run(folder: ConfigFolder) -> None:
    code, said = ualauth(folder, "status")
    assert code == 2
    assert "the daemon cannot be asked at" in said
    folder.settings(listen(folder.path, "saslauthd"))
    code, said = ualauth(folder, "status")
    assert code == 2
    assert 'add a table [[listen]] with protocol = "control"' in said
