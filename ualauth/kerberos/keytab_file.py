"""The format of a keytab's file, read by ourselves: libkrb5 takes half of one for a whole one.

The format is MIT's (doc/formats/keytab_file_format.rst): two octets of version, then records,
each behind its size. A size below zero is a hole, zero is the end.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ualauth.kerberos.principal import escaped
from ualauth.sources.files import FileRules, Text
from ualauth.sources.problem import Problem, Source

RULES = FileRules(comments=False)
_ORDERS = {b"\x05\x01": "=", b"\x05\x02": ">"}
"""Of version 1, numbers are as this machine writes them."""
_EXPORT = "let the KDC's administrator export the keys anew: kadmin, ktadd -k"


@dataclass(frozen=True, slots=True)
class KeytabRecord:
    """One key. `principal` is as krb5_parse_name(3) reads it."""

    principal: str
    kvno: int
    enctype: int
    timestamp: int
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeytabContent:
    """What a file says: its keys, and whether every user of the host may read them."""

    records: tuple[KeytabRecord, ...]
    public: bool = False

    def with_those_of(self, other: KeytabContent) -> KeytabContent:
        """Return it with the keys of another one behind its own.

        Of two with the same name, version and type libkrb5 would take either: a realm that was
        made anew counts from 1 again.
        """
        records = {
            (each.principal, each.kvno, each.enctype): each
            for each in (*other.records, *self.records)
        }
        own = dict.fromkeys((*self.records, *records.values()))
        return KeytabContent(tuple(own), self.public or other.public)


def parse_keytab(file: Text) -> tuple[KeytabContent, Sequence[Problem]]:
    """Read a keytab; one that is cut off, or has no key, is wrong."""
    try:
        records = tuple(_records(file.data))
    except (ValueError, struct.error) as error:
        text = f"this is no whole keytab: {error}"
        return KeytabContent(()), (Problem(Source(file.path, 1, 1), text, _EXPORT),)
    if not records:
        return KeytabContent(()), (
            Problem(Source(file.path, 1, 1), "there is no key in it", _EXPORT),
        )
    return KeytabContent(records, file.public), ()


def _records(data: bytes) -> Iterator[KeytabRecord]:
    order = _ORDERS.get(data[:2])
    if not data:
        return
    if order is None:
        raise ValueError("it does not begin as one does")
    position = 2
    # Zeros at the end are no size, and no matter, however few they are.
    end = len(data.rstrip(b"\0"))
    while position < end:
        (size,) = struct.unpack_from(f"{order}i", data, position)
        position += 4
        if size == 0:
            return
        if position + abs(size) > len(data):
            raise ValueError("it is cut off")
        if size > 0:
            yield _Record(data[position : position + size], order).read()
        position += abs(size)


class _Record:
    """One record while it is read."""

    def __init__(self, data: bytes, order: str) -> None:
        self._data = data
        self._order = order
        self._position = 0

    def read(self) -> KeytabRecord:
        count = self._number("H")
        has_type = self._order == ">"
        realm = self._text()
        # Version 1 counts the realm, and has no type of the name.
        names = [self._text() for _ in range(count if has_type else count - 1)]
        if has_type:
            self._number("I")
        timestamp, kvno, enctype = self._number("I"), self._number("B"), self._number("h")
        key = self._octets()
        if len(self._data) - self._position >= 4:
            # Zero where an older program wrote the record, and left octets behind it.
            kvno = self._number("I") or kvno
        principal = "/".join(map(escaped, names)) + f"@{escaped(realm)}"
        return KeytabRecord(principal, kvno, enctype, timestamp, key)

    def _number(self, kind: str) -> int:
        layout = struct.Struct(self._order + kind)
        (number,) = layout.unpack_from(self._data, self._position)
        self._position += layout.size
        return int(number)

    def _octets(self) -> bytes:
        size = self._number("H")
        octets = self._data[self._position : self._position + size]
        if len(octets) < size:
            raise ValueError("a record is damaged")
        self._position += size
        return octets

    def _text(self) -> str:
        return self._octets().decode(errors="surrogateescape")
