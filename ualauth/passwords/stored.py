"""Reading a stored password: which scheme, which data.

A stored password is written in one of three ways:

* ``{SCHEME}data`` or ``{SCHEME.ENCODING}data``, as RFC 2307, OpenLDAP and Dovecot
  write it: the name in any case, the encoding ``b64``, ``base64`` or ``hex``;
* ``$ident$...``, as crypt(5) and its relatives write it;
* as some other programs write it, with a beginning of their own.

What begins with ``!`` or ``*`` is locked (shadow(5)) and matches no password. What
is written in any other way is unknown: clear text needs a ``{PLAIN}`` before it.
"""

from __future__ import annotations

import base64
from dataclasses import field

from ualauth.contract.credentials import MAX_PASSWORD_BYTES, is_acceptable
from ualauth.errors import PasswordError
from ualauth.passwords.costs import is_too_costly
from ualauth.passwords.formats import (
    ARGON2,
    BIGCRYPT,
    BSDI_CRYPT,
    BY_BEGINNING,
    BY_IDENT,
    BY_LIBPASS_NAME,
    BY_NAME,
    CRYPT,
    DES_CRYPT,
    LOCKED,
    Encoding,
    Scheme,
)
from ualauth.text.dataclass import dataclass
from ualauth.text.lazy_pattern import lazy_pattern

_SUFFIXES = {"B64": Encoding.BASE64, "BASE64": Encoding.BASE64, "HEX": Encoding.HEX}

_SHOWN = lazy_pattern(r"[A-Za-z0-9._-]{2,40}")
_HASH = lazy_pattern(r"\$|[A-Za-z0-9+/]{16,}={0,2}\Z|[0-9]+[:$]")

_BEGINNINGS = tuple(beginning for beginning, _ in BY_BEGINNING)

SCHEMES = tuple(
    dict.fromkeys(
        (
            *(f"{{{name}}}" for name in (*BY_NAME, *BY_LIBPASS_NAME)),
            *(ident for ident, _ in (*BY_IDENT, *BY_BEGINNING)),
        )
    )
)
"""How stored passwords begin that can be verified: a name in braces, or what programs write."""

# Two characters of salt and eleven of hash (crypt(5)).
_DES_CHARACTERS = 13


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored password that was read: a scheme, and the data without braces."""

    scheme: Scheme
    data: bytes = field(repr=False)

    def matches(self, password: str) -> bool:
        """Return whether `password` is the one; never for one that no login can have.

        Raises:
            PasswordError: if the data is malformed, or this host cannot check it.
                The text does not contain the data.

        """
        if not is_acceptable(password, MAX_PASSWORD_BYTES):
            return False
        try:
            return self.scheme.matches(password.encode(), self.data)
        except ValueError:
            # Libraries may quote the hash: `from None` keeps it out of logs.
            raise unusable(self.scheme.name) from None

    def is_too_costly(self) -> bool:
        """Return whether it says of itself that it would take longer than any should."""
        try:
            return is_too_costly(self.scheme.name, self.data)
        except (ValueError, IndexError):
            return False

    def check_cost(self) -> None:
        """Do nothing if verifying it takes no longer than any should.

        Raises:
            PasswordError: if it takes longer, or does not say how long.

        """
        try:
            too_costly = is_too_costly(self.scheme.name, self.data)
        except (ValueError, IndexError):
            raise unusable(self.scheme.name) from None
        if too_costly:
            raise PasswordError(
                f"stored password of scheme {self.scheme.name!r} would take too long to verify"
            )


def is_scheme(name: str) -> bool:
    """Return whether a scheme has this name in braces, with or without an encoding."""
    plain, dot, suffix = name.upper().partition(".")
    return (plain in BY_NAME or plain in BY_LIBPASS_NAME) and (not dot or suffix in _SUFFIXES)


def is_lock(text: str | None) -> bool:
    """Return whether a stored password is nothing but a lock."""
    try:
        return text is not None and read(text).scheme is LOCKED
    except PasswordError:
        return False


def read(text: str) -> Stored:
    """Return what the stored password `text` is; what follows the scheme may be malformed.

    Raises:
        PasswordError: if no scheme knows it, or its encoding is broken. The text
            does not contain the data.

    """
    if text.startswith(_BEGINNINGS):
        scheme = next(
            candidate for beginning, candidate in BY_BEGINNING if text.startswith(beginning)
        )
        return Stored(scheme, text.encode())
    if text.startswith("{"):
        return _in_braces(text)
    if text.startswith("$"):
        return _by_ident(text)
    if text.startswith(("!", "*")):
        return Stored(LOCKED, b"")
    raise PasswordError("stored password without a scheme; clear text needs {PLAIN} before it")


def _in_braces(text: str) -> Stored:
    label, closed, rest = text[1:].partition("}")
    name, dot, suffix = label.upper().partition(".")
    scheme = BY_NAME.get(name) or BY_LIBPASS_NAME.get(name)
    if scheme is None or not closed or (dot and suffix not in _SUFFIXES):
        # Mostly not quoted: it may be a password that begins with a brace.
        shown = f" {{{label}}}" if closed and _SHOWN.fullmatch(label) and _HASH.match(rest) else ""
        raise PasswordError(f"stored password of a scheme in braces that is not known{shown}")
    # OpenLDAP's {MD5} is a digest, and Dovecot's is crypt(3)'s, encoded or not.
    is_either = name == "MD5"
    if is_either and rest.startswith("$") and not suffix:
        scheme = CRYPT
    if rest.startswith(("!", "*")) and scheme is CRYPT:
        return Stored(LOCKED, b"")
    try:
        data = _decode(scheme, suffix, rest)
        if not data:
            raise unusable(scheme.name)
        if is_either and len(data) != scheme.size and data.startswith(b"$"):
            scheme = CRYPT
        if scheme is CRYPT or scheme is ARGON2:
            return _by_data(scheme, data.decode("ascii"))
    except ValueError:
        raise unusable(scheme.name) from None
    return Stored(scheme, data)


def _decode(scheme: Scheme, suffix: str, text: str) -> bytes:
    encoding = _SUFFIXES[suffix] if suffix else scheme.encoding
    if scheme.size and not suffix:
        encoding = Encoding.HEX if len(text) == 2 * scheme.size else Encoding.BASE64
    if encoding is Encoding.BASE64:
        return base64.b64decode(text, validate=True)
    return bytes.fromhex(text) if encoding is Encoding.HEX else text.encode()


def _by_ident(text: str) -> Stored:
    for ident, scheme in BY_IDENT:
        if text.startswith(ident):
            return Stored(scheme, text.encode())
    raise PasswordError("stored password of unknown scheme, beginning with '$'")


def _by_data(scheme: Scheme, text: str) -> Stored:
    """Read what crypt(3) wrote: its oldest hashes have no ident."""
    if text.startswith("$"):
        return _by_ident(text)
    if scheme is ARGON2:
        raise unusable(scheme.name)
    if text.startswith("_"):
        return Stored(BSDI_CRYPT, text.encode())
    # bigcrypt is longer: one more block for every eight bytes of the password.
    return Stored(DES_CRYPT if len(text) == _DES_CHARACTERS else BIGCRYPT, text.encode())


def unusable(scheme: str) -> PasswordError:
    """Return the error for data that a scheme cannot verify."""
    return PasswordError(f"malformed or unsupported stored password of scheme {scheme!r}")
