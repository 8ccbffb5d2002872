"""What a person brings along, so that nothing has to be asked.

A credential answers for the person when a module asks for an authentication
token. It is never printed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

MAX_PASSWORD_BYTES = 1024
"""Longest password, in bytes of UTF-8. Bounds the work an anonymous peer can cause."""
MAX_NAME_BYTES = 1024
"""Longest login name, in bytes of UTF-8. A tagged O/R name needs a few hundred."""


@dataclass(frozen=True, slots=True)
class Password:
    """A typed password."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PasswordChange:
    """The current password and the one to take its place."""

    old: str = field(repr=False)
    new: str = field(repr=False)


Credential = Password | PasswordChange


def is_acceptable(text: str, limit: int) -> bool:
    """Return whether `text` is UTF-8 without NUL of at most `limit` bytes.

    The limit is checked before the text is encoded: a text of a gigabyte
    costs nothing.
    """
    if len(text) > limit or "\0" in text:
        return False
    if text.isascii():
        return True
    try:
        return len(text.encode()) <= limit
    except UnicodeEncodeError:
        return False
