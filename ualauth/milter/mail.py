"""A message with its envelope, as milters see and change it.

Headers that no milter changes stay octet for octet as they came.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ualauth.milter.codec import MilterError
from ualauth.milter.flags import Family

_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:")
_NAME = re.compile(r"[!-9;-~]+")
_NEXT_FIELD = re.compile(rb"\r\n(?![ \t])")
# What a reader may take for the end of a line, and NUL, which ends a text of the protocol.
_UNCLEAR = re.compile(rb"\r(?!\n)|(?<!\r)\n|\0")
_LINE_END = re.compile(r"\r\n?|\n")
_CRLF = b"\r\n"
_MAX_FIELD = 65000
"""The most octets of a header: libmilter closes the connection above 65,535 of a packet."""


@dataclass(frozen=True, slots=True)
class Client:
    """Who is connected, and what it calls itself."""

    host: str
    family: Family = Family.UNKNOWN
    port: int = 0
    address: str = ""
    helo: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """A header: its name, and its value with the blank behind the colon and CRLF in folds."""

    name: bytes
    value: bytes

    @classmethod
    def of(cls, name: str, value: str, *, leading_space: bool) -> Field:
        """Return a header of a milter's; whatever its value holds, it is one header.

        Raises:
            MilterError: for a name that no header has.

        """
        if not _NAME.fullmatch(name):
            raise MilterError("the name of a header has other characters than a name may have")
        first, *others = _LINE_END.split(value.rstrip("\r\n"))
        folds = [each if each[0] in " \t" else f"\t{each}" for each in others if each.strip()]
        text = "\r\n".join([first if leading_space else f" {first}", *folds])
        return cls(name.encode("ascii"), text.encode("utf-8", "surrogateescape"))


@dataclass(frozen=True, slots=True)
class Mail:
    """A message; `sender` and `recipients` are without angle brackets.

    `macros` are named without braces; `queue_id` is the macro `i`.
    """

    client: Client
    sender: str
    recipients: tuple[tuple[str, tuple[str, ...]], ...]
    fields: tuple[Field, ...]
    body: bytes
    sender_arguments: tuple[str, ...] = ()
    macros: Mapping[str, str] = field(default_factory=dict)
    queue_id: str = ""

    def __post_init__(self) -> None:
        """Refuse what cannot be told to a milter: it must not look like the milter's failure."""
        texts = [self.client.helo, self.client.host, self.sender, *self.sender_arguments]
        texts += [text for address, own in self.recipients for text in (address, *own)]
        if any("\0" in text for text in texts):
            raise MilterError("the envelope has a NUL in it")

    @property
    def content(self) -> bytes:
        """The message as octets."""
        lines = [each.name + b":" + each.value + _CRLF for each in self.fields]
        return b"".join([*lines, _CRLF, self.body])


def read_content(content: bytes) -> tuple[tuple[Field, ...], bytes]:
    """Return the headers and the body of a message.

    Raises:
        MilterError: for a header that milters may read otherwise than the server.

    """
    if content.startswith(_CRLF):
        return (), content[len(_CRLF) :]
    if not _FIELD.match(content):
        return (), content
    header, _, body = content.partition(_CRLF * 2)
    header = header.removesuffix(_CRLF)
    if _UNCLEAR.search(header):
        raise MilterError("the header can be read in several ways")
    fields = []
    for line in _NEXT_FIELD.split(header):
        match = _FIELD.match(line)
        if match is None:
            raise MilterError("the header has a line that is none")
        if len(line) > _MAX_FIELD:
            raise MilterError("a header is longer than milters take")
        fields.append(Field(match[1], line[match.end() :]))
    return tuple(fields), body
