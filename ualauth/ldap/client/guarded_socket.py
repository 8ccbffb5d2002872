"""A socket that neither waits longer nor reads more than one request may.

ldap3 asks a socket for a few octets until it has a message: its own limit is
for each time that it asks, and it has none for how much may come.
"""

from __future__ import annotations

import contextlib
import socket
import time

from ualauth.ldap.client.faults import DirectoryFault, Lost, ProtocolFault, TimedOut

# ldap3 puts what it has and what comes together each time: the more comes at once, the better.
_CHUNK = 256 * 1024


class GuardedSocket:
    """What ldap3 uses of a socket; `fault` is why the last request failed, if it did."""

    def __init__(self, connected: socket.socket, limit: int) -> None:
        """Take a connected socket, encrypted or not, and how many octets an answer may have."""
        self._socket = connected
        self._limit = limit
        self._deadline = 0.0
        self._left = 0
        self.fault: DirectoryFault | None = None

    def begin(self, seconds: float) -> None:
        """Begin a request that may take so many seconds."""
        self._deadline = time.monotonic() + seconds
        self._left = self._limit
        self.fault = None

    def recv(self, _size: int) -> bytes:
        """Return what has come, waiting for it; nothing at the end."""
        self._wait_at_most()
        try:
            data = self._socket.recv(_CHUNK)
        except TimeoutError:
            raise self._fail(TimedOut("no answer in time")) from None
        except OSError as error:
            raise self._fail(Lost(str(error))) from None
        self._left -= len(data)
        if self._left < 0:
            raise self._fail(ProtocolFault(f"an answer of more than {self._limit} bytes"))
        if not data:
            self._fail(Lost("the server closed the connection"))
        return data

    def sendall(self, data: bytes) -> None:
        """Send all of it."""
        self._wait_at_most()
        try:
            self._socket.sendall(data)
        except TimeoutError:
            raise self._fail(TimedOut("the request is not taken in time")) from None
        except OSError as error:
            raise self._fail(Lost(str(error))) from None

    def fileno(self) -> int:
        """Return the file descriptor."""
        return self._socket.fileno()

    def shutdown(self, _how: int = socket.SHUT_RDWR) -> None:
        """Wake whoever waits, and send no more."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close it."""
        self._socket.close()

    def _wait_at_most(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise self._fail(TimedOut("no answer in time"))
        self._socket.settimeout(left)

    def _fail(self, fault: DirectoryFault) -> OSError:
        # ldap3 makes an exception of its own from what is raised, and keeps the text only.
        self.fault = fault
        return OSError(str(fault))
