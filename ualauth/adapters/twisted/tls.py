"""What a Twisted transport says of the connection: the peer, TLS, and what binds to it."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL
from twisted.internet.interfaces import ISSLTransport

from ualauth.runtime.peer import ConnectionInfo
from ualauth.sasl.certificate import ClientCertificate
from ualauth.sasl.certificate_reading import read_certificate
from ualauth.sasl.channel_binding import channel_bindings


def connection_of(transport: Any) -> ConnectionInfo:  # noqa: ANN401 - of several interfaces
    """Return what is known of a connection; after the handshake, if there is one."""
    connection: ConnectionInfo = {"rhost": getattr(transport.getPeer(), "host", None), "tls": False}
    if is_tls(transport):
        handle: SSL.Connection = transport.getHandle()
        own = handle.get_certificate()
        der = None if own is None else own.to_cryptography().public_bytes(Encoding.DER)
        connection["tls"] = True
        connection["channel_binding"] = _bindings(handle, der)
        connection["certificate"] = _client_certificate(handle)
    return connection


def is_tls(transport: object) -> bool:
    """Return whether the connection is encrypted."""
    return bool(ISSLTransport.providedBy(transport))


def _bindings(handle: SSL.Connection, certificate: bytes | None) -> dict[str, bytes]:
    """Return what binds to the channel, if that which clients expect is among it.

    For TLS 1.3 that is `tls-exporter` (RFC 9266). Below, it is `tls-unique`, which
    pyOpenSSL does not tell for sessions that may have been resumed; a client that takes a
    -PLUS mechanism would insist on it. See decision 0025.
    """
    if handle.get_protocol_version_name() != "TLSv1.3":
        return {}
    return channel_bindings(handle, certificate)


def _client_certificate(handle: SSL.Connection) -> ClientCertificate | None:
    """Return the client's certificate, if the handshake verified one."""
    if not handle.get_context().get_verify_mode() & SSL.VERIFY_PEER:
        return None
    certificate = handle.get_peer_certificate()
    if certificate is None:
        return None
    return read_certificate(certificate.to_cryptography().public_bytes(Encoding.DER))
