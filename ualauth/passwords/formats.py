"""The table of schemes that can be verified.

`BY_NAME` has what stands in braces, as RFC 2307, OpenLDAP and Dovecot write it;
`BY_IDENT` what begins with ``$``, as crypt(5) and its relatives write it;
`BY_BEGINNING` what other programs write. What libpass knows besides has no mark
of its own, and takes libpass' name in braces: ``{nthash}8846f7...``.

Left out on purpose: {DIGEST-MD5} and those of libpass that need the user's name;
{PLAIN-TRUNC}, lmhash, mssql2000 and mysql323, which accept passwords that no user
chose; {SASL}, {OTP} and the like, which do not keep a password.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import field
from functools import partial

from ualauth.errors import PasswordError
from ualauth.passwords import peers, scram
from ualauth.passwords.crypts import (
    argon2_matches,
    bcrypt_matches,
    host_crypt_matches,
    libpass_matches,
)
from ualauth.passwords.digests import (
    digest_matches,
    dovecot_pbkdf2_matches,
    salted_digest_matches,
)
from ualauth.text.dataclass import dataclass


class Encoding(enum.Enum):
    """How a scheme writes its data, if the stored password names no encoding."""

    TEXT = "text"
    BASE64 = "base64"
    HEX = "hex"


@dataclass(frozen=True, slots=True)
class Scheme:
    """One way to keep a password.

    `matches` takes a password and the decoded data. It compares in constant
    time and raises `ValueError` for malformed data. `size` is the length of the
    decoded data where that is fixed: hex is then told from base64 by length, as
    Dovecot does. `smallest` is the least length where that varies, and `libpass` has the
    name of libpass' handler, if that verifies, and what it needs before the data.
    """

    name: str
    matches: Callable[[bytes, bytes], bool] = field(repr=False)
    encoding: Encoding = Encoding.TEXT
    size: int = 0
    smallest: int = 0
    libpass: tuple[str, str] | None = None


def _libpass(name: str, prefix: str = "") -> Scheme:
    return Scheme(name, partial(libpass_matches, name, prefix), libpass=(name, prefix))


def _digest(name: str, hash_name: str, size: int) -> Scheme:
    return Scheme(name, partial(digest_matches, hash_name), size=size)


def _salted(name: str, hash_name: str) -> Scheme:
    size = hashlib.new(hash_name).digest_size
    matches = partial(salted_digest_matches, hash_name)
    return Scheme(name, matches, Encoding.BASE64, smallest=size)


def _scram(mechanism: str) -> Scheme:
    return Scheme(mechanism.lower(), partial(_scram_matches, mechanism))


def _scram_matches(mechanism: str, password: bytes, data: bytes) -> bool:
    try:
        secret = scram.from_stored(f"{{{mechanism}}}{data.decode('ascii')}")
    except PasswordError as error:
        raise ValueError(str(error)) from None
    return scram.verifies(secret, password.decode())


def _pbkdf2_matches(password: bytes, data: bytes) -> bool:
    """Tell Dovecot's {PBKDF2}$1$... from OpenLDAP's {PBKDF2}rounds$salt$digest."""
    if data.startswith(b"$"):
        return dovecot_pbkdf2_matches(password, data)
    return libpass_matches("ldap_pbkdf2_sha1", "{PBKDF2}", password, data)


def _md4_matches(password: bytes, data: bytes) -> bool:
    # OpenSSL 3 has no MD4 any more; libpass brings its own.
    return libpass_matches("hex_md4", "", password, data.hex().encode())


def _never(_password: bytes, _data: bytes) -> bool:
    return False


LOCKED = Scheme("locked", _never)
"""Matches no password: ``!`` and ``*`` in shadow(5)."""
CRYPT = Scheme("crypt", _never)
"""Stands for whatever crypt(3) wrote, until the data is looked at."""
ARGON2 = Scheme("argon2", _never)
"""Stands for every variant of Argon2, until the data is looked at."""
DES_CRYPT = _libpass("des_crypt")
BSDI_CRYPT = _libpass("bsdi_crypt")
BIGCRYPT = _libpass("bigcrypt")

_ARGON2 = {kind: Scheme(kind, argon2_matches) for kind in ("argon2id", "argon2i", "argon2d")}
_BCRYPT = Scheme("bcrypt", bcrypt_matches)
_CLEAR = Scheme("plain", hmac.compare_digest)
_SHA1 = _digest("sha", "sha1", 20)
_MD5 = _digest("md5", "md5", 16)
_CRAM_MD5 = Scheme("cram_md5", peers.cram_md5_matches, size=peers.BYTES_CRAM_MD5)

BY_IDENT: tuple[tuple[str, Scheme], ...] = (
    ("$argon2id$", _ARGON2["argon2id"]),
    ("$argon2i$", _ARGON2["argon2i"]),
    ("$argon2d$", _ARGON2["argon2d"]),
    ("$2b$", _BCRYPT),
    ("$2y$", _BCRYPT),
    ("$2a$", _BCRYPT),
    # The faulty variant of crypt_blowfish, see crypt(5).
    ("$2x$", Scheme("bcrypt_2x", host_crypt_matches)),
    ("$6$", _libpass("sha512_crypt")),
    ("$5$", _libpass("sha256_crypt")),
    ("$1$", _libpass("md5_crypt")),
    ("$y$", Scheme("yescrypt", host_crypt_matches)),
    ("$gy$", Scheme("gost_yescrypt", host_crypt_matches)),
    ("$apr1$", _libpass("apr_md5_crypt")),
    ("$sha1$", _libpass("sha1_crypt")),
    ("$md5$", _libpass("sun_md5_crypt")),
    ("$md5,", _libpass("sun_md5_crypt")),
    ("$3$$", _libpass("bsd_nthash")),
    ("$scrypt$", _libpass("scrypt")),
    ("$7$", _libpass("scrypt")),
    ("$pbkdf2$", _libpass("pbkdf2_sha1")),
    ("$pbkdf2-sha256$", _libpass("pbkdf2_sha256")),
    ("$pbkdf2-sha512$", _libpass("pbkdf2_sha512")),
    ("$bcrypt-sha256$", _libpass("bcrypt_sha256")),
    ("$P$", _libpass("phpass")),
    ("$H$", _libpass("phpass")),
    ("$S$", Scheme("drupal7", peers.drupal_matches)),
    ("$wp$", Scheme("wordpress_bcrypt", peers.wordpress_matches)),
)
"""Beginning of a stored password -> scheme."""

BY_NAME: Mapping[str, Scheme] = {
    "PLAIN": _CLEAR,
    "CLEAR": _CLEAR,
    "CLEARTEXT": _CLEAR,
    # Dovecot verifies all of these with crypt(3), whatever the name says.
    "CRYPT": CRYPT,
    "DES-CRYPT": CRYPT,
    "MD5-CRYPT": CRYPT,
    "SHA256-CRYPT": CRYPT,
    "SHA512-CRYPT": CRYPT,
    "BLF-CRYPT": CRYPT,
    "ARGON2": ARGON2,
    "ARGON2I": ARGON2,
    "ARGON2ID": ARGON2,
    # OpenLDAP's {MD5} is a digest, Dovecot's is crypt(3)'s: `stored` looks at the data.
    "MD5": _MD5,
    "LDAP-MD5": _MD5,
    "PLAIN-MD5": _MD5,
    "PLAIN-MD4": Scheme("md4", _md4_matches, size=16),
    "SHA": _SHA1,
    "SHA1": _SHA1,
    "SHA256": _digest("sha256", "sha256", 32),
    "SHA384": _digest("sha384", "sha384", 48),
    "SHA512": _digest("sha512", "sha512", 64),
    "SMD5": _salted("smd5", "md5"),
    "SSHA": _salted("ssha", "sha1"),
    "SSHA256": _salted("ssha256", "sha256"),
    "SSHA384": _salted("ssha384", "sha384"),
    "SSHA512": _salted("ssha512", "sha512"),
    "PBKDF2": Scheme("ldap_pbkdf2_sha1", _pbkdf2_matches),
    "PBKDF2-SHA1": _libpass("ldap_pbkdf2_sha1", "{PBKDF2}"),
    "PBKDF2-SHA256": _libpass("ldap_pbkdf2_sha256", "{PBKDF2-SHA256}"),
    "PBKDF2-SHA512": _libpass("ldap_pbkdf2_sha512", "{PBKDF2-SHA512}"),
    "PKCS5S2": _libpass("atlassian_pbkdf2_sha1", "{PKCS5S2}"),
    # 389-DS; its {PBKDF2-SHA256} is that of OpenLDAP.
    "PBKDF2_SHA256": Scheme(
        "389ds_pbkdf2_sha256", peers.matches_389, Encoding.BASE64, smallest=peers.BYTES_389
    ),
    "GOST_YESCRYPT": CRYPT,
    "BCRYPT": CRYPT,
    # Dovecot: the secret of CRAM-MD5, by which a typed password can be verified, too.
    "CRAM-MD5": _CRAM_MD5,
    "HMAC-MD5": _CRAM_MD5,
    # Samba and Windows; postfixadmin.
    "NT": _libpass("nthash"),
    "MD5RAW": _MD5,
    **{mechanism: _scram(mechanism) for mechanism in scram.MECHANISMS},
}
"""Name in braces, in capitals -> scheme."""

BY_BEGINNING: tuple[tuple[str, Scheme], ...] = (
    ("pbkdf2_sha256$", _libpass("django_pbkdf2_sha256")),
    ("pbkdf2_sha1$", _libpass("django_pbkdf2_sha1")),
    ("argon2$", _libpass("django_argon2")),
    ("bcrypt$", _libpass("django_bcrypt")),
    ("bcrypt_sha256$", _libpass("django_bcrypt_sha256")),
    ("sha1$", _libpass("django_salted_sha1")),
    ("md5$", _libpass("django_salted_md5")),
    ("crypt$", _libpass("django_des_crypt")),
    ("grub.pbkdf2.sha512.", _libpass("grub_pbkdf2_sha512")),
    ("{FSHP", _libpass("fshp")),
    ("scrypt$", Scheme("django_scrypt", peers.scrypt_matches)),
    ("scrypt:", Scheme("werkzeug_scrypt", peers.scrypt_matches)),
    ("pbkdf2:", Scheme("werkzeug_pbkdf2", peers.werkzeug_pbkdf2_matches)),
)
"""Beginning of what other programs store -> scheme: Django's, GRUB's, FSHP's, Werkzeug's."""

_NAMED_BY_LIBPASS = (
    "bigcrypt",
    "bsdi_crypt",
    "cisco_type7",
    "crypt16",
    "cta_pbkdf2_sha1",
    "des_crypt",
    "dlitz_pbkdf2_sha1",
    "hex_md4",
    "hex_md5",
    "hex_sha1",
    "hex_sha256",
    "hex_sha512",
    "mssql2005",
    "mysql41",
    "nthash",
    "oracle11",
    "scram",
)
BY_LIBPASS_NAME: Mapping[str, Scheme] = {name.upper(): _libpass(name) for name in _NAMED_BY_LIBPASS}
"""Name in braces, in capitals -> scheme, for what has neither another name nor a mark."""
