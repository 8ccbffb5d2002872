"""The readers of exported files: Debian's Dovecot, and OpenLDAP."""

from __future__ import annotations

import base64
import contextlib
import grp
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.machine import patience

_SECONDS = patience(60)
_MAIN = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols =
ssl = no
auth_mechanisms = plain
auth_cache_size = 0
auth_failure_delay = 0
first_valid_uid = 1
default_internal_user = {user}
default_login_user = {user}
default_internal_group = {group}
passdb {{
  driver = passwd-file
  args = username_format=%u {folder}/users
}}
userdb {{
  driver = static
  args = uid=1 gid=1 home=/nonexistent
}}
service auth {{
  user = {user}
  unix_listener client {{
    path = {folder}/client
    mode = 0666
  }}
}}
"""


class DovecotAuth:
    """Dovecot's auth service over a passwd-file, asked as Postfix and Exim ask it.

    The protocol is Dovecot's "Authentication Protocol v1": lines of fields between tabs.
    """

    def __init__(self, path: Path) -> None:
        """Connect and greet."""
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(_SECONDS)
        self._socket.connect(str(path))
        self._file = self._socket.makefile("rwb")
        self._file.write(f"VERSION\t1\t1\nCPID\t{os.getpid()}\n".encode())
        self._file.flush()
        while self._file.readline().rstrip() != b"DONE":
            pass
        self._number = 0

    def let_in(self, users: Iterable[str], password: str, address: str) -> set[str]:
        """Return those users whom it lets in, from an address; all are asked at once."""
        asked = {}
        for user in users:
            self._number += 1
            asked[str(self._number)] = user
            answer = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
            given = "service=smtp", "secured", "no-penalty", f"rip={address}", f"resp={answer}"
            line = "\t".join(("AUTH", str(self._number), "PLAIN", *given))
            self._file.write(line.encode() + b"\n")
        self._file.flush()
        granted = set()
        for _ in range(len(asked)):
            kind, number, *_ = self._file.readline().decode().rstrip("\n").split("\t")
            user = asked.pop(number)
            if kind == "OK":
                granted.add(user)
        return granted

    def close(self) -> None:
        """Disconnect."""
        self._file.close()
        self._socket.close()


@contextlib.contextmanager
def dovecot(users: str) -> Iterator[DovecotAuth]:
    """Return an auth service that reads `users`, a passwd-file or a file of passwd(5)."""
    folder = Path(tempfile.mkdtemp(prefix="dovecot", dir="/tmp"))
    user = "dovecot" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    try:
        folder.chmod(0o755)
        text = _MAIN.format(folder=folder, user=user, group=grp.getgrgid(os.getgid()).gr_name)
        (folder / "dovecot.conf").write_text(text)
        (folder / "users").write_text(users, encoding="utf-8")
        (folder / "users").chmod(0o644)
        process = subprocess.Popen(["dovecot", "-F", "-c", str(folder / "dovecot.conf")])
        try:
            ended = time.monotonic() + _SECONDS
            while not (folder / "client").exists():
                if process.poll() is not None or time.monotonic() > ended:
                    log = folder / "log"
                    raise RuntimeError(log.read_text() if log.exists() else "no Dovecot")
                time.sleep(0.05)
            with contextlib.closing(DovecotAuth(folder / "client")) as client:
                yield client
        finally:
            process.terminate()
            process.wait(_SECONDS)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
