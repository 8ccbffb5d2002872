"""The text of om_ldap.conf as lines: a keyword and a value each.

Empty lines and lines that begin with `#` say nothing. A value goes to the end
of its line, without the blanks around it; there are no quotes and no escapes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ualauth.sources.page import Token

_LINE = re.compile(r"\s*(?P<keyword>\S+)(?:\s+(?P<value>.*\S))?\s*")


@dataclass(frozen=True, slots=True)
class Line:
    """One line that says something; `value` is empty if there is none."""

    keyword: Token
    value: Token

    @property
    def name(self) -> str:
        """The keyword, which may be written in any case."""
        return self.keyword.text.lower()


def lines(text: str) -> Iterator[Line]:
    """Return the lines that say something."""
    for number, content in enumerate(text.split("\n"), 1):
        match = _LINE.fullmatch(content)
        if match is None or match["keyword"].startswith("#"):
            continue
        keyword = Token(match["keyword"], number, match.start("keyword") + 1)
        place = match.start("value") if match["value"] else match.end("keyword") - 1
        yield Line(keyword, Token(match["value"] or "", number, place + 1))
