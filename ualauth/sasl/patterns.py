"""Patterns for one value of a certificate: text, and `*` for any text.

The case of ASCII letters does not count; everything else is compared as it is. Where an
at sign comes after a `*`, that `*` has none: of `boss@a.example@b.example`, `*@b.example` has
no local part to hand out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence


def compiled(parts: Sequence[str]) -> re.Pattern[str]:
    """Return a pattern of texts with a `*` between each two, a group for each `*`.

    It takes a time in proportion to what it is compared with: where a part was
    found first, none of the later ones needs it elsewhere, and the search for it is
    not taken up again (an atomic group).
    """
    first, *others = parts
    expressions = [re.escape(first)]
    last_with_at = max((index for index, part in enumerate(others, 1) if "@" in part), default=0)
    for index, part in enumerate(others, 1):
        any_text = "[^@]*?" if index <= last_with_at else ".*?"
        group = f"({any_text}){re.escape(part)}"
        expressions.append(group if index == len(others) else f"(?>{group})")
    return re.compile("".join(expressions), re.IGNORECASE | re.ASCII | re.DOTALL)
