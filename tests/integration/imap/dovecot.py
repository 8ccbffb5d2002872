"""Debian's Dovecot as the IMAP server that users come from."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.machine import patience

_SECONDS = patience(60)
_ATTEMPTS = 10
"""Ports that are tried: another program may take one before Dovecot does."""
_MAIN = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
listen = 127.0.0.1
protocols = imap
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
disable_plaintext_auth = yes
auth_mechanisms = plain
auth_cache_size = 0
auth_failure_delay = 0
auth_verbose = yes
first_valid_uid = 1
default_internal_user = {user}
default_login_user = {user}
default_internal_group = {group}
mail_location = maildir:{folder}/mail/%u
passdb {{
  driver = passwd-file
  args = username_format=%u {folder}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/home
}}
service anvil {{
  chroot =
  # Refusals are not answered later each time.
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service auth {{
  user = {user}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {starttls}
  }}
  inet_listener imaps {{
    port = {implicit}
  }}
}}
"""


@dataclass(frozen=True)
class Dovecot:
    """A server that listens on this host, and its files."""

    starttls: int
    implicit: int
    users: Path
    """The passwd-file; it is read at each login."""


@contextlib.contextmanager
def running(users: str, certificate: Path, key: Path) -> Iterator[Dovecot]:
    """Start a server with the users of a passwd-file."""
    folder = Path(tempfile.mkdtemp(prefix="dovecot", dir="/tmp"))
    try:
        folder.chmod(0o755)
        (folder / "users").write_text(users, encoding="utf-8")
        (folder / "users").chmod(0o644)
        for name, source in (("certificate.pem", certificate), ("key.pem", key)):
            shutil.copy(source, folder / name)
        server, process = _start(folder)
        try:
            yield server
        finally:
            process.terminate()
            process.wait(_SECONDS)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _start(folder: Path) -> tuple[Dovecot, subprocess.Popen[bytes]]:
    account = pwd.getpwnam("dovecot") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
    log = folder / "log"
    for _ in range(_ATTEMPTS):
        starttls, implicit = _free_port(), _free_port()
        text = _MAIN.format(
            folder=folder,
            certificate=folder / "certificate.pem",
            key=folder / "key.pem",
            user=account.pw_name,
            group=grp.getgrgid(account.pw_gid).gr_name,
            uid=account.pw_uid,
            gid=account.pw_gid,
            starttls=starttls,
            implicit=implicit,
        )
        (folder / "dovecot.conf").write_text(text)
        process = subprocess.Popen(["dovecot", "-F", "-c", str(folder / "dovecot.conf")])
        until = time.monotonic() + _SECONDS
        while process.poll() is None and time.monotonic() < until:
            if _greets(starttls) and _listens(implicit):
                return Dovecot(starttls, implicit, folder / "users"), process
            time.sleep(0.05)
        process.kill()
        process.wait()
    raise RuntimeError(log.read_text() if log.exists() else "no Dovecot")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def _greets(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), _SECONDS) as connection:
            return b"Dovecot" in connection.recv(1024)
    except OSError:
        return False


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), _SECONDS):
            return True
    except OSError:
        return False
