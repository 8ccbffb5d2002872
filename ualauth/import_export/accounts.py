"""What passwd files and Dovecot's have in common: names of people, and locked passwords."""

from __future__ import annotations

from ualauth.errors import InvalidValue
from ualauth.import_export.closed_passwords import MARK, NOT_CARRIED
from ualauth.import_export.line import CLOSED, MADE_UP, NAME_PARTS, Fields
from ualauth.passwords.marking import is_known, is_locked, parts_of
from ualauth.userlist.names import LIMITS, read_words


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
    if not is_locked(stored):
        return {"password": stored or None}
    scheme, rest = parts_of(stored)
    unlocked = rest.lstrip("!")
    if unlocked == NOT_CARRIED:
        return {"locked": True}
    # Behind {CRYPT} a hash of any scheme may stand.
    candidates = (unlocked, f"{scheme}{unlocked}")
    return {"password": next(filter(is_known, candidates), stored), "locked": True}


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
