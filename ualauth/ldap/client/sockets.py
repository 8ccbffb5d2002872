"""A connected socket, TLS on it within a deadline (for ldap3), and which TLS is good enough."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time

from ualauth.ldap.client.faults import (
    DirectoryFault,
    Lost,
    ProtocolFault,
    TimedOut,
    TlsFault,
    Unreachable,
)
from ualauth.ldap.client.settings import LdapSettings, Uri
from ualauth.ldap.client.tls_files import no_passphrase

# As Python's ssl and libldap with OpenSSL name them, and libldap with GnuTLS.
_GOOD_ENOUGH = frozenset({"TLSv1.2", "TLSv1.3", "TLS1.2", "TLS1.3"})


def check_version(version: str | None) -> None:
    """Check what was negotiated: that a minimum was set does not show that it has an effect.

    Raises:
        TlsFault: if it is older than TLS 1.2 (RFC 8996), or not known.

    """
    if version not in _GOOD_ENOUGH:
        reason = f"{version} was negotiated" if version else "no version of TLS is known"
        raise TlsFault(f"{reason}, and TLS 1.2 is the least: nothing secret is sent")


def tls_fault(error: Exception) -> TlsFault:
    """Return the fault for an exception of Python's ssl."""
    if isinstance(error, ssl.SSLEOFError):
        # OpenLDAP with GnuTLS sends no alert then.
        error = ValueError(
            "the server ends it without a reason: does it want a certificate of ours (tls_cert)?"
        )
    return TlsFault(f"TLS does not come about: {error}")


def connect(uri: Uri, settings: LdapSettings, deadline: float) -> socket.socket:
    """Return a connected socket, without TLS."""
    left = _left(deadline)
    try:
        if uri.scheme == "ldapi":
            return _connect_unix(uri.host, left)
        connected = socket.create_connection((uri.host, uri.port), left)
    except TimeoutError:
        raise TimedOut("no connection in time") from None
    except OSError as error:
        raise Unreachable(error.strerror or str(error)) from None
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if settings.keep_alive:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        with contextlib.suppress(AttributeError, OSError):
            # Not every system has it.
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, settings.keep_alive)
    return connected


def encrypt(
    plain: socket.socket, uri: Uri, settings: LdapSettings, deadline: float
) -> ssl.SSLSocket:
    """Return the socket with TLS on it, which takes its place."""
    plain.settimeout(_left(deadline))
    try:
        encrypted = _context(settings).wrap_socket(plain, server_hostname=uri.host)
    except TimeoutError:
        raise TimedOut("TLS does not come about in time") from None
    except ssl.SSLCertVerificationError as error:
        raise TlsFault(f"certificate not accepted: {error.verify_message}") from None
    except (OSError, ValueError) as error:
        raise tls_fault(error) from None
    try:
        check_version(encrypted.version())
    except TlsFault:
        encrypted.close()
        raise
    return encrypted


def _context(settings: LdapSettings) -> ssl.SSLContext:
    """Return how to do TLS, made anew each time: certificates are renewed meanwhile."""
    try:
        with settings.tls_paths() as paths:
            context = ssl.create_default_context(
                cafile=paths.ca_file or None, capath=paths.ca_folder or None
            )
            if paths.certificate:
                context.load_cert_chain(paths.certificate, paths.key, password=no_passphrase)
    except (OSError, ValueError) as error:
        raise TlsFault(f"certificates cannot be read: {error}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not settings.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _lost(error: OSError) -> Lost:
    return Lost(tls_fault(error).text if isinstance(error, ssl.SSLError) else str(error))


def _connect_unix(path: str, seconds: float) -> socket.socket:
    connected = socket.socket(socket.AF_UNIX)
    connected.settimeout(seconds)
    try:
        connected.connect(path)
    except OSError:
        connected.close()
        raise
    return connected


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimedOut("no connection in time")
    return left


# ldap3 puts what it has and what comes together each time: the more comes at once, the better.
_CHUNK = 256 * 1024


class GuardedSocket:
    """A socket that neither waits longer nor reads more than one request may.

    ldap3 asks a socket for a few octets until it has a message: its own limit is
    for each time that it asks, and it has none for how much may come. `fault` is
    why the last request failed, if it did.
    """

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
            raise self._fail(_lost(error)) from None
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
            raise self._fail(_lost(error)) from None

    def fileno(self) -> int:
        """Return the file descriptor."""
        return self._socket.fileno()

    def shutdown(self, _how: int = socket.SHUT_RDWR) -> None:
        """Wake the thread that waits, and send no more."""
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
