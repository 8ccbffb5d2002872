"""Language tags (BCP 47: RFC 5646), and what other systems write in their place."""

from __future__ import annotations

import re

from ualauth.text.lazy_pattern import lazy_pattern

MAX_LANGUAGE = 35
"""The most characters of a language tag (RFC 5646, section 4.4.1)."""

# RFC 5646, section 2.1. Of the irregular ones only `i-...` and three others do not look like
# the rest.
_TAG = lazy_pattern(
    r"(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4,8})"  # the language
    r"(?:-[a-z]{4})?"  # the script
    r"(?:-(?:[a-z]{2}|[0-9]{3}))?"  # the region
    r"(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*"  # variants
    r"(?:-[0-9a-wy-z](?:-[a-z0-9]{2,8})+)*"  # extensions
    r"(?:-x(?:-[a-z0-9]{1,8})+)?"
    r"|x(?:-[a-z0-9]{1,8})+"
    r"|i-[a-z]{2,8}|en-gb-oed|sgn-(?:be-(?:fr|nl)|ch-de)",
    re.IGNORECASE | re.ASCII,
)
# preferredLanguage of RFC 2798 is a list of RFC 9110, section 12.5.4.
_WEIGHT = lazy_pattern(r"\s*;\s*q\s*=\s*([0-9.]{1,5})\s*")
_NO_LANGUAGE = frozenset({"C", "POSIX", "*"})


def is_language_tag(text: str) -> bool:
    """Return whether `text` has the form of a language tag; which languages exist is not known."""
    return len(text) <= MAX_LANGUAGE and _TAG.fullmatch(text) is not None


def language_tag(text: str) -> str:
    """Return the tag of what other systems write: a locale as `de_DE.UTF-8`, or a list of tags.

    Of a list it is the one with the greatest weight, the first one of several. What is none of
    these stays as it is; `C`, `POSIX` and `*` say nothing, and are the empty text.
    """
    if is_language_tag(text) and text not in _NO_LANGUAGE:
        return text
    best, most = text, -1.0
    for each in text.split(","):
        match = _WEIGHT.search(each)
        weight = _number(match[1]) if match else 1.0
        if weight > most:
            best, most = each[: match.start()] if match else each, weight
    tag = re.split("[.@]", best.strip(), maxsplit=1)[0].replace("_", "-")
    if tag in _NO_LANGUAGE:
        return ""
    return tag if is_language_tag(tag) else text


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
