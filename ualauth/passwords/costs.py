"""What verifying a stored password costs, where its text says so: bounded before it is begun.

A hash comes from elsewhere and names its own cost; one that takes hours would keep a thread for
hours, for each login. So each scheme has a limit, some three to ten times what its most careful
users have today, and at most a few seconds of one processor. A hash beyond its limit is not
imported, and one that is there already is unusable: it matches no password (decision 0047).

Of what is read here, nothing is computed: only the cost is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from ualauth.text.lazy_pattern import lazy_pattern

MAX_BYTES = 4096
"""Bytes of a stored password. The longest of a scheme that is supported have 400."""

_ITOA64 = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

# PBKDF2 of one block, at half a microsecond a round. Django's default is 1,200,000 (version 6.0).
_PBKDF2_ROUNDS = 5_000_000
# crypt(3)'s SHA-2 and its like, at up to two microseconds a round in Python (libpass' default
# is 656,000).
_CRYPT_ROUNDS = 2_000_000
# RFC 9106, section 4: the first recommended option takes 2 GiB, and one pass.
_ARGON2_KIB = 2**21
_ARGON2_WORK = 2**22
_ARGON2_LANES = 64
# Each one more doubles it; 12 takes a quarter of a second, and 16 four.
_BCRYPT_COST = 16
# The memory of scrypt, in bytes, is also its work. yescrypt's costliest in crypt(5) has as much.
_SCRYPT_BYTES = 2**30
_PHPASS_LOG2 = 21
_SUN_MD5_ROUNDS = 500_000
# DES in Python: 30 microseconds a round. crypt(5) of the BSDs has 7,250 by default.
_BSDI_ROUNDS = 60_000

Cost = Callable[[bytes], float]
"""The data of a stored password -> its cost, as a part of the limit; more than 1 is too much."""


def is_too_costly(scheme: str, data: bytes) -> bool:
    """Return whether a stored password of a scheme would take longer than any should.

    Raises:
        ValueError: if its cost cannot be read.

    """
    if len(data) > MAX_BYTES:
        return True
    cost = COSTS.get(scheme)
    return cost is not None and cost(data) > 1


def _number(pattern: bytes, limit: float, *, base: int = 10, usual: int | None = None) -> Cost:
    """Return the cost of a scheme that writes a number of rounds; `usual` is for one without."""
    compiled = lazy_pattern(pattern)

    def cost(data: bytes) -> float:
        match = compiled.match(data)
        if match is None:
            raise ValueError("no number of rounds")
        digits = match[1]
        if digits is None:
            if usual is None:
                raise ValueError("no number of rounds")
            return usual / limit
        # More digits than this are beyond every limit, whatever they are.
        return 2.0 if len(digits.lstrip(b"0")) > 16 else int(digits or b"0", base) / limit

    return cost


_ARGON2 = lazy_pattern(
    rb"(?:argon2)?\$argon2(?:id|i|d)\$(?:v=[0-9]+\$)?m=([0-9]{1,16}),t=([0-9]{1,16}),p=([0-9]{1,16})"
    rb"(?![0-9])"
)


def _argon2(data: bytes) -> float:
    kib, passes, lanes = argon2_settings(data)
    # A pass has work besides its memory.
    work = max(kib, 8) * passes / _ARGON2_WORK
    return max(kib / _ARGON2_KIB, work, lanes / _ARGON2_LANES)


def argon2_settings(data: bytes) -> tuple[int, int, int]:
    """Return memory, passes and lanes.

    Raises:
        ValueError: if it is no hash of Argon2.

    """
    match = _ARGON2.match(data)
    if match is None:
        raise ValueError("no costs of Argon2")
    kib, passes, lanes = map(int, match.groups())
    return kib, passes, lanes


def _bcrypt(data: bytes) -> float:
    match = re.search(rb"(?:\$2[abxy]?\$|,r=|\$2[abxy]?,)([0-9]{1,4})(?=\$)", data[:128])
    if match is None:
        raise ValueError("no cost of bcrypt")
    return 2.0 ** (int(match[1]) - _BCRYPT_COST) if int(match[1]) < 64 else 2.0


def _scrypt(data: bytes) -> float:
    if data.startswith(b"$7$"):
        if len(data) < len("$7$") + 11:
            raise ValueError("no costs of scrypt")
        log2, size, lanes = _itoa(data[3:4]), _itoa(data[4:9]), _itoa(data[9:14])
    else:
        match = re.match(rb"\$scrypt\$ln=([0-9]{1,9}),r=([0-9]{1,9}),p=([0-9]{1,9})\$", data)
        if match is None:
            raise ValueError("no costs of scrypt")
        log2, size, lanes = map(int, match.groups())
    # More than this is beyond the limit already.
    return 128.0 * size * lanes * 2.0 ** min(log2, 64) / _SCRYPT_BYTES


def _yescrypt(data: bytes) -> float:
    """Read the costs as libxcrypt writes them: flavor, log2 of N, and r, a character each."""
    settings = data.split(b"$")[2]
    numbers = [_itoa(settings[at : at + 1]) for at in range(len(settings))]
    if len(numbers) != 3 or max(numbers) > 47:
        return 2.0
    return 128.0 * (numbers[2] + 1) * 2.0 ** (numbers[1] + 1) / _SCRYPT_BYTES


def _bsdi(data: bytes) -> float:
    return _itoa(data[1:5]) / _BSDI_ROUNDS


def _phpass(data: bytes) -> float:
    return 2.0 ** (_itoa(data[3:4]) - _PHPASS_LOG2)


def _itoa(digits: bytes) -> int:
    """Return a number that crypt(3) wrote, its lowest six bits first."""
    if not digits:
        raise ValueError("no number")
    return sum(_ITOA64.index(digit) << (6 * at) for at, digit in enumerate(digits))


def _dovecot_or_ldap(data: bytes) -> float:
    """Read {PBKDF2}: Dovecot's has as many blocks as its digest is long, each with all rounds."""
    if not data.startswith(b"$"):
        return _LDAP_PBKDF2(data)
    rounds, digest = data.split(b"$")[3:5]
    return max(1.0, len(digest) / 40) * _ROUNDS_ALONE(rounds)


