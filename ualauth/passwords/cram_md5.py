"""The secret that CRAM-MD5 needs of a password: HMAC-MD5 begun (RFC 2195, section 3).

Not the password: the two states of MD5 after its first block, as Dovecot and
Cyrus SASL keep them. They let whoever has them answer challenges of CRAM-MD5,
and guess the password quickly, but not log in elsewhere.

Python's hashlib can neither tell nor take up a state, so the one function of
MD5 that is needed stands here (RFC 1321, section 3.4).
"""

from __future__ import annotations

import math
import struct

from ualauth.errors import PasswordError
from ualauth.passwords.scram import ScramSecret, saslprep

NAME = "CRAM-MD5"
_BLOCK = 64
_START = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476)
_SINES = [int(abs(math.sin(index + 1)) * 2**32) for index in range(64)]
_SHIFTS = [(7, 12, 17, 22), (5, 9, 14, 20), (4, 11, 16, 23), (6, 10, 15, 21)]
# For each of the 64 operations: which word, which constant, how far to turn.
_WORDS = [
    *range(16),
    *((5 * index + 1) % 16 for index in range(16)),
    *((3 * index + 5) % 16 for index in range(16)),
    *((7 * index) % 16 for index in range(16)),
]
_STEPS = [(_WORDS[at], _SINES[at], _SHIFTS[at // 16][at % 4]) for at in range(64)]
_FIRST, _SECOND, _THIRD, _FOURTH = (_STEPS[at : at + 16] for at in (0, 16, 32, 48))
_MASK = 0xFFFFFFFF
_ONLY_ITERATION = 1

State = tuple[int, int, int, int]


def derive_cram_md5(password: str) -> ScramSecret:
    """Return the secret of `password`; it has no salt, and its keys are the two states.

    Raises:
        PasswordError: for a password that SASLprep prohibits or leaves empty.

    """
    key = saslprep(password).encode()
    if len(key) > _BLOCK:
        key = _md5(_START, key, 0)
    padded = key.ljust(_BLOCK, b"\0")
    inner, outer = (
        _pack(_compress(_START, bytes(byte ^ pad for byte in padded))) for pad in (0x36, 0x5C)
    )
    return ScramSecret(NAME, b"", _ONLY_ITERATION, stored_key=inner, server_key=outer)


def response_of(secret: ScramSecret, challenge: bytes) -> str:
    """Return what a client with the password answers, in hexadecimal digits.

    Raises:
        PasswordError: if the secret is not one of CRAM-MD5.

    """
    if secret.mechanism != NAME or len(secret.stored_key) != 16 or len(secret.server_key) != 16:
        raise PasswordError("no CRAM-MD5 secret")
    inner = _md5(_unpack(secret.stored_key), challenge, _BLOCK)
    return _md5(_unpack(secret.server_key), inner, _BLOCK).hex()


def _md5(state: State, message: bytes, before: int) -> bytes:
    """Return the digest of what `state` has read, `before` bytes, and `message`."""
    length = before + len(message)
    padding = b"\x80" + bytes((55 - length) % 64)
    padded = message + padding + struct.pack("<Q", 8 * length)
    for at in range(0, len(padded), _BLOCK):
        state = _compress(state, padded[at : at + _BLOCK])
    return _pack(state)


def _compress(state: State, block: bytes) -> State:
    words = struct.unpack("<16I", block)
    a, b, c, d = state
    for word, sine, shift in _FIRST:
        a = (a + (d ^ (b & (c ^ d))) + words[word] + sine) & _MASK
        a, d, c, b = d, c, b, (b + (a << shift | a >> 32 - shift)) & _MASK
    for word, sine, shift in _SECOND:
        a = (a + (c ^ (d & (b ^ c))) + words[word] + sine) & _MASK
        a, d, c, b = d, c, b, (b + (a << shift | a >> 32 - shift)) & _MASK
    for word, sine, shift in _THIRD:
        a = (a + (b ^ c ^ d) + words[word] + sine) & _MASK
        a, d, c, b = d, c, b, (b + (a << shift | a >> 32 - shift)) & _MASK
    for word, sine, shift in _FOURTH:
        a = (a + (c ^ (b | d ^ _MASK)) + words[word] + sine) & _MASK
        a, d, c, b = d, c, b, (b + (a << shift | a >> 32 - shift)) & _MASK
    first, second, third, fourth = state
    return (
        (first + a) & _MASK,
        (second + b) & _MASK,
        (third + c) & _MASK,
        (fourth + d) & _MASK,
    )


def _pack(state: State) -> bytes:
    return struct.pack("<4I", *state)


def _unpack(data: bytes) -> State:
    first, second, third, fourth = struct.unpack("<4I", data)
    return first, second, third, fourth
