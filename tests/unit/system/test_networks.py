"""Addresses of peers: how they are read, what networks have them, and where failures come from."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ualauth.system.networks import is_within, read_address, read_network, source_of, sources_of


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::FFFF:c000:207", "192.0.2.7"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::192.0.2.7", "::192.0.2.7"),
    ],
)
def test_an_address_is_read_in_every_form(text: str, address: str) -> None:
    assert read_address(text) == ipaddress.ip_address(address)


@pytest.mark.parametrize(
    "text",
    [
        *(None, "", "%eth0", "mail.example.com", "192.0.2", "192.0.2.256", "192.0.2.07"),
        *("0xc0000207", "192.0.2.7 ", "[::1]", "::1/128", "1.2.3.4.5", "٣.0.2.7", "192.0.2.7\0"),
    ],
)
def test_what_is_no_address_is_none(text: str | None) -> None:
    assert read_address(text) is None


@pytest.mark.parametrize(
    ("network", "inside", "outside"),
    [
        ("192.0.2.0/24", ["192.0.2.0", "::ffff:192.0.2.255"], ["192.0.3.0", "::192.0.2.1"]),
        ("192.0.2.7", ["192.0.2.7"], ["192.0.2.8", "::1"]),
        ("0.0.0.0/0", ["203.0.113.1", "::ffff:203.0.113.1"], ["2001:db8::1"]),
        ("2001:db8::/32", ["2001:db8:ffff::1"], ["2001:db9::", "192.0.2.7"]),
        ("::1", ["::1"], ["::2", "127.0.0.1"]),
        ("::ffff:192.0.2.0/120", ["192.0.2.9"], ["192.0.3.9"]),
        ("::/0", ["2001:db8::1"], ["192.0.2.7", "::ffff:192.0.2.7"]),
    ],
)
def test_a_network_has_its_addresses(network: str, inside: list[str], outside: list[str]) -> None:
    networks = [read_network(network)]
    assert [each for each in inside if not is_within(read_address(each), networks)] == []
    assert [each for each in outside if is_within(read_address(each), networks)] == []


def test_no_network_has_what_is_no_address() -> None:
    everything = [read_network("0.0.0.0/0"), read_network("::/0")]
    assert not is_within(read_address("mail.example.com"), everything)
    assert not is_within(None, everything)
    assert not is_within(read_address("::1"), [])


@pytest.mark.parametrize(
    "text",
    [
        *("", "example.com", "192.0.2.7/33", "192.0.2.7/24", "192.0.2.0/", "192.0.2.0/-1", "1.2/8"),
        *("192.0.2.0/255.255.255.0", "2001:db8::1/64", "::/129", "fe80::%eth0/64", "fe80::1%eth0"),
    ],
)
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no address|bits|scope"):
        read_network(text)


@pytest.mark.parametrize(
    ("rhost", "source"),
    [
        (None, ""),
        ("", ""),
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1%eth0", "2001:db8::/64"),
        ("Mail.Example.COM", "mail.example.com"),
        ("x" * 300, "x" * 255),
    ],
)
def test_a_source_is_what_no_client_can_choose_freely(rhost: str | None, source: str) -> None:
    assert source_of(rhost) == source


def stands_for_ipv4(address: ipaddress.IPv6Address) -> bool:
    nat64 = ipaddress.ip_network("64:ff9b::/96")
    return address.ipv4_mapped is not None or address in nat64 or address.sixtofour is not None


@pytest.mark.parametrize(
    ("rhost", "sources"),
    [
        ("192.0.2.7", [("192.0.2.7", 1)]),
        ("2001:db8:1:2::3", [("2001:db8:1:2::/64", 1), ("2001:db8:1::/48", 4)]),
        ("64:ff9b::192.0.2.7", [("192.0.2.7", 1)]),
        ("64:ff9b::c633:6409", [("198.51.100.9", 1)]),
        ("64:ff9b:1::c000:207", [("64:ff9b:1::/64", 1), ("64:ff9b:1::/48", 4)]),
        ("2002:c000:207::1", [("192.0.2.7", 1)]),
        ("2002:c000:207:ffff:1:2:3:4", [("192.0.2.7", 1)]),
        ("::ffff:192.0.2.7", [("192.0.2.7", 1)]),
        ("mail.example.com", [("mail.example.com", 1)]),
        (None, [("", 1)]),
    ],
)
def test_a_source_is_part_of_wider_ones(rhost: str | None, sources: list[tuple[str, int]]) -> None:
    assert [tuple(each) for each in sources_of(rhost)] == sources


@given(st.ip_addresses(v=6), st.integers(0, 2**64 - 1))
def test_all_of_an_ipv6_network_is_one_source(address: ipaddress.IPv6Address, low: int) -> None:
    neighbour = ipaddress.IPv6Address(int(address) >> 64 << 64 | low)
    if not (stands_for_ipv4(address) or stands_for_ipv4(neighbour)):
        assert source_of(str(address)) == source_of(str(neighbour))


@given(st.ip_addresses(), st.ip_addresses())
def test_a_network_of_one_address_has_no_other(
    one: ipaddress.IPv4Address, other: ipaddress.IPv4Address
) -> None:
    networks = [read_network(str(one))]
    assert is_within(read_address(str(one)), networks)
    same = read_address(str(one)) == read_address(str(other))
    assert is_within(read_address(str(other)), networks) is same


@given(st.text(max_size=40))
def test_no_text_breaks_a_reader(text: str) -> None:
    source_of(text)
    try:
        network = read_network(text)
    except ValueError:
        return
    assert read_network(str(network)) == network
