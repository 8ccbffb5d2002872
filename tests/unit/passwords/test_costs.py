"""A stored password that says it takes hours is neither imported nor computed."""

from __future__ import annotations

import re

import pytest
from passlib.registry import get_crypt_handler

from ualauth.errors import PasswordError
from ualauth.import_export.line import BadLine, Reading, UserLine, line_of
from ualauth.passwords.costs import COSTS, FIXED, MAX_BYTES
from ualauth.passwords.formats import (
    ARGON2,
    BIGCRYPT,
    BSDI_CRYPT,
    BY_BEGINNING,
    BY_IDENT,
    BY_LIBPASS_NAME,
    BY_NAME,
    DES_CRYPT,
    LOCKED,
)
from ualauth.passwords.schemes import CHEAPEST_FOR_TESTS, PasswordHasher, Profile
from ualauth.passwords.stored import read
from ualauth.userlist.names import ORName

HASHER = PasswordHasher(profile=CHEAPEST_FOR_TESTS)
FIELDS = {"authid": "jsmith", "name": ORName("Smith", "John")}
SALT = "c2FsdHNhbHQ"
TOO_COSTLY = [
    f"$argon2id$v=19$m=65536,t=100000,p=1${SALT}$aGFzaGhhc2g",
    f"$argon2i$v=19$m=16777216,t=1,p=1${SALT}$aGFzaGhhc2g",
    f"$argon2d$m=65536,t=9999999999999,p=1${SALT}$aGFzaGhhc2g",
    f"{{ARGON2ID}}$argon2id$v=19$m=65536,t=1,p=9999${SALT}$aGFzaGhhc2g",
    f"argon2$argon2i$v=19$m=512,t=100000000,p=2${SALT}$aGFzaGhhc2g",
    "$2b$31$" + "a" * 53,
    "{BLF-CRYPT}$2y$20$" + "a" * 53,
    "$2x$17$" + "a" * 53,
    "bcrypt$$2b$30$" + "a" * 53,
    "bcrypt_sha256$$2b$30$" + "a" * 53,
    "$bcrypt-sha256$v=2,t=2b,r=29$" + "a" * 22 + "$" + "a" * 31,
    "$bcrypt-sha256$2a,29$" + "a" * 22 + "$" + "a" * 31,
    "$5$rounds=999999999$saltsalt$" + "a" * 43,
    "$6$rounds=99999999$saltsalt$" + "a" * 86,
    "{SHA512-CRYPT}$6$rounds=99999999$saltsalt$" + "a" * 86,
    "$sha1$99999999$saltsalt$" + "a" * 28,
    "$md5,rounds=4000000000$saltsalt$$" + "a" * 22,
    "$P$Ssaltsalt" + "a" * 22,
    "$S$Ssaltsalt" + "a" * 43,
    "$wp$2y$30$" + "a" * 53,
    "{PBKDF2_SHA256}/////" + "A" * 427,
    "scrypt$1073741824$salt$8$1$" + "a" * 86 + "==",
    "scrypt:1073741824:8:1$salt$" + "a" * 128,
    "pbkdf2:sha256:999999999$salt$" + "a" * 64,
    "$H$Tsaltsalt" + "a" * 22,
    "{CRYPT}_zzzzsalt" + "a" * 11,
    "{BSDI_CRYPT}_zzzzsalt" + "a" * 11,
    "$y$jKT$saltsalt$" + "a" * 43,
    "$gy$jKT$saltsalt$" + "a" * 43,
    "$y$j9/../..$saltsalt$" + "a" * 43,
    "$scrypt$ln=30,r=8,p=1$c2FsdA$" + "a" * 43,
    "$scrypt$ln=14,r=8,p=999999$c2FsdA$" + "a" * 43,
    "$7$U6..../....saltsalt$" + "a" * 43,
    f"$pbkdf2$999999999${SALT}$" + "a" * 27,
    f"$pbkdf2-sha256$999999999${SALT}$" + "a" * 43,
    f"$pbkdf2-sha512$4000000000${SALT}$" + "a" * 86,
    f"{{PBKDF2}}999999999${SALT}$" + "a" * 27,
    "{PBKDF2-SHA256}999999999$55555555$" + "a" * 43,
    f"{{PBKDF2-SHA512}}999999999${SALT}$" + "a" * 86,
    "{PBKDF2}$1$saltsalt$999999999$" + "ab" * 20,
    "{PBKDF2}$1$saltsalt$4000000$" + "ab" * 200,
    f"pbkdf2_sha256$999999999$salt${SALT}=",
    f"pbkdf2_sha1$999999999$salt${SALT}=",
    "grub.pbkdf2.sha512.999999999." + "AB" * 64 + "." + "AB" * 64,
    "{CTA_PBKDF2_SHA1}$p5k2$ffffffff$c2FsdA==$" + "a" * 27 + "=",
    "{DLITZ_PBKDF2_SHA1}$p5k2$ffffffff$c2FsdA$" + "a" * 32,
    "{FSHP1|16|999999999}" + "a" * 64,
    "{SCRAM}$scram$999999999$c2FsdA$sha-1=" + "a" * 27,
    *(
        f"{{{name}}}999999999,c2FsdA==," + "a" * 43 + "=," + "a" * 43 + "="
        for name in ("SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512")
    ),
]
# What libpass does not make.
NOT_OF_LIBPASS = (
    "scram-|argon2|yescrypt|gost|bcrypt_2x|drupal7|wordpress|389ds|django_scrypt|werkzeug"
)
HIDDEN = [
    "$6$rounds=999_999_999$saltsalt$" + "a" * 86,
    "{PBKDF2}$1$saltsalt$999_999_999$" + "ab" * 20,
    "$pbkdf2-sha256$+999999999$c2FsdA$" + "a" * 43,
    f"$argon2id$v=19$t=100000,m=65536,p=1${SALT}$aGFzaGhhc2g",
]
"""Written in a way in which a library might read them, and a check might not."""


