"""The query of om_sql.conf: one SELECT with places for values, and how drivers are given it.

A place is `{user}` where SQL has a value: what stands there is bound, and never a part of the
text. In quotes and comments a brace is a brace, and whatever else the SQL has (`:name`, `%`, `?`)
stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ualauth.sql.lexing import Kind, Mistake, Token, tokens
from ualauth.sql.settings import Product

PLACES: Mapping[str, str] = {
    "user": "the user: the authid if the USERLIST knows the person, else the name as typed",
    "login": "the name as it was typed, whatever the USERLIST makes of it",
    "local": "what stands before the last `@` of the user",
    "domain": "what stands behind it; unknown if there is none",
    "mail": "the primary address in the USERLIST, else the user",
    "service": "the service",
    "rhost": "the peer's host name or address; empty if there is none",
}
"""Place -> what it stands for."""
_NAMES = frozenset({"user", "login", "local", "mail"})
"""Places of which a query needs one: without, it finds the same for every user."""
_WRITES = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE"})
_MAIN = _WRITES | {"SELECT", "VALUES", "TABLE"}
_LOCKS = frozenset({"UPDATE", "SHARE", "NO", "KEY"})
_ONE_SELECT = "write one SELECT, or WITH ... SELECT, that only reads"
_DOVECOTS = {"%u": "{user}", "%n": "{local}", "%d": "{domain}", "%{user}": "{user}"}


@dataclass(frozen=True, slots=True)
class Statement:
    """A query that may be asked: texts and, between them, the names of places."""

    product: Product
    texts: tuple[str, ...]
    places: tuple[str, ...]

    @property
    def names(self) -> frozenset[str]:
        """The places that it has."""
        return frozenset(self.places)

    def with_a_row(self) -> Statement:
        """Return a query with the same columns that gives a row of NULLs instead of none."""
        first, *others = self.texts
        first = f"SELECT q.* FROM (SELECT 1) AS one LEFT JOIN ({first}"  # noqa: S608 - no value
        texts = [first, *others]
        texts[-1] += "\n) AS q ON 1 = 1"
        return Statement(self.product, tuple(texts), self.places)

    def render(self, text: Callable[[str], str], place: Callable[[str], str]) -> str:
        """Return the text for a driver: as `text` writes SQL, and `place` a place."""
        parts = [text(self.texts[0])]
        for name, following in zip(self.places, self.texts[1:], strict=True):
            parts += [place(name), text(following)]
        return "".join(parts)


def read_statement(text: str, product: Product) -> tuple[Statement | None, list[Mistake]]:
    """Return the query that a text is, and what is wrong with it."""
    parts, mistakes = tokens(text, product)
    code = [each for each in parts if each.kind is not Kind.COMMENT]
    if not mistakes:
        mistakes = [
            *_places(code),
            *_one_select(code),
            *_reads_only(code),
            *_quoted_places(code),
        ]
    if any(not each.warning for each in mistakes):
        return None, mistakes
    return _statement(text, product, parts), mistakes


def _statement(text: str, product: Product, parts: list[Token]) -> Statement:
    texts, places, begin, end = [], [], 0, len(text)
    for each in parts:
        if each.kind is Kind.PLACE:
            texts.append(text[begin : each.offset])
            places.append(each.text[1:-1])
            begin = each.offset + len(each.text)
        elif each.text == ";" and each.kind is Kind.OTHER:
            end = each.offset
    texts.append(text[begin:end])
    return Statement(product, tuple(texts), tuple(places))


def _places(code: list[Token]) -> list[Mistake]:
    names = set()
    mistakes = []
    for each in code:
        if each.kind is Kind.PLACE:
            name = each.text[1:-1]
            names.add(name)
            if name not in PLACES:
                cure = f"there are: {', '.join(f'{{{known}}}' for known in PLACES)}"
                mistakes.append(Mistake(each, f"there is no place {each.text[:40]}", cure))
    if not names & _NAMES and not mistakes:
        at = code[0] if code else Token(Kind.OTHER, "", 0)
        cure = "write {user}, without quotes, where the name stands"
        mistakes.append(Mistake(at, "this query finds the same for every user", cure))
    return mistakes


def _one_select(code: list[Token]) -> list[Mistake]:
    """Return why it is no SELECT, or more than one statement."""
    if not code:
        return [Mistake(Token(Kind.OTHER, "", 0), "there is no query", _ONE_SELECT)]
    for place, each in enumerate(code):
        if each.text == ";" and each.kind is Kind.OTHER and place + 1 < len(code):
            return [Mistake(code[place + 1], "this is a second statement", _ONE_SELECT)]
    first = code[0]
    if first.word == "SELECT":
        return []
    if first.word == "WITH":
        main = _main_verb(code)
        if main is not None and main.word == "SELECT":
            return []
        first = main or first
    return [Mistake(first, "this is no SELECT", _ONE_SELECT)]


def _main_verb(code: list[Token]) -> Token | None:
    depth = 0
    for each in code:
        depth += (each.text == "(") - (each.text == ")")
        if depth == 0 and each.word in _MAIN:
            return each
    return None


def _reads_only(code: list[Token]) -> list[Mistake]:
    """Return what would write or lock; the session refuses it, too, but for files."""
    mistakes = []
    edge = Token(Kind.OTHER, "(", 0), Token(Kind.OTHER, "", 0)
    for place, each in enumerate(code):
        before = code[place - 1] if place else edge[0]
        after = code[place + 1] if place + 1 < len(code) else edge[1]
        # `replace(` and `insert(` are functions of text.
        writes = each.word in _WRITES and after.text != "("
        if writes and before.text in {"(", ")"}:
            mistakes.append(Mistake(each, f"{each.word} writes", _ONE_SELECT))
        elif each.word == "INTO":
            mistakes.append(Mistake(each, "INTO writes", "leave it out"))
        elif each.word == "FOR" and after.word in _LOCKS:
            mistakes.append(Mistake(each, f"FOR {after.word} locks rows", "leave it out"))
        elif each.word == "LOCK" and after.word == "IN":
            mistakes.append(Mistake(each, "LOCK IN SHARE MODE locks rows", "leave it out"))
    return mistakes


def _quoted_places(code: list[Token]) -> list[Mistake]:
    """Return what looks like a place, and is text, since it stands in quotes."""
    mistakes = []
    for each in code:
        if each.kind is not Kind.QUOTED:
            continue
        name = next((name for name in PLACES if f"{{{name}}}" in each.text), None)
        if name is not None:
            text = f"{{{name}}} is text here, since it stands in quotes"
            mistakes.append(Mistake(each, text, f"write {{{name}}} without quotes", warning=True))
            continue
        theirs = _DOVECOTS.get(each.text[1:-1])
        if theirs is not None:
            text = f"{each.text} is text here, and not Dovecot's variable"
            mistakes.append(Mistake(each, text, f"write {theirs} without quotes", warning=True))
    return mistakes
