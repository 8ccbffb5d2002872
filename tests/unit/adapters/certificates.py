"""Certificates for tests: an authority, a server's on loopback, and a client's."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files in PEM: the authority, and key and certificate of each end."""

    authority: Path
    server: Path
    client: Path

    @property
    def server_der(self) -> bytes:
        """The server's certificate in DER."""
        certificate = x509.load_pem_x509_certificate(self.server.read_bytes())
        return certificate.public_bytes(serialization.Encoding.DER)

    def server_context(self) -> ssl.SSLContext:
        """Return a server's context, which asks for a client's certificate."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(self.authority))
        context.load_cert_chain(self.server)
        context.verify_mode = ssl.CERT_OPTIONAL
        return context

    def client_context(self, *, with_certificate: bool = False) -> ssl.SSLContext:
        """Return a client's context."""
        context = ssl.create_default_context(cafile=str(self.authority))
        if with_certificate:
            context.load_cert_chain(self.client)
        return context


def make(folder: Path) -> Certificates:
    """Make all of them; the client's is of jsmith@example.com."""
    key, authority = _sign("authority", [], None)
    certificates = Certificates(
        folder / "authority.pem", folder / "server.pem", folder / "client.pem"
    )
    certificates.authority.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    loopback = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    for path, name, others in (
        (certificates.server, "localhost", [x509.DNSName("localhost"), loopback]),
        (certificates.client, "John", [x509.RFC822Name("jsmith@example.com")]),
    ):
        own, certificate = _sign(name, others, (key, authority))
        path.write_bytes(
            own.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM),
        )
    return certificates


def _sign(
    name: str,
    others: Sequence[x509.GeneralName],
    by: tuple[ec.EllipticCurvePrivateKey, x509.Certificate] | None,
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer, issuer = (key, subject) if by is None else (by[0], by[1].subject)
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()),
            critical=False,
        )
    )
    if by is None:
        usage = x509.KeyUsage(
            digital_signature=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        builder = builder.add_extension(usage, critical=True)
    if others:
        builder = builder.add_extension(x509.SubjectAlternativeName(others), critical=False)
    return key, builder.sign(signer, hashes.SHA256())
