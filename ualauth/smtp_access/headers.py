"""The headers that rules insert, whatever stands in what comes from outside.

Texts of others may hold anything: line ends, control characters, letters
beyond ASCII, what looks like an encoded word. None of it reaches a header.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from email.header import Header as EncodedWords
from email.utils import format_datetime

from ualauth.smtp_access.events import Event
from ualauth.sources.problem import printable

_WIDTH = 78
"""The most characters of a line, as it should be (RFC 5322, section 2.1.1)."""
_ENCODED_WORD = 75
"""The most characters of an encoded word (RFC 2047, section 2)."""
_MAX_VALUE = 998 - 100
"""The most characters of one text of others: a line must not have more than 998."""
_NAME = re.compile(r"[!-9;-~]+")
_BLANKS = re.compile(r"\s+")

NAMES = {
    Event.SUBMIT: "X-Scalix-Suspicious-Host",
    Event.ANONYMOUS: "X-Scalix-Anonymous-Message",
    Event.AUTH_SUCCESS: "X-Scalix-Authenticated-Sender",
    Event.AUTH_MISMATCH: "X-Scalix-Authentication-Mismatch",
    Event.ORIGINATOR: "X-Scalix-Suspicious-Originator",
}


@dataclass(frozen=True, slots=True)
class Header:
    """A header; `words` are printable ASCII, and the header may be folded between them."""

    name: str
    words: tuple[str, ...]

    @classmethod
    def of(cls, name: str, text: str) -> Header:
        """Return a header with any text, which is cleaned.

        Raises:
            ValueError: for what cannot be the name of a header.

        """
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a header")
        return cls(name, _words(text))

    @property
    def value(self) -> str:
        """The value, on one line."""
        return " ".join(self.words)

    def __str__(self) -> str:
        """Return the header on one line."""
        return f"{self.name}: {self.value}"

    def fold(self, end: str = "\r\n") -> str:
        """Return the header as it stands in a message, folded, and ended with `end`."""
        lines = [f"{self.name}:"]
        for number, word in enumerate(self.words):
            # A line of nothing but blanks is not allowed (RFC 5322, section 3.2.2).
            if number and len(lines[-1]) + 1 + len(word) > _WIDTH:
                lines.append("")
            lines[-1] += f" {word}"
        return "".join(f"{line}{end}" for line in lines)


def suspicious_host(host: str) -> Header:
    """Return the header of SUBMIT."""
    return Header(NAMES[Event.SUBMIT], _words(host))


def anonymous_message(host: str, moment: datetime) -> Header:
    """Return the header of ANONYMOUS; `moment` has a time zone."""
    return Header(NAMES[Event.ANONYMOUS], ("from", *_words(host), "at", *_date(moment)))


def authenticated_sender(address: str, server: str, moment: datetime) -> Header:
    """Return the header of AUTH_SUCCESS; `moment` has a time zone."""
    *first, last = _words(address)
    by = ("authenticated", "by", *_words(server), "at", *_date(moment))
    return Header(NAMES[Event.AUTH_SUCCESS], (*first, f"{last};", *by))


def authentication_mismatch(originator: str, identity: str) -> Header:
    """Return the header of AUTH_MISMATCH."""
    *first, last = _words(originator)
    origin = ("Message", "originated", "from", *first, f"{last},")
    known = ("but", "authenticated", "identity", "is", *_words(identity))
    return Header(NAMES[Event.AUTH_MISMATCH], (*origin, *known))


def suspicious_originator(address: str) -> Header:
    """Return the header of ORIGINATOR."""
    return Header(NAMES[Event.ORIGINATOR], _words(address))


def _words(text: str) -> tuple[str, ...]:
    """Return a text of others as at least one word."""
    clean = printable(_BLANKS.sub(" ", text[:_MAX_VALUE])).strip() or "unknown"
    # What looks like an encoded word would be decoded by the mail program that shows it.
    if clean.isascii() and "=?" not in clean:
        return tuple(clean.split(" "))
    encoded = EncodedWords(clean, "utf-8", maxlinelen=_ENCODED_WORD).encode(splitchars="")
    return tuple(encoded.split())


def _date(moment: datetime) -> tuple[str, ...]:
    """Return a date by RFC 5322, section 3.3."""
    return tuple(format_datetime(moment).split(" "))
