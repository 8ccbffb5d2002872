"""Failed logins: when they lock a user out, and how long each one waits.

They are counted for a source, so that no attacker can lock a user out everywhere,
and twice: for the user, however the name was written, and for the name as it was
typed. What a stranger sees, the lock and the delays, follows from the second
alone: it does not tell which names are one user's. Names that no user has are
counted the same way: being locked out tells nothing.
"""

from __future__ import annotations

import hashlib
import time
from typing import NamedTuple

from ualauth.text.dataclass import dataclass
from ualauth.text.folding import fold
from ualauth.userlist.policy import LockoutRules

KEY_BYTES = 16
_SECOND = 1_000_000
_LONGEST_CHECK = 60 * _SECOND
"""After which no guess is being checked any more."""
_SKEW = _SECOND
"""By how much the clocks of hosts, and threads that look at one, may differ."""


@dataclass(frozen=True, slots=True)
class Failures:
    """The failed logins of a name from a source.

    `moments` are those that may still count, oldest first, and `locked_until`
    is 0 or the end of a lock; `reserved` are guesses that are being checked, which
    count until they were right. All in microseconds since 1970.
    """

    moments: tuple[int, ...] = ()
    locked_until: int = 0
    reserved: tuple[int, ...] = ()

    @property
    def number(self) -> int:
        """How many count, guesses that are being checked included."""
        return len(self.moments) + len(self.reserved)

    def is_locked(self, now: int) -> bool:
        """Return whether every login is refused."""
        return now < self.locked_until

    def plausible(self, now: int, rules: LockoutRules) -> Failures:
        """Return them without what a clock that was wrong has written.

        A lock ends no later than one that begins `now`, and no failure is later than `now`:
        it is cut down and not dropped, as a host that is some minutes ahead has seen it.
        """
        latest = now + round(rules.lock_duration * _SECOND)
        moments = tuple(each for each in self.moments if each <= now + _SKEW)
        # Of the later ones, the host that checks them may still tell the end for a while.
        reserved = tuple(each for each in self.reserved if each <= now + _LONGEST_CHECK)
        number = self.number - len(moments) - len(reserved)
        if not number and self.locked_until <= latest + _SKEW:
            return self
        # One microsecond each, so that they stay as many as they are.
        cut = (now - each for each in range(number))
        return Failures(tuple(sorted((*moments, *cut))), min(self.locked_until, latest), reserved)

    def counting(self, now: int, rules: LockoutRules) -> Failures:
        """Return those that still count at `now`; a lock that is over counts no longer."""
        plausible = self.plausible(now, rules)
        if plausible.is_locked(now):
            return plausible
        begin = max(now - round(rules.failure_window * _SECOND), plausible.locked_until)
        # The process that checked those has died.
        lost = [each for each in plausible.reserved if each + _LONGEST_CHECK < now]
        moments = sorted(each for each in (*plausible.moments, *lost) if each > begin)
        reserved = (each for each in plausible.reserved if each + _LONGEST_CHECK >= now)
        return Failures(tuple(moments), 0, tuple(reserved))

    def one_more(self, now: int, rules: LockoutRules) -> Failures:
        """Return what they are after one more; one that comes during a lock does not count."""
        if self.is_locked(now):
            return self.plausible(now, rules)
        return self.counting(now, rules).with_moment(now).locked_if_too_many(now, rules)

    def with_moment(self, moment: int) -> Failures:
        """Return them with one more at `moment`."""
        return Failures((*self.moments, moment), self.locked_until, self.reserved)

    def with_reserved(self, moment: int) -> Failures:
        """Return them with a guess at `moment` that is being checked."""
        return Failures(self.moments, self.locked_until, (*self.reserved, moment))

    def without_reserved(self, moment: int) -> Failures:
        """Return them without a guess at `moment`, checked or given up."""
        reserved, moments = list(self.reserved), list(self.moments)
        for each in (reserved, moments):
            if moment in each:
                each.remove(moment)
                break
        return Failures(tuple(moments), self.locked_until, tuple(reserved))

    def locked_if_too_many(self, now: int, rules: LockoutRules) -> Failures:
        """Return them with a lock that begins at `now` if there are as many as the rules allow."""
        if len(self.moments) < rules.failures:
            return self
        return Failures(self.moments, now + round(rules.lock_duration * _SECOND), self.reserved)

    def joined(self, other: Failures) -> Failures:
        """Return what both say, who were counted in two places."""
        moments = {*self.moments, *other.moments}
        reserved = {*self.reserved, *other.reserved} - moments
        until = max(self.locked_until, other.locked_until)
        return Failures(tuple(sorted(moments)), until, tuple(sorted(reserved)))

    def delay(self, rules: LockoutRules) -> float:
        """Return how many seconds the last one is to wait for its answer."""
        if not self.moments:
            return 0.0
        # More doublings than this are beyond every limit, and might not be a number.
        factor = 1 << min(len(self.moments) - 1, 16)
        return min(rules.failure_delay * factor, rules.longest_delay)

    def forgotten(self, rules: LockoutRules) -> int:
        """Return when nothing of it counts any more."""
        last = max((*self.moments, *self.reserved), default=0)
        return max(self.locked_until, last + round(rules.failure_window * _SECOND))


class Counts(NamedTuple):
    """The failed logins from a source, of a name as typed and of the user who has it."""

    name: Failures = Failures()
    user: Failures = Failures()


class Keys(NamedTuple):
    """What the two counts of a name are kept under; that of the user is how both begin.

    People type passwords where a name belongs: the text itself is not kept.
    """

    name: bytes
    user: bytes

    @classmethod
    def of(cls, name: str, user: int | str | None) -> Keys:
        """Return the keys of a name; `user` is the USERLIST's id, or another system's name."""
        text = fold(name).encode("utf-8", "surrogatepass")
        # A name that no user has is counted twice as well: it takes the same time.
        key = _digest(text, b"nobody") if user is None else user_key(user)
        return cls(key + _digest(text, b"name"), key)


def user_key(user: int | str) -> bytes:
    """Return what a user's failures are kept under: the USERLIST's id, or a directory's name."""
    if isinstance(user, int):
        return _digest(b"%d" % user, b"user")
    return _digest(user.encode("utf-8", "surrogatepass"), b"elsewhere")


def _digest(text: bytes, of: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=KEY_BYTES, person=of).digest()


def microseconds_now() -> int:
    """Return the time as failures have it."""
    return time.time_ns() // 1000
