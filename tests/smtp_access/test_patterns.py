"""Patterns of hosts and of e-mail addresses: what each matches, and what is none."""

from __future__ import annotations

import pytest

from tests.smtp_access.conftest import host
from ualauth.smtp_access.host_index import NONE, HostIndex
from ualauth.smtp_access.host_patterns import PatternError, read_host_pattern
from ualauth.smtp_access.hosts import Host
from ualauth.smtp_access.mailbox_index import MailboxIndex
from ualauth.smtp_access.mailbox_patterns import read_mailbox_pattern
from ualauth.smtp_access.mailboxes import read_sender

PC = host("192.168.1.5", "pc5.lan.example.com")
SIX = host("2001:db8:1::7", "mail.example.net")
UNKNOWN = host()
BUCHER = host("10.0.0.1", "www.xn--bcher-kva.example")


def matches_host(pattern: str, client: Host) -> bool:
    return HostIndex([(0, read_host_pattern(pattern))]).first(client) != NONE


def matches_mail(pattern: str, address: str) -> bool:
    return MailboxIndex([(0, read_mailbox_pattern(pattern))]).first(read_sender(address)) != NONE


@pytest.mark.parametrize(
    ("pattern", "client"),
    [
        ("*", PC), ("*", UNKNOWN), ("**", UNKNOWN),
        ("192.168.1.5", PC), ("192.168.1.*", PC), ("192.168.*", PC), ("192.168.*.*", PC),
        ("192.*", PC), ("192.168.1.?", PC), ("192.*.5", PC), ("*.5", PC), ("192.168.0.0/16", PC),
        ("192.168.1.5/32", PC), ("0.0.0.0/0", PC), ("::ffff:192.168.1.5", PC),
        ("::ffff:192.168.0.0/112", PC),
        ("pc5.lan.example.com", PC), ("PC5.Lan.Example.COM.", PC), ("*.lan.example.com", PC),
        ("*.example.com", PC), ("*.com", PC), ("pc?.lan.example.com", PC), ("pc*", PC),
        ("*lan*", PC), ("*.exam*", PC), ("*.*", PC),
        ("2001:db8:1::7", SIX), ("2001:DB8:1:0:0:0:0:7", SIX), ("2001:db8::/32", SIX),
        ("2001:db8:*", SIX), ("2001:db8:1:*", SIX), ("2001:db8:1:*:*", SIX), ("::/0", SIX),
        ("*.bücher.example", BUCHER), ("*.BÜCHER.example", BUCHER),
        ("www.bücher.example", BUCHER), ("www.xn--bcher-kva.example", BUCHER),
        ("www\u3002bücher\uff0eexample", BUCHER), ("w*.bücher.example", BUCHER),
    ],
)  # fmt: skip
def test_host_is_matched(pattern: str, client: Host) -> None:
    assert matches_host(pattern, client)


@pytest.mark.parametrize(
    ("pattern", "client"),
    [
        ("192.168.1.6", PC), ("192.168.2.*", PC), ("192.168.1.??", PC), ("10.0.0.0/8", PC),
        ("19?.168.2.*", PC),
        ("lan.example.com", PC), ("*.pc5.lan.example.com", PC), ("pc5.lan.example", PC),
        ("*.example.co", PC), ("xample.com", PC), ("*.xample.com", PC), ("::/0", PC),
        ("2001:db8:2:*", SIX), ("0.0.0.0/0", SIX), ("*.example.com", SIX),
        ("*.*", UNKNOWN), ("0.0.0.0/0", UNKNOWN), ("?*", UNKNOWN), ("unknown", UNKNOWN),
        ("*.bucher.example", BUCHER), ("example.com", host("10.0.0.1", "example.com.evil.net")),
    ],
)  # fmt: skip
def test_host_is_not_matched(pattern: str, client: Host) -> None:
    assert not matches_host(pattern, client)


@pytest.mark.parametrize(
    "pattern",
    ["*", "192.168.1.5", "192.168.*", "pc5.lan.example.com", "*.example.com", "pc*", "192.*.5"],
)
def test_of_two_rules_with_a_pattern_the_first_counts(pattern: str) -> None:
    read = read_host_pattern(pattern)
    assert HostIndex([(7, read), (3, read), (5, read)]).first(PC) == 3


@pytest.mark.parametrize(
    "pattern", ["*", "a@b.example", "*@b.example", "*@*.example", "a@*", "?@b.example", "*b.ex*"]
)
def test_of_two_addresses_the_first_counts(pattern: str) -> None:
    read = read_mailbox_pattern(pattern)
    index = MailboxIndex([(7, read), (3, read), (5, read)])
    assert index.first(read_sender("a@b.example")) == 3