def _389_pbkdf2(data: bytes) -> float:
    """Read 389-DS' {PBKDF2_SHA256}: four octets of rounds, for each block of 32 of the digest."""
    return int.from_bytes(data[:4]) * 256 / 32 / _PBKDF2_ROUNDS


def _scrypt_in_text(pattern: bytes) -> Cost:
    """Return the cost of a scheme that writes N, r and p in decimal digits."""
    compiled = lazy_pattern(pattern)

    def cost(data: bytes) -> float:
        match = compiled.match(data)
        if match is None:
            raise ValueError("no costs of scrypt")
        numbers = match.groupdict()
        n, r, p = (float(numbers[name]) for name in ("n", "r", "p"))
        return 128 * n * r * p / _SCRYPT_BYTES

    return cost


_ROUNDS_ALONE = _number(rb"([0-9]+)\Z", _PBKDF2_ROUNDS)
_LDAP_PBKDF2 = _number(rb"([0-9]+)\$", _PBKDF2_ROUNDS)
_PBKDF2 = _number(rb"\$pbkdf2(?:-sha256|-sha512)?\$([0-9]+)\$", _PBKDF2_ROUNDS)
_DJANGO_PBKDF2 = _number(rb"pbkdf2_sha(?:1|256)\$([0-9]+)\$", _PBKDF2_ROUNDS)
_GRUB = _number(rb"grub\.pbkdf2\.sha512\.([0-9]+)\.", _PBKDF2_ROUNDS)
_SHA_CRYPT = _number(rb"\$[56]\$(?:rounds=([0-9]+)\$|(?!rounds=))", _CRYPT_ROUNDS, usual=5000)
_P5K2 = _number(rb"\$p5k2\$([0-9a-fA-F]*)\$", _PBKDF2_ROUNDS, base=16)
_SCRAM = _number(rb"([0-9]+),", _PBKDF2_ROUNDS)

