"""Failed logins: when they lock somebody out, and how long each one waits.

They are counted for a name and a source, so that nobody can lock a person out
everywhere. Names that nobody has are counted the same way: being locked out
tells nothing.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass

from ualauth.userlist.folding import fold
from ualauth.userlist.policy import LockoutRules

_SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Failures:
    """The failed logins of a name from a source.

    `moments` are those that may still count, oldest first, and `locked_until`
    is 0 or the end of a lock; all in microseconds since 1970.
    """

    moments: tuple[int, ...] = ()
    locked_until: int = 0

    def is_locked(self, now: int) -> bool:
        """Return whether nobody gets in."""
        return now < self.locked_until

    def one_more(self, now: int, rules: LockoutRules) -> Failures:
        """Return what they are after one more; one that comes during a lock does not count."""
        if self.is_locked(now):
            return self
        begin = max(now - round(rules.failure_window * _SECOND), self.locked_until)
        moments = (*(each for each in self.moments if each > begin), now)
        if len(moments) < rules.failures:
            return Failures(moments)
        return Failures(moments, now + round(rules.lock_duration * _SECOND))

    def delay(self, rules: LockoutRules) -> float:
        """Return how many seconds the last one is to wait for its answer."""
        if not self.moments:
            return 0.0
        # More doublings than this are beyond every limit, and might not be a number.
        factor = 1 << min(len(self.moments) - 1, 16)
        return min(rules.failure_delay * factor, rules.longest_delay)

    def forgotten(self, rules: LockoutRules) -> int:
        """Return when nothing of it counts any more."""
        last = self.moments[-1] if self.moments else 0
        return max(self.locked_until, last + round(rules.failure_window * _SECOND))


def name_digest(name: str) -> bytes:
    """Return what failures of a name are kept under.

    People type passwords where a name belongs: the text itself is not kept.
    """
    return hashlib.blake2b(fold(name).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def microseconds_now() -> int:
    """Return the time as failures have it."""
    return time.time_ns() // 1000
