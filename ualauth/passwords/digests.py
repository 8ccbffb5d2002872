"""Digests of passwords as directories keep them: {SHA}, {SSHA256}, {PLAIN-MD5} ...

A digest is one round of a hash function, over the password alone or, in the
salted schemes, over the password and a salt that is appended to the digest
(RFC 2307, section 5.3, and the manual pages of slapd-pw-sha2(5)). None of them
resists guessing: they are verified, never made.
"""

from __future__ import annotations

import hashlib
import hmac


def digest_matches(hash_name: str, password: bytes, stored: bytes) -> bool:
    """Return whether `stored` is the digest of `password`."""
    digest = hashlib.new(hash_name, password).digest()
    if len(stored) != len(digest):
        raise ValueError("not as long as the digest")
    return hmac.compare_digest(digest, stored)


def salted_digest_matches(hash_name: str, password: bytes, stored: bytes) -> bool:
    """Return whether `stored` is digest(password + salt) + salt."""
    size = hashlib.new(hash_name).digest_size
    digest, salt = stored[:size], stored[size:]
    if len(digest) != size:
        raise ValueError("shorter than the digest")
    return hmac.compare_digest(hashlib.new(hash_name, password + salt).digest(), digest)


def dovecot_pbkdf2_matches(password: bytes, stored: bytes) -> bool:
    """Return whether `stored` is Dovecot's PBKDF2: ``$1$salt$rounds$hex`` of HMAC-SHA-1.

    The salt is used as it is written (Dovecot's password-scheme-pbkdf2.c).
    """
    empty, version, salt, rounds, digest = stored.split(b"$")
    if empty or version != b"1":
        raise ValueError("not version 1")
    wanted = bytes.fromhex(digest.decode("ascii"))
    key = hashlib.pbkdf2_hmac("sha1", password, salt, int(rounds), len(wanted))
    return hmac.compare_digest(key, wanted)
