"""Files of lines with a keyword and a value each, as pam_ldap's and nslcd's: the text as lines.

Empty lines and lines that begin with `#` say nothing. A value goes to the end
of its line, without the blanks around it; there are no quotes and no escapes. That of a
keyword that is `long` goes on in the lines after it that begin with a blank.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ualauth.sources.page import Token
from ualauth.sources.readers import Read

_LINE = re.compile(r"\s*(?P<keyword>\S+)(?:\s+(?P<value>.*\S))?\s*")


@dataclass(frozen=True, slots=True)
class Keyword:
    """One keyword: how its value is written and read, the default as text, and what it is for."""

    usage: str
    default: str
    help: str
    read: Read
    many: bool = False
    """Whether it may stand in several lines."""
    several: bool = False
    """Whether a line of one that may has several values."""
    long: bool = False
    """Whether the value goes on in the lines after it that begin with a blank."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line that says something; `value` is empty if there is none."""

    keyword: Token
    value: Token

    @property
    def name(self) -> str:
        """The keyword, which may be written in any case."""
        return self.keyword.text.lower()


def lines(text: str, keywords: Mapping[str, Keyword]) -> Iterator[Line]:
    """Return the lines that say something.

    The value of a keyword that is long has line feeds, and what stands behind the n-th of them is
    the n-th line after the first, with the blanks before it.
    """
    contents = text.split("\n")
    number = 0
    while number < len(contents):
        match = _LINE.fullmatch(contents[number])
        number += 1
        if match is None or match["keyword"].startswith("#"):
            continue
        keyword = Token(match["keyword"], number, match.start("keyword") + 1)
        place = match.start("value") if match["value"] else match.end("keyword") - 1
        value = match["value"] or ""
        known = keywords.get(match["keyword"].lower())
        if known is not None and known.long:
            more = _more(contents, number)
            value = "\n".join([value, *more])
            number += len(more)
        yield Line(keyword, Token(value, keyword.line, place + 1))


def _more(contents: list[str], number: int) -> list[str]:
    """Return the lines with which a value goes on; those that say nothing are empty."""
    more: list[str] = []
    end = 0
    for content in contents[number:]:
        stripped = content.strip()
        if stripped and not content[0].isspace() and not stripped.startswith("#"):
            break
        says = bool(stripped) and not stripped.startswith("#")
        more.append(content.rstrip() if says else "")
        if says:
            end = len(more)
    return more[:end]
