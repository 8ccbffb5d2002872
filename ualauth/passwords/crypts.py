"""Hashes that begin with ``$``, as crypt(5) and its relatives write them.

Every function says whether a hash was made of a password, as the programs that
make such hashes would. They raise `ValueError` for a malformed hash, and load
what they need when first called. argon2-cffi, bcrypt and the host's crypt
compute without holding the interpreter's lock.
"""

from __future__ import annotations

import functools
import hmac
import importlib
from typing import Any, Protocol

from ualauth.text.lazy_pattern import lazy_pattern

BCRYPT_BYTES = 72
"""What bcrypt uses of a password."""

# 22 characters of salt and 31 of hash; the bcrypt package takes less as a mismatch.
_BCRYPT = lazy_pattern(rb"\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}")

# What libpass raises for a malformed hash: usually ValueError, for broken base64
# TypeError, in some of its formats an assertion; without a backend RuntimeError.
LIBPASS_FAULTS = (ValueError, TypeError, AssertionError, RuntimeError)

# Large enough for struct crypt_data of glibc (131,232 bytes) and libxcrypt (32,768).
_CRYPT_DATA_BYTES = 256 * 1024


class LibpassHandler(Protocol):
    """The part of libpass' PasswordHash interface that is used here."""

    def verify(self, secret: bytes, hash: str) -> bool:  # noqa: A002 - libpass' name
        """Return whether `hash` was made of `secret`."""
        ...

    def hash(self, secret: bytes) -> str:
        """Return a new hash of `secret`."""
        ...

    def needs_update(self, hash: str) -> bool:  # noqa: A002 - libpass' name
        """Return whether `hash` was made with other settings."""
        ...

    def using(self, **settings: int) -> LibpassHandler:
        """Return a handler with other settings."""
        ...


def libpass_handler(name: str) -> LibpassHandler:
    """Return libpass' handler of that name; the first call loads it."""
    # libpass provides the passlib package, which has no type information.
    registry: Any = importlib.import_module("passlib.registry")
    handler: LibpassHandler = registry.get_crypt_handler(name)
    return handler


def libpass_matches(name: str, prefix: str, password: bytes, stored: bytes) -> bool:
    """Return whether libpass' handler `name` verifies `prefix` + `stored`."""
    try:
        return libpass_handler(name).verify(password, prefix + stored.decode("ascii"))
    except LIBPASS_FAULTS as error:
        raise ValueError(str(error)) from None


def libpass_parts(name: str, stored: str) -> bool:
    """Return whether libpass' handler `name` can take `stored` apart, and finds a digest.

    Raises what is in `LIBPASS_FAULTS` if it cannot.
    """
    handler: Any = libpass_handler(name)
    return handler.from_string(stored).checksum is not None


def check_memory(error: Exception) -> None:
    """Raise `MemoryError` if that is what argon2-cffi says, in RFC 9106's reference texts."""
    if str(error) == "Memory allocation error":
        raise MemoryError from None


def argon2_matches(password: bytes, stored: bytes) -> bool:
    """Return whether an Argon2 hash was made of `password` (RFC 9106)."""
    from argon2 import exceptions, low_level  # noqa: PLC0415 - loaded when first needed

    kinds = {b"argon2d": low_level.Type.D, b"argon2i": low_level.Type.I}
    kind = kinds.get(stored.split(b"$")[1], low_level.Type.ID)
    try:
        return low_level.verify_secret(stored, password, kind)
    except exceptions.VerifyMismatchError:
        return False
    except exceptions.VerificationError as error:
        check_memory(error)
        raise ValueError(str(error)) from None


def bcrypt_matches(password: bytes, stored: bytes) -> bool:
    """Return whether a bcrypt hash was made of `password`.

    Only the first 72 bytes count: crypt(3) ignores the rest when it makes a
    hash, so its hashes of longer passwords can be verified in no other way.
    """
    import bcrypt  # noqa: PLC0415 - loaded when first needed

    if not _BCRYPT.fullmatch(stored):
        raise ValueError("not 60 characters of a bcrypt hash")
    return bcrypt.checkpw(password[:BCRYPT_BYTES], stored)


def host_crypt_matches(password: bytes, stored: bytes) -> bool:
    """Return whether crypt(3) of the host makes `stored` of `password`.

    For what no Python library knows: yescrypt, which is the default of Debian
    and Fedora, and its relatives.
    """
    import ctypes  # noqa: PLC0415 - loaded when first needed

    data = ctypes.create_string_buffer(_CRYPT_DATA_BYTES)
    hashed = _crypt_r()(password, stored, data)
    # An unknown or malformed setting is answered with "*0", "*1" or nothing.
    if not hashed or hashed.startswith(b"*"):
        raise ValueError("the host's crypt(3) does not know this hash")
    return hmac.compare_digest(hashed, stored)


@functools.cache
def _crypt_r() -> Any:  # noqa: ANN401 - a function of a C library
    import ctypes  # noqa: PLC0415 - loaded when first needed

    # The file names of libxcrypt, with and without its compatibility to glibc;
    # ctypes.util.find_library would start a compiler to find out.
    for name in ("libcrypt.so.1", "libcrypt.so.2"):
        try:
            function = ctypes.CDLL(name).crypt_r
        except (OSError, AttributeError):
            continue
        function.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p)
        function.restype = ctypes.c_char_p
        return function
    raise ValueError("this host has no libcrypt")
