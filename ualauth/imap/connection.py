"""One login on an IMAP server, by imaplib, with an end to its time (RFC 9051).

imaplib speaks the protocol; what it reads and sends goes through here, so that a server that
keeps silent, or sends an octet now and then, takes no longer than the deadline, and nothing
larger than it should. Nothing of what a server says is logged: it may repeat the password.
"""

from __future__ import annotations

import base64
import contextlib
import imaplib
import re
import socket
import ssl
import time
from typing import Any

from ualauth.codes import ReturnCode
from ualauth.imap.settings import Server, Tls
from ualauth.system.time_limit import Overdue, within
from ualauth.text.dataclass import dataclass

_MOST_OF_LINE = 65_536
_MOST_RECEIVED = 1 << 20
"""Octets that a server may say in one login."""
_CODE = re.compile(rb"\s*\[([A-Za-z0-9-]+)[^\]]*\]")

_UNAVAILABLE = ReturnCode.AUTHINFO_UNAVAIL
_CODES: dict[bytes, tuple[ReturnCode, str]] = {
    b"AUTHENTICATIONFAILED": (ReturnCode.AUTH_ERR, "the server says: wrong password"),
    b"AUTHORIZATIONFAILED": (ReturnCode.PERM_DENIED, "the server lets the user act for no other"),
    b"EXPIRED": (ReturnCode.ACCT_EXPIRED, "the server says: expired"),
    b"NOPERM": (ReturnCode.PERM_DENIED, "the server denies access"),
    b"PRIVACYREQUIRED": (_UNAVAILABLE, "the server wants TLS"),
    **dict.fromkeys(
        (b"UNAVAILABLE", b"CONTACTADMIN", b"INUSE", b"LIMIT", b"SERVERBUG", b"CLIENTBUG"),
        (_UNAVAILABLE, "the server cannot check now"),
    ),
}
"""Response code of a NO (RFC 5530, section 3) -> what it amounts to, and why."""
_WRONG = ReturnCode.AUTH_ERR, "the server says no"


@dataclass(frozen=True, slots=True)
class ImapAnswer:
    """What a server said of a name and password; `answered` is whether it said anything at all."""

    code: ReturnCode
    why: str
    answered: bool = True


class _Refused(Exception):
    """The server is not asked for the password; the text says why."""


