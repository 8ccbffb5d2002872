"""Distinguished names from a template and values (RFC 4514); a value stays one value.

Which names are equal is not decided here: that is a matter of each attribute's
matching rule, which the server knows.

Name("uid={authid},ou=people,dc=example,dc=com", ["authid"]).fill({"authid": name})
"""

from __future__ import annotations

import re
from collections.abc import Collection

from ualauth.ldap.client.templates import Template

# RFC 4514, section 2.4, allows any octet to be escaped.
_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._@")
_TYPE = r"(?:[A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)*)"
_ESCAPED = r"\\(?:[ \"#+,;<=>\\]|[0-9A-Fa-f]{2})"
_FIRST = rf"(?:[^\0\"+,;<>\\ #]|{_ESCAPED})"
_INNER = rf"(?:[^\0\"+,;<>\\]|{_ESCAPED})"
_LAST = rf"(?:[^\0\"+,;<>\\ ]|{_ESCAPED})"
_STRING = rf"{_FIRST}(?:{_INNER}*{_LAST})?"
_PAIR = rf"{_TYPE}=(?:{_STRING}|#(?:[0-9A-Fa-f]{{2}})+)?"
# Blanks after a separator are not in RFC 4514, but administrators write them.
_NAME = re.compile(rf"{_PAIR}(?: *[+,] *{_PAIR})*", re.DOTALL)
_PARTS = re.compile(r"((?:\\.?|[^\\,+])*)([,+]?)", re.DOTALL)
# Blanks at the end are left out, unless the last one is escaped. What was taken is not given back.
_VALUE = re.compile(r" *+((?:(?:\\.?|[^\\ ])++| +(?! |\Z))*+) *+", re.DOTALL)
_CHARACTERS = re.compile(r"\\(?:([0-9A-Fa-f]{2})|(.))|(.)", re.DOTALL)


class Name(Template):
    """A distinguished name with places for values."""

    def __init__(self, text: str, names: Collection[str] = ()) -> None:
        """Read a template; see `Template`."""
        super().__init__(text, names, escape, check)


def escape(value: str) -> str:
    """Return a value as a distinguished name may contain it."""
    return "".join(chr(octet) if octet in _PLAIN else f"\\{octet:02X}" for octet in value.encode())


def without_blanks(text: str) -> str:
    """Return a name, or a template of one, without the blanks around `,`, `+` and `=`.

    RFC 4514 does not have them; RFC 2253, section 4, has clients take them.
    """
    return "".join(_without_blanks(part) + separator for part, separator in _PARTS.findall(text))


def _without_blanks(part: str) -> str:
    kind, equals, value = part.partition("=")
    match = _VALUE.fullmatch(value)
    return kind.strip(" ") + equals + (match[1] if match else value)


def key(name: str) -> str:
    """Return what two spellings of one name have in common, for names from one server.

    Case does not count, nor do blanks around separators and how characters are escaped.
    """
    parts = []
    for part, separator in _PARTS.findall(without_blanks(name)):
        kind, _, value = part.partition("=")
        unescaped = None if value.startswith("#") else _unescaped(value)
        plain = value if unescaped is None else escape(unescaped.casefold())
        parts.append(f"{kind.lower()}={plain}{separator}")
    return "".join(parts)


def first_value(name: str, attribute: str) -> str | None:
    """Return the value of an attribute in the first part of a name, if that is text."""
    for part, separator in _PARTS.findall(without_blanks(name)):
        kind, _, value = part.partition("=")
        if kind.lower() == attribute.lower() and not value.startswith("#"):
            return _unescaped(value)
        if separator != "+":
            break
    return None


def _unescaped(value: str) -> str | None:
    octets = b"".join(
        bytes.fromhex(hexadecimal) if hexadecimal else (character or plain).encode()
        for hexadecimal, character, plain in _CHARACTERS.findall(value)
    )
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return None


def check(text: str) -> None:
    """Check that a text is a distinguished name; the empty one is.

    Raises:
        ValueError: with a sentence.

    """
    if text and not _NAME.fullmatch(text):
        raise ValueError(f"{text!r} is no distinguished name (RFC 4514)")
