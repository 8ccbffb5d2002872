"""What asyncio's TLS says of a connection: the client's certificate, and what binds to it."""

from __future__ import annotations

import ssl

from ualauth.runtime.peer import ConnectionInfo
from ualauth.sasl.certificate import ClientCertificate
from ualauth.sasl.certificate_reading import read_certificate
from ualauth.sasl.channel_binding import channel_bindings


def connection_of(
    rhost: str | None,
    tls: ssl.SSLObject | None,
    certificate: bytes | None = None,
) -> ConnectionInfo:
    """Return what is known of a connection.

    `certificate` is the server's own, in DER; read decision 0025 of the
    documents before giving one.
    """
    if tls is None:
        return {"rhost": rhost, "tls": False}
    return {
        "rhost": rhost,
        "tls": True,
        "channel_binding": channel_bindings(tls, certificate),
        "certificate": _client_certificate(tls),
    }


def _client_certificate(tls: ssl.SSLObject) -> ClientCertificate | None:
    # Empty for one that was not verified.
    if not tls.getpeercert():
        return None
    der = tls.getpeercert(binary_form=True)
    return None if der is None else read_certificate(der)
