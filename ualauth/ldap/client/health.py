"""How one server was when it was last asked, and when to try it again."""

from __future__ import annotations

import random

from ualauth.ldap.client.faults import DirectoryFault, Unreachable
from ualauth.ldap.client.settings import LdapSettings
from ualauth.system.circuit_breaker import CircuitBreaker

# Not the one that all share: an application may have seeded that.
_random = random.SystemRandom()


_PROBE = 2.5
"""How many times `connect_timeout` a try may take: to connect with something over, and to ask."""


class Health:
    """Well until it fails; then tried again after a while, which grows and is never the same."""

    def __init__(self, name: str, settings: LdapSettings) -> None:
        """Begin well."""
        self._name = name
        self._settings = settings
        # The thread of `Watch` connects and asks, one server after the other.
        probing = len(settings.servers or ("",)) * (_PROBE * settings.connect_timeout + 1)
        self._breaker = CircuitBreaker(0.0, self._pause, probing=probing)
        self._not_well = self._breaker.names()
        self._fault: DirectoryFault = Unreachable("not tried")

    @property
    def well(self) -> bool:
        """Whether it answered when it was asked for the last time."""
        # Asked some times at each login: without a call.
        return self._name not in self._not_well

    @property
    def resting(self) -> bool:
        """Whether asking it would only cost time."""
        return self._breaker.is_open(self._name)

    @property
    def probe_at(self) -> float:
        """When to try it again (time.monotonic)."""
        return self._breaker.retry_at(self._name)

    def last_fault(self) -> DirectoryFault:
        """Return why it is not well, to be raised."""
        return self._fault.again()

    def failed(self, fault: DirectoryFault, *, slow: bool) -> None:
        """Remember a failure; one that took its time is not waited for by every login."""
        self._fault = fault.again()
        self._breaker.failed(self._name, silent=slow)

    def succeeded(self) -> bool:
        """Remember that it is well; return whether that is news."""
        return self._breaker.succeeded(self._name)

    def _pause(self, failures: int, _seconds: float) -> float:
        longest: float = self._settings.retry_first * 2 ** min(failures - 1, 20)
        # At different times, so that not all clients of a server come back at once.
        return min(longest, self._settings.retry_most) * _random.uniform(0.5, 1.0)
