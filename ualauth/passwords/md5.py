"""MD5 that goes on from a state, which Python's hashlib can neither tell nor take up.

The one function that is needed is OpenSSL's MD5_Transform (MD5_Init(3)), from
the library that hashlib itself uses; where that does not have it, it stands
here (RFC 1321, section 3.4), fifty times as slow.
"""

from __future__ import annotations

import functools
import math
import struct
from collections.abc import Callable

BLOCK = 64
START = struct.pack("<4I", 0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476)
"""The state before anything is read."""

Compress = Callable[[bytes, bytes], bytes]
"""A state of 16 bytes and a block of 64 -> the state after it."""


def digest(state: bytes, message: bytes, before: int = 0) -> bytes:
    """Return the digest of what `state` has read, `before` bytes, and `message`."""
    compress = compressing()
    padded = message + _padding(before + len(message))
    if len(padded) == BLOCK:
        return compress(state, padded)
    for at in range(0, len(padded), BLOCK):
        state = compress(state, padded[at : at + BLOCK])
    return state


@functools.lru_cache(256)
def _padding(length: int) -> bytes:
    """Return what follows so many bytes (RFC 1321, sections 3.1 and 3.2)."""
    return b"\x80" + bytes((55 - length) % BLOCK) + struct.pack("<Q", 8 * length)


@functools.cache
def compressing() -> Compress:
    """Return the fastest way to take up a block."""
    return by_openssl() or in_python


# OpenSSL

_CONTEXT_BYTES = 92
"""The size of an MD5_CTX, which begins with the state."""
_REST = bytes(_CONTEXT_BYTES - len(START))
_EMPTY = b"\x80".ljust(BLOCK, b"\0")
_OF_NOTHING = bytes.fromhex("d41d8cd98f00b204e9800998ecf8427e")  # RFC 1321, appendix A.5


def by_openssl() -> Compress | None:
    """Return OpenSSL's MD5_Transform, or `None` where hashlib has no OpenSSL, or that not it.

    It is deprecated since OpenSSL 3.0, so it is tried before it is trusted.
    """
    try:
        import _hashlib  # noqa: PLC0415 - to find the library that it is linked with
        import ctypes  # noqa: PLC0415 - few processes need it

        # It takes less time than to let go of the interpreter's lock.
        transform = ctypes.PyDLL(_hashlib.__file__).MD5_Transform
    except (ImportError, AttributeError, OSError):
        return None
    transform.argtypes = (ctypes.c_char_p, ctypes.c_char_p)
    transform.restype = None
    kind = ctypes.c_char * _CONTEXT_BYTES

    def compress(state: bytes, block: bytes) -> bytes:
        context = kind.from_buffer_copy(state + _REST)
        transform(context, block)
        return context.raw[:16]

    return compress if compress(START, _EMPTY) == _OF_NOTHING else None


# Python

_MASK = 0xFFFFFFFF


@functools.cache
def _rounds() -> list[list[tuple[int, int, int]]]:
    """Return the four rounds of 16 operations: which word, which constant, how far to turn."""
    sines = [int(abs(math.sin(index + 1)) * 2**32) for index in range(64)]
    shifts = [(7, 12, 17, 22), (5, 9, 14, 20), (4, 11, 16, 23), (6, 10, 15, 21)]
    words = [
        *range(16),
        *((5 * index + 1) % 16 for index in range(16)),
        *((3 * index + 5) % 16 for index in range(16)),
        *((7 * index) % 16 for index in range(16)),
    ]
    steps = [(words[at], sines[at], shifts[at // 16][at % 4]) for at in range(64)]
    return [steps[at : at + 16] for at in (0, 16, 32, 48)]


def in_python(state: bytes, block: bytes) -> bytes:
    """Return the state after a block."""
    first, second, third, fourth = _rounds()
    words = struct.unpack("<16I", block)
    a, b, c, d = before = struct.unpack("<4I", state)
    for word, sine, shift in first:
        a = (a + (d ^ (b & (c ^ d))) + words[word] + sine) & _MASK
        a, d, c, b = d, c, b, (b + (a << shift | a >> 32 - shift)) & _MASK
    for word, sine, shift in second:
        a = (a + (c ^ (d & (b ^ c))) + words[word] + sine) & _MASK
        a, d, c, b = d, c, b, (b + (a << shift | a >> 32 - shift)) & _MASK
    for word, sine, shift in third:
        a = (a + (b ^ c ^ d) + words[word] + sine) & _MASK
        a, d, c, b = d, c, b, (b + (a << shift | a >> 32 - shift)) & _MASK
    for word, sine, shift in fourth:
        a = (a + (c ^ (b | d ^ _MASK)) + words[word] + sine) & _MASK
        a, d, c, b = d, c, b, (b + (a << shift | a >> 32 - shift)) & _MASK
    after = zip(before, (a, b, c, d), strict=True)
    return struct.pack("<4I", *((old + new) & _MASK for old, new in after))
