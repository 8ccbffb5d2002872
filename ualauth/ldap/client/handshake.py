"""A connection with TLS made by Python's ssl: for the certificate, and for why there is none.

libldap says neither: with it, an expired certificate, one for another name and one of
an unknown authority all have the same text.
"""

from __future__ import annotations

import socket
import ssl
import time

from ualauth.ldap.client.faults import DirectoryFault, ProtocolFault, TlsFault
from ualauth.ldap.client.settings import LdapSettings, Tls, Uri
from ualauth.ldap.client.sockets import connect, encrypt, tls_fault

# RFC 4511, section 4.14.1: an extended request, whose number is 1.
_START_TLS = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x16" + b"1.3.6.1.4.1.1466.20037"
# Section 4.5.1: a search for the root DSE, whose number is 2; any answer to it will do.
_SEARCH = (
    b"\x30\x2a\x02\x01\x02\x63\x25\x04\x00\x0a\x01\x00\x0a\x01\x00\x02\x01\x01\x02\x01\x00"
    b"\x01\x01\x00\x87\x0bobjectClass\x30\x05\x04\x031.1"
)
_RESULT = b"\x0a\x01"
_ENOUGH = 4096
_LOCALHOST = (
    "libldap looks for this host's own name in the certificate where the uri says localhost: "
    "write the name that the certificate has, or library ldap3"
)


def shake_hands(uri: Uri, settings: LdapSettings, deadline: float) -> ssl.SSLSocket | None:
    """Return a connection with TLS, or `None` if connections to this server have none.

    Raises:
        DirectoryFault: if none comes about; its text says why.

    """
    plain = connect(uri, settings, deadline)
    try:
        if uri.scheme == "ldapi" or (uri.scheme == "ldap" and settings.tls is Tls.OFF):
            plain.close()
            return None
        if uri.scheme == "ldap":
            plain.settimeout(max(0.01, deadline - time.monotonic()))
            _start_tls(plain)
        return encrypt(plain, uri, settings, deadline)
    except BaseException:
        plain.close()
        raise


def explained(fault: TlsFault, uri: Uri, settings: LdapSettings, deadline: float) -> DirectoryFault:
    """Return why libldap has failed to encrypt a connection; `fault` is what it says itself."""
    try:
        encrypted = shake_hands(uri, settings, deadline)
        if encrypted is not None:
            with encrypted:
                _greet(encrypted)
    except TlsFault as better:
        return better
    except DirectoryFault:
        return fault
    if uri.host.lower() == "localhost":
        return TlsFault(_LOCALHOST)
    return fault


def _start_tls(plain: socket.socket) -> None:
    try:
        plain.sendall(_START_TLS)
        answer = plain.recv(_ENOUGH)
    except OSError as error:
        raise TlsFault(f"StartTLS is not answered: {error}") from None
    place = answer.find(_RESULT)
    if place < 0 or len(answer) < place + 3:
        raise ProtocolFault("the answer to StartTLS is no LDAP")
    code = answer[place + 2]
    if code:
        raise TlsFault(f"the server refuses StartTLS: result code {code}")


def _greet(encrypted: ssl.SSLSocket) -> None:
    """Ask for nothing in particular; with TLS 1.3 a server refuses our certificate only now."""
    try:
        encrypted.sendall(_SEARCH)
        if encrypted.recv(1):
            return
    except TimeoutError:
        return
    except ssl.SSLError as error:
        raise tls_fault(error) from None
    except OSError:
        pass
    raise tls_fault(ssl.SSLEOFError())
