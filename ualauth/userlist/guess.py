"""A guess: one password or proof that a login has brought, until it has ended.

It counts as a failed login until it was right. Who ends it is the login, or, if that
was cut off, the thread that checks it, or one that is started for it.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from ualauth.userlist.account.lockout import Failures
from ualauth.userlist.account.reservation import Ending, Place
from ualauth.userlist.policy import LockoutRules

C = TypeVar("C", bound="Checked")
_NONE = Failures()


class Checked(Protocol):
    """What came of checking a guess."""

    @property
    def wrong(self) -> bool:
        """Whether the password or proof is not the user's."""
        ...


class Limiter(Protocol):
    """What counts guesses: a `GuessLimiter`."""

    def is_next(self, guess: Guess) -> bool:
        """See `Guess.is_next`."""
        ...

    def has_no_failures(self, guess: Guess) -> bool:
        """See `Guess.has_no_failures`."""
        ...

    def look(self, guess: Guess) -> bool:
        """See `Guess.look`."""
        ...

    def reserve(self, guess: Guess) -> bool:
        """See `Guess.reserve`."""
        ...

    def end(self, guess: Guess, ending: Ending) -> None:
        """Count a guess as what it was."""
        ...

    def sweep(self, guess: Guess) -> None:
        """End an abandoned guess in a thread; never waits."""
        ...

    def conclude_abandoned(self, guess: Guess) -> None:
        """End an abandoned guess as far as anything is known of it."""
        ...


class Guess:
    """One password or proof that a login has brought.

    It is made by `GuessLimiter.open`, and ended by one of `fail`, `forgive`,
    `release` and `abandon`; a second end is none.
    """

    __slots__ = (
        "_ended",
        "_limiter",
        "_lock",
        "_turn",
        "abandoned",
        "as_of",
        "counted_here",
        "credential",
        "done",
        "held",
        "key",
        "moment",
        "offline",
        "passive",
        "places",
        "remote",
        "right",
        "rows",
        "rules",
        "shown_rules",
        "started",
        "tells",
        "wrong",
    )

    def __init__(self, limiter: Limiter, places: tuple[Place, ...], rules: LockoutRules) -> None:
        """Begin with nothing counted; made by `GuessLimiter.open`."""
        self._limiter = limiter
        self._lock = threading.Lock()
        # Held while the counts are changed for it: it is counted once, however it ends.
        self._turn = threading.Lock()
        self._ended = False
        self.places = places
        self.rules = rules
        self.shown_rules = rules
        """The rules of those who have none of their own: delays are the same for all."""
        self.key = places[0].key, places[0].source
        self.rows: list[Failures] = [_NONE] * len(places)
        """What is counted in each of the places, this guess included."""
        self.as_of: int | None = None
        """The state of all failures (`FailureWatch.noted`) when they were looked at."""
        self.held: tuple[bool, ...] = (False,) * len(places)
        self.moment = 0
        self.credential: object = None
        """What the client brought: the same in the next entry is the same guess."""
        self.counted_here = False
        """Whether it is counted in this process alone, as the USERLIST takes no changes."""
        self.offline = False
        """Whether the USERLIST cannot be read: then what is counted here has to do."""
        self.remote = False
        """Whether another system checks it, whose answer is not known if the login is cut off."""
        self.tells = False
        """Whether a right password would be answered at once: then silence tells a wrong one."""
        self.passive = False
        """Whether it is known to be right, or the same as one that is being checked: those
        behind it need not wait for it."""
        self.started = False
        self.done = False
        self.wrong = False
        """Whether a module found it wrong ..."""
        self.right = False
        """... or right."""
        self.abandoned = False

    def __repr__(self) -> str:
        """Show how far it came, and not of what."""
        state = "ended" if self._ended else "done" if self.done else "open"
        return f"{type(self).__name__}({state})"

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return not self._ended

    @property
    def by_name(self) -> Failures:
        """What is counted of the name as typed, for its own source, this one as a failure."""
        row = self.rows[1]
        return row.with_moment(self.moment) if self.held[1] else row

    def is_locked(self, *, by_name: bool) -> bool:
        """Return whether the name, or else the user, was locked out when it was looked at."""
        return any(
            row.locked_until > self.moment
            for row, place in zip(self.rows, self.places, strict=True)
            if place.by_name is by_name
        )

    @property
    def has_failures(self) -> bool:
        """Whether anything is counted that a success would forget."""
        return any(row.number for row in self.rows)

    def is_next(self) -> bool:
        """Return whether fewer came before it than may fail; never waits."""
        return self._limiter.is_next(self)

    def has_no_failures(self) -> bool:
        """Return whether nothing failed before, for sure; never waits."""
        return self._limiter.has_no_failures(self)

    def look(self) -> bool:
        """Look at the counts; return whether a guess may be checked now."""
        return self._limiter.look(self)

    def reserve(self) -> bool:
        """Count it as a failure; return whether it may be checked now."""
        with self._turn:
            return self._ended or self._limiter.reserve(self)

    def run(self, check: Callable[..., C], *args: Any) -> C:  # noqa: ANN401 - as check takes them
        """Return what `check(*args)` returns; conclude the guess if it was given up meanwhile."""
        self.started = True
        try:
            comparison = check(*args)
            self.wrong = comparison.wrong
            return comparison
        finally:
            with self._lock:
                self.done = True
                mine = self.abandoned
            if mine:
                self._limiter.conclude_abandoned(self)

    def fail(self) -> None:
        """End it as a failed login."""
        self.end(Ending.WRONG)

    def forgive(self) -> None:
        """End it as a successful one: what failed before from this source is forgotten."""
        self.end(Ending.RIGHT)

    def release(self) -> None:
        """End it as one that was not checked."""
        self.end(Ending.UNCHECKED)

    def end(self, ending: Ending) -> None:
        """End it."""
        with self._turn:
            self._limiter.end(self, ending)

    def abandon(self) -> None:
        """Leave it to the thread that checks it, or to one of its own; never waits."""
        if sys.is_finalizing():
            # No other thread runs any more: one that is started is waited for in vain.
            return
        with self._lock:
            if self._ended or self.abandoned:
                return
            self.abandoned = True
            running = self.started and not self.done and not self.remote
        if not running:
            self._limiter.sweep(self)

    def ending(self) -> Ending:
        """Return how it ended, as far as anything is known of it."""
        if self.right:
            return Ending.RIGHT
        if self.wrong:
            return Ending.WRONG
        if self.remote:
            return Ending.WRONG if self.started else Ending.UNCHECKED
        if not self.started:
            return Ending.WRONG if self.tells else Ending.UNCHECKED
        return Ending.UNCHECKED

    @property
    def is_counted(self) -> bool:
        """Whether it is counted as a failure, so that its end has to be written."""
        return any(self.held)

    def close(self) -> bool:
        """Note that it has ended; return whether it had not before."""
        with self._lock:
            if self._ended:
                return False
            self._ended = True
        self.credential = None
        return True
