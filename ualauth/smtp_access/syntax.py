r"""The lines of `smtpd.cfg`, as words that know where they stand.

    line     = *blank [ word *( blank word ) ] *blank [ comment ]
    comment  = "#" *any            ; where a word could begin
    word     = 1*( quoted / any but blank )
    quoted   = DQUOTE *( "\" any / any but DQUOTE ) ( DQUOTE / end )
    blank    = " " / tab

A carriage return at the end of a line does not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ualauth.sources.page import Line, Token

# Each way begins with another character, so there is nothing to go back to.
_WORD = re.compile(r'(?:"(?:\\.|[^"\\])*(?:"|\\?\Z)|[^ \t"])+')


def lines(text: str) -> Iterator[Line]:
    """Yield the lines that have words."""
    for number, raw in enumerate(text.split("\n"), 1):
        tokens = []
        for word in _WORD.finditer(raw.removesuffix("\r")):
            if word[0].startswith("#"):
                break
            tokens.append(Token(word[0], number, word.start() + 1))
        if tokens:
            yield Line(number, tuple(tokens))
