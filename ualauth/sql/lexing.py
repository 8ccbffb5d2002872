"""The text of a query as words, quoted text, comments and places: as much as tells them apart.

What is quoted, and how, differs from one database to another (PostgreSQL, section 4.1; MySQL,
section 11.1 and 11.7; sqlite.org/lang_keywords.html). The drivers see to it that the settings
of a session that change it are as they are here.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass

from ualauth.sql.settings import Product


class Kind(enum.Enum):
    """What a part of a query is."""

    PLACE = enum.auto()
    QUOTED = enum.auto()
    COMMENT = enum.auto()
    WORD = enum.auto()
    OTHER = enum.auto()


@dataclass(frozen=True, slots=True)
class Token:
    """One part, and where it begins."""

    kind: Kind
    text: str
    offset: int

    @property
    def word(self) -> str:
        """The word in capitals; empty if it is none."""
        return self.text.upper() if self.kind is Kind.WORD else ""


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with a query, and where."""

    at: Token
    text: str
    cure: str
    warning: bool = False


_PLAIN_STRING = r"'(?:[^']|'')*+'"
_NAME = r'"(?:[^"]|"")*+"'
_BACKTICKS = r"`(?:[^`]|``)*+`"
_BACKSLASHED = r"(?:'(?:[^'\\]|\\.|'')*+')|(?:\"(?:[^\"\\]|\\.|\"\")*+\")"
_DASHES = r"--[^\n]*+"
_STARS = r"/\*(?:[^*]|\*(?!/))*+\*/"
# One comment in another (PostgreSQL, section 4.1.5): three deep is more than any query has.
_NESTED = r"/\*(?:[^*/]|\*(?!/)|/(?!\*))*+\*/"
for _ in range(2):
    _NESTED = rf"/\*(?:[^*/]|\*(?!/)|/(?!\*)|{_NESTED})*+\*/"

_QUOTED: Mapping[Product, str] = {
    Product.POSTGRESQL: rf"[eE]'(?:[^'\\]|\\.|'')*+'|{_PLAIN_STRING}|{_NAME}"
    r"|\$(?P<tag>(?:[^\W\d]\w*)?)\$(?s:.*?)\$(?P=tag)\$",
    Product.MYSQL: rf"{_BACKSLASHED}|{_BACKTICKS}",
    Product.SQLITE: rf"{_PLAIN_STRING}|{_NAME}|{_BACKTICKS}|\[[^\]]*+\]",
}
_COMMENTS: Mapping[Product, str] = {
    Product.POSTGRESQL: rf"{_DASHES}|{_NESTED}",
    # Two dashes need a blank behind them; `/*!` and `/*M!` are no comments.
    Product.MYSQL: rf"--(?=\s|\Z)[^\n]*+|\#[^\n]*+|(?!/\*M?!){_STARS}",
    Product.SQLITE: rf"{_DASHES}|{_STARS}",
}
_TOKEN = {
    product: re.compile(
        rf"(?P<comment>{_COMMENTS[product]})|(?P<quoted>{_QUOTED[product]})"
        r"|(?P<place>\{[A-Za-z_]\w*\})|(?P<word>[^\W\d][\w$]*+)|(?P<number>\d[\w.]*+)|(?P<other>\S)",
        re.DOTALL,
    )
    for product in Product
}
_KINDS = {
    "comment": Kind.COMMENT,
    "quoted": Kind.QUOTED,
    "place": Kind.PLACE,
    "word": Kind.WORD,
}
_OPEN = frozenset("'\"`")
_BOUND = frozenset("?:@$")
"""What begins a variable in SQLite's SQL (sqlite.org/lang_expr.html)."""


def tokens(text: str, product: Product) -> tuple[list[Token], list[Mistake]]:
    """Return the parts of a query, and what makes no sense in it."""
    parts: list[Token] = []
    mistakes: list[Mistake] = []
    for match in _TOKEN[product].finditer(text):
        kind = _KINDS.get(match.lastgroup or "", Kind.OTHER)
        token = Token(kind, match[0], match.start())
        parts.append(token)
        if kind is Kind.OTHER and (mistake := _mistake(token, text, product)) is not None:
            mistakes.append(mistake)
            if token.text in _OPEN:
                # What follows may be inside of it.
                break
    return parts, mistakes


def _mistake(token: Token, text: str, product: Product) -> Mistake | None:
    if token.text in _OPEN and (token.text != "`" or product is not Product.POSTGRESQL):
        return Mistake(token, "this quote has no end", f"write the other {token.text}")
    if token.text == "/" and text.startswith("/*", token.offset):
        if product is Product.MYSQL and text.startswith(("/*!", "/*M!"), token.offset):
            return Mistake(token, "MySQL obeys what stands in this comment", "leave it out")
        return Mistake(token, "this comment has no end", "write */")
    if product is Product.SQLITE and token.text in _BOUND:
        text = f"{token.text} begins a variable of SQLite"
        return Mistake(token, text, "write {user}, or another place")
    if product is Product.POSTGRESQL and token.text == "$":
        return Mistake(token, "$ begins a parameter here", "write {user}, or another place")
    return None
