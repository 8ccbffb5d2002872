"""Addresses of peers and the networks that they are in.

IPv4 in IPv6 (`::ffff:192.0.2.7`) is the same address as in IPv4 (RFC 4291,
section 2.5.5.2): which one a server sees depends on how it listens.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_SOURCE_PREFIX = 64
"""Bits of an IPv6 address that tell a source: what follows the host chooses (RFC 4291)."""
_SITE_PREFIX = 48
"""Bits of an IPv6 address that tell a site, which has all networks behind them (RFC 6177)."""
_SITE_FACTOR = 4
"""How many times as many failures a site may have as one of its networks."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""IPv4 addresses as IPv6 hosts see them (RFC 6052, section 2.1): the last 32 bits."""
_MAPPED_BITS = 96
"""Bits before the IPv4 address in an IPv4-mapped IPv6 address."""
_OCTETS = 4
_MAX_SOURCE = 255
_REMEMBERED = 4096
"""Peers whose address need not be read again."""


@lru_cache(_REMEMBERED)
def read_address(text: str | None) -> Address | None:
    """Return the address, or `None` for a host name, nothing, or anything else.

    A zone (`fe80::1%eth0`) does not count.
    """
    if not text:
        return None
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def read_network(text: str) -> Network:
    """Return the network that `text` names: an address, or CIDR.

    Raises:
        ValueError: for anything else, and for bits set behind the prefix.

    """
    if "%" in text:
        raise ValueError(f"{text[:64]!r} has a scope, and scopes are not compared")
    address, slash, bits = text.partition("/")
    if slash and not bits.isdigit():
        raise ValueError(f"{text[:64]!r} has no number of bits after the slash")
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"{text[:64]!r} is no address and no network{_hint(text)}") from None
    if slash and ipaddress.ip_address(address) != network.network_address:
        raise ValueError(f"{text!r} has bits set behind its network: write {network}")
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is not None and network.prefixlen >= _MAPPED_BITS:
        return ipaddress.IPv4Network((mapped, network.prefixlen - _MAPPED_BITS))
    return network


def _hint(text: str) -> str:
    """Return what to write for the beginning of an address, as other programs take it."""
    octets = text.removesuffix(".").split(".")
    begun = text.endswith(".") and all(each.isdecimal() for each in octets)
    if not (begun and len(octets) < _OCTETS):
        return ""
    padded = ".".join([*octets, *["0"] * (_OCTETS - len(octets))])
    return f": write {padded}/{len(octets) * 8}"


def is_within(address: Address | None, networks: Iterable[Network]) -> bool:
    """Return whether one of `networks` has the address; none has what is no address."""
    return address is not None and any(address in network for network in networks)


class Source(NamedTuple):
    """What peers are told apart by, and how many times the usual failures it may have."""

    text: str
    factor: int = 1


@lru_cache(_REMEMBERED)
def source_of(rhost: str | None) -> str:
    """Return what peers are told apart by: an IPv4 address, an IPv6 /64, or a host name.

    An empty text is a client on this host. An IPv6 address that stands for an
    IPv4 host (NAT64, 6to4) is that host's.
    """
    return sources_of(rhost)[0].text


@lru_cache(_REMEMBERED)
def sources_of(rhost: str | None) -> tuple[Source, ...]:
    """Return the source of a peer (`source_of`), and the wider ones that it is part of.

    An IPv6 /48 may have more failures than each of its /64: most are one customer's.
    """
    address = read_address(rhost)
    if address is None:
        return (Source((rhost or "").lower()[:_MAX_SOURCE]),)
    if isinstance(address, ipaddress.IPv6Address):
        inside = _ipv4_inside(address)
        if inside is not None:
            return (Source(str(inside)),)
        return (
            Source(str(ipaddress.ip_network((address, _SOURCE_PREFIX), strict=False))),
            Source(str(ipaddress.ip_network((address, _SITE_PREFIX), strict=False)), _SITE_FACTOR),
        )
    return (Source(str(address)),)


def _ipv4_inside(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 host that an address of NAT64 or 6to4 (RFC 3056) stands for."""
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour
