"""Headers: what others wrote cannot leave its place in them."""

from __future__ import annotations

import email
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from email.header import decode_header, make_header
from email.policy import default

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.seeds import rounds
from ualauth.smtp_access import headers
from ualauth.smtp_access.headers import Header
from ualauth.smtp_access.message import read_message, with_headers

MOMENT = datetime(2026, 2, 3, 4, 5, 6, tzinfo=timezone(timedelta(hours=-8)))
ANY = st.one_of(
    st.text(max_size=60),
    st.text(alphabet=' \t\r\n:=?a@\0\u2028\udcffé"<>', max_size=120),
    st.sampled_from([
        "x\r\nBcc: evil@example.com", "=?utf-8?q?a=0D=0ABcc:_x?=@x", "a" * 5000, "é" * 5000,
        "\r\n\r\nbody", "\0", "", " ", "a\rb", "a\nb", "\x85", "=?us-ascii?q?x?=",
    ]),
)  # fmt: skip
MAKERS: list[Callable[[str], Header]] = [
    headers.suspicious_host,
    lambda text: headers.anonymous_message(text, MOMENT),
    lambda text: headers.authenticated_sender(text, text, MOMENT),
    lambda text: headers.authentication_mismatch(text, text),
    headers.suspicious_originator,
    lambda text: Header.of("X-Spam", text),
]


def test_texts_are_those_of_the_original() -> None:
    date = "Tue, 03 Feb 2026 04:05:06 -0800"
    assert [
        str(headers.suspicious_host("pc.example.com")),
        str(headers.anonymous_message("192.0.2.7", MOMENT)),
        str(headers.authenticated_sender("js@example.com", "mx.example.com", MOMENT)),
        str(headers.authentication_mismatch("a@b.example", "js@example.com")),
        str(headers.suspicious_originator("a@b.example")),
    ] == [
        "X-Scalix-Suspicious-Host: pc.example.com",
        f"X-Scalix-Anonymous-Message: from 192.0.2.7 at {date}",
        f"X-Scalix-Authenticated-Sender: js@example.com; authenticated by mx.example.com at {date}",
        "X-Scalix-Authentication-Mismatch: Message originated from a@b.example, "
        "but authenticated identity is js@example.com",
        "X-Scalix-Suspicious-Originator: a@b.example",
    ]


def test_long_values_are_folded_between_words() -> None:
    folded = headers.authentication_mismatch(f"{'a' * 60}@x.example", "b@y.example").fold()
    lines = folded.split("\r\n")
    assert len(lines) > 2
    assert all(len(line) <= 78 for line in lines[1:])
    assert all(line.startswith(" ") for line in lines[1:-1])
    value = f"Message originated from {'a' * 60}@x.example, but authenticated identity is"
    assert folded.replace("\r\n", "").endswith(f"{value} b@y.example")


@pytest.mark.slow
@settings(max_examples=rounds(300))
@given(ANY)
def test_nothing_can_be_injected(text: str) -> None:
    for make in MAKERS:
        header = make(text)
        folded = header.fold()
        assert folded.isascii()
        assert folded.endswith("\r\n")
        lines = folded[:-2].split("\r\n")
        assert re.fullmatch(r"[!-9;-~]+: .*", lines[0])
        for line in lines:
            assert len(line) <= 998
            assert line.isprintable()
            assert line.strip(), "a line of blanks ends the header for some readers"
        assert all(line.startswith(" ") for line in lines[1:])
        parsed = email.message_from_string(f"{folded}\r\nbody\r\n", policy=default)
        assert parsed.keys() == [header.name]
        assert parsed.get_payload() == "body\r\n"


@settings(max_examples=rounds(200))
@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=80))
def test_what_can_be_shown_is_read_as_it_was(text: str) -> None:
    header = headers.suspicious_originator(text)
    shown = str(make_header(decode_header(header.value)))
    expected = "".join(char if char.isprintable() else "\ufffd" for char in text)
    assert shown == expected


@pytest.mark.parametrize(
    "text", ["=?utf-8?q?evil?=@b.example", "a=?x", "=?us-ascii?b?YQ==?=", '"a =?utf-8?q?b?= c"@d']
)
def test_what_looks_like_an_encoded_word_is_not_decoded(text: str) -> None:
    for header in (headers.suspicious_originator(text), headers.suspicious_host(text)):
        assert str(make_header(decode_header(header.value))) == text


def test_headers_stand_at_the_top_of_the_message() -> None:
    inserted = [headers.suspicious_host("a.example")]
    line = b"X-Scalix-Suspicious-Host: a.example\r\n"
    assert with_headers(b"From: a\r\n\r\nx", inserted) == line + b"From: a\r\n\r\nx"
    assert with_headers(b"\r\nx", inserted) == line + b"\r\nx"
    assert with_headers(b"no header\r\n", inserted) == line + b"\r\nno header\r\n"
    assert with_headers(b"", inserted) == line + b"\r\n"
    assert with_headers(b"no header\r\n", []) == b"no header\r\n"


def test_fields_are_found_however_they_are_written() -> None:
    content = b"FROM : a@b\r\nfrom:\r\n c@d\r\nX: y\r\n\r\nFrom: no\r\n"
    message = read_message(content)
    assert message.values("From") == ["a@b", "c@d"]
    assert message.body == b"From: no\r\n"
    # Python's email does not find the first.
    assert message.ambiguous
    assert not read_message(content[len(b"FROM : a@b\r\n") :]).ambiguous


def test_bare_ends_of_lines_in_a_header_are_noticed() -> None:
    for bare in (b"\r", b"\n", b"\0", b"\n\n"):
        assert read_message(b"X: a" + bare + b"From: b@c\r\n\r\nx").ambiguous
    assert not read_message(b"X: a\r\n\r\nb\rc\n").ambiguous
