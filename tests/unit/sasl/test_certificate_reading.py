"""Certificates in DER: what they are for, and strings of every kind in their names."""

from __future__ import annotations

import datetime as dt
import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ualauth.sasl.certificate import ClientCertificate, name_of
from ualauth.sasl.certificate_reading import read_certificate

KEY = ec.generate_private_key(ec.SECP256R1())
JOHN = (x509.NameAttribute(NameOID.COMMON_NAME, "John"),)
ADDRESS = x509.SubjectAlternativeName([x509.RFC822Name("jsmith@example.com")])

Part = tuple[x509.NameAttribute[str], ...]


def made(*parts: Part, extensions: tuple[x509.ExtensionType, ...] = ()) -> bytes:
    subject = x509.Name([x509.RelativeDistinguishedName(part) for part in parts])
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=1))
    )
    for each in extensions:
        builder = builder.add_extension(each, critical=False)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def test_names_and_fingerprint() -> None:
    der = made(
        (x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),),
        (
            x509.NameAttribute(NameOID.COMMON_NAME, "John"),
            x509.NameAttribute(NameOID.USER_ID, "jsmith"),
        ),
        (x509.NameAttribute(x509.ObjectIdentifier("1.2.3.4"), "x"),),
        extensions=(
            x509.SubjectAlternativeName(
                [x509.RFC822Name("jsmith@example.com"), x509.DNSName("host.example.com")]
            ),
        ),
    )
    assert read_certificate(der) == ClientCertificate(
        subject=(
            ("countryName", "DE"),
            ("commonName", "John"),
            ("+userId", "jsmith"),
            ("1.2.3.4", "x"),
        ),
        emails=("jsmith@example.com",),
        dns_names=("host.example.com",),
        fingerprint=hashlib.sha256(der).hexdigest(),
    )
    bare = read_certificate(made(JOHN))
    assert bare is not None
    assert (bare.emails, bare.dns_names) == ((), ())


USAGES = {
    "client": ([ExtendedKeyUsageOID.CLIENT_AUTH], True),
    "both": ([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH], True),
    "server": ([ExtendedKeyUsageOID.SERVER_AUTH], False),
    "mail": ([ExtendedKeyUsageOID.EMAIL_PROTECTION, ExtendedKeyUsageOID.CODE_SIGNING], False),
    "any": ([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE], False),
}


@pytest.mark.parametrize(("usages", "taken"), USAGES.values(), ids=USAGES.keys())
def test_a_certificate_with_purposes_must_be_for_clients(
    usages: list[x509.ObjectIdentifier], taken: bool
) -> None:
    certificate = read_certificate(made(JOHN, extensions=(ADDRESS, x509.ExtendedKeyUsage(usages))))
    assert (certificate is not None) == taken


@pytest.mark.parametrize("kind", ["UTF8String", "BMPString", "UniversalString"])
def test_strings_of_unicode_are_read(kind: str) -> None:
    name = x509.NameAttribute(NameOID.COMMON_NAME, "Jérôme", _type=_ASN1Type[kind])
    certificate = read_certificate(made((name,)))
    assert certificate is not None
    assert name_of(certificate, ["cn: * -> {0}"]) == "Jérôme"


@pytest.mark.parametrize("kind", ["T61String", "IA5String", "VisibleString", "OctetString"])
def test_strings_whose_letters_are_a_guess_name_no_user(kind: str) -> None:
    plain = x509.NameAttribute(NameOID.COMMON_NAME, "John", _type=_ASN1Type[kind])
    guess = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Café", _type=_ASN1Type[kind])
    for parts, name in (((plain,),), "John"), (((plain,), (guess,)), ""):
        certificate = read_certificate(made(*parts, extensions=(ADDRESS,)))
        assert certificate is not None
        assert name_of(certificate, ["cn: * -> {0}"]) == name
        assert name_of(certificate, ["email: * -> {0}"]) == "jsmith@example.com"


def test_latin_1_in_a_t61_string_names_no_user() -> None:
    name = x509.NameAttribute(NameOID.COMMON_NAME, "Jxxyz", _type=_ASN1Type.T61String)
    der = made((name,)).replace(b"Jxxyz", b"J\xe9r\xf4z")
    assert read_certificate(der) is None


def test_what_is_no_certificate_is_none() -> None:
    der = made(JOHN, extensions=(ADDRESS,))
    for data in (b"", b"x", der[:-1], der + b"x", der.replace(b"jsmith@", b"jsmit\xff@")):
        assert read_certificate(data) is None


def test_nul_in_a_name_cuts_nothing_off() -> None:
    der = made(JOHN, extensions=(ADDRESS,)).replace(b"jsmith@example.com", b"boss\0@example.com.")
    certificate = read_certificate(der)
    assert certificate is None or name_of(certificate, ["email: *@* -> {1}"]) == ""
    name = x509.NameAttribute(NameOID.COMMON_NAME, "boss\0x")
    certificate = read_certificate(made((name,)))
    assert certificate is not None
    assert name_of(certificate, ["cn: boss* -> boss"]) == ""
