"""What reading a file of the administrator gives, and what tells one state of it from another."""

from __future__ import annotations

from dataclasses import dataclass, field

from ualauth.errors import ConfigurationError

MAX_FILE_BYTES = 1 << 20
"""Largest service file. A thousand times the usual; bounds the work on a wrong file."""


@dataclass(frozen=True, slots=True)
class Missing:
    """There is no file of that name."""

    path: str


@dataclass(frozen=True, slots=True)
class Unusable:
    """There is something, and it cannot be taken as a service file: why, and the cure."""

    path: str
    reason: str
    cure: str


@dataclass(frozen=True, slots=True)
class Text:
    """A file that was read. Bytes that are no UTF-8 are kept as surrogates."""

    path: str
    text: str = field(repr=False)
    public: bool = field(default=False, compare=False)
    """Whether every user of the host may read it."""


Found = Text | Missing | Unusable
"""What is at a path."""


def settings_of(found: Found) -> str | None:
    """Return the text of a file of settings, `None` if there is no file.

    Raises:
        ConfigurationError: if it cannot be used.

    """
    match found:
        case Missing():
            return None
        case Unusable(path, reason, _):
            raise ConfigurationError(
                f"{path} {reason}; it has to be a file, and not every user may write to it",
            )
        case Text(path, text):
            if not text.isascii() and any("\udc80" <= char <= "\udcff" for char in text):
                raise ConfigurationError(f"{path} is not UTF-8")
            return text


def is_blank(found: Found) -> bool:
    """Return whether a file says nothing: it is empty, or has only comments."""
    lines = found.text.splitlines() if isinstance(found, Text) else ["?"]
    return all(not line.strip() or line.lstrip().startswith("#") for line in lines)
