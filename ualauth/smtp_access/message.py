"""A message as octets: its header fields, its body, and headers put at its top.

Lines end in CRLF. What ends in a bare CR or LF may be a line to one reader and
none to the next, so whoever relies on the fields has to know of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ualauth.smtp_access.headers import Header

_END = b"\r\n"
_EMPTY_LINE = b"\r\n\r\n"
_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n|\0")
_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")


@dataclass(frozen=True, slots=True)
class Message:
    """Fields as name and value, unfolded, with bytes that are no UTF-8 as surrogates.

    `ambiguous` says that a bare CR or LF, or a NUL, stands in the header.
    """

    fields: tuple[tuple[str, str], ...]
    body: bytes
    ambiguous: bool

    def values(self, name: str) -> list[str]:
        """Return the values of all fields of a name, in any case."""
        return [value for each, value in self.fields if each.lower() == name.lower()]


def read_message(content: bytes) -> Message:
    """Return the parts of a message."""
    if content.startswith(_END) or not _FIELD.match(content):
        return Message((), content.removeprefix(_END), ambiguous=False)
    header, _, body = content.partition(_EMPTY_LINE)
    fields: list[bytes] = []
    for line in header.split(_END):
        if line[:1] in {b" ", b"\t"} and fields:
            fields[-1] += line
        else:
            fields.append(line)
    parted = (field.decode("utf-8", "surrogateescape").partition(":") for field in fields)
    return Message(
        tuple((name.strip(), value.strip()) for name, _, value in parted),
        body,
        ambiguous=_BARE.search(header) is not None,
    )


def with_headers(content: bytes, headers: Iterable[Header]) -> bytes:
    """Return a message with headers at its top."""
    inserted = "".join(header.fold() for header in headers).encode("ascii")
    if inserted and not content.startswith(_END) and not _FIELD.match(content):
        # It has no header, and its first line must not become part of one.
        inserted += _END
    return inserted + content
