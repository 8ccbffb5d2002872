"""A configuration with a login for each outcome, for mail servers that ask the daemon."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.machine import patience
from tests.unit.daemon.conftest import EXPIRED, OM_AUTH
from tests.unit.daemon.serving import PLAIN_SETTINGS
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

SETTINGS = PLAIN_SETTINGS.replace("[sasl]", "[sasl]\nplaintext_without_tls = true")
LOGINS = {
    "right": ("jane@example.com", "secret", "usual"),
    "wrong": ("jane@example.com", "wrong", "usual"),
    "unknown": ("unknown@example.com", "secret", "usual"),
    "locked": ("joe@example.com", "secret", "usual"),
    "expired": ("jane@example.com", "secret", "expired"),
    "outage": ("jane@example.com", "secret", "outage"),
}
"""Outcome -> user, password and service."""
SERVICES = ("usual", "expired", "outage")


@contextmanager
def config_folder(path: Path) -> Iterator[ConfigFolder]:
    """Yield a folder with these users and services, and no socket yet."""
    config = ConfigFolder(path)
    config.service("usual", OM_AUTH)
    config.service("outage", "auth required pam_debug auth=authinfo_unavail\n")
    config.service("expired", OM_AUTH.replace("account", "#") + EXPIRED)
    userlist = Userlist.create(path)
    userlist.add("jane", "secret", addresses=("jane@example.com",))
    userlist.add("joe", "secret", addresses=("joe@example.com",), locked=True)
    yield config
    userlist.close()


def free_ports(number: int) -> list[int]:
    """Return ports that no process has now; one may be taken meanwhile."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [each.getsockname()[1] for each in listeners]
    for each in listeners:
        each.close()
    return ports


def listens(port: int, process: subprocess.Popen[bytes]) -> bool:
    """Wait until a port is listened at; `False` if the process has ended."""
    end = time.monotonic() + patience(60)
    while process.poll() is None and time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), patience(30)).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            return True
    return False


def with_folder(folder: Path, place: str) -> list[str]:
    """Return a command that becomes the one behind it, which sees a folder at another place.

    It is for root: in a mount namespace of its own (unshare(1)).
    """
    script = 'mkdir -p "$2" && mount --bind "$1" "$2" && shift 2 && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", script, "sh", str(folder), place]
