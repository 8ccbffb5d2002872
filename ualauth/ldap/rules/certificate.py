"""The certificate that a server shows, for an administrator who has to find a fault.

The libraries do not tell: so a connection of its own is made, and ended.
"""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass
from typing import Any

from ualauth.ldap.client.handshake import shake_hands
from ualauth.ldap.client.settings import LdapSettings, Uri


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
    encrypted = shake_hands(uri, settings, time.monotonic() + settings.connect_timeout)
    if encrypted is None:
        return None
    with encrypted:
        return _certificate(encrypted)


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
