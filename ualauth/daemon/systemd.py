"""What systemd and the daemon tell each other: sockets that are handed over, and how it goes.

sd_listen_fds(3) and sd_notify(3); without systemd, nothing of it happens.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import MutableMapping

from ualauth.config.listen import ListenSettings
from ualauth.system.networks import read_address

_FIRST = 3
"""SD_LISTEN_FDS_START."""


def handed_over(environment: MutableMapping[str, str] = os.environ) -> list[socket.socket]:
    """Return the listening sockets that were handed over to this process, once."""
    pid, count = environment.pop("LISTEN_PID", ""), environment.pop("LISTEN_FDS", "")
    environment.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()) or not count.isdigit():
        return []
    sockets = []
    for fileno in range(_FIRST, _FIRST + int(count)):
        os.set_inheritable(fileno, False)  # noqa: FBT003 - of the library
        sockets.append(socket.socket(fileno=fileno))
    return sockets


def is_for(listener: socket.socket, listen: ListenSettings) -> bool:
    """Return whether a socket is the one that a `[[listen]]` means."""
    name = listener.getsockname()
    if listen.path:
        return bool(name == listen.path)
    if not isinstance(name, tuple):
        return False
    host, port = listen.host_and_port
    return read_address(name[0]) == read_address(host) and name[1] == port


class Notifier:
    """Tells systemd how it goes; does nothing without it."""

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        """Read where to tell it, once: what the daemon starts tells nothing."""
        path = environment.pop("NOTIFY_SOCKET", "")
        # A leading @ is the abstract namespace (unix(7)).
        self._address = "\0" + path[1:] if path.startswith("@") else path
        pid = environment.pop("WATCHDOG_PID", str(os.getpid()))
        micros = environment.pop("WATCHDOG_USEC", "")
        is_watched = pid == str(os.getpid()) and micros.isdigit()
        self.watchdog_interval = int(micros) / 2_000_000 if is_watched else 0.0
        """Seconds after which `watchdog` has to be called again; 0 for never."""

    def ready(self) -> None:
        """Say that clients are served."""
        self._tell("READY=1")

    def reloading(self) -> None:
        """Say that the configuration is being read; `ready` follows."""
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Say that the daemon ends."""
        self._tell("STOPPING=1")

    def watchdog(self) -> None:
        """Say that the daemon lives."""
        self._tell("WATCHDOG=1")

    def status(self, text: str) -> None:
        """Say in a line how it goes, for `systemctl status`."""
        self._tell(f"STATUS={text}")

    def _tell(self, text: str) -> None:
        if not self._address:
            return
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel,
        ):
            # What is not read is not waited for: clients are more urgent.
            channel.setblocking(False)  # noqa: FBT003 - of the library
            channel.sendto(text.encode(), self._address)