@pytest.mark.parametrize(
    ("pattern", "cure"),
    [
        ("256.1.1.1", "192.0.2.0/24"), ("1.2.3", "192.0.2.0/24"), ("192.168.1.5/24", "192.0.2"),
        ("192.168.1.0/33", "192.0.2.0/24"), ("300.*", "192.0.2.0/24"),
        ("2001:db8::*", "2001:db8:*"), ("2001:*:1", "2001:db8:*"), ("fe80::1%eth0", "192.0.2"),
        ("[192.0.2.1]", "192.0.2.7"), ("me@example.com", "mail.example.com"), ("a..b", "mail."),
        (".example.com", "*.example.com"), ("a b", "mail."), ("mail/24", "192.0.2.0/24"),
        ("b*ü.example", "xn--"), ("x" * 64, "mail."), ("a." * 130, "mail."), ("*..b", "mail."),
        ("a,b", "mail."), ("192.168.*/16", "192.0.2.0/24"),
    ],
)  # fmt: skip
def test_what_is_no_host_has_a_cure(pattern: str, cure: str) -> None:
    with pytest.raises(PatternError) as raised:
        read_host_pattern(pattern)
    assert cure in raised.value.cure


@pytest.mark.parametrize(
    ("pattern", "address"),
    [
        # The reference's own example.
        ("*@*.spam.net", "iama.spammer@lotsof.spam.net"),
        ("*", "a@b.example"), ("*", "<>"), ("<>", "<>"), ("*@*", "a@b.example"),
        ("a@b.example", "a@B.EXAMPLE"), ("*@b.example", "A.B@b.example"), ("a@*", "a@x.example"),
        ("a*@b.example", "abc@b.example"), ("?@b.example", "a@b.example"),
        ("*spam*", "x@spam.net"), ("*spam*", "my.spam@b.example"), ("*.net", "x@y.net"),
        ("a*net", "a@y.net"), ("a?b.example", "a@b.example"),
        ('"john smith"@b.example', '"john smith"@b.example'), ('"a"@b.example', "a@b.example"),
        ('"john *"@b.example', '"john smith"@b.example'), ("*@[192.0.2.1]", "a@[192.0.2.1]"),
        ("a@[IPv6:2001:DB8::1]", "a@[IPv6:2001:db8:0::1]"), ("*@[*]", "a@[192.0.2.1]"),
        ("*@[192.0.*]", "a@[192.0.2.1]"), ("*@bücher.example", "x@xn--bcher-kva.example"),
        ("jörg@b.example", "jo\u0308rg@b.example"), ("*@faß.example", "x@xn--fa-hia.example"),
        ("*@*.bücher.example", "x@y.BÜCHER.example"), ("a@☃.net", "a@☃.NET"),
        ("*@host", "a@host"), ("a%b@c", "a%b@c"),
    ],
)  # fmt: skip
def test_address_is_matched(pattern: str, address: str) -> None:
    assert matches_mail(pattern, address)


@pytest.mark.parametrize(
    ("pattern", "address"),
    [
        ("*@*.spam.net", "iama.spammer@spam.net"), ("*@*.spam.net", "x@lotsof.spam.net.example"),
        ("*@*", "<>"), ("<>", "a@b.example"), ("a@b.example", "A@b.example"),
        ("*@b.example", "x@sub.b.example"), ("a@*", "ab@x.example"), ("*spam*", "x@b.example"),
        ("*spam*", "<>"), ("*spam*", "SPAM@b.example"), ("*@faß.example", "x@fass.example"),
        ("??@b.example", "a@b.example"), ("*@[192.0.2.1]", "a@[192.0.2.2]"),
        ("*@[192.0.2.1]", "a@b.example"),
    ],
)  # fmt: skip
def test_address_is_not_matched(pattern: str, address: str) -> None:
    assert not matches_mail(pattern, address)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("spam.net", "*@spam.net"), ("spam", "jsmith@example.com"), ("<a@b>", "leave them out"),
        ("@b.example", "jsmith@"), ("a@", "*.example.com"), ("a@b..c", "jsmith@example.com"),
        ("*Spam*", "lower case"), ("*ö*", "without letters beyond ASCII"),
        ("a b@c", "jsmith@example.com"), ("*@a,b", "mail.example.com"), ("*@[x]", "[192.0.2.7]"),
        ("a" * 321, "jsmith@example.com"), ("*@b*ü.example", "xn--"), ("a(x)@b", "jsmith@"),
    ],
)  # fmt: skip
def test_what_is_no_address_has_a_cure(pattern: str, text: str) -> None:
    with pytest.raises(PatternError) as raised:
        read_mailbox_pattern(pattern)
    assert text in raised.value.cure
