"""What the example servers share: people, what lets them in, and a throw-away certificate.

`Playground.make(FOLDER)` makes a configuration folder, or takes the one that is there:

    ualauth.toml, pam.d/      every mechanism is offered, for all services of mail
    smtpd.cfg                 submission access rules, for examples/smtp_server.py: all commented
    userlist.db               jsmith, ann, locked and expired, all with the same password
    tls/authority.pem         the authority that signed the certificates
    tls/server.pem            the server's, for localhost, with its key
    tls/jsmith.pem            one by which jsmith can log in (EXTERNAL), with its key
    tls/ann.pem               one of ann
    token                     one by which jsmith can log in (OAUTHBEARER, XOAUTH2)

None of it is for anything but trying: the keys lie about, and end after a week.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
import ssl
import sys
import tempfile
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from ualauth.config.install import install
from ualauth.passwords.schemes import PasswordHasher
from ualauth.userlist.names import parse as parse_name
from ualauth.userlist.record import NewUser
from ualauth.userlist.store import UserStore

PASSWORD = "correct horse"
WEEK = timedelta(days=7)
ISSUER = "https://issuer.example"
SERVICES = ("smtpd.auth", "imap", "ual.remote", "pop3")

SETTINGS = """\
[sasl]
mechanisms = ["SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1", "EXTERNAL", "OAUTHBEARER",
              "XOAUTH2", "CRAM-MD5", "PLAIN", "LOGIN", "ANONYMOUS"]

# As shipped, smtpd.auth has neither PLAIN nor LOGIN. Here they are for programs that know nothing
# else; without this table, they are gone again.
[service."smtpd.auth"]
mechanisms = ["SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1", "EXTERNAL", "OAUTHBEARER",
              "XOAUTH2", "CRAM-MD5", "PLAIN", "LOGIN", "ANONYMOUS"]
"""
# Each module judges what it knows, and leaves the rest to the next.
STACK = """\
auth     sufficient  om_external
auth     sufficient  om_oauth  issuer={issuer} audience=mail keys={keys}
auth     sufficient  om_anonymous
auth     required    om_auth

account  sufficient  om_anonymous
account  required    om_auth
"""
RULES = """\
# Submission access rules; docs/administrators/smtp-access.md explains them.
# A change is in use within a second. None of these is in use: delete its #.

# A user who logs in sends as themselves only; info@example.com is every user's.
#AUTH_MISMATCH  Reject   *
#DELEGATE       *        info@example.com

# Messages say in a header who logged in; with --anonymous, also that no user did.
#AUTH_SUCCESS   Header   *
#ANONYMOUS      Header   *

# With --anonymous: some senders have to log in; others are put off, or dropped unnoticed.
#ANONYMOUS      Reject   192.168.*
#ORIGINATOR     Defer    *@*.example.net
#RECIPIENT      Discard  trash@example.com
"""


@dataclass(frozen=True, slots=True)
class Playground:
    """A folder with all that an example server needs."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> Self:
        """Make the folder, unless it is there."""
        playground = cls(folder.absolute())
        # It is made last.
        if not (folder / "token").exists():
            if (folder / "ualauth.toml").exists():
                sys.exit(f"{folder} is there, and was not made by an example server")
            for _ in install(folder):
                pass
            (folder / "ualauth.toml").write_text(SETTINGS, encoding="utf-8")
            (folder / "smtpd.cfg").write_text(RULES, encoding="utf-8")
            _make_certificates(folder / "tls")
            keys = playground.folder / "keys.json"
            for service in SERVICES:
                text = STACK.format(issuer=ISSUER, keys=keys)
                (folder / "pam.d" / service).write_text(text, encoding="utf-8")
            _add_people(folder / "userlist.db")
            _make_token(folder)
        return playground

    @property
    def authority(self) -> Path:
        """The certificate that clients have to trust."""
        return self.folder / "tls" / "authority.pem"

    @property
    def certificate(self) -> Path:
        """The server's certificate, with its key."""
        return self.folder / "tls" / "server.pem"

    @property
    def client_certificate(self) -> Path:
        """The certificate of jsmith, with its key."""
        return self.folder / "tls" / "jsmith.pem"

    @property
    def other_certificate(self) -> Path:
        """The certificate of ann, with its key."""
        return self.folder / "tls" / "ann.pem"

    @property
    def token(self) -> str:
        """A token of jsmith."""
        return (self.folder / "token").read_text(encoding="utf-8")

    @property
    def bad_token(self) -> str:
        """One that an attacker tampered with."""
        head, _, signature = self.token.rpartition(".")
        return f"{head}.{signature[::-1]}"

    def tls_context(self) -> ssl.SSLContext:
        """Return what a server needs for TLS; clients may show a certificate."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=self.authority)
        context.load_cert_chain(self.certificate)
        context.verify_mode = ssl.CERT_OPTIONAL
        return context


Serve = Callable[..., Coroutine[Any, Any, None]]
"""Takes a playground, two ports, and by name whether each option was given."""


def run(serve: Serve, ports: tuple[int, int], **options: str) -> None:
    """Serve from FOLDER, or else from a temporary one; ports of 0 are any that are free.

    `options` are the server's own, with what they do.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", type=Path, help="made, or used if it is there")
    parser.add_argument("--ports", nargs=2, type=int, default=ports, metavar=("STARTTLS", "TLS"))
    for name, does in options.items():
        parser.add_argument(f"--{name}", action="store_true", help=does)
    chosen = parser.parse_args()
    given = {name: getattr(chosen, name) for name in options}
    show_refusals()
    with tempfile.TemporaryDirectory(prefix="ualauth-") as temporary:
        playground = Playground.make(chosen.folder or Path(temporary) / "etc")
        try:
            asyncio.run(serve(playground, tuple(chosen.ports), **given))
        except OSError as error:
            # Mostly a port that another program has.
            sys.exit(f"cannot serve: {error.strerror or error}; --ports names others")


