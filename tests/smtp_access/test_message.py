"""The header of a message: where readers differ about it, and what is removed from it."""

from __future__ import annotations

import pytest

from ualauth.smtp_access.decision import HEADER_UNCLEAR
from ualauth.smtp_access.message import HeaderError, read_message, without_own_headers

FROM = b"From: boss@example.com\r\n"
END = b"\r\nHello.\r\n"


@pytest.mark.parametrize(
    "first",
    [
        b"  \r\n", b" \r\n", b"\t\r\n", b" \t \r\n", b"\r\n", b"\r\n\r\n", b"hello\r\n",
        b" hello\r\n",
        b"From js@example.com Thu Nov 26 12:00:00 2026\r\n", b">From js: x\r\n", b":\r\n",
        b": x\r\n",
        b" To: x\r\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n", b"\xc2\xa0\r\n", b"\x0b\r\n", b"\0",
    ],
)  # fmt: skip
def test_what_is_no_field_at_the_top_makes_a_message_ambiguous(first: bytes) -> None:
    assert read_message(first + FROM + END).ambiguous


@pytest.mark.parametrize(
    "line",
    [
        b" ", b"\t", b" \t", b"\x0b", b" \x0b", b"\x0c", b"\xc2\xa0", b"hello", b"hello there",
        b":", b": x",
        b"From js@example.com Thu Nov 26 12:00:00 2026", b">From js: x", b"\xef\xbb\xbfFrom: a@b",
        b"From : a@b", b"From\t: a@b", b"From\x0b: a@b", b"From\0: a@b", b"From\xa0: a@b",
        b"From\xc2\xa0: a@b",
        b"Fr\xc3\xb6m: a@b", b"From\xef\xbc\x9a a@b", b"From\r\n : a@b", b"X-\x7f: y",
        b"a b: c", b"X: " + b"y" * 996,
    ],
)  # fmt: skip
def test_lines_that_rfc_5322_does_not_know_make_a_message_ambiguous(line: bytes) -> None:
    for before, after in ((b"To: x\r\n", FROM), (FROM, b"To: x\r\n"), (FROM, b"")):
        assert read_message(before + line + b"\r\n" + after + END).ambiguous
    # Neither does an end without an empty line matter, nor what the body has.
    assert read_message(FROM + line).ambiguous
    assert not read_message(FROM + b"\r\n" + line + b"\r\n" + FROM + END).ambiguous


@pytest.mark.parametrize(
    "octets",
    [
        b"\r", b"\n", b"\0", b"\x01", b"\x08", b"\x0b", b"\x0c", b"\x1b", b"\x1c", b"\x1f",
        b"\x7f", b"\x85",
        b"\xc2\x85", b"\xe2\x80\xa8", b"\xe2\x80\xa9", b"\r\r", b"\n\n", b"\n\r",
    ],
)  # fmt: skip
def test_octets_that_may_end_a_line_make_a_message_ambiguous(octets: bytes) -> None:
    for content in (
        b"Subject: x" + octets + FROM + END,
        b"Subject: x" + octets + b"\r\n" + FROM + END,
        FROM[:-2] + octets + b"\r\n" + END,
        octets + FROM + END,
    ):
        assert read_message(content).ambiguous


@pytest.mark.parametrize(
    "header",
    [
        b"From: a@b\r\n",
        b"from:a@b\r\nFROM:\r\n c@d\r\nSubject:\r\n",
        b"X-!#$%&'*+-./09;<=>?@AZ[\\]^_`az{|}~: any\r\n\tthing\r\n  else\r\n",
        "Subject: ÅÅ … \N{NO-BREAK SPACE}\r\n".encode(),
        b"Subject: \xe4\xf6\xfc\r\n",
        b"X: " + b"y" * 995 + b"\r\n",
    ],
)
def test_what_rfc_5322_and_rfc_6532_know_does_not(header: bytes) -> None:
    assert not read_message(header + END).ambiguous
    assert not read_message(header).ambiguous
    assert not read_message(header.removesuffix(b"\r\n")).ambiguous


def test_a_message_of_nothing_is_not_ambiguous() -> None:
    assert not read_message(b"").ambiguous


# Headers of ours that a message brings along

OWN = [
    b"X-Scalix-Foo: a\r\n", b"x-scalix-foo:\r\n", b"X-SCALIX-FOO: a\r\n b\r\n\tc\r\n",
    b"X-Scalix-: \r\n",
    b"X-Scalix-Foo : a\r\n", b"X-Scalix-Foo\t:a\r\n", b"X-Scalix-Foo\r\n : a\r\n",
    b"X-Scalix-Foo\r\n",
    b"X-Scalix-Foo: a\r\n \r\n b\r\n", b"X-Scalix-\xe9: a\r\n", b"\xef\xbb\xbfX-Scalix-Foo: a\r\n",
    b"X-Scalix-Foo bar: a\r\n", b"X-Scalix-Foo: a\r\nX-Scalix-Bar: b\r\nX-Scalix-Foo: c\r\n",
]  # fmt: skip


@pytest.mark.parametrize("own", OWN)
@pytest.mark.parametrize("body", [b"\r\nHello.\r\n", b"\r\nX-Scalix-Foo: a\r\n", b""])
def test_own_headers_are_removed_and_nothing_else(own: bytes, body: bytes) -> None:
    first = b"From: a@b\r\n  c\r\nX-Scalixfoo: x\r\nSubject: X-Scalix-Foo: a\r\n X-Scalix-: a\r\n"
    last = b"Malformed\r\nSubject : \xff\xfe\r\n"
    for before, after in ((first, last), (b"", first + last), (first + last, b"")):
        assert without_own_headers(before + own + after + body) == before + after + body
    assert without_own_headers(first + body) is not None


def test_own_headers_after_blanks_at_the_top_are_removed() -> None:
    for blanks in (b" ", b"\t", b" \r\n "):
        assert without_own_headers(blanks + b"X-Scalix-Foo: a\r\n" + FROM + END) == FROM + END


@pytest.mark.parametrize(
    "content",
    [
        b"Subject: a\nX-Scalix-Foo: b\r\n" + END,
        b"Subject: a\rX-Scalix-Foo: b\r\n" + END,
        b"Subject: a\r\nX-Sca\0lix-Foo: b\r\n" + END,
        b"Subject: a\x0bX-Scalix-Foo: b\r\n" + END,
        b"Subject: a\xe2\x80\xa8X-Scalix-Foo: b\r\n" + END,
        b"Subject: a\xc2\x85X-Scalix-Foo: b\r\n" + END,
        # The last line's end would become that of the header.
        b"A: b\nX-Scalix-a: c\r\n" + END,
        # What stands below an empty line is a header to some.
        b"\r\nX-Scalix-Foo: a\r\n\r\nHello.\r\n",
        b"X-Scalix-Foo: a\r\n\r\n X-Scalix-Foo: a\r\n\r\nHello.\r\n",
    ],
)
def test_where_readers_may_differ_about_own_headers_a_message_is_refused(content: bytes) -> None:
    with pytest.raises(HeaderError) as caught:
        without_own_headers(content)
    assert caught.value.reply is HEADER_UNCLEAR


def test_a_header_of_own_fields_only_is_judged_as_it_is_handed_on() -> None:
    content = without_own_headers(b"X-Scalix-Foo: a\r\n\r\n" + FROM + END)
    assert content == b"\r\n" + FROM + END
    # Perl's Email::MIME finds the From: below.
    assert read_message(content).ambiguous
