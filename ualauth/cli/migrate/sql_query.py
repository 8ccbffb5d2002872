"""Dovecot's password_query as a query of om_sql: its variables become places, and are bound."""

from __future__ import annotations

import re

from ualauth.sql.lexing import Kind, Token, tokens
from ualauth.sql.settings import Product
from ualauth.sql.statement import read_statement

_VARIABLES = {
    "%{user|username}": "{local}",
    "%{user|domain}": "{domain}",
    "%{user}": "{user}",
    "%{username}": "{local}",
    "%{domain}": "{domain}",
    "%{service}": "{service}",
    "%{rip}": "{rhost}",
    "%Lu": "{user}",
    "%Ln": "{local}",
    "%Ld": "{domain}",
    "%u": "{user}",
    "%n": "{local}",
    "%d": "{domain}",
    "%s": "{service}",
    "%r": "{rhost}",
}
_VARIABLE = re.compile("|".join(map(re.escape, sorted(_VARIABLES, key=len, reverse=True))))
_PARTS = re.compile(rf"%%|{_VARIABLE.pattern}|%")
_USED = frozenset({"password", "user", "username", "domain", "nologin", "allow_nets"})
"""Columns that mean the same for Dovecot and for om_sql."""


class Untranslatable(ValueError):
    """A query that has no equal; the text says why."""


def translated(query: str, product: Product) -> str:
    """Return a query of om_sql that finds the same.

    Raises:
        Untranslatable: if there is none.

    """
    if not query:
        raise Untranslatable("there is none")
    if "#" in query or not query.isprintable():
        raise Untranslatable("it has characters that a line of om_sql.conf cannot have")
    parts, mistakes = tokens(query, product)
    if mistakes:
        raise Untranslatable(mistakes[0].text)
    text, end = [], 0
    for each in parts:
        if each.kind is Kind.QUOTED:
            text += [_bound(query[end : each.offset]), _quoted(each, product)]
            end = each.offset + len(each.text)
    new = "".join((*text, _bound(query[end:])))
    statement, mistakes = read_statement(new, product)
    if statement is None or mistakes:
        raise Untranslatable(mistakes[0].text)
    return new


def _bound(text: str) -> str:
    """Return a text of SQL outside of quotes with places for variables."""
    return _PARTS.sub(_place, text)


def _place(match: re.Match[str]) -> str:
    if match[0] == "%%":
        return "%"
    place = _VARIABLES.get(match[0])
    if place is None:
        raise Untranslatable("it has a variable that is not known here")
    return place


def _quoted(token: Token, product: Product) -> str:
    """Return a quoted text; where it has variables, one that is put together."""
    text = token.text
    if not _VARIABLE.search(text.replace("%%", "")):
        return _bound(text)
    mark = text[0]
    if mark != "'" and not (mark == '"' and product is Product.MYSQL):
        raise Untranslatable("it has a variable in a name")
    pieces: list[str] = []
    literal, end = "", 1
    for match in _PARTS.finditer(text):
        literal += text[end : match.start()]
        end = match.end()
        place = _place(match)
        if place == "%":
            literal += place
            continue
        pieces += [*([f"{mark}{literal}{mark}"] if literal else []), place]
        literal = ""
    literal += text[end:-1]
    pieces += [f"{mark}{literal}{mark}"] if literal else []
    if len(pieces) == 1:
        return pieces[0]
    if product is Product.MYSQL:
        return f"CONCAT({', '.join(pieces)})"
    return f"({' || '.join(pieces)})"


def check_columns(query: str, product: Product) -> None:
    """See that each column of a query means for om_sql what it means for Dovecot.

    Raises:
        Untranslatable: if one does not, or those that om_sql needs are missing.

    """
    columns = _columns(query, product)
    for column in columns:
        # Of `userdb_...`, Dovecot learns where mail is.
        if column not in _USED and not column.startswith("userdb_"):
            raise Untranslatable(f"the column {column[:40]!r} has no equal")
    if "password" not in columns:
        raise Untranslatable("it gives no column password")
    if not {"user", "username"} & {*columns}:
        raise Untranslatable("it does not say whose the row is: write SELECT ... AS user")


def _columns(query: str, product: Product) -> list[str]:
    """Return the names of the columns of a SELECT, in small letters."""
    parts = [each for each in tokens(query, product)[0] if each.kind is not Kind.COMMENT]
    if not parts or parts[0].word != "SELECT":
        raise Untranslatable("its columns are not known: it does not begin with SELECT")
    items: list[list[Token]] = [[]]
    depth = 0
    for each in parts[1:]:
        depth += (each.text == "(") - (each.text == ")")
        if depth == 0 and each.word == "FROM":
            break
        if depth == 0 and each.text == ",":
            items.append([])
        else:
            items[-1].append(each)
    return [_name(item) for item in items]


def _name(item: list[Token]) -> str:
    last = item[-1] if item else None
    named = len(item) > 1 and item[-2].word == "AS"
    if last is not None and last.kind is Kind.WORD:
        return last.text.lower()
    if last is not None and last.kind is Kind.QUOTED and (named or last.text[0] != "'"):
        return last.text[1:-1].lower()
    raise Untranslatable("its columns are not known: write SELECT ... AS NAME for each")


def same_rows(password_query: str, user_query: str) -> bool:
    """Return whether a user_query surely finds each user that a password_query finds."""
    rest = _from(user_query)
    return not rest or rest == _from(password_query)


def _from(query: str) -> str:
    """Return what stands from FROM on, as far as it counts."""
    match = re.search(r"\bFROM\b.*", " ".join(query.split()), re.IGNORECASE)
    return match[0].rstrip("; ") if match else ""
