"""Patterns with `*` (any text) and `?` (one character), matched without going back.

The text between two stars is looked for once, from where the last was found:
the first place is as good as any later one. Atomic groups say that, so the
time is that of the searches, however many stars there are.
"""

from __future__ import annotations

import re
from collections.abc import Callable

WILD = re.compile(r"[*?]")
_STARS = re.compile(r"\*+")


def matcher(pattern: str) -> Callable[[str], object]:
    """Return what tells whether a text matches `pattern`; the case counts."""
    first, *others = [_literal(part) for part in _STARS.split(pattern)]
    if not others:
        return re.compile(first, re.DOTALL).fullmatch
    *middle, last = others
    searched = "".join(f"(?>.*?{part})" for part in middle)
    return re.compile(f"{first}{searched}.*{last}", re.DOTALL).fullmatch


def _literal(text: str) -> str:
    return "".join("." if char == "?" else re.escape(char) for char in text)
