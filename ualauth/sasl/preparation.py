"""Preparing names: the same name is the same string, however it was typed.

Mechanisms whose RFC says SASLprep (RFC 4013) use that; the others RFC 8265's
UsernameCasePreserved. Both are a library's work. Case is the directory's
business. Printable ASCII is what it is in both.
"""

from __future__ import annotations

from ualauth.contract.credentials import MAX_NAME_BYTES, is_acceptable
from ualauth.errors import PasswordError
from ualauth.passwords.scram import saslprep
from ualauth.sasl.mechanism import Malformed


def prepare_name(text: str) -> str:
    """Return a login name as RFC 8265, section 3.4 has it, word by word.

    O/R names have spaces, which the profile leaves to the program that splits a name
    in parts (section 3.1).

    Raises:
        Malformed: for an empty, huge or unprintable one.

    """
    if _is_plain(text):
        return text
    _check(text)
    from precis_i18n import get_profile  # noqa: PLC0415 - only names that need it load it

    profile = get_profile("UsernameCasePreserved")
    try:
        prepared = " ".join(word and str(profile.enforce(word)) for word in text.split(" "))
    except UnicodeError:
        raise Malformed("a name that PRECIS disallows") from None
    _check(prepared)
    return prepared


def vouched_name(text: str) -> str:
    """Return a name that an authority or an issuer vouches for: as it is, or not at all.

    Preparing makes one of several names (full width and usual, a Kelvin sign and K),
    and so does what comes after it (blanks at the end). That is for what people type: to an
    authority, they may be several users.

    Raises:
        Malformed: as `prepare_name`, and for one that preparing would change.

    """
    if prepare_name(text) != text or " ".join(text.split()) != text:
        raise Malformed("a vouched name that is not in the form in which names are compared")
    return text


def prepare_query(text: str) -> str:
    """Return a name as SASLprep has it (RFC 4013).

    The library knows stored strings only: a character newer than Unicode 3.2 is
    refused, which a query string might have (RFC 3454, section 7).

    Raises:
        Malformed: as `prepare_name`.

    """
    if _is_plain(text):
        return text
    # Before the rest: it leaves out some characters that do not print.
    if not is_acceptable(text, MAX_NAME_BYTES):
        raise Malformed("a name that is too long, or has NUL")
    try:
        prepared = saslprep(text)
    except PasswordError:
        raise Malformed("a name that SASLprep prohibits") from None
    _check(prepared)
    return prepared


def _is_plain(text: str) -> bool:
    """Return whether there is nothing to prepare, and nothing to object to: nearly always."""
    return text.isascii() and text.isprintable() and 0 < len(text) <= MAX_NAME_BYTES


def _check(text: str) -> None:
    if not text:
        raise Malformed("an empty name")
    if not is_acceptable(text, MAX_NAME_BYTES) or not text.isprintable():
        raise Malformed("a name that is too long, or has control characters")
