"""The daemon, asked by programs of Debian: doveadm, testsaslauthd, curl; and the program itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.machine import patience
from tests.unit.daemon.conftest import OM_AUTH
from tests.unit.daemon.serving import listen
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

PROGRAM = (sys.executable, "-c", "from ualauth.cli import main; main()")
SOCKETS = ("dovecot-auth", "saslauthd", "forward-auth")


@contextmanager
def program(
    folder: ConfigFolder,
    environment: Mapping[str, str] | None = None,
    *,
    is_log_read: bool = False,
) -> Iterator[subprocess.Popen[str]]:
    """Run `ualauth serve` while the block runs; what it logs is read by the caller, or dropped."""
    all_of_it = {**os.environ, **(environment or {})}
    command = [*PROGRAM, "--config-dir", str(folder.path), "serve"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=all_of_it) as process:
        timer = threading.Timer(patience(300), process.kill)
        timer.start()
        assert process.stderr is not None
        # A program that logs into a pipe that is full stands still.
        reader = threading.Thread(target=process.stderr.read)
        try:
            assert process.stderr.readline() == "serving\n"
            if not is_log_read:
                reader.start()
            yield process
        finally:
            process.terminate()
            if reader.ident is not None:
                reader.join()
                process.wait()
            else:
                process.communicate()
            timer.cancel()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConfigFolder]:
    path = tmp_path_factory.mktemp("serve")
    folder = ConfigFolder(path)
    for service in ("doveadm", "imap", "ual.remote"):
        folder.service(service, OM_AUTH)
    folder.service("outage", "auth required pam_debug auth=authinfo_unavail\n")
    folder.settings(listen(path, *SOCKETS))
    userlist = Userlist.create(path)
    userlist.add("jane", "secret")
    userlist.add("joe", "secret", locked=True)
    with program(folder) as process:
        yield folder
    assert process.returncode == 0
    assert not any((path / name).exists() for name in SOCKETS)
    userlist.close()


def run(*command: str) -> tuple[int, str]:
    ended = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=patience(120)
    )
    return ended.returncode, ended.stdout + ended.stderr


def doveadm(folder: ConfigFolder, user: str, password: str, *more: str) -> tuple[int, str]:
    settings = folder.path / "dovecot.conf"
    settings.write_text(f"base_dir = {folder.path}/base\nlog_path = /dev/stderr\nssl = no\n")
    socket = str(folder.path / "dovecot-auth")
    where = ("-c", str(settings), "auth", "test", "-a", socket)
    return run("doveadm", *where, *more, user, password)


def test_doveadm(folder: ConfigFolder) -> None:
    secured = ("-x", "secured")
    code, said = doveadm(folder, "jane", "secret", *secured)
    assert (code, "user=jane" in said) == (0, True), said
    for user, password in (("jane", "wrong"), ("unknown", "secret"), ("joe", "secret")):
        code, said = doveadm(folder, user, password, *secured)
        assert (code, "auth failed" in said) == (77, True), said
    # It says what the socket said, and has one status for all of it.
    code, said = doveadm(folder, "jane", "secret", *secured, "-x", "service=outage")
    assert (code, "code=temp_fail" in said) == (77, True), said
    code, said = doveadm(folder, "jane", "secret")
    assert (code, "needs an encrypted connection" in said) == (77, True), said


@pytest.mark.parametrize(
    ("user", "password", "service", "code"),
    [
        ("jane", "secret", "imap", 0),
        ("jane", "wrong", "imap", 255),
        ("unknown", "secret", "imap", 255),
        ("joe", "secret", "imap", 255),
        ("jane", "secret", "outage", 255),
    ],
)
def test_testsaslauthd(
    folder: ConfigFolder, user: str, password: str, service: str, code: int
) -> None:
    socket = str(folder.path / "saslauthd")
    command = ("testsaslauthd", "-f", socket, "-u", user, "-p", password, "-s", service)
    assert run(*command)[0] == code


@pytest.mark.parametrize(
    ("user", "password", "scheme", "status"),
    [
        ("jane", "secret", "https", "200"),
        ("jane", "wrong", "https", "401"),
        ("joe", "secret", "https", "403"),
        ("jane", "secret", "http", "403"),
    ],
)
def test_curl(folder: ConfigFolder, user: str, password: str, scheme: str, status: str) -> None:
    socket = str(folder.path / "forward-auth")
    what = ("-s", "-o", "/dev/null", "-w", "%{http_code} %header{remote-user}")
    who = ("-u", f"{user}:{password}", "-H", f"X-Forwarded-Proto: {scheme}")
    code, said = run("curl", *what, "--unix-socket", socket, *who, "http://localhost/")
    assert (code, said.strip()) == (0, f"{status} jane" if status == "200" else status)


def test_a_broken_configuration_keeps_the_old_one(tmp_path: Path) -> None:
    folder = ConfigFolder(tmp_path)
    folder.service("imap", OM_AUTH)
    folder.settings(listen(tmp_path, "saslauthd"))
    with program(folder, is_log_read=True) as process:
        assert process.stderr is not None
        folder.settings('[[listen]]\nprotocol = "no-such"\npath = "/x"\n')
        process.send_signal(signal.SIGHUP)
        line = process.stderr.readline()
        assert "the configuration is not used, and the one before stays" in line
        assert "there is no protocol 'no-such'" in line
        assert process.poll() is None
    assert process.returncode == 0


def test_a_configuration_that_cannot_be_used_ends_the_program(tmp_path: Path) -> None:
    folder = ConfigFolder(tmp_path)
    command = (*PROGRAM, "--config-dir", str(tmp_path), "serve")
    code, said = run(*command)
    assert (code, "names no socket; add a table [[listen]]" in said) == (2, True)
    folder.settings('[[listen]]\nprotocol = "saslauthd"\npath = "/no/such/folder/x"\n')
    code, said = run(*command)
    assert code == 2
    assert said == "Error: [[listen]] /no/such/folder/x: No such file or directory\n"
