"""When two names are the same: case, accents' encoding and blanks do not count."""

from __future__ import annotations

import unicodedata

from ualauth.text.lazy_pattern import lazy_pattern

REFUSED = lazy_pattern(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""What no name may hold: control characters, line separators, and halves of
surrogate pairs, which have no UTF-8. `str.isprintable` takes a quarter of the time,
and is true of no text with one of them."""


def fold(text: str) -> str:
    """Return what names are compared by.

    This is Unicode's canonical caseless matching (The Unicode Standard, D145),
    composed again (NFC); runs of white space become one blank, none is left at
    the ends. So `STRASSE` and `straße` are the same name, as are `ΣΑΣ` and
    `σας`; the Turkish dotted capital and dotless small I are neither
    each other nor `i`.
    """
    if not text:
        return ""
    if text.isascii():
        folded = text.lower()
    else:
        decomposed = unicodedata.normalize("NFD", text).casefold()
        folded = unicodedata.normalize("NFC", decomposed)
    return " ".join(folded.split())
