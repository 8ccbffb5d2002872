"""Messages of LDAP version 3 (RFC 4511, section 4 and appendix B): octets to requests, and back.

What stands behind the elements of a sequence that are known is passed over (section 4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, TypeAlias

from ualauth.ldap.server import filters
from ualauth.ldap.server.ber import (
    BOOLEAN,
    ENUMERATED,
    INTEGER,
    OCTET_STRING,
    SEQUENCE,
    SET,
    Malformed,
    Reader,
    element,
    integer,
    length_of,
    octet_string,
    sequence,
)
from ualauth.ldap.server.filters import Filter
from ualauth.ldap.server.results import ResultCode

NOTICE_OF_DISCONNECTION = "1.3.6.1.4.1.1466.20036"
"""RFC 4511, section 4.4.1."""
_HIGHEST = 2**31 - 1
_MOST_CONTROLS = 32
_MOST_VALUES = 10_000
_CONTROLS = 0xA0


class Control(NamedTuple):
    """What a client asks for besides; its value is `None` if there is none."""

    oid: str
    is_critical: bool
    value: bytes | None


class Bind(NamedTuple):
    """A login: by a password, or by a SASL mechanism, whose name is empty otherwise."""

    version: int
    name: str
    password: bytes
    mechanism: str
    credentials: bytes | None

    def __repr__(self) -> str:
        """Show no secret."""
        return f"Bind({self.name!r}, {self.mechanism!r})"


class Unbind(NamedTuple):
    """The end of the connection."""


class Search(NamedTuple):
    """A search; `scope` is 0 for the base alone, 1 for one level, 2 for all below and itself."""

    base: str
    scope: int
    size_limit: int
    time_limit: int
    types_only: bool
    filter: Filter
    attributes: tuple[str, ...]


class Change(NamedTuple):
    """What is to happen to one attribute: `kind` is 0 to add, 1 to delete, 2 to replace."""

    kind: int
    attribute: str
    values: tuple[bytes, ...]


class Modify(NamedTuple):
    """Changes of an entry, all or none."""

    name: str
    changes: tuple[Change, ...]


class Add(NamedTuple):
    """A new entry: its attributes and their values."""

    name: str
    attributes: tuple[tuple[str, tuple[bytes, ...]], ...]


class Delete(NamedTuple):
    """An entry to be deleted."""

    name: str


class ModifyName(NamedTuple):
    """Another name for an entry; `superior` is `None` where it stays below the same one."""

    name: str
    new_part: str
    deletes_old: bool
    superior: str | None


class Compare(NamedTuple):
    """A question whether an attribute has a value."""

    name: str
    attribute: str
    value: bytes


class Abandon(NamedTuple):
    """The answer to another message is not waited for."""

    number: int


class Extended(NamedTuple):
    """An operation with an object identifier for its name; `value` may have a password."""

    oid: str
    value: bytes | None

    def __repr__(self) -> str:
        """Show no secret."""
        return f"Extended({self.oid!r})"


class TooComplex(NamedTuple):
    """A search whose filter is not looked at."""


Request: TypeAlias = (
    Bind
    | Unbind
    | Search
    | Modify
    | Add
    | Delete
    | ModifyName
    | Compare
    | Abandon
    | Extended
    | TooComplex
)


class Message(NamedTuple):
    """A request, its number and its controls; `tag` is that of the answer."""

    number: int
    request: Request
    controls: tuple[Control, ...]
    answer_tag: int


def decode(data: bytes) -> Message:
    """Read one complete message.

    Raises:
        Malformed: if it is none.

    """
    reader = Reader(data).inner()
    number = reader.integer()
    if not 0 <= number <= _HIGHEST:
        raise Malformed("a number of a message that is none")
    tag = reader.peek()
    if tag not in _REQUESTS:
        raise Malformed("a request of an unknown kind")
    read, answer_tag = _REQUESTS[tag]
    if tag in _PRIMITIVE:
        request = read(Reader(data, *_bounds(reader, tag)))
    else:
        request = read(reader.inner(tag))
    controls: tuple[Control, ...] = ()
    if reader.peek() == _CONTROLS:
        controls = _controls(reader.inner(_CONTROLS))
    return Message(number, request, controls, answer_tag)


def _bounds(reader: Reader, tag: int) -> tuple[int, int]:
    content = reader.octets(tag)
    return reader.position - len(content), reader.position


def _controls(reader: Reader) -> tuple[Control, ...]:
    controls: list[Control] = []
    while reader:
        control = reader.inner()
        oid = control.text()
        is_critical = control.boolean() if control.peek() == BOOLEAN else False
        value = control.octets() if control.peek() == OCTET_STRING else None
        controls.append(Control(oid, is_critical, value))
        if len(controls) > _MOST_CONTROLS:
            raise Malformed("too many controls")
    return tuple(controls)


def _bind(reader: Reader) -> Bind:
    version, name = reader.integer(), reader.text()
    tag = reader.peek()
    if tag == 0xA3:
        sasl = reader.inner(tag)
        mechanism = sasl.text()
        credentials = sasl.octets() if sasl.peek() == OCTET_STRING else None
        if not mechanism:
            raise Malformed("a mechanism without a name")
        return Bind(version, name, b"", mechanism, credentials)
    return Bind(version, name, reader.octets(0x80), "", None)


def _unbind(_: Reader) -> Unbind:
    return Unbind()


def _search(reader: Reader) -> Search | TooComplex:
    base = reader.text()
    scope, aliases = reader.integer(ENUMERATED), reader.integer(ENUMERATED)
    size_limit, time_limit = reader.integer(), reader.integer()
    types_only = reader.boolean()
    if not (0 <= scope <= 3 and 0 <= aliases <= 3 and min(size_limit, time_limit) >= 0):
        raise Malformed("a search with a choice that there is not")
    try:
        wanted, reader.position = filters.decode(reader.data, reader.position, reader.end)
    except filters.TooComplex:
        return TooComplex()
    names = tuple(
        name.decode("ascii", errors="replace") for name in _bounded(reader.inner().each())
    )
    return Search(base, scope, size_limit, time_limit, types_only, wanted, names)


def _modify(reader: Reader) -> Modify:
    name, several = reader.text(), reader.inner()
    changes = []
    count = 0
    while several:
        one = several.inner()
        kind, attribute = one.integer(ENUMERATED), one.inner()
        name_of_attribute, values = attribute.text(), tuple(attribute.inner(SET).each())
        changes.append(Change(kind, name_of_attribute, values))
        count += 1 + len(values)
        if count > _MOST_VALUES:
            raise Malformed("too many values")
    return Modify(name, tuple(changes))


def _add(reader: Reader) -> Add:
    name, several = reader.text(), reader.inner()
    attributes = []
    count = 0
    while several:
        one = several.inner()
        attributes.append((one.text(), tuple(one.inner(SET).each())))
        count += 1 + len(attributes[-1][1])
        if count > _MOST_VALUES:
            raise Malformed("too many values")
    return Add(name, tuple(attributes))


def _delete(reader: Reader) -> Delete:
    return Delete(_text(reader))


def _modify_name(reader: Reader) -> ModifyName:
    name, new_part, deletes_old = reader.text(), reader.text(), reader.boolean()
    superior = reader.text(0x80) if reader.peek() == 0x80 else None
    return ModifyName(name, new_part, deletes_old, superior)


def _compare(reader: Reader) -> Compare:
    name, pair = reader.text(), reader.inner()
    return Compare(name, pair.text(), pair.octets())


def _abandon(reader: Reader) -> Abandon:
    octets = reader.data[reader.position : reader.end]
    return Abandon(Reader(element(INTEGER, octets)).integer())


def _extended(reader: Reader) -> Extended:
    oid = reader.text(0x80)
    return Extended(oid, reader.octets(0x81) if reader.peek() == 0x81 else None)


def _text(reader: Reader) -> str:
    try:
        return reader.data[reader.position : reader.end].decode()
    except UnicodeDecodeError:
        raise Malformed("a text that is not UTF-8") from None


def _bounded(values: Iterable[bytes]) -> Iterable[bytes]:
    for count, value in enumerate(values):
        if count >= _MOST_VALUES:
            raise Malformed("too many values")
        yield value


_UNBIND, _DELETE, _ABANDON = 0x42, 0x4A, 0x50
_PRIMITIVE = frozenset({_UNBIND, _DELETE, _ABANDON})
_REQUESTS: Mapping[int, tuple[Callable[[Reader], Request], int]] = {
    0x60: (_bind, 0x61),
    _UNBIND: (_unbind, 0),
    0x63: (_search, 0x65),
    0x66: (_modify, 0x67),
    0x68: (_add, 0x69),
    _DELETE: (_delete, 0x6B),
    0x6C: (_modify_name, 0x6D),
    0x6E: (_compare, 0x6F),
    _ABANDON: (_abandon, 0),
    0x77: (_extended, 0x78),
}
"""Tag -> what reads the request, and the tag of its answer; 0 for what is not answered."""

BIND_RESPONSE, SEARCH_ENTRY, SEARCH_DONE, EXTENDED_RESPONSE = 0x61, 0x64, 0x65, 0x78


# Answers


class Result(NamedTuple):
    """What an operation came to, for the client."""

    code: int
    text: str = ""
    matched: str = ""
    controls: tuple[Control, ...] = ()
    more: bytes = b""
    """Elements behind it: of a bind, `serverSaslCreds`; of an extended operation, its value."""


SUCCESS = Result(ResultCode.SUCCESS)


def encode_result(number: int, tag: int, result: Result) -> bytes:
    """Return the message with the answer that ends an operation."""
    body = b"".join(
        (
            integer(result.code, ENUMERATED),
            octet_string(result.matched),
            octet_string(result.text),
            result.more,
        )
    )
    return encode_message(number, element(tag, body), result.controls)


def encode_message(number: int, body: bytes, controls: tuple[Control, ...] = ()) -> bytes:
    """Return a message with an element of the protocol."""
    if not controls:
        return sequence(integer(number), body)
    shown = b"".join(
        sequence(
            octet_string(each.oid),
            b"" if each.value is None else octet_string(each.value),
        )
        for each in controls
    )
    return sequence(integer(number), body, element(_CONTROLS, shown))


def notice_of_disconnection(code: ResultCode, text: str) -> bytes:
    """Return the message that a server sends before it closes the connection."""
    more = octet_string(NOTICE_OF_DISCONNECTION, 0x8A)
    return encode_result(0, EXTENDED_RESPONSE, Result(code, text, more=more))


_names: dict[str, bytes] = {}
_MOST_NAMES = 1000


def _encoded_name(name: str) -> bytes:
    """Return the name of an attribute as an element; clients choose the case, so not all stay."""
    encoded = _names.get(name)
    if encoded is None:
        encoded = octet_string(name)
        if len(_names) < _MOST_NAMES:
            _names[name] = encoded
    return encoded


def encode_entry(
    number: int, name: str, attributes: Iterable[tuple[str, Iterable[bytes]]]
) -> bytes:
    """Return the message with one entry of a search."""
    parts = []
    for attribute, values in attributes:
        content = b"".join(
            [
                b"\x04" + (length_of(len(value))) + value  # an OCTET STRING
                for value in values
            ]
        )
        pair = _encoded_name(attribute) + b"\x31" + length_of(len(content)) + content
        parts.append(b"\x30" + length_of(len(pair)) + pair)
    body = octet_string(name) + element(SEQUENCE, b"".join(parts))
    return sequence(integer(number), element(SEARCH_ENTRY, body))
