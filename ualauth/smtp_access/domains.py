"""Domains in the one form in which they are compared: lower case, A-labels, no dot at the end.

`Bücher.Example.` and `xn--bcher-kva.example` are the same (RFC 5890 to 5894,
with the mapping of UTS #46). A label that IDNA does not know is compared as it
is written, without regard to case.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import idna

MAX_DOMAIN = 253
"""The most characters of a domain, without the dot at its end (RFC 1035, section 3.1)."""
_MAX_LABEL = 63
_DOTS = re.compile("[.\u3002\uff0e\uff61]")
_ASCII_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*")


def domain_form(text: str) -> str:
    """Return the form of a domain that is compared.

    Raises:
        ValueError: for what can be no domain: empty labels, blanks, signs, too long.

    """
    name = text.removesuffix(".")
    if not 0 < len(name) <= MAX_DOMAIN:
        raise ValueError(f"a domain has 1 to {MAX_DOMAIN} characters")
    if name.isascii():
        if not _ASCII_NAME.fullmatch(name):
            raise ValueError(f"{text!r} is no domain")
        return name.lower()
    return _international_form(name)


@lru_cache(1024)
def _international_form(name: str) -> str:
    form = ".".join(label_form(label) for label in _DOTS.split(name)).removesuffix(".")
    if not 0 < len(form) <= MAX_DOMAIN or ".." in form or form.startswith("."):
        raise ValueError(f"{name!r} is no domain")
    return form


def label_form(label: str) -> str:
    """Return the form of one label; an empty one stays empty.

    Raises:
        ValueError: for a label with characters that none has.

    """
    if label.isascii():
        if label and not _ASCII_NAME.fullmatch(label):
            raise ValueError(f"{label!r} is no part of a domain")
        return label.lower()
    try:
        return idna.encode(label, uts46=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        folded = unicodedata.normalize("NFKC", label).casefold()
        if not 0 < len(folded) <= _MAX_LABEL or not folded.isprintable() or _DOTS.search(folded):
            raise ValueError(f"{label!r} is no part of a domain") from None
        if any(char.isascii() and not (char.isalnum() or char in "-_") for char in folded):
            raise ValueError(f"{label!r} is no part of a domain") from None
        return folded
