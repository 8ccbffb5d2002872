"""Making new hashes, and telling whether a hash is as a new one would be.

Only these schemes make new hashes: they resist guessing, and each states where
its cost comes from. `Profile` holds the costs; `RECOMMENDED` is the default.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping

from ualauth.passwords.crypts import (
    BCRYPT_BYTES,
    LIBPASS_FAULTS,
    LibpassHandler,
    check_memory,
    libpass_handler,
)
from ualauth.text.dataclass import dataclass

# RFC 9106, section 4: 128 bits of salt, 256 bits of tag.
_ARGON2_SALT_BYTES = 16
_ARGON2_TAG_BYTES = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """What one hash costs in each scheme.

    Memory in KiB; bcrypt's cost is a power of two; the others are counts.
    """

    argon2_passes: int
    argon2_lanes: int
    argon2_memory: int
    bcrypt_cost: int
    pbkdf2_sha512_rounds: int
    sha512_crypt_rounds: int

    def mistakes(self) -> list[str]:
        """Return what no scheme can do, as `name must be ...`; empty if all is well."""
        bounds = {
            # RFC 9106, section 3.1: at least 8 KiB for each lane.
            "argon2_passes": (1, 2**16),
            "argon2_lanes": (1, 255),
            "argon2_memory": (8 * self.argon2_lanes, 2**24),
            # More than 2**20 rounds take hours.
            "bcrypt_cost": (4, 20),
            "pbkdf2_sha512_rounds": (1, 10**8),
            # The bounds are those of crypt(5).
            "sha512_crypt_rounds": (1000, 999_999_999),
        }
        return [
            f"{name} must be from {least} to {most}"
            for name, (least, most) in bounds.items()
            if not least <= getattr(self, name) <= most
        ]


RECOMMENDED = Profile(
    # RFC 9106, section 4, second recommended option: uniformly safe where memory
    # is shared. The first option takes 2 GiB for every login, too much for a server
    # that checks several passwords at once.
    argon2_passes=3,
    argon2_lanes=4,
    argon2_memory=64 * 1024,
    # libpass' default; OWASP's Password Storage Cheat Sheet asks for at least 10.
    bcrypt_cost=12,
    # OWASP's Password Storage Cheat Sheet (2023), for HMAC-SHA-512.
    pbkdf2_sha512_rounds=210_000,
    # libpass' default.
    sha512_crypt_rounds=656_000,
)
"""For servers."""

CHEAPEST_FOR_TESTS = Profile(
    # The least that each scheme allows: worthless against guessing.
    argon2_passes=1,
    argon2_lanes=1,
    argon2_memory=8,
    bcrypt_cost=4,
    pbkdf2_sha512_rounds=1,
    sha512_crypt_rounds=1000,
)
"""For tests that check many passwords; never for a server."""


@dataclass(frozen=True, slots=True)
class Maker:
    """How a scheme makes a hash, and knows one of its own that is as costly.

    `limit` is what the scheme uses of a password, in bytes, or 0 for all.
    """

    make: Callable[[bytes, Profile], str]
    is_current: Callable[[str, Profile], bool]
    limit: int = 0


def _make_argon2id(password: bytes, profile: Profile) -> str:
    from argon2 import exceptions, low_level  # noqa: PLC0415 - loaded when first needed

    try:
        encoded = low_level.hash_secret(
            password,
            secrets.token_bytes(_ARGON2_SALT_BYTES),
            time_cost=profile.argon2_passes,
            memory_cost=profile.argon2_memory,
            parallelism=profile.argon2_lanes,
            hash_len=_ARGON2_TAG_BYTES,
            type=low_level.Type.ID,
        )
    except exceptions.HashingError as error:
        check_memory(error)
        raise
    return encoded.decode("ascii")


def _is_current_argon2id(stored: str, profile: Profile) -> bool:
    import argon2  # noqa: PLC0415 - loaded when first needed

    try:
        parameters = argon2.extract_parameters(stored)
    except argon2.exceptions.InvalidHashError as error:
        raise ValueError(str(error)) from None
    return parameters == argon2.Parameters(
        type=argon2.Type.ID,
        version=argon2.low_level.ARGON2_VERSION,
        salt_len=_ARGON2_SALT_BYTES,
        hash_len=_ARGON2_TAG_BYTES,
        time_cost=profile.argon2_passes,
        memory_cost=profile.argon2_memory,
        parallelism=profile.argon2_lanes,
    )


def _make_bcrypt(password: bytes, profile: Profile) -> str:
    import bcrypt  # noqa: PLC0415 - loaded when first needed

    return bcrypt.hashpw(password, bcrypt.gensalt(profile.bcrypt_cost)).decode("ascii")


def _is_current_bcrypt(stored: str, profile: Profile) -> bool:
    return stored.startswith(f"$2b${profile.bcrypt_cost:02}$")


def _rounds(handler: str, rounds: int) -> LibpassHandler:
    # Equal limits: a hash with more rounds is not a current one either.
    return libpass_handler(handler).using(
        rounds=rounds,
        min_desired_rounds=rounds,
        max_desired_rounds=rounds,
    )


def _pbkdf2(profile: Profile) -> LibpassHandler:
    return _rounds("pbkdf2_sha512", profile.pbkdf2_sha512_rounds)


def _sha512_crypt(profile: Profile) -> LibpassHandler:
    return _rounds("sha512_crypt", profile.sha512_crypt_rounds)


def _libpass(handler: Callable[[Profile], LibpassHandler]) -> Maker:
    return Maker(
        lambda password, profile: handler(profile).hash(password),
        lambda stored, profile: _is_current_libpass(stored, handler(profile)),
    )


def _is_current_libpass(stored: str, handler: LibpassHandler) -> bool:
    try:
        return not handler.needs_update(stored)
    except LIBPASS_FAULTS as error:
        raise ValueError(str(error)) from None


MAKERS: Mapping[str, Maker] = {
    "argon2id": Maker(_make_argon2id, _is_current_argon2id),
    # For stores that other programs read through crypt(3).
    "bcrypt": Maker(_make_bcrypt, _is_current_bcrypt, limit=BCRYPT_BYTES),
    "sha512_crypt": _libpass(_sha512_crypt),
    # Where FIPS 140 allows nothing else.
    "pbkdf2_sha512": _libpass(_pbkdf2),
}
"""Scheme -> its maker."""
