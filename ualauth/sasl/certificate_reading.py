"""A client's certificate in DER becomes what the rules look at (RFC 5280).

The TLS library has verified it. What it is for is looked at again, and a name is
taken only if there is one way to read it.
"""

from __future__ import annotations

import logging

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID

from ualauth.sasl.certificate import ClientCertificate
from ualauth.sasl.subject import Attribute

log = logging.getLogger("ualauth.sasl")

# Names of `ssl`, by which rules call attributes, where those of cryptography are others.
_NAMES = {
    "0.9.2342.19200300.100.1.1": "userId",
    "2.5.4.43": "initials",
    "2.5.4.97": "organizationIdentifier",
}
# X.680, section 41: strings of Unicode. Of the others ASCII only is certain; T61String, by
# its standard, is T.61, and in practice Latin-1 or UTF-8.
_UNICODE = frozenset({"UTF8String", "BMPString", "UniversalString"})


def read_certificate(der: bytes) -> ClientCertificate | None:
    """Return a verified certificate; `None` if it is not for clients, or cannot be read.

    An extended key usage must have `clientAuth`, if there is one (RFC 5280, section
    4.2.1.12); as for OpenSSL, any other purpose is not enough. Needs `ualauth[tls]`.
    """
    try:
        certificate = x509.load_der_x509_certificate(der)
        if not _is_for_clients(certificate):
            log.warning("a client's certificate is not for clients: its extended key usage")
            return None
        others = _alternative_names(certificate)
        return ClientCertificate(
            subject=_subject(certificate),
            emails=tuple(others.get_values_for_type(x509.RFC822Name)) if others else (),
            dns_names=tuple(others.get_values_for_type(x509.DNSName)) if others else (),
            fingerprint=certificate.fingerprint(SHA256()).hex(),
        )
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        log.warning("a client's certificate cannot be read: %s", type(error).__name__)
        return None


def _is_for_clients(certificate: x509.Certificate) -> bool:
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return ExtendedKeyUsageOID.CLIENT_AUTH in usage


def _alternative_names(certificate: x509.Certificate) -> x509.SubjectAlternativeName | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None


def _subject(certificate: x509.Certificate) -> tuple[Attribute, ...]:
    """Return the attributes of the subject; none of them if one cannot be read for certain."""
    attributes = [
        (f"+{_name(each.oid)}" if index else _name(each.oid), each)
        for part in certificate.subject.rdns
        for index, each in enumerate(part)
    ]
    if not all(_is_certain(each) for _, each in attributes):
        return ()
    return tuple((name, str(each.value)) for name, each in attributes)


def _name(oid: x509.ObjectIdentifier) -> str:
    """Return the name of an attribute type, or its number if it has none."""
    name = oid._name  # noqa: SLF001 - the names of cryptography's own documentation
    return _NAMES.get(oid.dotted_string) or (oid.dotted_string if " " in name else name)


def _is_certain(attribute: x509.NameAttribute[str | bytes]) -> bool:
    kind = attribute._type.name  # noqa: SLF001 - nothing public says it
    value = attribute.value
    return isinstance(value, str) and (value.isascii() or kind in _UNICODE)