def show_refusals() -> None:
    """Write to standard error why a login is not granted: for the administrator, not the client."""
    shown = logging.StreamHandler()
    shown.setLevel(logging.WARNING)
    shown.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    logging.getLogger("ualauth.audit").addHandler(shown)


async def until_stopped() -> None:
    """Wait for Ctrl-C, or for SIGTERM."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await stopped.wait()


def _add_people(path: Path) -> None:
    hasher = PasswordHasher(
        mechanisms=("SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512", "CRAM-MD5"),
    )
    stored, secrets, now = hasher.hash(PASSWORD), hasher.secrets(PASSWORD), datetime.now(UTC)
    people = [
        NewUser(
            name=parse_name("John Q Smith III/ny,hq/CN=John Smith"),
            authid="jsmith",
            addresses=("john.smith@example.com", "js@example.com"),
        ),
        NewUser(name=parse_name("Ann Jones/ny,hq"), authid="ann", addresses=("ann@example.com",)),
        NewUser(name=parse_name("Lee Locked/ny"), authid="locked", locked=True),
        NewUser(name=parse_name("Max Expired/ny"), authid="expired"),
    ]
    with UserStore(f"sqlite:///{path.absolute()}") as store:
        for person in people:
            expires = now - timedelta(days=1) if person.authid == "expired" else None
            store.set_password(store.add(person), stored, secrets, changed=now, expires=expires)


def _make_token(folder: Path) -> None:
    key = ECKey.generate_key("P-256", {"kid": "playground"})
    (folder / "keys.json").write_text(
        json.dumps(KeySet([key]).as_dict(private=False)), encoding="utf-8"
    )
    now = datetime.now(UTC)
    claims = {
        "iss": ISSUER,
        "aud": "mail",
        "email": "john.smith@example.com",
        "email_verified": True,
        "iat": int(now.timestamp()),
        "exp": int((now + WEEK).timestamp()),
    }
    token = jwt.encode({"alg": "ES256", "kid": "playground"}, claims, key)
    (folder / "token").write_text(token, encoding="utf-8")


def _make_certificates(folder: Path) -> None:
    folder.mkdir()
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _certificate("ualauth playground", authority_key, None, authority_key, [])
    (folder / "authority.pem").write_bytes(authority.public_bytes(Encoding.PEM))
    own: dict[str, list[x509.GeneralName]] = {
        "server": [x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))],
        "jsmith": [x509.RFC822Name("john.smith@example.com")],
        "ann": [x509.RFC822Name("ann@example.com")],
    }
    for name, names in own.items():
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(name, key, authority.subject, authority_key, names)
        path = folder / f"{name}.pem"
        path.touch(mode=0o600)
        path.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            + certificate.public_bytes(Encoding.PEM),
        )


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name | None,
    issuer_key: ec.EllipticCurvePrivateKey,
    names: list[x509.GeneralName],
) -> x509.Certificate:
    """Return a certificate; without an issuer, one that signs itself and may sign others."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + WEEK)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(_usage(signs=issuer is None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _usage(*, signs: bool) -> x509.KeyUsage:
    """Return what a key is for, which Python's clients look at from 3.13 on (RFC 5280)."""
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )
