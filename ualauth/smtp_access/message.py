"""A message as octets: its header fields, its body, and headers put at its top.

A message is handed on as it is judged, so readers have to find in it what is
judged here. RFC 5322 knows fields, continuations and the empty line, each ended
by CRLF. What else stands in a header is a field to one reader, a part of the one
before to the next, and the end of the header to a third: it is ambiguous, and
so are octets that some readers take for the end of a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ualauth.smtp_access.decision import HEADER_TOO_LARGE, HEADER_UNCLEAR, Reply
from ualauth.smtp_access.headers import Header
from ualauth.smtp_access.settings import HEADER_SIZE_LIMIT

MAX_FIELDS = 1000
"""The most fields: some hundred hops, or a thousand lines of a list's own."""
_MAX_LINE = 998
"""The most octets of a line (RFC 5322, section 2.1.1): servers break longer ones."""

_END = b"\r\n"
_EMPTY_LINE = b"\r\n\r\n"
_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")
# A field's name has no blanks behind it: RFC 5322 reads them, Python's email does not.
# A line of blanks only is the end of the header to mutt, and a continuation to others.
_AMBIGUOUS = re.compile(
    r"\r(?!\n)|(?<!\r)\n"
    # NEL in UTF-8 and in ISO 8859, and the line ends of Unicode.
    r"|[\0-\x08\x0b\x0c\x0e-\x1f\x7f\x85\udc85\u2028\u2029]"
    r"|\A(?![!-9;-~]+:)"
    r"|\n(?![!-9;-~]+:|[ \t]+[^ \t\r\n])"
)
_NEXT_FIELD = re.compile(r"\r\n(?![ \t])")
_OWN = re.compile(rb"[^!-~]*x-scalix-", re.IGNORECASE)
_OWN_LINE = re.compile(rb"^[^!-~\n]*x-scalix-", re.IGNORECASE | re.MULTILINE)
_OWN_NAME = b"x-scalix-"
_LINE = re.compile(rb"(?<=\r\n)(?![ \t])")
_LINE_ENDS = re.compile(
    rb"\r(?!\n)|(?<!\r)\n|[\0-\x08\x0b\x0c\x0e-\x1f\x7f]|\xc2\x85|\xe2\x80[\xa8\xa9]"
)


class HeaderError(ValueError):
    """A header that is not read; `reply` is what the client is told."""

    def __init__(self, reply: Reply) -> None:
        """Keep the reply."""
        super().__init__(str(reply))
        self.reply = reply


@dataclass(frozen=True, slots=True)
class Message:
    """Fields as name and value, folded as they came, with bytes that are no UTF-8 as surrogates.

    `ambiguous` says that readers may find other fields in the header than these.
    """

    fields: tuple[tuple[str, str], ...]
    body: bytes
    ambiguous: bool

    def values(self, name: str) -> list[str]:
        """Return the values of all fields of a name, in any case."""
        return [value for each, value in self.fields if each.lower() == name.lower()]


def read_message(
    content: bytes,
    limit: int = HEADER_SIZE_LIMIT,
    max_fields: int = MAX_FIELDS,
) -> Message:
    """Return the parts of a message, whose header has at most `limit` octets.

    Raises:
        HeaderError: for a header that is longer, or has more fields.

    """
    header, start = _header(content, limit)
    if not header:
        # Some readers skip empty lines at the top.
        return Message((), content[start:], ambiguous=start > 0)
    text = header.decode("utf-8", "surrogateescape")
    fields = _NEXT_FIELD.split(text, max_fields)
    if len(fields) > max_fields:
        raise HeaderError(HEADER_TOO_LARGE)
    parted = (field.partition(":") for field in fields)
    return Message(
        tuple((name.strip(), value.strip()) for name, _, value in parted),
        content[start:],
        ambiguous=_AMBIGUOUS.search(text) is not None
        or max(map(len, header.split(_END))) > _MAX_LINE,
    )


def without_own_headers(content: bytes, limit: int = HEADER_SIZE_LIMIT) -> bytes:
    """Return a message without the fields `X-Scalix-*` that it brings along.

    They go as whole lines, with their continuations, in every spelling that a
    reader may take for them; all other octets stay.

    Raises:
        HeaderError: for a header of more than `limit` octets, and for one of
            which readers may see such a field where another sees none.

    """
    header, _ = _header(content, limit)
    if _OWN_NAME in header.replace(b"\0", b"").lower():
        if _LINE_ENDS.search(header):
            raise HeaderError(HEADER_UNCLEAR)
        header_block = content[: len(header) + len(_END)]
        other_fields = [field for field in _LINE.split(header_block) if not _OWN.match(field)]
        content = b"".join([*other_fields, content[len(header_block) :]])
    # Where the header is empty, some readers look for one below.
    if content.startswith(_END) and _OWN_LINE.search(content[:limit]):
        raise HeaderError(HEADER_UNCLEAR)
    return content


def is_own_name(name: str) -> bool:
    """Return whether a reader may take a field of this name for one that rules insert."""
    return _OWN.match(name.encode("utf-8", "surrogateescape")) is not None


def with_headers(content: bytes, headers: Iterable[Header]) -> bytes:
    """Return a message with headers at its top."""
    inserted = "".join(header.fold() for header in headers).encode("ascii")
    if inserted and not content.startswith(_END) and not _FIELD.match(content):
        # It has no header, and its first line must not become part of one.
        inserted += _END
    return inserted + content


def _header(content: bytes, limit: int) -> tuple[bytes, int]:
    """Return the header, without the end of its last line, and where the body begins."""
    if content.startswith(_END):
        return b"", len(_END)
    end = content.find(_EMPTY_LINE, 0, limit + len(_EMPTY_LINE))
    if end >= 0:
        return content[:end], end + len(_EMPTY_LINE)
    header = content[: limit + len(_EMPTY_LINE)].removesuffix(_END)
    if len(header) > limit:
        raise HeaderError(HEADER_TOO_LARGE)
    return header, len(content)
