"""A line of pymap's with the literals that are sent along with it."""

from __future__ import annotations

import re
from asyncio import StreamReader
from collections.abc import Callable

from ualauth.adapters.literals import RefusedLiteral, announces_literal

# ManageSieve has no other literals than those (RFC 5804, section 4).
_LITERAL = re.compile(rb"\{(\d+)\+\}\r?\n$")
_LONGEST_LENGTH = len(b"{1000000000+}\r\n")


async def read_with_literals(reader: StreamReader, check_size: Callable[[int], None]) -> bytearray:
    """Return a line up to its end, with its literals.

    What a literal itself ends in announces no other one. `check_size` is given how many octets
    there would be with the next literal, and raises `ValueError` if these are too many.

    Raises:
        ValueError: if it is too long.
        RefusedLiteral: if the length of a literal cannot be read.
        EOFError: if it does not end.

    """
    line = bytearray()
    while True:
        begin = len(line)
        line += await reader.readline()
        literal = _LITERAL.search(line, max(begin, len(line) - _LONGEST_LENGTH))
        if literal is None:
            break
        size = int(literal[1])
        check_size(len(line) + size)
        line += await reader.readexactly(size)
    if not line.endswith(b"\n"):
        raise EOFError
    if announces_literal(line[begin:]):
        raise RefusedLiteral
    return line
