"""The messages of the milter protocol as values: a mail server's commands, a milter's replies.

Texts are decoded as UTF-8, with other bytes as surrogates, and hold no NUL. Each class has
the octet that names it on the wire as `code`; one octet may name a command and a reply.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from ualauth.milter.flags import Actions, Family, Stage, Steps


@dataclass(frozen=True, slots=True)
class Message:
    """A message of either side."""

    code: ClassVar[bytes]


class Command(Message):
    """What a mail server says."""

    __slots__ = ()


class Reply(Message):
    """What a milter says."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Negotiate(Command, Reply):
    """What is offered, and what is wanted of it; `macros` replace those that a stage has."""

    code: ClassVar[bytes] = b"O"
    version: int
    actions: Actions
    steps: Steps
    macros: Mapping[Stage, tuple[str, ...]] = field(default_factory=dict)


# Commands


@dataclass(frozen=True, slots=True)
class Macros(Command):
    """Values for what comes next: the command with the code `command`."""

    code: ClassVar[bytes] = b"D"
    command: bytes
    values: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Connect(Command):
    """A client; without an address its family is `UNKNOWN`."""

    code: ClassVar[bytes] = b"C"
    host: str
    family: Family = Family.UNKNOWN
    port: int = 0
    address: str = ""


@dataclass(frozen=True, slots=True)
class Helo(Command):
    """What the client calls itself."""

    code: ClassVar[bytes] = b"H"
    name: str


@dataclass(frozen=True, slots=True)
class Mail(Command):
    """The sender, in angle brackets, and the arguments of MAIL."""

    code: ClassVar[bytes] = b"M"
    sender: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Recipient(Command):
    """A recipient, in angle brackets, and the arguments of RCPT."""

    code: ClassVar[bytes] = b"R"
    recipient: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Data(Command):
    """The client says DATA; since version 4."""

    code: ClassVar[bytes] = b"T"


@dataclass(frozen=True, slots=True)
class Header(Command):
    """One header; the lines of its value are parted by LF."""

    code: ClassVar[bytes] = b"L"
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class EndOfHeaders(Command):
    """The empty line below the headers."""

    code: ClassVar[bytes] = b"N"


@dataclass(frozen=True, slots=True)
class Body(Command):
    """A piece of the body, with CRLF, and without the dots that SMTP puts before dots."""

    code: ClassVar[bytes] = b"B"
    chunk: bytes


@dataclass(frozen=True, slots=True)
class EndOfMessage(Command):
    """The end of the body; `chunk` may be its last piece."""

    code: ClassVar[bytes] = b"E"
    chunk: bytes = b""


@dataclass(frozen=True, slots=True)
class Unknown(Command):
    """A command of SMTP that the server does not know; since version 3."""

    code: ClassVar[bytes] = b"U"
    line: str


@dataclass(frozen=True, slots=True)
class Abort(Command):
    """The message is over, and has no reply; the connection stays."""

    code: ClassVar[bytes] = b"A"


@dataclass(frozen=True, slots=True)
class QuitForNext(Command):
    """The client is gone, and another uses the connection, from `Connect` on."""

    code: ClassVar[bytes] = b"K"


@dataclass(frozen=True, slots=True)
class Quit(Command):
    """The connection ends."""

    code: ClassVar[bytes] = b"Q"


# Replies


@dataclass(frozen=True, slots=True)
class Continue(Reply):
    """Go on."""

    code: ClassVar[bytes] = b"c"


@dataclass(frozen=True, slots=True)
class Accept(Reply):
    """The milter has seen enough of the message; to `Connect` and `Helo`, of the client."""

    code: ClassVar[bytes] = b"a"


@dataclass(frozen=True, slots=True)
class Reject(Reply):
    """Refuse for good."""

    code: ClassVar[bytes] = b"r"


@dataclass(frozen=True, slots=True)
class TempFail(Reply):
    """Refuse for now."""

    code: ClassVar[bytes] = b"t"


@dataclass(frozen=True, slots=True)
class Discard(Reply):
    """Say yes, and drop the message."""

    code: ClassVar[bytes] = b"d"


@dataclass(frozen=True, slots=True)
class ReplyCode(Reply):
    """A reply of SMTP, `550 5.7.1 text`; further lines are `550-5.7.1 text`, parted by CRLF."""

    code: ClassVar[bytes] = b"y"
    text: str


@dataclass(frozen=True, slots=True)
class Skip(Reply):
    """No more of the body is wanted."""

    code: ClassVar[bytes] = b"s"


@dataclass(frozen=True, slots=True)
class ConnectionFailed(Reply):
    """Close the connection of the client, as if it had failed."""

    code: ClassVar[bytes] = b"f"


@dataclass(frozen=True, slots=True)
class Shutdown(Reply):
    """Say 421, and close the connection of the client."""

    code: ClassVar[bytes] = b"4"


@dataclass(frozen=True, slots=True)
class Progress(Reply):
    """The milter needs longer: another reply follows."""

    code: ClassVar[bytes] = b"p"


@dataclass(frozen=True, slots=True)
class AddHeader(Reply):
    """Put a header below the others."""

    code: ClassVar[bytes] = b"h"
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class InsertHeader(Reply):
    """Put a header at a place; 0 is the top."""

    code: ClassVar[bytes] = b"i"
    index: int
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class ChangeHeader(Reply):
    """Change the n-th header of a name, from 1; without a value, delete it."""

    code: ClassVar[bytes] = b"m"
    index: int
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class ReplaceBody(Reply):
    """A piece of the new body, which is all pieces together."""

    code: ClassVar[bytes] = b"b"
    chunk: bytes


@dataclass(frozen=True, slots=True)
class AddRecipient(Reply):
    """Add a recipient."""

    code: ClassVar[bytes] = b"+"
    recipient: str


@dataclass(frozen=True, slots=True)
class AddRecipientWithArguments(Reply):
    """Add a recipient with arguments of RCPT, parted by blanks."""

    code: ClassVar[bytes] = b"2"
    recipient: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeleteRecipient(Reply):
    """Take a recipient away."""

    code: ClassVar[bytes] = b"-"
    recipient: str


@dataclass(frozen=True, slots=True)
class ChangeSender(Reply):
    """Change the sender, with arguments of MAIL, parted by blanks."""

    code: ClassVar[bytes] = b"e"
    sender: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Quarantine(Reply):
    """Keep the message for a person to look at."""

    code: ClassVar[bytes] = b"q"
    reason: str
