"""The servers of a domain, as DNS has them (RFC 2782)."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ualauth.ldap.client.faults import Unreachable
from ualauth.ldap.client.settings import LdapSettings, Uri
from ualauth.system.forks import new_lock

_SHORTEST = 30.0
"""Seconds for which an answer holds at least: also the one that there is none."""


@dataclass(frozen=True, slots=True)
class Record:
    """One SRV record."""

    priority: int
    weight: int
    port: int
    target: str


Resolver = Callable[[str, float], tuple[Sequence[Record], float]]
"""A name and how long it may take, to its records and the seconds for which they hold.

It blocks, and raises `Unreachable` if DNS cannot say.
"""


def resolve(name: str, seconds: float) -> tuple[Sequence[Record], float]:
    """Ask the resolvers of the host."""
    # Imported here: it is large, and few need it.
    import dns.exception  # noqa: PLC0415
    import dns.resolver  # noqa: PLC0415

    try:
        answer = dns.resolver.resolve(name, "SRV", lifetime=seconds)
    except dns.exception.DNSException as error:
        raise Unreachable(f"{name} cannot be looked up: {error}") from None
    records = [
        Record(each.priority, each.weight, each.port, each.target.to_text()) for each in answer
    ]
    return records, float(answer.rrset.ttl if answer.rrset is not None else 0)


class Lookup:
    """The servers of the domain of the settings; looked up again when DNS says so."""

    def __init__(self, settings: LdapSettings, resolver: Resolver) -> None:
        """Look nothing up yet."""
        self._domain = settings.srv_domain.strip(".").lower()
        self._scheme = "ldaps" if settings.srv_ldaps else "ldap"
        self._seconds = settings.connect_timeout
        self._has_others = bool(settings.servers)
        self._resolver = resolver
        self._lock = new_lock()
        self._servers: Sequence[Uri] = ()
        self._due = 0.0

    def is_due(self) -> bool:
        """Whether it is time to look them up."""
        return time.monotonic() >= self._due

    def uris(self) -> Sequence[Uri]:
        """Return the servers in the order of this moment; blocks.

        What was known before holds while DNS cannot say.

        Raises:
            Unreachable: if DNS cannot say, and no server is known at all.

        """
        with self._lock:
            if not self.is_due():
                return self._servers
            try:
                records, lifetime = self._resolver(
                    f"_{self._scheme}._tcp.{self._domain}", self._seconds
                )
                self._servers = self._ordered(records)
            except Unreachable:
                if not self._servers and not self._has_others:
                    raise
                lifetime = 0.0
            self._due = time.monotonic() + max(lifetime, _SHORTEST)
            return self._servers

    def _ordered(self, records: Sequence[Record]) -> Sequence[Uri]:
        uris = []
        for each in sorted(records, key=_place):
            target = each.target.rstrip(".").lower()
            # DNS is not authenticated: a password goes to no server outside of the domain,
            # however good their certificate may be.
            if target == self._domain or target.endswith(f".{self._domain}"):
                uris.append(Uri(self._scheme, target, each.port))
        if not uris:
            raise Unreachable(f"{self._domain} has no servers of its own in DNS")
        return uris


def _place(record: Record) -> tuple[int, float]:
    """Return where a record comes: by chance among equals, the heavier the earlier."""
    # The smallest of exponential variables: of weight 3 it is the first three times of four
    # beside one of weight 1, as RFC 2782 has it.
    return record.priority, random.expovariate(record.weight or 0.001)
