"""What is known of a connection of pymap's: the peer, TLS, and what binds to it."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Mapping

from proxyprotocol.sock import SocketInfo

from ualauth.entrance import Connection
from ualauth.sasl.certificate import ClientCertificate
from ualauth.sasl.channel_binding import channel_bindings


def connection_of(
    peer: SocketInfo,
    tls: ssl.SSLObject | None = None,
    certificate: bytes | None = None,
) -> Connection:
    """Return what is known; `certificate` is the server's own, in DER."""
    address = peer.peername_ip
    rhost = None if address is None else str(address)
    if tls is None:
        return {"rhost": rhost, "tls": peer.cipher is not None}
    found = tls.getpeercert()
    return {
        "rhost": rhost,
        "tls": True,
        "channel_binding": channel_bindings(tls, certificate),
        # An empty one was not verified.
        "certificate": _read(found, tls.getpeercert(binary_form=True)) if found else None,
    }


def _read(found: Mapping[str, object], der: bytes | None) -> ClientCertificate:
    return ClientCertificate.from_peercert(found, hashlib.sha256(der or b"").hexdigest())
