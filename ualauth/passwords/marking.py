"""Stored passwords without a scheme of their own: which one is meant, and whether one is locked."""

from __future__ import annotations

import re

from ualauth.errors import PasswordError
from ualauth.passwords.stored import read

_CLEAR_TEXTS = ("PLAIN", "CLEAR", "CLEARTEXT")
# crypt(5): descrypt and bigcrypt, two characters of salt and eleven a block, and bsdicrypt.
_CRYPT = re.compile(r"[./0-9A-Za-z]{2}(?:[./0-9A-Za-z]{11}){1,16}|_[./0-9A-Za-z]{19}")


def marked(stored: str, default_scheme: str = "") -> str:
    """Return a hash as shadow(5) and Dovecot read it: bare hashes are those of crypt(3).

    What has no scheme of its own is of `default_scheme`, or else it must look like a hash of
    crypt(3)'s oldest kinds, which begin with no `$`; anything else stays as it is, unknown.
    """
    if not stored or stored[0] == "{" or (stored[0] == "$" and not default_scheme):
        return stored
    if default_scheme.upper() in _CLEAR_TEXTS:
        # Clear text may begin like anything.
        return f"{{{default_scheme}}}{stored}"
    if is_locked(stored) or is_known(stored):
        return stored
    if default_scheme:
        return f"{{{default_scheme}}}{stored}"
    return f"{{CRYPT}}{stored}" if _CRYPT.fullmatch(stored) else stored


def parts_of(stored: str) -> tuple[str, str]:
    """Return the scheme in braces, or nothing, and the rest."""
    if not stored.startswith("{"):
        return "", stored
    label, closed, rest = stored.partition("}")
    return f"{label}{closed}", rest


def is_locked(stored: str) -> bool:
    """Return whether a lock stands before the data; clear text may begin like one."""
    return parts_of(stored)[1].startswith(("!", "*")) and not _is_clear_text(stored)


def is_known(stored: str) -> bool:
    """Return whether it is a stored password of some scheme, and not a lock."""
    try:
        return read(stored).scheme.name != "locked"
    except PasswordError:
        return False


def _is_clear_text(stored: str) -> bool:
    try:
        return read(stored).scheme.name == "plain"
    except PasswordError:
        return False
