"""Text from files and people, made harmless for a terminal.

Escape sequences can recolour, move and forge what an administrator reads, and
so can characters that turn the direction of writing.
"""

from __future__ import annotations

import unicodedata

# Control, format, surrogate, private use, unassigned; separators of lines and paragraphs.
_ESCAPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# The joiners belong to the spelling of Persian, of Indic scripts, and of emoji.
_JOINERS = "\u200c\u200d"


def plain(text: str) -> str:
    r"""Return `text` on one line, with what a terminal would obey as `\x1b` and the like."""
    if text.isprintable():
        return text
    return "".join(map(_shown, text))


def block(text: str) -> str:
    """Return `text` as `plain` does, but keep its lines and tabs."""
    return "\n".join("\t".join(map(plain, line.split("\t"))) for line in text.split("\n"))


def _shown(char: str) -> str:
    if char in _JOINERS or unicodedata.category(char) not in _ESCAPED:
        return char
    return char.encode("unicode_escape").decode("ascii")
