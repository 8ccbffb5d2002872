"""The format of keytabs: whole ones are read, and half ones are told from them."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ualauth.kerberos.keytab_file import KeytabContent, KeytabRecord, parse_keytab
from ualauth.sources.files import Text

KEY = bytes(range(32))


def counted(octets: bytes, order: str = ">") -> bytes:
    return struct.pack(f"{order}H", len(octets)) + octets


def record(
    *names: bytes, realm: bytes = b"UAL.TEST", kvno: int = 2, enctype: int = 18, more: bytes = b"",
    order: str = ">", key: bytes = KEY,
) -> bytes:  # fmt: skip
    """Return a record, behind its size."""
    count = len(names) + (order == "=")
    body = struct.pack(f"{order}H", count) + counted(realm, order)
    body += b"".join(counted(name, order) for name in names)
    if order == ">":
        body += struct.pack(">I", 1)
    body += struct.pack(f"{order}IBh", 1_700_000_000, kvno & 0xFF, enctype)
    body += counted(key, order) + more
    return struct.pack(f"{order}i", len(body)) + body


FIRST = record(b"imap", b"mail.ual.test")
SECOND = record(b"imap", b"mail.ual.test", enctype=17)
WHOLE = b"\x05\x02" + FIRST + SECOND


def parse(data: bytes) -> tuple[KeytabContent, str]:
    """Return what is read, and what is told."""
    content, problems = parse_keytab(Text("/keytab", data.decode(errors="surrogateescape")))
    return content, "".join(map(str, problems))


def read(data: bytes) -> tuple[KeytabRecord, ...]:
    content, told = parse(data)
    assert not told
    return content.records


def test_a_whole_one_is_read() -> None:
    assert read(WHOLE) == tuple(
        KeytabRecord("imap/mail.ual.test@UAL.TEST", 2, enctype, 1_700_000_000, KEY)
        for enctype in (18, 17)
    )


def test_no_key_is_shown() -> None:
    assert repr(KEY)[2:-1] not in repr(read(WHOLE))


def test_wherever_it_is_cut_off_it_is_not_whole_or_has_fewer_keys() -> None:
    ends = {2 + len(FIRST): 1, len(WHOLE): 2}
    for size in range(len(WHOLE) + 1):
        content, told = parse(WHOLE[:size])
        # Zeros, with which a size begins, are also what may stand behind the last key.
        end = max((each for each in ends if each <= size), default=0)
        if end and not WHOLE[end:size].strip(b"\0"):
            assert len(content.records) == ends[end]
            assert not told
        else:
            assert not content.records
            assert "/keytab:1:1: error: th" in told
            assert "cure: " in told


@pytest.mark.parametrize(
    ("data", "records"),
    [
        (WHOLE + b"\0\0\0", 2),
        (WHOLE + bytes(4) + FIRST, 2),
        (b"\x05\x02" + struct.pack(">i", -7) + b"removed" + FIRST, 1),
        (b"\x05\x02" + FIRST + struct.pack(">i", -7) + bytes(7), 1),
        (b"\x05\x01" + record(b"imap", b"mail.ual.test", order="="), 1),
    ],
    ids=["zeros", "the end", "a hole", "a hole of zeros", "version 1"],
)
def test_what_else_is_in_one(data: bytes, records: int) -> None:
    records_read = read(data)
    assert len(records_read) == records
    assert records_read[0].principal == "imap/mail.ual.test@UAL.TEST"
    assert records_read[0].key == KEY


@pytest.mark.parametrize(("more", "kvno"), [(b"", 2), (bytes(4), 2), (struct.pack(">I", 300), 300)])
def test_a_version_may_be_above_255(more: bytes, kvno: int) -> None:
    assert read(b"\x05\x02" + record(b"host", more=more))[0].kvno == kvno


def test_what_means_something_in_a_name_is_escaped() -> None:
    (only,) = read(b"\x05\x02" + record(b"a/b", b"c@d", realm=b"X\0Y"))
    assert only.principal == r"a\/b/c\@d@X\0Y"


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\x05", b"\x05\x02", b"\x05\x03" + FIRST, b"\0" * 1000, b"this is no keytab",
        b"\x05\x02" + struct.pack(">i", 4) + b"\xff" * 4, b"\x05\x02" + struct.pack(">i", -(2**31)),
        b"\x05\x02\x7f\xff\xff\xff", WHOLE[:-1] + b"\xff" * 2,
    ],
)  # fmt: skip
def test_what_is_none_is_told(data: bytes) -> None:
    content, told = parse(data)
    assert not content.records
    assert "error: " in told


@given(st.binary(max_size=200), st.integers(0, len(WHOLE)))
def test_nothing_makes_it_fail(data: bytes, size: int) -> None:
    for each in (data, b"\x05\x02" + data, WHOLE[:size] + data):
        content, told = parse(each)
        assert bool(content.records) is not bool(told)


def test_keys_that_are_added_stand_first() -> None:
    old, new = KeytabContent(read(WHOLE)), KeytabContent(read(b"\x05\x02" + record(b"x")), True)
    both = new.with_those_of(old)
    assert both.records == (*new.records, *old.records)
    assert both.public
    assert both.with_those_of(old).records == both.records


def test_of_two_keys_that_libkrb5_does_not_tell_apart_the_new_one_counts() -> None:
    old = KeytabContent(read(WHOLE))
    new = KeytabContent(read(b"\x05\x02" + record(b"imap", b"mail.ual.test", key=KEY[::-1])))
    assert new.with_those_of(old).records == (*new.records, old.records[1])