class _Connection(imaplib.IMAP4):
    """A connection that ends at its deadline (time.monotonic)."""

    def __init__(self, server: Server, tls: Tls, context: ssl.SSLContext, deadline: float) -> None:
        self._tls = tls
        self._context = context
        self._deadline = deadline
        self._buffer = bytearray()
        self._received = 0
        self._credentials: bytes | None = None
        super().__init__(server.host, server.port)

    # What imaplib reads and writes with

    def open(self, host: str = "", port: int = 0, timeout: float | None = None) -> None:  # noqa: ARG002 - imaplib's
        """Connect; by TLS from the beginning, if that is wanted."""
        self.host, self.port = host, port
        self.sock: Any = self._connected(host, port)
        if self._tls is Tls.IMPLICIT:
            self.sock = self.wrap_socket(self.sock, host)

    def _connected(self, host: str, port: int) -> socket.socket:
        failure: OSError = OSError("no address")
        try:
            addresses = within(
                self._left(), lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            )
        except Overdue:
            raise TimeoutError from None
        for family, kind, protocol, _, address in addresses:
            new = socket.socket(family, kind, protocol)
            try:
                new.settimeout(self._left())
                new.connect(address)
            except OSError as error:
                new.close()
                failure = error
            except BaseException:
                new.close()
                raise
            else:
                return new
        raise failure

    def wrap_socket(self, sock: socket.socket, server_hostname: str) -> ssl.SSLSocket:
        """Begin TLS: also for imaplib, which takes this object for an SSLContext."""
        if self._buffer:
            # What came before TLS would count as if it had come by it.
            raise _Refused("the server said something between STARTTLS and TLS")
        sock.settimeout(self._left())
        try:
            return self._context.wrap_socket(sock, server_hostname=server_hostname)
        except BaseException:
            sock.close()
            raise

    def readline(self) -> bytes:
        """Return the next line, with its end."""
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > _MOST_OF_LINE:
                raise _Refused("the server's lines are too long")
            if not self._receive():
                break
        size = len(self._buffer) if end < 0 else end + 1
        return self._taken(size)

    def read(self, size: int) -> bytes:
        """Return so many octets."""
        if size > _MOST_OF_LINE:
            raise _Refused("the server's literals are too long")
        while len(self._buffer) < size:
            if not self._receive():
                raise _Refused("the server closed the connection")
        return self._taken(size)

    def send(self, data: Any) -> None:  # noqa: ANN401 - octets, as imaplib has them
        """Send all of it."""
        self.sock.settimeout(self._left())
        self.sock.sendall(data)

    def shutdown(self) -> None:
        """Close the connection; say nothing more."""
        # After STARTTLS, imaplib holds a file of the socket, which would keep it open.
        held = (self.__dict__.get(name) for name in ("file", "_file"))
        for each in (*held, self.sock):
            if each is not None:
                with contextlib.suppress(OSError):
                    each.close()

    def _receive(self) -> bool:
        self.sock.settimeout(self._left())
        data = self.sock.recv(8192)
        self._received += len(data)
        if self._received > _MOST_RECEIVED:
            raise _Refused("the server says too much")
        self._buffer += data
        return bool(data)

    def _taken(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    # The login

    def log_in(self, name: str, password: str) -> ImapAnswer:
        """Try a name and password, by what the server offers."""
        if self.state != "NONAUTH":
            raise _Refused("the server greets with PREAUTH, which lets in every client")
        if self._tls is Tls.STARTTLS:
            if "STARTTLS" not in self.capabilities:
                raise _Refused("the server offers no STARTTLS")
            self.starttls(self)
            if self.state != "NONAUTH":
                raise _Refused("the server is in no state for a login")
        encoded = password.encode()
        if "AUTH=PLAIN" in self.capabilities:
            self._credentials = b"\0".join((b"", name.encode(), encoded))
            self.literal: Any = self._next_response
            kind, data = self.xatom("AUTHENTICATE", "PLAIN")
        elif "LOGINDISABLED" in self.capabilities:
            raise _Refused("the server takes no passwords: LOGINDISABLED")
        elif not name.isascii():
            raise _Refused("the server has no AUTH=PLAIN, and LOGIN takes no name beyond ASCII")
        else:
            # A literal: it needs no quotes, and holds any octet but NUL.
            self.literal = encoded
            kind, data = self.xatom("LOGIN", _quoted(name))
        return _answer(kind, data[-1] if data else None)

    def _next_response(self, _challenge: bytes) -> bytes:
        """Return the message of PLAIN, once; a server that asks again is left."""
        credentials, self._credentials = self._credentials, None
        return b"*" if credentials is None else base64.b64encode(credentials)


def log_in(  # noqa: PLR0911, PLR0913, PLR0917 - where, how and what; and all that can go wrong
    server: Server, tls: Tls, context: ssl.SSLContext, deadline: float, name: str, password: str
) -> ImapAnswer:
    """Return what a server says of a name and password; blocks until `deadline` at most.

    Neither may hold NUL, nor the name CR or LF. It raises nothing: whatever goes wrong is
    that the password could not be checked.
    """
    connection = None
    try:
        connection = _Connection(server, tls, context, deadline)
        return connection.log_in(name, password)
    except _Refused as refused:
        return ImapAnswer(_UNAVAILABLE, str(refused))
    except ssl.SSLError as error:
        reason = getattr(error, "verify_message", "") or error.reason or "failed"
        return ImapAnswer(_UNAVAILABLE, f"TLS: {reason}", answered=False)
    except imaplib.IMAP4.abort:
        return ImapAnswer(_UNAVAILABLE, "the server ended the connection", answered=False)
    except TimeoutError:
        return ImapAnswer(_UNAVAILABLE, "the server does not answer in time", answered=False)
    except OSError as error:
        why = error.strerror or type(error).__name__
        return ImapAnswer(_UNAVAILABLE, f"the server cannot be reached: {why}", answered=False)
    except Exception as error:  # noqa: BLE001 - imaplib on a server that speaks something else
        # Not the text: it has what the server said, and that may repeat the password.
        return ImapAnswer(_UNAVAILABLE, f"the server does not speak IMAP: {type(error).__name__}")
    finally:
        if connection is not None:
            connection.shutdown()


def _answer(kind: str, text: Any) -> ImapAnswer:  # noqa: ANN401 - bytes, or whatever imaplib has
    if kind == "OK":
        return ImapAnswer(ReturnCode.SUCCESS, "the server lets the user in")
    if kind != "NO":
        return ImapAnswer(_UNAVAILABLE, "the server does not understand")
    match = _CODE.match(text) if isinstance(text, bytes) else None
    return ImapAnswer(*(_CODES.get(match[1].upper(), _WRONG) if match else _WRONG))


def _quoted(name: str) -> str:
    """Return a quoted string (RFC 9051, section 4.3)."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
