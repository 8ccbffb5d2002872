"""A header costs little, whatever stands in it: bounds come first, and what is left is linear."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.smtp_access.servers import Recorder, serving
from tests.smtp_access.test_aiosmtpd import client, submit
from tests.smtp_access.test_hostile import seconds
from ualauth.smtp_access.decision import HEADER_TOO_LARGE
from ualauth.smtp_access.message import (
    MAX_FIELDS,
    HeaderError,
    read_message,
    without_own_headers,
)
from ualauth.smtp_access.originator import read_from
from ualauth.smtp_access.settings import HEADER_SIZE_LIMIT, SmtpAccessSettings

END = b"\r\nHello.\r\n"


def steps(call: Callable[[], object]) -> int:
    """Return how many functions are called, those of C too."""
    count = 0

    def note(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    return count


def header(content: bytes, **bounds: int) -> None:
    read_message(without_own_headers(content, bounds.get("limit", HEADER_SIZE_LIMIT)), **bounds)


# Bounds


def test_the_largest_header_is_read_and_a_larger_one_is_not() -> None:
    line = b"To: x\r\n"
    folded = line + b" y\r\n" * ((HEADER_SIZE_LIMIT - len(line)) // 4)
    exact = folded + b" " + b"z" * (HEADER_SIZE_LIMIT - len(folded) - 3)
    for limit in (exact[:1000], exact):
        bounds = {"limit": len(limit)}
        header(limit + b"\r\n" + END * 1000, **bounds)
        header(limit, **bounds)
        header(limit + b"\r\n", **bounds)
        for longer in (limit + b"z\r\n" + END, limit + b"z", limit + b"z\r\n", limit + b"z" * 9999):
            with pytest.raises(HeaderError) as caught:
                header(longer, **bounds)
            assert caught.value.reply is HEADER_TOO_LARGE


def test_a_header_has_so_many_fields_and_no_more() -> None:
    assert len(read_message(b"a:b\r\n" * MAX_FIELDS + END).fields) == MAX_FIELDS
    with pytest.raises(HeaderError) as caught:
        read_message(b"a:b\r\n" * (MAX_FIELDS + 1) + END)
    assert caught.value.reply is HEADER_TOO_LARGE


@pytest.mark.parametrize(
    "content",
    [
        b"a:b\r\n" * 200_000 + END,
        b"a:b\r\n" * 200_000,
        b"a:\r\n" + b" \r\n" * 200_000 + END,
        b"a" * 1_000_000,
        b" " * 1_000_000,
        b"\r\n".join([b"x"] * 200_000),
        b"X-Scalix-a:\r\n" * 100_000 + END,
        b"From: " + b"a." * 500_000 + b"@example.com\r\n" + END,
    ],
    ids=lambda content: repr(content[:10]),
)
def test_what_goes_past_a_bound_is_not_looked_at(content: bytes) -> None:
    def read() -> None:
        with pytest.raises(HeaderError):
            header(content)

    assert steps(read) < 200


def test_a_server_says_so(tmp_path: Path) -> None:
    application = Recorder()
    settings = SmtpAccessSettings(header_size_limit=2000)
    with (
        serving(tmp_path, "", application, settings=settings) as server,
        client(server) as connected,
    ):
        for message, code in (
            (b"A: b\r\n" + b" c\r\n" * 500 + END, 552),
            (b"A: b\r\n" + b" c\r\n" * 400 + END + b"x\r\n" * 9000, 250),
            (b"a:b\r\n" * (MAX_FIELDS + 1) + END, 552),
        ):
            assert submit(connected, "ann@x", message=message)[-1] == code
        connected.mail("a@b.example")
        connected.rcpt("ann@x")
        assert connected.data(b"a:b\r\n" * 20_000 + END) == (
            HEADER_TOO_LARGE.code,
            f"{HEADER_TOO_LARGE.status} {HEADER_TOO_LARGE.text}".encode(),
        )
    assert len(application.messages) == 1


# Within the bounds: n against 4n

N = HEADER_SIZE_LIMIT // 8


@pytest.mark.parametrize(
    "shape",
    [
        lambda n: b"a:\r\n" + b" x\r\n" * (n // 4),
        lambda n: b"a:" + b" \r\n" * (n // 3),
        lambda n: b"a:" + b" " * n + b"\r\n",
        lambda n: b"a" * n + b"\r\n",
        lambda n: b"a:b\r\n" * (n // 5),
        lambda n: b"X-Scalix-a: b\r\n" * (n // 15),
        lambda n: b"X-Scalix-a:\r\n" + b" b\r\n" * (n // 4),
        lambda n: b" " * n + b"X-Scalix-a: b\r\n",
        lambda n: b"a:" + b"\r" * n,
        lambda n: b"a:" + b"\n" * n,
        lambda n: b"a\r\n" * (n // 3),
    ],
)
def test_work_grows_as_the_header_does(shape: Callable[[int], bytes]) -> None:
    few, many = (
        steps(partial(header, shape(n) + END, max_fields=HEADER_SIZE_LIMIT)) for n in (N, 4 * N)
    )
    assert many < 5 * few


@pytest.mark.parametrize(
    "shape",
    [
        lambda n: b"a:\r\n" + b" x\r\n" * (n // 4),
        lambda n: b"X-Scalix-a:\r\n" + b" b\r\n" * (n // 4),
        lambda n: b"a:" + b" " * n,
        lambda n: b"a:\r\n" + (b" " * 900 + b"\r\n") * (n // 900),
    ],
)
def test_parts_of_a_header_are_joined_once(shape: Callable[[int], bytes]) -> None:
    large, limit = 8 * N, 40 * N
    few, many = (seconds(partial(header, shape(n) + END, limit=limit)) for n in (large, 4 * large))
    # Four times the header: what copies all that was read takes sixteen times as long.
    assert many < 10 * few + 0.005


@pytest.mark.parametrize(
    "shape",
    [
        lambda n: "a." * (n // 2) + "@example.com",
        lambda n: "(" * n,
        lambda n: "()" * (n // 2),
        lambda n: "(a) " * (n // 4),
        lambda n: '"' * n,
        lambda n: '"\\' * (n // 2),
        lambda n: '"\\"' + '\\"' * (n // 2) + '" <a@b>',
        lambda n: "<" * n,
        lambda n: "<a@b>" * (n // 5),
        lambda n: "a@b," * (n // 4) + "c@d",
        lambda n: "a@" * (n // 2),
        lambda n: "a " * (n // 2) + "<a@b>",
        lambda n: "=?utf-8?q?a?= " * (n // 14) + "<a@b>",
        lambda n: "=?" * (n // 2),
        lambda n: "é." * (n // 2) + "é@example.com",
        lambda n: " " * n,
    ],
)
def test_work_grows_as_from_does(shape: Callable[[int], str]) -> None:
    few, many = (steps(partial(read_from, [shape(n)])) for n in (256, 1024))
    assert many < 5 * few


def test_no_more_of_from_is_read_than_all_of_them_may_have() -> None:
    for values in (["a@b, " * 1000 + "a@b"], ["a@b"] * 2000, ["x" * 1000 + " <a@b>"] * 5):
        assert steps(partial(read_from, values)) < 5000
        assert read_from(values) is None
