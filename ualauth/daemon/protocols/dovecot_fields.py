r"""Fields of Dovecot's protocols: between tabs, with `\001` before what stands for another.

Dovecot's src/lib/strescape.c: NUL is `\0010`, `\001` is `\0011`, tab is `\001t`, CR is `\001r`
and LF is `\001n`. What else follows a `\001` stands for itself.
"""

from __future__ import annotations

import re

_ESCAPES = {b"\0": b"0", b"\1": b"1", b"\t": b"t", b"\r": b"r", b"\n": b"n"}
_MEANINGS = {escape: char for char, escape in _ESCAPES.items()}
_SPECIAL = re.compile(rb"[\x00\x01\t\r\n]")
_ESCAPED = re.compile(rb"\x01(.?)", re.DOTALL)


def escaped(text: str) -> bytes:
    """Return a text as a field has it."""
    if text.isprintable():
        return text.encode()
    return _SPECIAL.sub(lambda match: b"\1" + _ESCAPES[match[0]], text.encode())


def unescaped(field: bytes) -> str:
    """Return the text of a field; `ValueError` if it is not UTF-8."""
    if b"\1" in field:
        field = _ESCAPED.sub(lambda match: _MEANINGS.get(match[1], match[1]), field)
    return field.decode()
