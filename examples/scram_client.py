"""The client's side of SCRAM-SHA-256 (RFC 7677), as mail programs have it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode

from ualauth import Identity, SaslExchange


def log_in(exchange: SaslExchange, name: str, password: str) -> Identity:
    """Return who was let in, in an exchange that has just begun; names and passwords are ASCII.

    Raises:
        AuthenticationError: one of its subclasses, if the server does not let the user in.

    """
    escaped = name.replace("=", "=3D").replace(",", "=2C")
    first = f"n={escaped},r={secrets.token_urlsafe(18)}"
    challenge = _text(exchange.step(f"n,,{first}".encode()))
    fields = dict(field.split("=", 1) for field in challenge.split(","))
    salt, iterations = b64decode(fields["s"]), int(fields["i"])
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    client_key = _keyed(salted, b"Client Key")
    unproved = f"c=biws,r={fields['r']}"
    signed = f"{first},{challenge},{unproved}".encode()
    signature = _keyed(hashlib.sha256(client_key).digest(), signed)
    proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
    verifier = _text(exchange.step(f"{unproved},p={b64encode(proof).decode()}".encode()))
    expected = _keyed(_keyed(salted, b"Server Key"), signed)
    if verifier != f"v={b64encode(expected).decode()}":
        raise ValueError("this server does not know the password")
    exchange.step(b"")
    return exchange.identity


def _keyed(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def _text(challenge: bytes | None) -> str:
    return (challenge or b"").decode()
