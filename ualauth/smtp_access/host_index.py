"""The rules of one event by their host patterns: which is the first that matches a host?

Names, domains and networks are found in dictionaries; only patterns with other
wildcards are tried one by one, and only those that stand before what is found.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping

from ualauth.smtp_access.host_patterns import (
    AnyHost,
    BelowDomain,
    HostName,
    HostPattern,
    HostWildcard,
)
from ualauth.smtp_access.hosts import Host
from ualauth.smtp_access.wildcards import matcher
from ualauth.system.networks import Address

NONE = sys.maxsize
"""Where no rule matches: after every rule."""

Matcher = Callable[[str], object]


class HostIndex:
    """Patterns and the numbers of their rules; the smallest number is the first rule."""

    def __init__(self, patterns: Iterable[tuple[int, HostPattern]]) -> None:
        """Sort the patterns by kind."""
        self._any = NONE
        self._names: dict[str, int] = {}
        self._below: dict[str, int] = {}
        self._wild: list[tuple[int, Matcher, bool]] = []
        networks: dict[tuple[int, int], dict[int, int]] = {}
        for number, pattern in sorted(patterns, key=lambda each: each[0]):
            match pattern:
                case AnyHost():
                    self._any = min(self._any, number)
                case HostName(name):
                    self._names.setdefault(name, number)
                case BelowDomain(domain):
                    self._below.setdefault(domain, number)
                case HostWildcard(text):
                    self._wild.append((number, matcher(text), pattern.may_be_address))
                case _:
                    key = pattern.version, pattern.max_prefixlen - pattern.prefixlen
                    numbers = networks.setdefault(key, {})
                    numbers.setdefault(int(pattern.network_address) >> key[1], number)
        # The length of a prefix whose first rule stands first is looked at first.
        self._networks = {
            version: sorted(
                (min(numbers.values()), shift, numbers)
                for (kind, shift), numbers in networks.items()
                if kind == version
            )
            for version in (4, 6)
        }
        # Of no use after a rule that matches everything.
        self._wild = [each for each in self._wild if each[0] < self._any]

    def first(self, host: Host) -> int:
        """Return the number of the first rule that matches, or `NONE`."""
        best = self._any
        for name in host.names:
            number = self._names.get(name, NONE)
            best = min(best, number)
            if self._below:
                best = first_below(self._below, name, best)
        if host.address is not None:
            best = self._first_network(host.address, best)
        return self._first_wild(host, best) if self._wild else best

    def _first_network(self, address: Address, best: int) -> int:
        bits = int(address)
        for first, shift, numbers in self._networks[address.version]:
            if first >= best:
                break
            number = numbers.get(bits >> shift, NONE)
            best = min(best, number)
        return best

    def _first_wild(self, host: Host, best: int) -> int:
        dotted = str(host.address) if host.address and host.address.version == 4 else None
        for number, matches, may_be_address in self._wild:
            if number >= best:
                break
            if any(map(matches, host.names)) or (
                may_be_address and dotted is not None and matches(dotted)
            ):
                return number
        return best


def first_below(below: Mapping[str, int], name: str, best: int) -> int:
    """Return the first rule about a domain that `name` is below, or `best` if that is first."""
    place = name.find(".")
    while place >= 0:
        number = below.get(name[place + 1 :], NONE)
        best = min(best, number)
        place = name.find(".", place + 1)
    return best
