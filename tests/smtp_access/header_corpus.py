"""Random messages of a user who tries to look like another: headers with something odd in them."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

OWN = ("js@example.com", "john.smith@example.com")
"""Addresses of the user who submits."""
OTHERS = ("boss@example.com", "ceo@other.example")
NAMES = (b"From", b"Sender", b"Resent-From", b"Resent-Sender")

_PLAIN = (
    "js@example.com", "<js@example.com>", "John <js@example.com>", "J. Smith <JS@Example.com>",
    '"Smith, John" <john.smith@example.com>', '"boss@example.com" <js@example.com>',
    "=?utf-8?q?J=C3=B6rg?= <js@example.com>", "=?utf-8?q?M=C3=BCller=2C_J?= <js@example.com>",
    "js@example.com (John Smith)", "John (at work) <js@example.com>", "Jörg <js@example.com>",
    "js@example.com, John <john.smith@example.com>", '"john.smith"@example.com',
    "John\r\n <js@example.com>", "=?iso-8859-1?b?SvZyZw==?= Smith\r\n\t<js@example.com>",
    '"John \\"Jack\\" Smith" <js@example.com>', "J\xf6rg (=?utf-8?b?SsO2?=) <js@example.com>",
)  # fmt: skip
_PIECES = (
    *OWN, *OWN, *OTHERS, "<js@example.com>", "<boss@example.com>", "(boss@example.com)", "boss",
    "<", ">", '"', '"', "(", ")", ",", ";", ":", "\\", "@", ".", " ", " ", "\t", "\r\n ", "\r\n\t",
    "a:", "<@boss@example.com:", "@example.com", "%boss@example.com", "John", "é", "\u2028", "\x85",
    "=?utf-8?q?boss=40example.com=2C?=", "=?utf-8?b?Ym9zc0BleGFtcGxlLmNvbSw=?=", "=?utf-8?q?=22?=",
    "=?utf-8?q?=3Cboss=40example.com=3E?=", "=?utf-7?q?+AEA-?=", "=?utf-8?q?=0D=0AFrom:_boss?=",
    "=?us-ascii?q?(?=", "=?utf-16?b?AEA=?=", "=?x?q?boss?=", "=?utf-8?q?", "?=", "[127.0.0.1]",
    "()",
    ".John", "..", "J..S", '"a\r\n b"', "(a\r\n b)",
    '"boss@example.com"', '"<boss@example.com>"', '\\"', "\\)", "\0", "\r", "\n", "\x0b", "\x1f",
)  # fmt: skip
_BLANKS = (
    b"", b" ", b"\t", b"  ", b"\x0b", b"\x0c", b"\0", b"\xa0", b"\xc2\xa0", b"\xef\xbb\xbf", b"\r",
)  # fmt: skip
_LINES = (
    b"", b" ", b"\t", b" \t ", b"\x0b", b" \x0c", b"\xc2\xa0", b" \xc2\xa0", b"hello",
    b"hello there", b":",
    b": x", b" : x", b"\xef\xbb\xbf", b"From js@example.com Thu Nov 26 12:00:00 2026",
    b">From js: x", b"\0",
    b"-----", b"--b", b"Subject", b"X-\xe9: y", b"a b: c", b"a\x0bb: c",
    b"=?utf-8?q?From?=: boss@example.com",
    b"Content-Type: message/rfc822", b"Content-Type: multipart/mixed; boundary=b", b" continued",
    b"Received: from x", b"x" * 998, b"Subject: " + b"x" * 2000, b".", b"\x1a", b"\x7f",
)  # fmt: skip
_ENDS = (
    b"\r", b"\n", b"\0", b"\x0b", b"\x0c", b"\x1c", b"\x1d", b"\x1e", b"\x85", b"\xc2\x85",
    b"\xe2\x80\xa8",
    b"\xe2\x80\xa9", b"\r\r\n", b"\n\r", b"\r\n\n", b"\n\n", b"\r\r", b"\\r\\n", b"=0D=0A",
    b"\r\n ", b"\r\n",
)  # fmt: skip
_BODIES = (
    b"Hello.\r\n", b"From: boss@example.com\r\n\r\nHello.\r\n",
    b"\r\nFrom: boss@example.com\r\n\r\nx\r\n",
    b"X-Scalix-Authenticated-Sender: boss@example.com\r\n\r\nHello.\r\n", b"",
)  # fmt: skip


def message(random: Random) -> bytes:
    """Return a message in which nothing up to four things are odd."""
    lines = [_field(random, b"From", random.choice(_PLAIN)), b"To: ann@far.example", b"Subject: x"]
    if random.random() < 0.3:
        name = random.choice(NAMES)
        lines.append(_field(random, name, random.choice(_PLAIN)))
    if random.random() < 0.1:
        del lines[0]
    random.shuffle(lines)
    for _ in range(random.choice((0, 1, 1, 1, 2, 2, 3, 4))):
        random.choice(_ODDITIES)(random, lines)
    header = b"\r\n".join(lines) + (b"\r\n" if lines else b"")
    body = random.choice(_BODIES)
    if random.random() < 0.05:
        return header.removesuffix(b"\r\n" if random.random() < 0.5 else b"") + body
    content = header + b"\r\n" + body
    if random.random() < 0.1:
        where = random.randrange(len(content))
        octet = random.choice((b"\r", b"\n", b"\0", b" ", b":", b"\t", b"@", b"<", b"\r\n"))
        content = content[:where] + octet + content[where + random.randrange(2) :]
    return content


def _field(random: Random, name: bytes, value: str) -> bytes:
    codec = "latin-1" if random.random() < 0.1 else "utf-8"
    return name + b": " + value.encode(codec, "replace")


def _place(random: Random, lines: list[bytes], line: bytes) -> None:
    # What stands first or last is the oddest.
    lines.insert(random.choice((0, len(lines), random.randint(0, len(lines)))), line)


def _odd_line(random: Random, lines: list[bytes]) -> None:
    _place(random, lines, random.choice(_LINES))


def _odd_name(random: Random, lines: list[bytes]) -> None:
    name = random.choice((*NAMES, b"X-Scalix-Authenticated-Sender", b"x-scalix-foo"))
    if random.random() < 0.1:
        name = name[:2] + random.choice((*_BLANKS, b"\r\n ")) + name[2:]
    name = random.choice((name, name.upper(), name.lower()))
    after = random.choice((b"", b"", *_BLANKS, b"\r\n ", b"\r\n"))
    colon = random.choice((b":", b": ", b":\t", b":\r\n ", b"::", b"", b"\xef\xbc\x9a"))
    value = random.choice(OTHERS).encode()
    _place(random, lines, random.choice((b"", *_BLANKS)) + name + after + colon + value)


def _odd_end(random: Random, lines: list[bytes]) -> None:
    name = random.choice((*NAMES, b"X-Scalix-Foo"))
    hidden = name + b": " + random.choice(OTHERS).encode()
    _place(random, lines, b"Subject: x" + random.choice(_ENDS) + hidden)


def _odd_value(random: Random, lines: list[bytes]) -> None:
    value = "".join(random.choices(_PIECES, k=random.randint(1, 8)))
    if random.random() < 0.5:
        # Mostly sound.
        start = random.choice(_PLAIN)
        where = random.randint(0, len(start))
        value = start[:where] + value[: random.randint(1, 40)] + start[where:]
    _place(random, lines, _field(random, random.choice(NAMES), value))


def _own_header(random: Random, lines: list[bytes]) -> None:
    name = random.choice((b"X-Scalix-Foo", b"x-scalix-authenticated-sender", b"X-SCALIX-"))
    value = random.choice((b" a", b"", b" a\r\n b", b"\r\n \r\n b", b"\r\n a\r\n\tb"))
    _place(random, lines, name + random.choice((b"", b"", b" ", b"\t")) + b":" + value)


def _duplicate(random: Random, lines: list[bytes]) -> None:
    if lines:
        _place(random, lines, random.choice(lines))


def _none(random: Random, lines: list[bytes]) -> None:
    """Leave no header, or only one of ours."""
    del lines[:]
    if random.random() < 0.5:
        _own_header(random, lines)


_ODDITIES: tuple[Callable[[Random, list[bytes]], None], ...] = (
    _odd_line, _odd_line, _odd_name, _odd_name, _odd_end, _odd_value, _odd_value, _odd_value,
    _odd_value, _own_header, _duplicate, _none,
)  # fmt: skip
