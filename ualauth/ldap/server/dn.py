"""Names of entries (RFC 4514): text to parts and back, and when two are the same."""

from __future__ import annotations

import re
from typing import NamedTuple

from ualauth.ldap.client.dn import escape
from ualauth.text.folding import fold

_LONGEST = 4096
_MOST_PARTS = 32
_HEX = frozenset("0123456789abcdefABCDEF")
_SPECIAL = frozenset(' "#+,;<=>\\')
_TYPE = re.compile(r"(?:[Oo][Ii][Dd]\.)?([A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)*)")


class NotAName(ValueError):
    """A text that is no name of an entry."""


class Part(NamedTuple):
    """A relative name: the type of one attribute, in lower case, and its value as written."""

    type: str
    value: str

    @property
    def key(self) -> tuple[str, str]:
        """What the same parts have in common."""
        return self.type, fold(self.value)

    def __str__(self) -> str:
        """Return the part as it stands in a name."""
        return f"{self.type}={escaped(self.value)}"


Name = tuple[Part, ...]
"""A name, the part of the entry itself first."""


def parse(text: str) -> Name:
    """Read a name; the empty one has no parts.

    Raises:
        NotAName: if it is none, or has more than one attribute in a part: no entry here has such
            a name.

    """
    if len(text) > _LONGEST:
        raise NotAName
    parts: list[Part] = []
    position = 0
    text = text.strip(" ")
    if not text:
        return ()
    while True:
        if len(parts) == _MOST_PARTS:
            raise NotAName
        equals = text.find("=", position)
        match = _TYPE.fullmatch(text[position:equals].strip(" ")) if equals > 0 else None
        if match is None:
            raise NotAName
        value, position = _value(text, equals + 1)
        parts.append(Part(_TYPES.get(match[1].lower(), match[1].lower()), value))
        if position == len(text):
            return tuple(parts)
        position += 1


_TYPES = {
    "0.9.2342.19200300.100.1.1": "uid",
    "userid": "uid",
    "2.5.4.3": "cn",
    "commonname": "cn",
    "2.5.4.11": "ou",
    "organizationalunitname": "ou",
    "2.5.4.10": "o",
    "0.9.2342.19200300.100.1.25": "dc",
    "domaincomponent": "dc",
}
"""Other names of the types that names of entries here have."""


def _value(text: str, position: int) -> tuple[str, int]:  # noqa: C901 - each kind of character
    """Return the value that begins at `position`, and where the next separator or the end is."""
    while position < len(text) and text[position] == " ":
        position += 1
    if text[position : position + 1] == "#":
        # A value in BER: no entry here has a name with one.
        raise NotAName
    octets = bytearray()
    blanks = 0
    while position < len(text):
        char = text[position]
        if char in ",;":
            break
        if char in '"+<>\0':
            raise NotAName
        if char == "\\":
            pair = text[position + 1 : position + 3]
            if len(pair) == 2 and set(pair) <= _HEX:
                octets.append(int(pair, 16))
                position += 3
            elif pair[:1] in _SPECIAL and pair:
                octets += pair[0].encode()
                position += 2
            else:
                raise NotAName
            blanks = 0
            continue
        blanks = blanks + 1 if char == " " else 0
        octets += char.encode(errors="surrogatepass")
        position += 1
    try:
        value = octets[: len(octets) - blanks].decode()
    except UnicodeDecodeError:
        raise NotAName from None
    if not value:
        raise NotAName
    return value, position


def keys_of(name: Name) -> tuple[tuple[str, str], ...]:
    """Return what the same names have in common."""
    return tuple(part.key for part in name)


def escaped(value: str) -> str:
    """Return a value as a name has it: what is text stays text (RFC 4514, section 2.4)."""
    if value.isascii() and value.isalnum():
        return value
    text = "".join(
        char if char.isprintable() and char not in _ESCAPED else escape(char) for char in value
    )
    if text[0] in " #":
        text = escape(text[0]) + text[1:]
    if text[-1] == " ":
        text = text[:-1] + "\\20"
    return text


_ESCAPED = frozenset('"+,;<=>\\\0')


def printed(name: Name) -> str:
    """Return a name as text."""
    return ",".join(map(str, name))