COSTS: Mapping[str, Cost] = {
    "argon2id": _argon2,
    "argon2i": _argon2,
    "argon2d": _argon2,
    "django_argon2": _argon2,
    "bcrypt": _bcrypt,
    "bcrypt_2x": _bcrypt,
    "bcrypt_sha256": _bcrypt,
    "django_bcrypt": _bcrypt,
    "django_bcrypt_sha256": _bcrypt,
    "sha512_crypt": _SHA_CRYPT,
    "sha256_crypt": _SHA_CRYPT,
    "sha1_crypt": _number(rb"\$sha1\$([0-9]+)\$", _CRYPT_ROUNDS),
    "sun_md5_crypt": _number(rb"\$md5(?:,rounds=([0-9]+))?\$", _SUN_MD5_ROUNDS, usual=4096),
    "yescrypt": _yescrypt,
    "gost_yescrypt": _yescrypt,
    "scrypt": _scrypt,
    "phpass": _phpass,
    "drupal7": _phpass,
    "wordpress_bcrypt": _bcrypt,
    "389ds_pbkdf2_sha256": _389_pbkdf2,
    "django_scrypt": _scrypt_in_text(
        rb"scrypt\$(?P<n>[0-9]{1,16})\$[^$]*\$(?P<r>[0-9]{1,16})\$(?P<p>[0-9]{1,16})\$"
    ),
    "werkzeug_scrypt": _scrypt_in_text(
        rb"scrypt:(?P<n>[0-9]{1,16}):(?P<r>[0-9]{1,16}):(?P<p>[0-9]{1,16})\$"
    ),
    "werkzeug_pbkdf2": _number(rb"pbkdf2:[a-z0-9]+:([0-9]+)\$", _PBKDF2_ROUNDS),
    "bsdi_crypt": _bsdi,
    "pbkdf2_sha1": _PBKDF2,
    "pbkdf2_sha256": _PBKDF2,
    "pbkdf2_sha512": _PBKDF2,
    "ldap_pbkdf2_sha1": _dovecot_or_ldap,
    "ldap_pbkdf2_sha256": _LDAP_PBKDF2,
    "ldap_pbkdf2_sha512": _LDAP_PBKDF2,
    "django_pbkdf2_sha256": _DJANGO_PBKDF2,
    "django_pbkdf2_sha1": _DJANGO_PBKDF2,
    "grub_pbkdf2_sha512": _GRUB,
    "cta_pbkdf2_sha1": _P5K2,
    "dlitz_pbkdf2_sha1": _P5K2,
    "fshp": _number(rb"\{FSHP[0-9]\|[0-9]+\|([0-9]+)\}", _PBKDF2_ROUNDS),
    "scram": _number(rb"\$scram\$([0-9]+)\$", _PBKDF2_ROUNDS),
    "scram-sha-1": _SCRAM,
    "scram-sha-256": _SCRAM,
    "scram-sha-512": _SCRAM,
}
"""Scheme -> what its data say of the cost."""

FIXED = frozenset(
    {
        "locked", "crypt", "argon2", "cram_md5", "des_crypt", "bigcrypt", "md5_crypt",
        "apr_md5_crypt",
        "bsd_nthash", "plain", "md5", "md4", "sha", "sha256", "sha384", "sha512", "smd5", "ssha",
        "ssha256", "ssha384", "ssha512", "atlassian_pbkdf2_sha1", "django_salted_sha1",
        "django_salted_md5", "django_des_crypt", "cisco_type7", "crypt16", "hex_md4", "hex_md5",
        "hex_sha1", "hex_sha256", "hex_sha512", "mssql2005", "mysql41", "nthash", "oracle11",
    }
)  # fmt: skip
"""Schemes that always cost the same: some milliseconds at most."""
