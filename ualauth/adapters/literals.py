"""Literals of IMAP and ManageSieve that come without being asked for (RFC 7888).

The octets behind an announcement that is refused are no commands, and may be a password: the
connection ends there, as RFC 7888, section 4 lets a server choose.
"""

from __future__ import annotations

import re

# It was meant for one, whatever stands in it and behind it.
_ANNOUNCEMENT = re.compile(rb"\{[^{}]*\+\}[ \t]*\r?\n?$")


class RefusedLiteral(ValueError):
    """A literal whose length cannot be read, or that should have been asked for."""


def announces_literal(line: bytes | bytearray) -> bool:
    """Return whether octets follow a line that do not belong to the next one."""
    return _ANNOUNCEMENT.search(line) is not None
