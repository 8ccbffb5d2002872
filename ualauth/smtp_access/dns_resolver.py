"""Look-ups by DNS, with a time limit that holds, through dnspython.

The servers are those of /etc/resolv.conf; /etc/hosts is not read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

import dns.asyncresolver
import dns.resolver
import dns.reversename

from ualauth.system.networks import Address

_RECORDS = {4: "A", 6: "AAAA"}


class DnsResolver:
    """A `ualauth.smtp_access.name_lookup.Resolver`."""

    def __init__(self, resolver: dns.resolver.Resolver | None = None) -> None:
        """Use the given resolver, or the host's, which is read when it is first needed."""
        self._given = resolver

    @cached_property
    def _resolver(self) -> dns.resolver.Resolver:
        return self._given or dns.resolver.get_default_resolver()

    def names(self, address: Address, seconds: float) -> Sequence[str]:
        """Return the names of an address."""
        question = dns.reversename.from_address(str(address))
        return _texts(self._resolver.resolve(question, "PTR", lifetime=seconds, search=False))

    def addresses(self, name: str, version: int, seconds: float) -> Sequence[str]:
        """Return the addresses of a name."""
        kind = _RECORDS[version]
        return _texts(self._resolver.resolve(f"{name}.", kind, lifetime=seconds, search=False))


class AsyncDnsResolver:
    """A `ualauth.smtp_access.name_lookup.AsyncResolver`."""

    def __init__(self, resolver: dns.asyncresolver.Resolver | None = None) -> None:
        """Use the given resolver, or the host's, which is read when it is first needed."""
        self._given = resolver

    @cached_property
    def _resolver(self) -> dns.asyncresolver.Resolver:
        return self._given or dns.asyncresolver.get_default_resolver()

    async def names(self, address: Address, seconds: float) -> Sequence[str]:
        """Return the names of an address."""
        question = dns.reversename.from_address(str(address))
        resolve = self._resolver.resolve
        return _texts(await resolve(question, "PTR", lifetime=seconds, search=False))

    async def addresses(self, name: str, version: int, seconds: float) -> Sequence[str]:
        """Return the addresses of a name."""
        resolve = self._resolver.resolve
        kind = _RECORDS[version]
        return _texts(await resolve(f"{name}.", kind, lifetime=seconds, search=False))


def _texts(answer: Iterable[object]) -> Sequence[str]:
    return [str(record) for record in answer]
