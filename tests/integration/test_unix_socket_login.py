"""A server on a UNIX socket, and clients with uids of their own: real processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.machine import patience
from ualauth import AuthenticationError, Authenticator, ReturnCode, peer_uid
from ualauth.config.install import shipped_folder
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

PATIENCE = patience(30)
"""Seconds; nothing here takes one."""

# Without root's rights it keeps the uid that it has, and the test goes by that one.
CLIENT = """
import os, socket, sys
path, uid = sys.argv[1], int(sys.argv[2])
os.chdir(os.path.dirname(path))
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(uid + 7)  # not to be taken for the uid
    os.setuid(uid)
with socket.socket(socket.AF_UNIX) as client:
    client.settimeout(30)
    client.connect(os.path.basename(path))
    client.sendall(os.environ.get("NAME", "").encode() + b"\\n")
    print(os.getuid(), client.makefile().readline().strip())
"""


class Server(threading.Thread):
    """Lets callers in through `administrators`; the login name is the line that they send."""

    def __init__(self, path: Path, folder: ConfigFolder) -> None:
        super().__init__()
        self._folder = folder
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        path.chmod(0o666)
        self._listening.listen()
        self._listening.settimeout(PATIENCE)

    def run(self) -> None:
        with Authenticator(self._folder.config()) as authenticator, self._listening:
            while True:
                connection, _ = self._listening.accept()
                with connection, connection.makefile("rw") as stream:
                    name = stream.readline().strip()
                    if name == "stop":
                        return
                    uid = peer_uid(connection)
                    stream.write(f"{self._answer(authenticator, name, uid)}\n")

    @staticmethod
    def _answer(authenticator: Authenticator, name: str, uid: int) -> str:
        if name:
            try:
                return authenticator.authenticate("administrators", name, "", caller_uid=uid).user
            except AuthenticationError as error:
                return type(error).__name__
        with authenticator.transaction("administrators", caller_uid=uid) as transaction:
            code = transaction.authenticate()
            if code is ReturnCode.SUCCESS:
                code = transaction.acct_mgmt()
            return (
                transaction.person.authid
                if code is ReturnCode.SUCCESS and transaction.person
                else str(code)
            )


def uid_of(number: int) -> int:
    """Return the uid that a client will have which is to have `number`."""
    return number if os.getuid() == 0 else os.getuid()


@pytest.fixture
def path(folder: ConfigFolder, tmp_path: Path) -> Iterator[Path]:
    shipped = shipped_folder() / "examples" / "administrators"
    folder.service("administrators", shipped.read_bytes())
    # Clients of other uids connect by a relative name, so only this folder has to let them in.
    open_folder = tmp_path / "run"
    open_folder.mkdir()
    open_folder.chmod(0o755)
    where = open_folder / "socket"
    server = Server(where, folder)
    server.start()
    yield where
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(where))
        client.sendall(b"stop\n")
    server.join(PATIENCE)
    assert not server.is_alive()


def call(path: Path, uid: int, name: str = "") -> str:
    """Return the uid of a client and what the server told it."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", CLIENT, path, str(uid)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
        env={**os.environ, "NAME": name},
    )
    return done.stdout.strip()


@pytest.mark.parametrize("administrator", [True, False])
def test_a_caller_is_known_by_the_uid_that_the_kernel_tells(
    path: Path, folder: ConfigFolder, administrator: bool
) -> None:
    uid = uid_of(54321)
    people = Userlist.create(folder.path)
    people.add("boss", administrator=administrator, unix_uid=uid)
    people.add("jsmith", administrator=True, unix_uid=uid + 1)
    people.close()
    assert call(path, 54321) == f"{uid} {'boss' if administrator else 'perm_denied'}"
    expected = "boss" if administrator else "AuthenticationFailed"
    assert call(path, 54321, "boss") == f"{uid} {expected}"
    assert call(path, 54321, "jsmith") == f"{uid} AuthenticationFailed"


def test_a_caller_whose_uid_no_user_has_is_refused(path: Path, folder: ConfigFolder) -> None:
    uid = uid_of(54321)
    people = Userlist.create(folder.path)
    people.add("boss", administrator=True, unix_uid=uid + 1)
    people.close()
    assert call(path, 54321, "boss") == f"{uid} AuthenticationFailed"
