"""What passwd files and Dovecot's have in common: names of people, and locked passwords."""

from __future__ import annotations

import re

from ualauth.errors import InvalidValue, PasswordError
from ualauth.import_export.closed_passwords import MARK, NOT_CARRIED
from ualauth.import_export.line import CLOSED, MADE_UP, NAME_PARTS, Fields
from ualauth.passwords.stored import read
from ualauth.userlist.names import LIMITS, read_words

_CLEAR_TEXTS = ("PLAIN", "CLEAR", "CLEARTEXT")
# crypt(5): descrypt and bigcrypt, two characters of salt and eleven a block, and bsdicrypt.
_CRYPT = re.compile(r"[./0-9A-Za-z]{2}(?:[./0-9A-Za-z]{11}){1,16}|_[./0-9A-Za-z]{19}")


def name_fields(authid: str, gecos: str) -> Fields:
    """Return what an account says of the O/R name, and what is made up where it says nothing.

    The words up to the first comma are the person's (passwd(5), chfn(1)). The
    common name of a new user is the authid, so that two people of one name are told apart.
    """
    words = gecos.partition(",")[0].replace("&", authid.capitalize()).replace("\\", "")
    parts = read_words(words)
    made_up = {} if parts else {"surname": authid[: LIMITS["surname"]].strip()}
    if len(authid) <= LIMITS["common_name"]:
        made_up["common_name"] = authid
    return {NAME_PARTS: parts, MADE_UP: {NAME_PARTS: made_up}}


def password_fields(stored: str) -> Fields:
    """Return a password as a file has it, and whether it is locked; empty is none.

    A `!` before a hash is what `usermod -L` puts there, and some directories put it behind
    the scheme: the account is locked, and unlocking it brings the password back. What is
    nothing but a lock stays as it is, and matches no password.
    """
    if stored == NOT_CARRIED:
        return {}
    if stored.startswith(MARK):
        return password_fields(stored.removeprefix(MARK)) | {CLOSED: True}
    if not _is_locked(stored):
        return {"password": stored or None}
    scheme, rest = _parts(stored)
    unlocked = rest.lstrip("!")
    if unlocked == NOT_CARRIED:
        return {"locked": True}
    # Behind {CRYPT} a hash of any scheme may stand.
    candidates = (unlocked, f"{scheme}{unlocked}")
    return {"password": next(filter(is_known, candidates), stored), "locked": True}


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
    if _is_locked(stored) or is_known(stored):
        return stored
    if default_scheme:
        return f"{{{default_scheme}}}{stored}"
    return f"{{CRYPT}}{stored}" if _CRYPT.fullmatch(stored) else stored


def _parts(stored: str) -> tuple[str, str]:
    """Return the scheme in braces, or nothing, and the rest."""
    if not stored.startswith("{"):
        return "", stored
    label, closed, rest = stored.partition("}")
    return f"{label}{closed}", rest


def _is_locked(stored: str) -> bool:
    """Return whether a lock stands before the data; clear text may begin like one."""
    return _parts(stored)[1].startswith(("!", "*")) and not _is_clear_text(stored)


def _is_clear_text(stored: str) -> bool:
    try:
        return read(stored).scheme.name == "plain"
    except PasswordError:
        return False


def is_known(stored: str) -> bool:
    """Return whether it is a stored password of some scheme, and not a lock."""
    try:
        return read(stored).scheme.name != "locked"
    except PasswordError:
        return False


def number_of(text: str, what: str) -> int | None:
    """Return the number that stands in a field, or `None` for an empty one.

    Raises:
        InvalidValue: if it is none.

    """
    if not text:
        return None
    if not (text.isascii() and text.removeprefix("-").isdigit()):
        raise InvalidValue(f"{what}: must be a number")
    return int(text[:20])
