"""Attachments that are left out of a scan: only what is and is called a picture."""

from __future__ import annotations

import base64
import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ualauth.virus.attachments import without_types
from ualauth.virus.scanning import EICAR

PNG = b"\x89PNG\r\n\x1a\n" + EICAR
FILENAME = "Content-Disposition: attachment; filename=a.png\r\n"


def with_attachment(octets: bytes, name: str, more: str = "", coding: str = "base64") -> bytes:
    body = base64.encodebytes(octets).decode().replace("\n", "\r\n")
    return (
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        "--b\r\nContent-Type: text/plain\r\n\r\nhello\r\n"
        f'--b\r\nContent-Type: application/octet-stream; name="{name}"\r\n{more}'
        f"Content-Transfer-Encoding: {coding}\r\n\r\n{body}--b--\r\n"
    ).encode()


def left_out(content: bytes, *names: str) -> bytes:
    return without_types(content, names or ("image/png",))


@pytest.mark.parametrize(
    ("octets", "name", "more"),
    [
        (PNG, "a.png", ""),
        (PNG, "a.b.PNG", ""),
        (PNG * 50, "a.png", FILENAME),
        (PNG, "a.png", "Content-Disposition: attachment; filename*=utf-8''%C3%A4.png\r\n"),
    ],
)
def test_what_is_and_is_called_a_picture_is_left_out(octets: bytes, name: str, more: str) -> None:
    content = with_attachment(octets, name, more)
    body = base64.encodebytes(octets).replace(b"\n", b"\r\n")
    rest = left_out(content)
    assert len(content) - len(body) <= len(rest) <= len(content) - len(body) + len(b"\r\n")
    assert base64.b64encode(octets)[:40] not in rest
    # What stands around it is scanned.
    assert rest.startswith(content.partition(body)[0])
    assert rest.endswith(b"--b--\r\n")


@pytest.mark.parametrize(
    "content",
    [
        with_attachment(PNG, "a.exe"),
        with_attachment(PNG, "png"),
        with_attachment(PNG, ""),
        with_attachment(PNG, "a.png\u202egnp.exe"),
        with_attachment(PNG, "a.png "),
        with_attachment(PNG, "a.exe\x01.png"),
        with_attachment(EICAR, "a.png"),
        with_attachment(b"x" + PNG, "a.png"),
        with_attachment(b"\xff\xd8\xff" + EICAR, "a.png"),
        with_attachment(PNG, "a.jpg"),
        with_attachment(PNG, "a.png", FILENAME.replace("png", "exe")),
        with_attachment(PNG, "a.png", FILENAME + FILENAME),
        with_attachment(PNG, "a.png", FILENAME.replace("\r\n", "; filename=a.exe\r\n")),
        with_attachment(PNG, "a.png", FILENAME.replace("\r\n", "; filename*=us-ascii''a.exe\r\n")),
        with_attachment(PNG, 'a.png"; name="a.exe'),
        with_attachment(PNG, "a.png", "Content-Type: text/html\r\n"),
        with_attachment(PNG, "a.png", "Content-Transfer-Encoding: 7bit\r\n"),
        with_attachment(PNG, "a.png", coding="7bit"),
        with_attachment(PNG, "a.png", coding="x-base64"),
        with_attachment(PNG, "a.png").replace(b"--b--", b"TVqQ\r\n-\r\n--b--"),
        with_attachment(PNG, "a.png").replace(b"--b--", b"====\r\n--b--"),
        with_attachment(PNG, "a.png").replace(b"--b--", b""),
        with_attachment(PNG, "a.png").replace(b"boundary=b", b"boundary=c"),
        with_attachment(PNG, "a.png").replace(b"--b--", b"\xff\r\n--b--"),
        with_attachment(PNG, "a.png", coding="b\xe4se64"),
    ],
)
def test_what_may_be_something_else_is_scanned(content: bytes) -> None:
    assert left_out(content) == content


def test_only_the_types_of_the_administrator_are_left_out() -> None:
    content = with_attachment(PNG, "a.png")
    assert left_out(content, "image/jpeg", "image/gif") == content
    assert left_out(content, "image/jpeg", "image/png") != content
    assert without_types(content, ()) == content


def test_the_other_parts_stay() -> None:
    content = with_attachment(PNG, "a.png")
    virus = b"--b\r\nContent-Type: text/plain\r\n\r\n" + EICAR + b"\r\n--b--\r\n" + EICAR
    assert left_out(content.replace(b"--b--\r\n", virus)).endswith(virus)


def test_the_same_octets_under_another_name_are_scanned() -> None:
    first = with_attachment(PNG, "a.png")
    _, headers, body = first.partition(b"--b\r\nContent-Type: application/octet-stream")
    second = (headers + body).replace(b"a.png", b"a.html")
    content = first.replace(b"--b--\r\n", second)
    assert left_out(content) == content
    assert left_out(first) != first


FRAGMENTS = [
    *with_attachment(PNG, "a.png").splitlines(keepends=True),
    b"\r\n", b"\n", b"\xff", b"\0", b"--b\r\n", b"Content-Type: message/rfc822\r\n",
    b"Content-Type: multipart/mixed\r\n", b"name*=utf-9''%ff\r\n", b"=?utf-8?q?=FF?=\r\n",
]  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=12).map(b"".join))
def test_whatever_a_message_is_a_part_of_it_is_left(content: bytes) -> None:
    rest = left_out(content)
    before, after = (Counter(filter(None, each.splitlines())) for each in (content, rest))
    assert not after - before
    assert all(re.fullmatch(rb"[A-Za-z0-9+/=]+", line) for line in before - after)
