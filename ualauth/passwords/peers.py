"""Hashes that libpass does not know: those of 389-DS, WordPress, Drupal, Django, Werkzeug.

Each is verified as the program does that makes it. Functions raise `ValueError` for a malformed
hash. None of them is ever made.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from ualauth.errors import PasswordError
from ualauth.passwords.crypts import bcrypt_matches
from ualauth.text.lazy_pattern import lazy_pattern

_H64 = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

# 4 octets of iterations, 64 of salt, 256 of digest (389-DS, pbkdf2_pwd.c).
_389_ITERATIONS, _389_SALT, _389_DIGEST = 4, 64, 256
BYTES_389 = _389_ITERATIONS + _389_SALT + _389_DIGEST
"""The length of 389-DS' {PBKDF2_SHA256}."""

_STATES = 16
BYTES_CRAM_MD5 = 2 * _STATES
"""The length of Dovecot's {CRAM-MD5}: two states of MD5."""

# Costs of 2**7 to 2**30 rounds.
DRUPAL = lazy_pattern(rb"\$S\$([5-9A-S])([./0-9A-Za-z]{8})([./0-9A-Za-z]{43})")
WORDPRESS = lazy_pattern(rb"\$wp(\$2y\$(?:0[4-9]|[12]\d|3[01])\$[./0-9A-Za-z]{53})")
DJANGO_SCRYPT = lazy_pattern(
    rb"scrypt\$(\d{1,8})\$([^$]+)\$(\d{1,3})\$(\d{1,3})\$((?:[0-9A-Za-z+/]{4})*[0-9A-Za-z+/=]{4})"
)
WERKZEUG_SCRYPT = lazy_pattern(rb"scrypt:(\d{1,8}):(\d{1,3}):(\d{1,3})\$([^$]+)\$([0-9a-f]{128})")
WERKZEUG_PBKDF2 = lazy_pattern(
    rb"pbkdf2:(sha1|sha256|sha512):([1-9]\d{0,8})\$([^$]+)\$((?:[0-9a-f]{2}){20,64})"
)
# What a hash may ask for: eight times Werkzeug's default.
_MOST_SCRYPT_BYTES = 256 << 20


def matches_389(password: bytes, stored: bytes) -> bool:
    """Return whether 389-DS' older PBKDF2 was made of `password`."""
    if len(stored) != BYTES_389:
        raise ValueError("not as long as 389-DS makes it")
    iterations = int.from_bytes(stored[:_389_ITERATIONS])
    salt, digest = stored[_389_ITERATIONS:-_389_DIGEST], stored[-_389_DIGEST:]
    key = hashlib.pbkdf2_hmac("sha256", password, salt, iterations, _389_DIGEST)
    return hmac.compare_digest(key, digest)


def cram_md5_matches(password: bytes, stored: bytes) -> bool:
    """Return whether the states of CRAM-MD5 were made of `password`, outer first (Dovecot)."""
    from ualauth.passwords.cram_md5 import derive_cram_md5  # noqa: PLC0415 - a circle otherwise

    if len(stored) != BYTES_CRAM_MD5:
        raise ValueError("not two states of MD5")
    try:
        secret = derive_cram_md5(password.decode())
    except PasswordError:
        return False
    return hmac.compare_digest(secret.server_key + secret.stored_key, stored)


def wordpress_matches(password: bytes, stored: bytes) -> bool:
    """Return whether WordPress 6.8 made a hash of `password`: bcrypt of HMAC-SHA-384."""
    match = WORDPRESS.fullmatch(stored)
    if match is None:
        raise ValueError("not WordPress' bcrypt")
    # As PHP's trim() does.
    digest = hmac.digest(b"wp-sha384", password.strip(b" \t\n\r\0\x0b"), "sha384")
    return bcrypt_matches(base64.b64encode(digest), match[1])


def drupal_matches(password: bytes, stored: bytes) -> bool:
    """Return whether Drupal 7 made a hash of `password`: phpass with SHA-512, cut to 55."""
    match = DRUPAL.fullmatch(stored)
    if match is None:
        raise ValueError("not Drupal's hash")
    rounds, salt, digest = match.groups()
    hashed = hashlib.sha512(salt + password).digest()
    for _ in range(1 << _H64.index(rounds)):
        hashed = hashlib.sha512(hashed + password).digest()
    return hmac.compare_digest(_phpass_encoded(hashed)[: len(digest)], digest)


def _phpass_encoded(data: bytes) -> bytes:
    """Return octets as phpass has them: 6 bits a character, the lowest first."""
    encoded = bytearray()
    for start in range(0, len(data), 3):
        some = data[start : start + 3]
        number = int.from_bytes(some, "little")
        encoded += bytes(_H64[number >> shift & 63] for shift in range(0, 8 * len(some), 6))
    return bytes(encoded)


def scrypt_matches(password: bytes, stored: bytes) -> bool:
    """Return whether Django or Werkzeug made a hash of `password` by scrypt (RFC 7914)."""
    if match := DJANGO_SCRYPT.fullmatch(stored):
        cost, salt, blocks, lanes, text = match.groups()
        digest = base64.b64decode(text, validate=True)
    elif match := WERKZEUG_SCRYPT.fullmatch(stored):
        cost, blocks, lanes, salt, text = match.groups()
        digest = binascii.unhexlify(text)
    else:
        raise ValueError("not scrypt as Django or Werkzeug write it")
    n, r, p = int(cost), int(blocks), int(lanes)
    if 128 * n * r > _MOST_SCRYPT_BYTES:
        raise ValueError("needs too much memory")
    room = 2 * _MOST_SCRYPT_BYTES
    key = hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, maxmem=room, dklen=len(digest))
    return hmac.compare_digest(key, digest)


def werkzeug_pbkdf2_matches(password: bytes, stored: bytes) -> bool:
    """Return whether Werkzeug made a hash of `password` by PBKDF2."""
    match = WERKZEUG_PBKDF2.fullmatch(stored)
    if match is None:
        raise ValueError("not PBKDF2 as Werkzeug writes it")
    name, iterations, salt, text = match.groups()
    digest = binascii.unhexlify(text)
    key = hashlib.pbkdf2_hmac(name.decode(), password, salt, int(iterations))
    return hmac.compare_digest(key, digest)
