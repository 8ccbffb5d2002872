"""What a TLS connection can be recognized by, from both ends (RFC 5056).

* `tls-exporter` (RFC 9266), the one for TLS 1.3, where the TLS library exports keying
  material: pyOpenSSL does, Python's own `ssl` does not.
* `tls-unique` (RFC 5929, section 3), below TLS 1.3 only: there it is not defined,
  although `ssl` returns something (CPython issue 95341).
* `tls-server-end-point` (RFC 5929, section 4): a digest of the server's certificate.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any

_LABEL = b"EXPORTER-Channel-Binding"
_LENGTH = 32
_BEFORE_1_3 = frozenset({"TLSv1", "TLSv1.1", "TLSv1.2"})


def channel_bindings(tls: Any, certificate: bytes | None = None) -> dict[str, bytes]:  # noqa: ANN401 - of two libraries
    """Return the channel binding data of a connection by their type.

    `tls` is an `ssl.SSLSocket`, `ssl.SSLObject` or `OpenSSL.SSL.Connection` after the
    handshake; `certificate` is the server's own, in DER.
    """
    bindings = {}
    # Before, it needs an extended master secret (RFC 9266, section 4), which no library tells.
    if hasattr(tls, "export_keying_material") and _version(tls) == "TLSv1.3":
        bindings["tls-exporter"] = bytes(tls.export_keying_material(_LABEL, _LENGTH, b""))
    if hasattr(tls, "get_channel_binding") and _version(tls) in _BEFORE_1_3:
        unique = tls.get_channel_binding("tls-unique")
        if unique:
            bindings["tls-unique"] = unique
    if certificate is not None and (digest := server_end_point(certificate)) is not None:
        bindings["tls-server-end-point"] = digest
    return bindings


def _version(tls: Any) -> str:  # noqa: ANN401 - as above
    """Return the version as OpenSSL writes it; pyOpenSSL has a method of its own."""
    name = getattr(tls, "get_protocol_version_name", None) or tls.version
    return str(name())


@lru_cache(16)
def server_end_point(certificate: bytes) -> bytes | None:
    """Return `tls-server-end-point` of a certificate in DER; `None` where it is not defined.

    The digest is that of the certificate's signature, SHA-256 in the place of
    MD5 and SHA-1. It is not defined for signatures without one, such as Ed25519.
    """
    from cryptography import x509  # noqa: PLC0415 - only who binds to a channel needs it

    algorithm = x509.load_der_x509_certificate(certificate).signature_hash_algorithm
    if algorithm is None:
        return None
    name = "sha256" if algorithm.name in {"md5", "sha1"} else algorithm.name
    return hashlib.new(name, certificate).digest()
