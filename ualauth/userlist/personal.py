"""The words of a personal name: which is the given name, which the surname.

The rules stand in `names`, with the grammar; here they are applied.
"""

from __future__ import annotations

import re

from ualauth.text.escapes import unescaped

_WORD = re.compile(r"(?:\\.|[^\\\s])+", re.DOTALL)
_GENERATION = re.compile(
    r"[js]r\.?|i{1,3}|iv|vi{0,3}|ix|x|[1-9]\d?(?:st|nd|rd|th)",
    re.IGNORECASE | re.ASCII,
)
_INITIALS = re.compile(r"[^\W\d_]\.?|(?:[^\W\d_]\.)+[^\W\d_]?")
# X.411's older bound for initials (ub-initials-length); longer runs are words.
_MOST_CAPITALS = 5


def read_words(segment: str) -> dict[str, str]:
    """Return part -> text of a personal name, for the parts that there are."""
    if "\\" in segment:
        words = [unescaped(word) for word in _WORD.findall(segment)]
    else:
        words = segment.split()
    parts = {"given_name": "", "initials": "", "surname": "", "generation": ""}
    # Rule 1 needs three words: a name of two is a given name and a surname.
    if len(words) > 2 and _GENERATION.fullmatch(words[-1]):
        parts["generation"] = words.pop()
    if len(words) > 1:
        parts["given_name"] = words.pop(0)
    initials = []
    while len(words) > 1 and _look_like_initials(words[0], words[-1]):
        initials.append(words.pop(0))
    parts["initials"] = " ".join(initials)
    parts["surname"] = " ".join(words)
    return {part: value for part, value in parts.items() if value}


def _look_like_initials(word: str, last_word: str) -> bool:
    if _INITIALS.fullmatch(word):
        return True
    capitals = word.isalpha() and word.isupper() and len(word) <= _MOST_CAPITALS
    return capitals and not last_word.isupper()
