"""What passwd files and Dovecot's have in common: names of people, and locked passwords."""

from __future__ import annotations

from ualauth.errors import InvalidValue, PasswordError
from ualauth.import_export.line import Fields, name_of
from ualauth.passwords.stored import read
from ualauth.userlist.names import LIMITS, ORName, read_words

LOCK = "*"
"""A password that is none: nothing matches it."""


def name_fields(authid: str, gecos: str) -> ORName:
    """Return the O/R name of an account.

    The words up to the first comma are the person's (passwd(5), chfn(1)); the
    common name is the authid, so that two people of one name are told apart.

    Raises:
        InvalidValue: if it is too long for an O/R name.

    """
    words = gecos.partition(",")[0].replace("&", authid.capitalize()).replace("\\", "")
    parts = read_words(words) or {"surname": authid[: LIMITS["surname"]].strip()}
    if len(authid) <= LIMITS["common_name"]:
        parts["common_name"] = authid
    return name_of(parts)


def gecos_of(name: ORName) -> str:
    """Return the name of a person as these files have it, without what they cannot."""
    return "".join(" " if char in ":,&\\" else char for char in name.personal_name)


def password_fields(stored: str) -> Fields:
    """Return a password as a file has it, and whether it is locked; empty is none.

    A `!` before a hash is what `usermod -L` puts there, and some directories put it behind
    the scheme: the account is locked, and unlocking it brings the password back. What is
    nothing but a lock stays as it is, and matches no password.
    """
    if not _is_locked(stored):
        return {"password": stored or None}
    scheme, rest = _parts(stored)
    unlocked = rest.lstrip("!")
    # Behind {CRYPT} a hash of any scheme may stand.
    candidates = (unlocked, f"{scheme}{unlocked}")
    return {"password": next(filter(is_known, candidates), stored), "locked": True}


def marked(stored: str) -> str:
    """Return a hash as shadow(5) and Dovecot read it: bare hashes are those of crypt(3).

    What has no scheme of its own is taken for DES, the oldest one there.
    """
    if not stored or _is_locked(stored) or is_known(stored):
        return stored
    return f"{{CRYPT}}{stored}"


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
