"""Names of hosts: trusted only if they point back, and never waited for too long."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from ipaddress import ip_address

import dns.asyncresolver
import dns.resolver
import pytest

from tests.machine import patience
from tests.smtp_access.zone import Zone
from ualauth.smtp_access.dns_resolver import AsyncDnsResolver, DnsResolver
from ualauth.smtp_access.name_lookup import (
    MAX_NAMES,
    confirmed_names,
    confirmed_names_async,
)
from ualauth.system.networks import Address, read_address

FOUR, SIX = ip_address("192.0.2.7"), ip_address("2001:db8::7")


REVERSE = "7.2.0.192.in-addr.arpa."
REVERSE_SIX = "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa."


@pytest.fixture
def zone() -> Iterator[Zone]:
    running = Zone(
        {
            (REVERSE, "PTR"): [
                "PC7.Example.COM.", "liar.example.com.", "nowhere.example.com.",
                "broken.example.com.", "*.example.com.", "a\\032b.example.com.",
            ],
            ("pc7.example.com.", "A"): ["192.0.2.99", "192.0.2.7"],
            ("liar.example.com.", "A"): ["192.0.2.8"],
            ("*.example.com.", "A"): ["192.0.2.7"],
            (REVERSE_SIX, "PTR"): ["six.example.com."],
            ("six.example.com.", "AAAA"): ["2001:db8:0::7"],
            ("9.2.0.192.in-addr.arpa.", "PTR"): ["silent.example.com."],
        }
    )  # fmt: skip
    running.start()
    yield running
    running.stop()


def found(
    zone: Zone, address: Address | None, seconds: float = patience(5.0)
) -> list[tuple[str, ...]]:
    """Look up in both ways; they have to find the same."""
    blocking = dns.resolver.Resolver(configure=False)
    asynchronous = dns.asyncresolver.Resolver(configure=False)
    for resolver in (blocking, asynchronous):
        resolver.nameservers, resolver.port = ["127.0.0.1"], zone.port
    assert address is not None
    return [
        confirmed_names(DnsResolver(blocking), address, seconds),
        asyncio.run(confirmed_names_async(AsyncDnsResolver(asynchronous), address, seconds)),
    ]


def test_only_names_that_point_back_are_trusted(zone: Zone) -> None:
    assert found(zone, FOUR) == [("pc7.example.com",)] * 2
    assert ("*.example.com.", "A") not in zone.asked


def test_addresses_of_version_6_have_names_too(zone: Zone) -> None:
    assert found(zone, SIX) == [("six.example.com",)] * 2


def test_an_address_without_names_has_none(zone: Zone) -> None:
    assert found(zone, read_address("192.0.2.8")) == [()] * 2


def test_a_server_that_is_silent_is_not_waited_for(zone: Zone) -> None:
    start = time.monotonic()
    assert found(zone, read_address("192.0.2.9"), 0.2) == [()] * 2
    assert time.monotonic() - start < patience(3)


def test_without_a_server_there_are_no_names(zone: Zone) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.1", 0))
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], closed.getsockname()[1]
        assert confirmed_names(DnsResolver(resolver), FOUR, 0.2) == ()


# Resolvers of others


class Table:
    """A resolver with many names, which raises or hangs if it is told to."""

    def __init__(self, names: Sequence[str], fault: Exception | None = None) -> None:
        self._names = names
        self._fault = fault
        self.asked = 0

    def names(self, address: Address, seconds: float) -> Sequence[str]:
        if self._fault is not None:
            raise self._fault
        return self._names

    def addresses(self, name: str, version: int, seconds: float) -> Sequence[str]:
        self.asked += 1
        return ["192.0.2.7"]


class AsyncTable:
    def __init__(self, table: Table) -> None:
        self._table = table

    async def names(self, address: Address, seconds: float) -> Sequence[str]:
        return self._table.names(address, seconds)

    async def addresses(self, name: str, version: int, seconds: float) -> Sequence[str]:
        return self._table.addresses(name, version, seconds)


def both(table: Table, seconds: float = patience(5.0)) -> list[tuple[str, ...]]:
    return [
        confirmed_names(table, FOUR, seconds),
        asyncio.run(confirmed_names_async(AsyncTable(table), FOUR, seconds)),
    ]


def test_many_names_are_cut(zone: Zone) -> None:
    table = Table([f"h{number}.example" for number in range(1000)])
    assert [len(names) for names in both(table)] == [MAX_NAMES] * 2
    assert table.asked == 2 * MAX_NAMES


@pytest.mark.parametrize("fault", [OSError("no"), ValueError("x"), TimeoutError(), RuntimeError()])
def test_whatever_a_resolver_raises_is_unknown(fault: Exception) -> None:
    assert both(Table([], fault)) == [()] * 2


@pytest.mark.parametrize("name", ["a b", "a\r\nb", "", ".", "a..b", "x" * 64, "a." * 200, "é.x"])
def test_what_is_no_name_is_left_out(name: str) -> None:
    assert both(Table([name])) == [()] * 2


def test_a_resolver_that_hangs_is_left_behind() -> None:
    release = threading.Event()

    class Hanging(Table):
        def names(self, address: Address, seconds: float) -> Sequence[str]:
            release.wait(patience(30))
            return ["late.example"]

    class AsyncHanging(AsyncTable):
        async def names(self, address: Address, seconds: float) -> Sequence[str]:
            await asyncio.Event().wait()
            return []

    start = time.monotonic()
    try:
        assert confirmed_names(Hanging([]), FOUR, 0.1) == ()
        hanging = AsyncHanging(Table([]))
        assert asyncio.run(confirmed_names_async(hanging, FOUR, 0.1)) == ()
    finally:
        release.set()
    assert time.monotonic() - start < patience(5)
