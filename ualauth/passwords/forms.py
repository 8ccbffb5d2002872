"""Whether stored passwords are whole, as far as that shows without computing them.

A hash that was cut off, or that is of another program's form, matches no password and makes
every login a temporary failure. `FORMS` says how the data of a scheme looks. What does
not look like that, and what is not in the table, libpass parses: it knows more spellings, and
takes up to a tenth of a millisecond.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from ualauth.errors import PasswordError
from ualauth.passwords import peers
from ualauth.passwords.crypts import LIBPASS_FAULTS, libpass_parts
from ualauth.passwords.formats import Scheme
from ualauth.passwords.scram import from_stored
from ualauth.passwords.stored import Stored, read, unusable

_H64 = rb"[./0-9A-Za-z]"
_B64 = rb"[0-9A-Za-z+/]"
_ARGON2_DATA = (
    rb"argon2(?:id|i|d)\$(?:v=[1-9]\d{0,2}\$)?m=([1-9]\d{0,9}),t=([1-9]\d{0,9}),p=([1-9]\d{0,7})"
    rb"\$(%b{11,})\$(%b{6,})" % (_B64, _B64)
)
_ARGON2 = re.compile(rb"\$" + _ARGON2_DATA)
_DJANGO_ARGON2 = re.compile(rb"argon2\$" + _ARGON2_DATA)
# Of the last letter of the salt and of the digest only the highest bits count; bcrypt takes no
# other salt, and makes no other digest.
_BCRYPT = rb"\$2[abxy]\$(?:0[4-9]|[12]\d|3[01])\$%b{21}[.Oeu]%b{30}[.CGKOSWaeimquy26]" % (
    _H64,
    _H64,
)
# crypt(5): what costs it, a salt of whole octets, and 32 of them; of the last letter of each only
# the lowest bits count.
_YESCRYPT = rb"\$j[5-9A-Za-z]%b+\$(?:%b{4})*(?:%b[./01]|%b{2}[./0-9A-D])?\$%b{42}[./0-9A-D]" % (
    (_H64,) * 5
)
# Rounds, and a salt and a digest in base64, with a dot for the plus (libpass) or without.
_AB64 = rb"[./+0-9A-Za-z]"
_LDAP_PBKDF2 = rb"[1-9]\d{0,9}\$(?:%b{4})*(?:%b{2}(?:==)?|%b{3}=?)?\$%b" % (*(_AB64,) * 4,)
# Dovecot's own PBKDF2, whose digest is in hexadecimal digits.
_DOVECOTS = rb"\$1\$[^$]*\$[1-9]\d{0,9}\$(?:[0-9A-Fa-f]{2}){20}"
# What Python takes for numbers: blanks around them, and underscores and signs in them.
_LAX = re.compile(rb"\s|[$=,|][+-]?\d*_[\d_]*[$,|]|[=,|][+-]\d+[$,|]")
# To shadow(5) it would be a lock.
_MYSQL = re.compile(r"\*[0-9A-F]{40}")
# Lanes need eight blocks of a KiB each (RFC 9106, section 3.1).
_BLOCKS_A_LANE = 8

_PATTERNS: Mapping[str, re.Pattern[bytes]] = {
    name: re.compile(pattern)
    for name, pattern in {
        "sha512_crypt": rb"\$6\$(?:rounds=[1-9]\d{3,8}\$)?%b{0,16}\$%b{86}" % (_H64, _H64),
        "sha256_crypt": rb"\$5\$(?:rounds=[1-9]\d{3,8}\$)?%b{0,16}\$%b{43}" % (_H64, _H64),
        "md5_crypt": rb"\$1\$%b{0,8}\$%b{22}" % (_H64, _H64),
        "apr_md5_crypt": rb"\$apr1\$%b{0,8}\$%b{22}" % (_H64, _H64),
        "bcrypt": _BCRYPT,
        "bcrypt_2x": _BCRYPT,
        "django_bcrypt": rb"bcrypt\$" + _BCRYPT,
        "yescrypt": rb"\$y" + _YESCRYPT,
        "gost_yescrypt": rb"\$gy" + _YESCRYPT,
        "bsd_nthash": rb"\$3\$\$[0-9a-fA-F]{32}",
        "phpass": rb"\$[PH]\$[5-9A-S]%b{30}" % _H64,
        "des_crypt": rb"%b{13}" % _H64,
        "ldap_pbkdf2_sha1": rb"%b{27}=?|%b" % (_LDAP_PBKDF2, _DOVECOTS),
        "ldap_pbkdf2_sha256": rb"%b{43}=?" % _LDAP_PBKDF2,
        "ldap_pbkdf2_sha512": rb"%b{86}(?:==)?" % _LDAP_PBKDF2,
        "drupal7": peers.DRUPAL.pattern,
        "wordpress_bcrypt": peers.WORDPRESS.pattern,
        "django_scrypt": peers.DJANGO_SCRYPT.pattern,
        "werkzeug_scrypt": peers.WERKZEUG_SCRYPT.pattern,
        "werkzeug_pbkdf2": peers.WERKZEUG_PBKDF2.pattern,
        "dlitz_pbkdf2_sha1": rb"\$p5k2\$[0-9a-f]{0,8}\$[^$]+\$[^$]{32}",
    }.items()
}
"""Name of a scheme -> how its data looks."""

# By name, where libpass has no parser, or one that takes too much.
_NEED_NO_MORE = frozenset(
    {
        *(
            "bcrypt",
            "bcrypt_2x",
            "django_bcrypt",
            "yescrypt",
            "gost_yescrypt",
            "bsd_nthash",
            "phpass",
        ),
        *("ldap_pbkdf2_sha1", "ldap_pbkdf2_sha256", "ldap_pbkdf2_sha512", "dlitz_pbkdf2_sha1"),
        *("drupal7", "wordpress_bcrypt", "django_scrypt", "werkzeug_scrypt", "werkzeug_pbkdf2"),
    }
)


def read_whole(text: str) -> Stored:
    """Return what the stored password `text` is, if its data has the form of the scheme.

    Raises:
        PasswordError: if no scheme knows it, or it can match no password. The text does not
            contain the data.

    """
    stored = read(text)
    if _MYSQL.fullmatch(text):
        raise PasswordError("stored password of MySQL: {MYSQL41} has to stand before it")
    if stored.is_too_costly():
        stored.check_cost()
    if not _is_whole(stored.scheme, stored.data):
        raise unusable(stored.scheme.name)
    return stored


def _is_whole(scheme: Scheme, data: bytes) -> bool:
    name = scheme.name
    pattern = _PATTERNS.get(name)
    if pattern is not None and (name in _NEED_NO_MORE or pattern.fullmatch(data)):
        return pattern.fullmatch(data) is not None
    if (check := _CHECKS.get(name)) is not None:
        return check(data)
    if scheme.libpass is not None:
        return _is_of_libpass(*scheme.libpass, data)
    return len(data) == scheme.size if scheme.size else len(data) >= scheme.smallest


def _is_of_libpass(name: str, prefix: str, data: bytes) -> bool:
    if _LAX.search(data):
        return False
    try:
        return libpass_parts(name, prefix + data.decode("ascii"))
    except LIBPASS_FAULTS:
        return False


def _is_argon2(pattern: re.Pattern[bytes]) -> Callable[[bytes], bool]:
    def check(data: bytes) -> bool:
        match = pattern.fullmatch(data)
        if match is None:
            return False
        blocks, passes, lanes = map(int, match.groups()[:3])
        salt, tag = len(match[4]), len(match[5])
        # Programs make tags of 16, 32 or 64 octets; what is no multiple of 4 was cut off.
        is_complete = (
            1 not in {salt % 4, tag % 4}
            and tag * 6 // 8 % 4 == 0
            and _ends_with_its_octets(match[4])
            and _ends_with_its_octets(match[5])
        )
        return is_complete and blocks >= _BLOCKS_A_LANE * lanes and passes > 0 < lanes

    return check


def _ends_with_its_octets(base64: bytes) -> bool:
    """Return whether the bits behind the last octet are 0, on which libargon2 insists."""
    return base64.endswith(_LAST[len(base64) % 4])


_LAST: Mapping[int, tuple[bytes, ...]] = {
    0: (b"",),
    2: (b"A", b"Q", b"g", b"w"),
    3: tuple(bytes([each]) for each in b"AEIMQUYcgkosw048"),
}
"""Letters of unpadded base64, modulo 4 -> its last one (RFC 4648, section 3.5)."""


def _is_scram(mechanism: str) -> Callable[[bytes], bool]:
    def check(data: bytes) -> bool:
        try:
            from_stored(f"{{{mechanism}}}{data.decode('ascii')}")
        except (PasswordError, ValueError):
            return False
        return True

    return check


_CHECKS: Mapping[str, Callable[[bytes], bool]] = {
    **dict.fromkeys(("argon2id", "argon2i", "argon2d"), _is_argon2(_ARGON2)),
    "django_argon2": _is_argon2(_DJANGO_ARGON2),
    **{f"scram-sha-{size}": _is_scram(f"SCRAM-SHA-{size}") for size in (1, 256, 512)},
}
"""Name of a scheme -> whether some data is of its form."""
