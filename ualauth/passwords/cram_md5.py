"""The secret that CRAM-MD5 needs of a password: HMAC-MD5 begun (RFC 2195, section 3).

Not the password: the two states of MD5 after its first block, as Dovecot and
Cyrus SASL keep them. They let a program that has them answer challenges of CRAM-MD5,
and guess the password quickly, but not log in elsewhere.
"""

from __future__ import annotations

from ualauth.errors import PasswordError
from ualauth.passwords.md5 import BLOCK, START, compressing, digest
from ualauth.passwords.scram import ScramSecret, saslprep

NAME = "CRAM-MD5"
_STATE_BYTES = len(START)
_ONLY_ITERATION = 1


def derive_cram_md5(password: str) -> ScramSecret:
    """Return the secret of `password`; it has no salt, and its keys are the two states.

    Raises:
        PasswordError: for a password that SASLprep prohibits or leaves empty.

    """
    key = saslprep(password).encode()
    if len(key) > BLOCK:
        key = digest(START, key)
    padded = key.ljust(BLOCK, b"\0")
    inner, outer = (
        compressing()(START, bytes(byte ^ pad for byte in padded)) for pad in (0x36, 0x5C)
    )
    return of_states(inner, outer)


def of_states(inner: bytes, outer: bytes) -> ScramSecret:
    """Return the secret of two states of MD5.

    Raises:
        PasswordError: if they are none.

    """
    if len(inner) != _STATE_BYTES or len(outer) != _STATE_BYTES:
        raise PasswordError("malformed CRAM-MD5 secret: its states have 16 octets each")
    return ScramSecret(NAME, b"", _ONLY_ITERATION, stored_key=inner, server_key=outer)


def response_of(secret: ScramSecret, challenge: bytes) -> str:
    """Return what a client with the password answers, in hexadecimal digits.

    Raises:
        PasswordError: if the secret is not one of CRAM-MD5.

    """
    inner, outer = secret.stored_key, secret.server_key
    if secret.mechanism != NAME or len(inner) != _STATE_BYTES or len(outer) != _STATE_BYTES:
        raise PasswordError("no CRAM-MD5 secret")
    return digest(outer, digest(inner, challenge, BLOCK), BLOCK).hex()
