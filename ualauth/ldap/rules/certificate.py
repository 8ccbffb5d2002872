"""The certificate that a server shows, for an administrator who has to find a fault.

The libraries do not tell: so a connection of its own is made, and ended.
"""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import dataclass
from typing import Any

from ualauth.ldap.client.faults import ProtocolFault, TlsFault
from ualauth.ldap.client.settings import LdapSettings, Tls, Uri
from ualauth.ldap.client.sockets import connect, encrypt

# RFC 4511, section 4.14.1: an extended request, whose number is 1.
_START_TLS = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x16" + b"1.3.6.1.4.1.1466.20037"
_RESULT = b"\x0a\x01"
_ENOUGH = 4096


@dataclass(frozen=True, slots=True)
class Certificate:
    """Who shows it, who vouches for it, and until when; texts are empty if it was not verified."""

    protocol: str
    cipher: str
    subject: str = ""
    names: tuple[str, ...] = ()
    issuer: str = ""
    until: str = ""


def presented(uri: Uri, settings: LdapSettings) -> Certificate | None:
    """Return the certificate of a server, or `None` if connections to it are not encrypted.

    Raises:
        DirectoryFault: if no connection comes about.

    """
    deadline = time.monotonic() + settings.connect_timeout
    with connect(uri, settings, deadline) as plain:
        if uri.scheme == "ldapi" or (uri.scheme == "ldap" and settings.tls is Tls.OFF):
            return None
        if uri.scheme == "ldap":
            _start_tls(plain)
        with encrypt(plain, uri, settings, deadline) as encrypted:
            return _certificate(encrypted)


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


def _certificate(encrypted: ssl.SSLSocket) -> Certificate:
    protocol = encrypted.version() or ""
    cipher = (encrypted.cipher() or ("",))[0]
    # Empty if it was not verified.
    certificate: dict[str, Any] = encrypted.getpeercert() or {}
    if not certificate:
        return Certificate(protocol, cipher)
    names = tuple(str(value) for _, value in certificate.get("subjectAltName", ()))
    return Certificate(
        protocol,
        cipher,
        _name(certificate.get("subject", ())),
        names,
        _name(certificate.get("issuer", ())),
        str(certificate.get("notAfter", "")),
    )


def _name(parts: Any) -> str:  # noqa: ANN401 - as ssl has it
    return ", ".join(f"{key}={value}" for part in parts for key, value in part)
