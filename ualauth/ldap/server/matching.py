"""How values are compared: by the syntax of their attribute's type (RFC 4517)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

from ualauth.ldap.server import dn
from ualauth.ldap.server.schema import ALIASES, CLASSES, AttributeType, Schema, Syntax
from ualauth.text.folding import fold

_DIGITS = re.compile(r"-?\d{1,18}")
_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?(?:[.,]\d+)?Z")


def split_options(description: str) -> tuple[str, bool]:
    """Return the name in an attribute description, and whether it has options (`cn;lang-de`)."""
    name, semicolon, _ = description.partition(";")
    return name, bool(semicolon)


def type_of(
    description: str, schema: Schema, is_visible: Callable[[str], bool]
) -> AttributeType | None:
    """Return the type that a description names; `None` if the client knows no such type."""
    name, _ = split_options(description)
    known = schema.find(name)
    return known if known is not None and is_visible(known.key) else None


def text_of(value: bytes) -> str | None:
    """Return an asserted value as text, `None` if it is none."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def normalized(value: bytes, syntax: Syntax) -> object:
    """Return what an asserted value is compared by, `None` if it is none of its syntax."""
    text = text_of(value)
    return None if text is None else normal(text, syntax)


def normal(text: str, syntax: Syntax) -> object:  # noqa: PLR0911 - a case for each syntax
    """Return what a value is compared by, `None` if it is none of its syntax."""
    match syntax:
        case Syntax.TEXT | Syntax.IA5:
            return fold(text)
        case Syntax.BOOLEAN:
            return text.upper() if text.upper() in {"TRUE", "FALSE"} else None
        case Syntax.INTEGER:
            return int(text) if _DIGITS.fullmatch(text) and text.isascii() else None
        case Syntax.TIME:
            return _time(text)
        case Syntax.NAME:
            try:
                return dn.keys_of(dn.parse(text))
            except dn.NotAName:
                return None
        case Syntax.OID:
            key = text.strip().lower()
            return CLASSES.get(key, ALIASES.get(key, key))
        case Syntax.UUID:
            return text.lower() if re.fullmatch(r"[0-9A-Fa-f-]{36}", text) else None


def _time(text: str) -> datetime | None:
    match = _TIME.fullmatch(text)
    if match is None or not text.isascii():
        return None
    try:
        return datetime(*(int(each or 0) for each in match.groups()), tzinfo=UTC)  # type: ignore[misc,arg-type]
    except ValueError:
        return None
