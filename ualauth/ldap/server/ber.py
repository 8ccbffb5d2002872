"""The Basic Encoding Rules as LDAP has them (RFC 4511, section 5.1; X.690).

Lengths are definite, in one octet or in up to four after `0x84`, with leading zeros too, as
Windows writes them; octet strings are primitive; a boolean is `0xFF` or `0x00`. Tags have one
octet. Nothing in here recurses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

BOOLEAN, INTEGER, OCTET_STRING, NULL, ENUMERATED = 0x01, 0x02, 0x04, 0x05, 0x0A
SEQUENCE, SET = 0x30, 0x31

_LONG = 0x80
_MOST_OCTETS = 4
"""Octets of a length: messages are far shorter than 4 GiB."""
_MOST_DIGITS = 8
"""Octets of an integer; INTEGER in RFC 4511 goes to 2^31 - 1."""


class Malformed(Exception):
    """Octets that are no message of LDAP; its text does not repeat them."""


def header(data: bytes, position: int, end: int) -> tuple[int, int, int]:
    """Return the tag at `position`, where its content begins and where it ends.

    Raises:
        Malformed: if the content does not end at `end` or before.

    """
    begin = position + 2
    if begin > end:
        raise Malformed("an element is cut")
    length = data[position + 1]
    if length >= _LONG:
        count = length - _LONG
        if not 0 < count <= _MOST_OCTETS or begin + count > end:
            raise Malformed("a length that is indefinite, too long or cut")
        length = int.from_bytes(data[begin : begin + count], "big")
        begin += count
    stop = begin + length
    if stop > end:
        raise Malformed("an element is longer than what it is in")
    return data[position], begin, stop


def frame(data: bytes | bytearray, most: int) -> int:
    """Return how many octets the first message has, 0 if it is not complete yet.

    Raises:
        Malformed: if it is none, or has more octets than `most`.

    """
    if not data:
        return 0
    if data[0] != SEQUENCE:
        raise Malformed("a message begins with 0x30")
    if len(data) == 1:
        return 0
    length, begin = data[1], 2
    if length >= _LONG:
        count = length - _LONG
        if not 0 < count <= _MOST_OCTETS:
            raise Malformed("a length that is indefinite or too long")
        begin += count
        if len(data) < begin:
            return 0
        length = int.from_bytes(data[2:begin], "big")
    if begin + length > most:
        raise Malformed(f"a message of more than {most} octets")
    return begin + length if len(data) >= begin + length else 0


class Reader:
    """The elements within a stretch of octets, one after the other."""

    __slots__ = ("data", "end", "position")

    def __init__(self, data: bytes, begin: int = 0, end: int | None = None) -> None:
        """Begin at `begin`; `end` is the first octet that does not belong to it."""
        self.data = data
        self.position = begin
        self.end = len(data) if end is None else end

    def __bool__(self) -> bool:
        """Return whether there is more."""
        return self.position < self.end

    def peek(self) -> int:
        """Return the tag of the next element, -1 if there is none."""
        return self.data[self.position] if self.position < self.end else -1

    def take(self) -> tuple[int, bytes]:
        """Return the tag and the content of the next element."""
        tag, begin, stop = header(self.data, self.position, self.end)
        self.position = stop
        return tag, self.data[begin:stop]

    def octets(self, tag: int = OCTET_STRING) -> bytes:
        """Return the content of the next element, which has this tag."""
        is_tag, begin, stop = header(self.data, self.position, self.end)
        if is_tag != tag:
            raise Malformed("another element is expected")
        self.position = stop
        return self.data[begin:stop]

    def inner(self, tag: int = SEQUENCE) -> Reader:
        """Return a reader of the elements within the next one, which has this tag."""
        is_tag, begin, stop = header(self.data, self.position, self.end)
        if is_tag != tag:
            raise Malformed("another element is expected")
        self.position = stop
        return Reader(self.data, begin, stop)

    def integer(self, tag: int = INTEGER) -> int:
        """Return the next element, an INTEGER or ENUMERATED."""
        octets = self.octets(tag)
        if not 0 < len(octets) <= _MOST_DIGITS:
            raise Malformed("an integer with no octets, or too many")
        return int.from_bytes(octets, "big", signed=True)

    def boolean(self, tag: int = BOOLEAN) -> bool:
        """Return the next element, a BOOLEAN."""
        octets = self.octets(tag)
        if len(octets) != 1:
            raise Malformed("a boolean has one octet")
        return octets != b"\0"

    def text(self, tag: int = OCTET_STRING) -> str:
        """Return the next element, an LDAPString: UTF-8."""
        try:
            return self.octets(tag).decode()
        except UnicodeDecodeError:
            raise Malformed("a text that is not UTF-8") from None

    def each(self, tag: int = OCTET_STRING) -> Iterator[bytes]:
        """Yield the contents of all elements that are left, which all have this tag."""
        while self.position < self.end:
            yield self.octets(tag)


_SHORT = [bytes((length,)) for length in range(_LONG)]


def length_of(length: int) -> bytes:
    """Return the octets of a length, as few as there can be."""
    if length < _LONG:
        return _SHORT[length]
    count = (length.bit_length() + 7) // 8
    return bytes((_LONG | count,)) + length.to_bytes(count, "big")


def element(tag: int, content: bytes) -> bytes:
    """Return an element."""
    return bytes((tag,)) + length_of(len(content)) + content


def sequence(*parts: bytes) -> bytes:
    """Return a SEQUENCE of elements."""
    return element(SEQUENCE, b"".join(parts))


def octet_string(content: bytes | str, tag: int = OCTET_STRING) -> bytes:
    """Return an OCTET STRING."""
    return element(tag, content.encode() if isinstance(content, str) else content)


def integer(number: int, tag: int = INTEGER) -> bytes:
    """Return an INTEGER, or an ENUMERATED with its tag."""
    count = (number if number >= 0 else ~number).bit_length() // 8 + 1
    return element(tag, number.to_bytes(count, "big", signed=True))


def boolean(value: bool, tag: int = BOOLEAN) -> bytes:  # noqa: FBT001 - its value
    """Return a BOOLEAN."""
    return element(tag, b"\xff" if value else b"\0")


def strings(values: Iterable[bytes | str]) -> bytes:
    """Return OCTET STRINGs, one after the other."""
    return b"".join(octet_string(value) for value in values)