def scheme_names() -> set[str]:
    tables = [scheme for _, scheme in (*BY_IDENT, *BY_BEGINNING)]
    tables += [*BY_NAME.values(), *BY_LIBPASS_NAME.values()]
    tables += [DES_CRYPT, BSDI_CRYPT, BIGCRYPT, LOCKED, ARGON2]
    return {each.name for each in tables}


def test_each_scheme_says_what_it_costs_or_always_costs_the_same() -> None:
    assert scheme_names() == set(COSTS) | FIXED
    assert not set(COSTS) & FIXED


def test_each_scheme_that_names_a_cost_has_a_case() -> None:
    assert {read(each).scheme.name for each in TOO_COSTLY} == set(COSTS)


@pytest.mark.parametrize("stored", [*TOO_COSTLY, *HIDDEN])
def test_what_takes_too_long_is_not_computed(stored: str) -> None:
    with pytest.raises(PasswordError) as error:
        HASHER.verify("s3cret", stored)
    assert stored[12:] not in str(error.value)


@pytest.mark.parametrize("stored", TOO_COSTLY)
def test_what_takes_too_long_is_not_imported(stored: str) -> None:
    line = line_of(7, {**FIELDS, "password": stored}, (), Reading())
    assert isinstance(line, BadLine)
    assert "too long to verify" in line.problem
    assert stored[12:] not in line.problem


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    sorted(each for each in COSTS if not re.match(NOT_OF_LIBPASS, each)),
)
def test_what_libraries_make_by_default_is_far_below_the_limit(name: str) -> None:
    handler = get_crypt_handler(name)
    stored = handler.hash("s3cret")
    if not stored.startswith(("$", "{", "argon2", "bcrypt", "pbkdf2_", "grub")) or "p5k2" in stored:
        stored = f"{{{name.upper()}}}{stored}"
    if name == "scram":
        stored = f"{{SCRAM}}{stored}"
    assert COSTS[name](read(stored).data) < 0.5
    line = line_of(7, {**FIELDS, "password": stored}, (), Reading())
    assert isinstance(line, UserLine)


@pytest.mark.slow
def test_what_is_configured_may_cost_more() -> None:
    costly = Profile(
        argon2_passes=70_000,
        argon2_lanes=1,
        argon2_memory=64,
        bcrypt_cost=4,
        pbkdf2_sha512_rounds=1,
        sha512_crypt_rounds=1000,
    )
    stored = f"$argon2id$v=19$m=64,t=70000,p=1${SALT}{'A' * 11}$" + "A" * 43
    hasher = PasswordHasher(profile=costly)
    assert COSTS["argon2id"](stored.encode()) > 1
    assert not hasher.needs_rehash(stored)
    assert hasher.verify("s3cret", stored) is False
    with pytest.raises(PasswordError):
        HASHER.verify("s3cret", stored)


def test_a_text_without_end_is_not_read() -> None:
    with pytest.raises(PasswordError):
        HASHER.verify("s3cret", "{SSHA}" + "A" * 4 * MAX_BYTES)
