"""Debian's Dovecot without a passdb and a userdb of its own: all of it is asked of the daemon."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.integration.imap.dovecot import _free_port, _greets
from tests.machine import patience

_SECONDS = patience(60)
_ATTEMPTS = 10
ACCOUNT = pwd.getpwnam("dovecot") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
_MAIN = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
listen = 127.0.0.1
protocols = imap pop3 lmtp
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain
first_valid_uid = 1
default_internal_user = {user}
default_login_user = {user}
default_internal_group = {group}
auth_socket_path = {sockets}/dovecot-master
mail_plugins = quota
plugin {{
  quota = maildir
}}
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
  executable = imap-login {sockets}/dovecot-auth
  service_count = {count}
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service pop3-login {{
  chroot =
  executable = pop3-login {sockets}/dovecot-auth
  service_count = {count}
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
service imap {{
  executable = imap -a {sockets}/dovecot-master
  service_count = {count}
}}
service pop3 {{
  executable = pop3 -a {sockets}/dovecot-master
  service_count = {count}
}}
service lmtp {{
  inet_listener lmtp {{
    port = {lmtp}
  }}
}}
protocol imap {{
  mail_plugins = quota imap_quota
}}
"""


@dataclass(frozen=True)
class Dovecot:
    """A server that listens on this host."""

    imap: int
    pop3: int
    lmtp: int
    settings: Path
    log: Path


@contextlib.contextmanager
def running(folder: Path, sockets: Path, service_count: int) -> Iterator[Dovecot]:
    """Run Dovecot, whose processes serve `service_count` clients each, on sockets of a daemon."""
    server, process = _start(folder, sockets, service_count)
    try:
        yield server
    finally:
        process.terminate()
        process.wait(_SECONDS)


def _start(folder: Path, sockets: Path, count: int) -> tuple[Dovecot, subprocess.Popen[bytes]]:
    log, settings = folder / "log", folder / "dovecot.conf"
    for _ in range(_ATTEMPTS):
        imap, pop3, lmtp = _free_port(), _free_port(), _free_port()
        text = _MAIN.format(
            folder=folder,
            sockets=sockets,
            user=ACCOUNT.pw_name,
            group=grp.getgrgid(ACCOUNT.pw_gid).gr_name,
            count=count,
            imap=imap,
            pop3=pop3,
            lmtp=lmtp,
        )
        settings.write_text(text)
        process = subprocess.Popen(["dovecot", "-F", "-c", str(settings)])
        until = time.monotonic() + _SECONDS
        while process.poll() is None and time.monotonic() < until:
            if all(map(_greets, (imap, pop3, lmtp))):
                return Dovecot(imap, pop3, lmtp, settings, log), process
            time.sleep(0.05)
        process.kill()
        process.wait()
    raise RuntimeError(log.read_text() if log.exists() else "no Dovecot")
