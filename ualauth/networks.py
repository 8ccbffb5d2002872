"""Addresses of peers and the networks that they are in.

IPv4 in IPv6 (`::ffff:192.0.2.7`) is the same address as in IPv4 (RFC 4291,
section 2.5.5.2): which one a server sees depends on how it listens.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_SOURCE_PREFIX = 64
"""Bits of an IPv6 address that tell a source: what follows anybody there chooses (RFC 4291)."""
_MAPPED_BITS = 96
"""Bits before the IPv4 address in an IPv4-mapped IPv6 address."""
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
        raise ValueError(f"{text[:64]!r} is no address and no network") from None
    if slash and ipaddress.ip_address(address) != network.network_address:
        raise ValueError(f"{text!r} has bits set behind its network: write {network}")
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is not None and network.prefixlen >= _MAPPED_BITS:
        return ipaddress.IPv4Network((mapped, network.prefixlen - _MAPPED_BITS))
    return network


def is_within(address: Address | None, networks: Iterable[Network]) -> bool:
    """Return whether one of `networks` has the address; none has what is no address."""
    return address is not None and any(address in network for network in networks)


@lru_cache(_REMEMBERED)
def source_of(rhost: str | None) -> str:
    """Return what peers are told apart by: an IPv4 address, an IPv6 /64, or a host name.

    An empty text is somebody on this host.
    """
    address = read_address(rhost)
    if address is None:
        return (rhost or "").lower()[:_MAX_SOURCE]
    if isinstance(address, ipaddress.IPv6Address):
        network = ipaddress.ip_network((address, _SOURCE_PREFIX), strict=False)
        return str(network)
    return str(address)
