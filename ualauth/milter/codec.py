"""Milter messages as octets: u32 length, one octet that names the message, its data.

    reader = PacketReader()
    for code, data in reader.receive(octets):
        message = decode_command(code, data)          # a milter; a mail server: decode_reply
    connection.send(encode(Continue()))

The wire is that of libmilter: numbers are big-endian, and texts end with NUL. A length or a
text that lies is an error, never a guess.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from ualauth.milter import messages
from ualauth.milter.flags import Actions, Family, Stage, Steps
from ualauth.milter.messages import (
    Command,
    Connect,
    Macros,
    Message,
    Negotiate,
    Reply,
)

MAX_CHUNK = 65535
"""The most octets of one piece of a body (MILTER_CHUNK_SIZE of mfdef.h)."""
MAX_PACKET = 1 << 20
"""The most octets of a packet that are read (MILTER_MDS_1M of mfdef.h)."""
_LENGTH = struct.Struct("!I")
_NEGOTIATION = struct.Struct("!III")
_PORT = struct.Struct("!H")
_Kind = TypeVar("_Kind", bound=Message)


class MilterError(ValueError):
    """Octets that are no message, or a message that is no octets; it never has their content."""


class PacketReader:
    """Makes packets of octets as they come; it holds at most one packet and what came with it."""

    def __init__(self, limit: int = MAX_PACKET) -> None:
        """Begin; a packet has at most `limit` octets."""
        self._limit = limit
        self._buffer = bytearray()

    @property
    def is_empty(self) -> bool:
        """Whether no part of a packet waits for the rest."""
        return not self._buffer

    def receive(self, octets: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Yield the packets that are complete, each as its code and its data.

        Raises:
            MilterError: for a length that is 0, or above the limit.

        """
        self._buffer += octets
        start = 0
        try:
            while len(self._buffer) - start >= _LENGTH.size:
                (length,) = _LENGTH.unpack_from(self._buffer, start)
                _check_length(length, self._limit)
                end = start + _LENGTH.size + length
                if len(self._buffer) < end:
                    return
                body = bytes(self._buffer[start + _LENGTH.size : end])
                start = end
                yield body[:1], body[1:]
        finally:
            del self._buffer[:start]


def _check_length(length: int, limit: int) -> None:
    """Look at what a packet says of its length.

    Raises:
        MilterError: for a length that is 0, or above the limit.

    """
    if not 1 <= length <= limit:
        raise MilterError(f"a packet of {length} octets; they have 1 to {limit}")


def packet(code: bytes, data: bytes = b"") -> bytes:
    """Return a packet."""
    return _LENGTH.pack(1 + len(data)) + code + data


def encode(message: Message) -> bytes:
    """Return the packet of a message.

    Raises:
        MilterError: for a text with NUL in it, a number that is too large.

    """
    try:
        return packet(message.code, _data(message))
    except struct.error as error:
        raise MilterError(f"{type(message).__name__}: a number that is too large") from error


def decode_command(code: bytes, data: bytes) -> Command:
    """Return what a mail server says.

    Raises:
        MilterError: for what is no command.

    """
    return _decode(_COMMANDS, code, data)


def decode_reply(code: bytes, data: bytes) -> Reply:
    """Return what a milter says.

    Raises:
        MilterError: for what is no reply.

    """
    return _decode(_REPLIES, code, data)


# To octets


def _data(message: Message) -> bytes:
    match message:
        case Negotiate():
            head = _NEGOTIATION.pack(message.version, message.actions, message.steps)
            lists = (
                _LENGTH.pack(stage) + _ended(" ".join(names))
                for stage, names in sorted(message.macros.items())
            )
            return head + b"".join(lists)
        case Macros():
            pairs = (_ended(name) + _ended(value) for name, value in message.values)
            return message.command + b"".join(pairs)
        case Connect():
            client = _ended(message.host) + message.family.encode("ascii")
            if message.family is Family.UNKNOWN:
                return client
            return client + _PORT.pack(message.port) + _ended(message.address)
        case _:
            return b"".join(_octets(getattr(message, name)) for name, _ in _SHAPES[type(message)])


def _octets(value: str | bytes | int | tuple[str, ...]) -> bytes:
    match value:
        case str():
            return _ended(value)
        case bytes():
            return value
        case int():
            return _LENGTH.pack(value)
        case _:
            return b"".join(map(_ended, value))


def _ended(text: str) -> bytes:
    if "\0" in text:
        raise MilterError("a text with NUL in it")
    return text.encode("utf-8", "surrogateescape") + b"\0"


# From octets


class _Data:
    """The data of a packet, taken from the front."""

    __slots__ = ("rest",)

    def __init__(self, data: bytes) -> None:
        self.rest = data

    def number(self) -> int:
        if len(self.rest) < _LENGTH.size:
            raise MilterError("a number is cut off")
        (number,) = _LENGTH.unpack_from(self.rest)
        self.rest = self.rest[_LENGTH.size :]
        return int(number)

    def text(self) -> str:
        text, end, self.rest = self.rest.partition(b"\0")
        if not end:
            raise MilterError("a text without its end")
        return text.decode("utf-8", "surrogateescape")

    def texts(self) -> tuple[str, ...]:
        if not self.rest:
            return ()
        *texts, last = self.rest.split(b"\0")
        if last:
            raise MilterError("a text without its end")
        self.rest = b""
        return tuple(text.decode("utf-8", "surrogateescape") for text in texts)

    def octets(self) -> bytes:
        octets, self.rest = self.rest, b""
        return octets


_READERS: Mapping[str, Callable[[_Data], Any]] = {
    "str": _Data.text,
    "bytes": _Data.octets,
    "int": _Data.number,
    "tuple[str, ...]": _Data.texts,
}


def _decode(kinds: Mapping[bytes, type[_Kind]], code: bytes, octets: bytes) -> _Kind:
    kind = kinds.get(code)
    if kind is None:
        raise MilterError(f"{code!r} names no message")
    data = _Data(octets)
    try:
        read = _ODD.get(kind)
        message: _Kind = read(data) if read else kind(**{n: f(data) for n, f in _SHAPES[kind]})
    except MilterError as error:
        raise MilterError(f"{kind.__name__}: {error}") from None
    if data.rest:
        raise MilterError(f"{kind.__name__}: {len(data.rest)} octets too many")
    return message


def _negotiation(data: _Data) -> Negotiate:
    version, actions, steps = data.number(), data.number(), data.number()
    macros: dict[Stage, tuple[str, ...]] = {}
    while data.rest:
        stage = data.number()
        if stage not in _STAGES:
            raise MilterError(f"macros for stage {stage}, which does not exist")
        macros[Stage(stage)] = tuple(data.text().split())
    return Negotiate(version, Actions(actions), Steps(steps), macros)


def _macros(data: _Data) -> Macros:
    command, data.rest = data.rest[:1], data.rest[1:]
    if command not in _COMMANDS:
        raise MilterError("for no command")
    texts = data.texts()
    if len(texts) % 2:
        raise MilterError("a name without a value")
    return Macros(command, tuple(zip(texts[::2], texts[1::2], strict=True)))


def _client(data: _Data) -> Connect:
    host = data.text()
    letter, data.rest = data.rest[:1], data.rest[1:]
    if letter not in _FAMILIES:
        raise MilterError("no family of addresses")
    family = _FAMILIES[letter]
    if family is Family.UNKNOWN:
        # Sendmail sends nothing more; what others send says nothing.
        data.rest = b""
        return Connect(host)
    if len(data.rest) < _PORT.size:
        raise MilterError("a number is cut off")
    (port,) = _PORT.unpack_from(data.rest)
    data.rest = data.rest[_PORT.size :]
    return Connect(host, family, port, data.text())


_STAGES = frozenset(Stage)
_FAMILIES = {family.encode("ascii"): family for family in Family}
_ODD: Mapping[type[Message], Callable[[_Data], Any]] = {
    Negotiate: _negotiation,
    Macros: _macros,
    Connect: _client,
}
"""Messages that are read otherwise than field by field."""
_KINDS: list[type[Message]] = [
    kind
    for kind in vars(messages).values()
    if isinstance(kind, type) and issubclass(kind, Message) and hasattr(kind, "code")
]
_SHAPES = {
    kind: [(each.name, _READERS[str(each.type)]) for each in dataclasses.fields(kind)]
    for kind in _KINDS
    if kind not in _ODD
}
_COMMANDS = {kind.code: kind for kind in _KINDS if issubclass(kind, Command)}
_REPLIES = {kind.code: kind for kind in _KINDS if issubclass(kind, Reply)}
