"""What strangers write: it is refused or read one way, and never takes long."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.seeds import rounds
from tests.smtp_access.conftest import JOHN, NewSession, host
from ualauth.smtp_access.events import Action
from ualauth.smtp_access.mailboxes import (
    MAX_MAILBOX,
    Mailbox,
    read_mailbox,
    read_recipient,
    read_sender,
    read_with_library,
)
from ualauth.smtp_access.originator import read_from
from ualauth.smtp_access.parse import parse
from ualauth.smtp_access.syntax import lines
from ualauth.smtp_access.wildcards import matcher
from ualauth.sources.page import Line

LONG = 64 * 1024


def lines_of(text: str) -> list[Line]:
    return list(lines(text))


def seconds(call: Callable[[], object]) -> float:
    """Return the processor time of a call; the least of three, for others disturb."""
    times = []
    for _ in range(3):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times)


BAD = [
    "a\rb@c", "a\nb@c", "a@b\r\nRCPT TO:<x@y>", "a\0@b", '"a\0"@b', '"a\r\n"@b', "\udcff@b",
    "a@b\udcff", "a@b c", "a b@c", "a@", "@b", "@", "a", "<a@b", "a@b>", "a@b@c", "a@b,c@d",
    "a@b.", "a@.b", "a@b..c", "a@[", "a@[]", "a@[300.1.1.1]", "a@[::1]", "a@[IPv6:1.2.3.4]",
    "a@[IPv6:xyz]", "a@[1.2.3.4", "a(x)@b", "a@b(x)", "a @b", "a@ b", ".a@b", "a.@b", "a..b@c",
    '"a"b@c', '"a@b', 'a"b"@c', "a@b%c", "a@b!c", "a@b/c", "a@b'c", "a\u2028@b", "a\u202e@b",
    "a\x7f@b", '"\x1b[31m"@b', "a@\u202eb", "a" * LONG, "a" * LONG + "@b", "a@" + "b." * LONG,
    '"' + "\\a" * LONG + '"@b', "(" * LONG + "a@b", "@a," * LONG + ":a@b", "a@" + "é" * LONG,
    "@" * LONG, '""' * LONG + "@b", "a@[" + "1" * LONG + "]", "x" * (MAX_MAILBOX + 1),
]  # fmt: skip


@pytest.mark.parametrize("text", BAD, ids=lambda text: ascii(text[:16]))
def test_what_is_no_address_is_refused_whatever_the_rules_say(
    session: NewSession, text: str
) -> None:
    running = session("ORIGINATOR Accept *\nRECIPIENT Accept *\nRELAY Accept *.example")
    running.connected(host("127.0.0.1"))
    refused = running.mail_from(text, None)
    assert (refused.action, refused.rule) == (Action.REJECT, None)
    assert str(refused.reply) == "553 5.1.7 The sender is no address"
    running.mail_from("a@b.example", None)
    refused = running.rcpt_to(text)
    assert str(refused.reply) == "553 5.1.3 The recipient is no address"
    assert refused.action is Action.REJECT


@pytest.mark.parametrize("text", [text for text in BAD if len(text) > 1000], ids=len)
def test_long_addresses_are_refused_at_once(text: str) -> None:
    def read() -> None:
        with pytest.raises(ValueError, match="more than"):
            read_mailbox(text)

    assert seconds(read) < 0.005


def test_the_longest_address_that_is_read_does_not_take_long() -> None:
    for text in ('""' * 159 + "@b", "(" * 318 + "@b", '"' + "\\a" * 150 + '"@b', "a." * 158 + "@b"):
        for read in (read_sender, read_recipient, read_with_library):

            def call(text: str = text, read: Callable[[str], Mailbox] = read) -> None:
                try:
                    read(text)
                except ValueError:
                    return

            assert seconds(call) < 0.1


@pytest.mark.parametrize(
    ("text", "mailbox"),
    [
        ('"john smith"@b', Mailbox("john smith", "b")),
        ('"john"@b', Mailbox("john", "b")),
        ('"j\\ohn"@b', Mailbox("john", "b")),
        ('"a@b"@c', Mailbox("a@b", "c")),
        ('"a\\"b"@c', Mailbox('a"b', "c")),
        ("@x,@y:a@b", Mailbox("a", "b")),
        ("<a@b>", Mailbox("a", "b")),
        ("a@[127.0.0.1]", Mailbox("a", "[127.0.0.1]")),
        ("a@[IPv6:2001:DB8:0::1]", Mailbox("a", "[ipv6:2001:db8::1]")),
        ("a@[IPv6:::ffff:127.0.0.1]", Mailbox("a", "[127.0.0.1]")),
        ("jörg@bücher.example", Mailbox("jörg", "xn--bcher-kva.example")),
        ("a+b=c/d@e_f", Mailbox("a+b=c/d", "e_f")),
    ],
)
def test_unusual_addresses_are_read_in_one_form(text: str, mailbox: Mailbox) -> None:
    assert read_mailbox(text) == mailbox
    # And what is printed is read as the same.
    assert read_mailbox(str(mailbox)) == mailbox


@pytest.mark.parametrize("text", ["a@b.example", "A.b+c@D-e.f_g", "x!y%z@h", "a'b@c", "{a}|~@b"])
def test_the_short_way_reads_what_the_library_reads(text: str) -> None:
    assert read_mailbox(text) == read_with_library(text)


@pytest.mark.parametrize("bomb", ["*a", "*?", "a*", "*aa", "*?a", "?*"])
@pytest.mark.parametrize("ending", ["", "b"])
def test_wildcard_bombs_stay_linear(bomb: str, ending: str) -> None:
    pattern = matcher(bomb * 2000 + ending)
    small, large = "a" * 8000, "a" * 64000
    pattern(large)
    # Eight times the text: a quadratic match would take sixty-four times as long.
    assert seconds(lambda: pattern(large)) < 20 * seconds(lambda: pattern(small)) + 0.005
    assert seconds(lambda: pattern(large)) < 0.05


def test_bombs_in_rules_do_not_slow_decisions(session: NewSession) -> None:
    bombs = "\n".join(
        f"{event} Reject {'*a' * 50}b{'@*' if event == 'ORIGINATOR' else ''}"
        for event in ("SUBMIT", "ORIGINATOR")
        for _ in range(50)
    )
    running = session(bombs)
    client = host("192.0.2.7", ".".join(["a" * 60] * 4))

    def attempt() -> None:
        assert not running.connected(client).refuses
        assert not running.mail_from("a" * 60 + "@a.example", JOHN).refuses

    assert seconds(attempt) < 0.05


@pytest.mark.slow
def test_lines_without_end_are_read_at_once() -> None:
    for text in ('"' * LONG, '"\\' * LONG, "a" * LONG, '"a" ' * LONG, " " * LONG):
        assert seconds(partial(lines_of, text)) < 0.5
        assert seconds(partial(parse, "smtpd.cfg", text[:LONG])) < 1


def test_from_headers_do_not_take_long() -> None:
    for text in ("a," * 2000, "(a)" * 1300, "<" * 4000, "=?utf-8?q?" * 400, "x" * LONG):
        assert seconds(partial(read_from, [text])) < 0.5


PIECES = st.lists(
    st.one_of(
        st.sampled_from([*'@.<>[]()"\\:;, \t\r\n\0%!', "a", "b.c", "[1.2.3.4]", "[IPv6:::1]"]),
        st.text(max_size=4),
    ),
    max_size=12,
).map("".join)


@pytest.mark.slow
@settings(max_examples=rounds(1000))
@given(PIECES)
def test_any_text_is_one_address_or_none(text: str) -> None:
    for read in (read_sender, read_recipient):
        try:
            mailbox = read(text)
        except ValueError:
            continue
        assert read(str(mailbox)) == mailbox
        assert str(mailbox).isprintable()


@pytest.mark.slow
@settings(max_examples=rounds(300))
@given(PIECES)
def test_any_from_header_is_read_or_names_no_user(text: str) -> None:
    addresses = read_from([text])
    assert addresses is None or len(addresses) > 0
