r"""Backslash escapes in O/R names: finding separators, and reading and printing texts.

A backslash takes the meaning from the character after it. Texts are split
while the escapes are still in them, and lose them last.
"""

from __future__ import annotations

import re

from ualauth.text.lazy_pattern import lazy_pattern

_ESCAPE = lazy_pattern(r"\\(.)", re.DOTALL)
_LONE_BACKSLASH = lazy_pattern(r"(?<!\\)(?:\\\\)*\\\Z")


def split(text: str, separator: str) -> list[str]:
    """Split at every `separator` that is not escaped; the escapes stay."""
    if "\\" not in text:
        return text.split(separator)
    pieces, start = [], 0
    for match in re.finditer(rf"\\.|{separator}", text, re.DOTALL):
        if match[0] == separator:
            pieces.append(text[start : match.start()])
            start = match.end()
    return [*pieces, text[start:]]


def has_equals(segment: str) -> bool:
    """Return whether `segment` has a `=` that is not escaped."""
    return "=" in segment and len(split(segment, "=")) > 1


def plain(piece: str) -> str:
    """Return `piece` without the blanks around it and without its escapes."""
    if "\\" not in piece:
        return piece.strip()
    stripped = piece.rstrip()
    if ends_in_lone_backslash(stripped):
        # The last blank was escaped: it belongs to the text.
        stripped = piece[: len(stripped) + 1]
    return unescaped(stripped.lstrip())


def escaped(text: str, special: str) -> str:
    """Return `text` with a backslash before each of `special`, which begins with one."""
    for character in special:
        text = text.replace(character, f"\\{character}")
    return text


def unescaped(text: str) -> str:
    """Return `text` without its escapes."""
    return text if "\\" not in text else _ESCAPE.sub(r"\1", text)


def ends_in_lone_backslash(text: str) -> bool:
    """Return whether the last backslash has nothing to escape."""
    return text.endswith("\\") and _LONE_BACKSLASH.search(text) is not None
