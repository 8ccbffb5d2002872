"""How one server was when it was last asked, and when to try it again."""

from __future__ import annotations

import random
import time

from ualauth.ldap.client.faults import DirectoryFault, Unreachable
from ualauth.ldap.client.settings import LdapSettings
from ualauth.system.forks import new_lock

# Not the one that all share: an application may have seeded that.
_random = random.SystemRandom()


class Health:
    """Well until it fails; then tried again after a while, which grows and is never the same."""

    def __init__(self, settings: LdapSettings) -> None:
        """Begin well."""
        self._settings = settings
        self._lock = new_lock()
        self._failures = 0
        self.well = True
        self._fault: DirectoryFault = Unreachable("not tried")
        self.probe_at = 0.0
        self.rest_until = 0.0

    @property
    def resting(self) -> bool:
        """Whether asking it would only cost time."""
        return not self.well and time.monotonic() < self.rest_until

    def last_fault(self) -> DirectoryFault:
        """Return why it is not well, to be raised."""
        return self._fault.again()

    def failed(self, fault: DirectoryFault, *, slow: bool) -> None:
        """Remember a failure; one that took its time is not waited for by every login."""
        now = time.monotonic()
        with self._lock:
            self._fault = fault.again()
            if not self.well and now < self.probe_at:
                # One of many who found out at the same time.
                if slow:
                    self.rest_until = self.probe_at
                return
            self.well = False
            longest = self._settings.retry_first * 2 ** min(self._failures, 20)
            # At different times, so that not all clients of a server come back at once.
            pause = min(longest, self._settings.retry_most) * _random.uniform(0.5, 1.0)
            self._failures += 1
            self.probe_at = now + pause
            self.rest_until = self.probe_at if slow else 0.0

    def succeeded(self) -> bool:
        """Remember that it is well; return whether that is news."""
        if self.well:
            return False
        with self._lock:
            news, self.well = not self.well, True
            self._failures = 0
        return news
