"""The secrets that SCRAM needs of a password (RFC 5802, section 3).

A server keeps `StoredKey` and `ServerKey`, never the password: with them it can
check a client's proof and prove itself, but cannot log in elsewhere. SCRAM
normalizes the password with SASLprep (RFC 4013) as a stored string. A password
that SASLprep prohibits (control characters, characters newer than Unicode 3.2
such as most emoji) has no SCRAM secrets: its owner logs in by PLAIN or LOGIN,
and is not offered anything else.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import field

from ualauth.errors import PasswordError
from ualauth.text.dataclass import dataclass
from ualauth.text.lazy_pattern import lazy_pattern


@dataclass(frozen=True, slots=True)
class Mechanism:
    """What distinguishes one SCRAM mechanism from the next.

    `hash_name` is hashlib's name, `iterations` the number for new secrets.
    """

    hash_name: str
    iterations: int


MIN_ITERATIONS = 4096
"""The least that a server should use (RFC 5802, section 5.1; RFC 7677, section 4)."""

# Every login makes the client repeat the iterations, and Cyrus SASL's client
# refuses more than this (MAX_ITERATION_COUNTER in plugins/scram.c). OWASP's
# Password Storage Cheat Sheet asks for more (600,000 of SHA-256), which would
# lock the programs that use Cyrus SASL out; so the most that all can do is used.
_MOST_FOR_ALL_CLIENTS = 0x10000

MECHANISMS: Mapping[str, Mechanism] = {
    "SCRAM-SHA-1": Mechanism("sha1", _MOST_FOR_ALL_CLIENTS),  # RFC 5802
    "SCRAM-SHA-256": Mechanism("sha256", _MOST_FOR_ALL_CLIENTS),  # RFC 7677
    "SCRAM-SHA-512": Mechanism("sha512", _MOST_FOR_ALL_CLIENTS),  # draft-melnikov-scram-sha-512
}
"""Name in SASL (without -PLUS, which uses the same secrets) -> hash and iterations."""

# RFC 5802, section 7 (posit-number); OpenSSL takes no more than a C int.
_ITERATIONS = lazy_pattern(r"[1-9][0-9]{0,8}")

# RFC 5802 leaves the length open; NIST SP 800-132, section 5.1 asks for 128 bits.
SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class ScramSecret:
    """What a server keeps of one password for one mechanism."""

    mechanism: str
    salt: bytes
    iterations: int
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)


def derive(
    mechanism: str,
    password: str,
    *,
    salt: bytes | None = None,
    iterations: int | None = None,
) -> ScramSecret:
    """Return the secret of `password`, with a random salt unless one is given.

    Computes for some milliseconds, without holding the interpreter's lock.

    Raises:
        PasswordError: for a password that SASLprep prohibits or that it leaves
            empty, and for a mechanism that is not in `MECHANISMS`.

    """
    kind = _kind(mechanism)
    used_salt = secrets.token_bytes(SALT_BYTES) if salt is None else salt
    rounds = kind.iterations if iterations is None else iterations
    normal = saslprep(password).encode()
    salted = hashlib.pbkdf2_hmac(kind.hash_name, normal, used_salt, rounds)
    client_key = hmac.digest(salted, b"Client Key", kind.hash_name)
    return ScramSecret(
        mechanism,
        used_salt,
        rounds,
        stored_key=hashlib.new(kind.hash_name, client_key).digest(),
        server_key=hmac.digest(salted, b"Server Key", kind.hash_name),
    )


def verifies(secret: ScramSecret, password: str) -> bool:
    """Return whether `secret` was derived from `password`; takes constant time."""
    try:
        own = derive(
            secret.mechanism,
            password,
            salt=secret.salt,
            iterations=secret.iterations,
        )
    except PasswordError:
        return False
    # Both are always compared: `and` would end at the first difference.
    return hmac.compare_digest(own.stored_key, secret.stored_key) & hmac.compare_digest(
        own.server_key,
        secret.server_key,
    )


def saslprep(password: str) -> str:
    """Return `password` as SASLprep normalizes a stored string (RFC 4013).

    Raises:
        PasswordError: if it is prohibited, or empty afterwards.

    """
    if not (password.isascii() and password.isprintable()):
        password = _saslprep(password)
    if not password:
        raise PasswordError("an empty password has no SCRAM secret")
    return password


def to_stored(secret: ScramSecret) -> str:
    """Return the text that Dovecot and `gsasl --mkpasswd` write.

    That is ``{SCRAM-SHA-256}iterations,salt,stored key,server key``, the last three
    in base64.
    """
    salt, stored, server = (
        base64.b64encode(part).decode()
        for part in (secret.salt, secret.stored_key, secret.server_key)
    )
    return f"{{{secret.mechanism}}}{secret.iterations},{salt},{stored},{server}"


def from_stored(text: str) -> ScramSecret:
    """Read what `to_stored` writes.

    Raises:
        PasswordError: if it is not of that form; the text does not contain it.

    """
    name, closed, rest = text.removeprefix("{").partition("}")
    if not closed or not text.startswith("{"):
        raise PasswordError("a stored SCRAM secret begins with {SCRAM-...}")
    mechanism = name.upper()
    size = hashlib.new(_kind(mechanism).hash_name).digest_size
    try:
        digits, *parts = rest.split(",")
        salt, stored, server = (base64.b64decode(part, validate=True) for part in parts)
    except ValueError:
        raise PasswordError(f"malformed {mechanism} secret") from None
    if not _ITERATIONS.fullmatch(digits) or not salt or len(stored) != size or len(server) != size:
        raise PasswordError(f"malformed {mechanism} secret")
    return ScramSecret(mechanism, salt, int(digits), stored, server)


def _kind(mechanism: str) -> Mechanism:
    try:
        return MECHANISMS[mechanism]
    except KeyError:
        known = ", ".join(MECHANISMS)
        raise PasswordError(f"unknown SCRAM mechanism {mechanism[:32]!r}; use {known}") from None


def _saslprep(password: str) -> str:
    # Loaded only for passwords that need it: it takes longer than a login.
    from passlib.utils import saslprep as library_saslprep  # noqa: PLC0415 - see above

    try:
        return str(library_saslprep(password))
    except ValueError:
        # The library's texts are about code points; `from None` keeps them out of logs.
        raise PasswordError("SASLprep prohibits this password (RFC 4013)") from None
