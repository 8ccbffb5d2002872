"""The sockets of connections that a library holds: whether one has ended, and ending one."""

from __future__ import annotations

import os
import socket
from contextlib import suppress

from ualauth.system.poll import wait_blocking


def has_ended(fileno: int) -> bool:
    """Return whether a connection on which nothing was asked has ended.

    What can be read is its end, or a farewell.
    """
    return fileno < 0 or wait_blocking(fileno, 0)


def shut_down(fileno: int) -> None:
    """End a connection under a thread that waits for it (shutdown(2)); never raises."""
    if fileno < 0:
        return
    with suppress(OSError), socket.socket(fileno=os.dup(fileno)) as same:
        same.shutdown(socket.SHUT_RDWR)


def unix_socket(path: str, seconds: float) -> socket.socket:
    """Return a socket that is connected to a path.

    Raises:
        OSError: if it cannot be.

    """
    connected = socket.socket(socket.AF_UNIX)
    try:
        connected.settimeout(seconds)
        connected.connect(path)
    except BaseException:
        connected.close()
        raise
    return connected
