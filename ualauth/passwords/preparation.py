"""Preparing passwords: the same password is the same string, however it was typed.

One character may be entered in several ways, such as a letter with an accent
or a letter and an accent. RFC 8265, section 4 (the OpaqueString profile of
PRECIS) settles on one: NFC, and every space is U+0020. Letters keep their case
and their width.
"""

from __future__ import annotations

from ualauth.errors import PasswordError


def prepare_password(text: str) -> str:
    """Return `text` as RFC 8265's OpaqueString; printable ASCII is returned as it is.

    An empty text is returned as it is too: whether it is a password is the
    caller's question.

    Raises:
        PasswordError: for what the profile disallows: control characters
            (RFC 8264, section 4.3.3), and code points that Python's Unicode tables
            do not assign. The text of the error does not contain the password.

    """
    if text.isascii() and text.isprintable():
        return text
    # Loaded only for passwords that need it.
    from precis_i18n import get_profile  # noqa: PLC0415 - see above

    try:
        prepared: str = get_profile("OpaqueString").enforce(text)
    except UnicodeError:
        raise PasswordError(
            "a password may hold letters, digits, punctuation, symbols and spaces, "
            "but no control characters",
        ) from None
    return prepared
