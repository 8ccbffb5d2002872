"""Who is at the other end of a UNIX socket: the uid, as the kernel says (unix(7))."""

from __future__ import annotations

import socket
import struct
import sys
from typing import TYPE_CHECKING

from ualauth.errors import PeerUnknown

if TYPE_CHECKING:
    from asyncio.trsock import TransportSocket

# struct ucred of Linux: pid_t, uid_t, gid_t.
_CREDENTIALS = struct.Struct("iII")
# (uid_t) -1: there was no process to ask.
_NONE = 2**32 - 1


def peer_uid(connection: socket.socket | TransportSocket) -> int:
    """Return the UNIX uid of the process at the other end of a connection; see `peer_of`."""
    return peer_of(connection)[1]


def peer_of(connection: socket.socket | TransportSocket) -> tuple[int, int]:
    """Return the pid and the UNIX uid of the process at the other end of a connection.

    The uid is the effective uid at the time of connect(2), or of socketpair(2):
    a process that was handed the descriptor afterwards counts as the one that connected.

    Raises:
        PeerUnknown: if this is no connected UNIX socket, or not Linux.

    """
    if sys.platform != "linux":
        # Others have the option too, and another structure.
        raise PeerUnknown(f"peer credentials are read on Linux only, and this is {sys.platform}")
    try:
        if connection.family != socket.AF_UNIX:
            raise PeerUnknown("only a UNIX socket knows its peer's uid: listen on one")
        # A listening socket would answer who listens: the server, often root.
        if connection.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            raise PeerUnknown("a listening socket has no peer: ask what accept() returned")
        credentials = connection.getsockopt(
            socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size
        )
    except OSError as error:
        raise PeerUnknown(f"the socket cannot be asked for its peer: {error.strerror}") from error
    pid, uid, _ = _CREDENTIALS.unpack(credentials)
    if uid == _NONE:
        raise PeerUnknown("the socket is not connected")
    return pid, uid
