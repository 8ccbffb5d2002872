"""Guesses that are being checked: each counts as a failed login until it was right.

A guess has a place among those of its user and source from the moment at which
it arrives: as many are checked at a time as may fail, the others wait for their
turn. Before a password is hashed it is counted in the USERLIST, for every process
(`failure_counts`). What a client does meanwhile changes nothing: a guess whose
login was cut off is ended by the thread that checks it, or by one that is started
for it.

All methods may be called by any thread. Those that end a guess or look at counts
block.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from ualauth.system.forks import new_lock, renew_after_fork
from ualauth.system.networks import sources_of
from ualauth.userlist.account.lockout import Failures, Keys, microseconds_now
from ualauth.userlist.account.reservation import Ending, Place, conclude, holds, places_of, reserve
from ualauth.userlist.failure_counts import FailureCounts, FailureStore
from ualauth.userlist.guess import Guess
from ualauth.userlist.policy import LockoutRules

log = logging.getLogger("ualauth.guesses")

_MOST_WAITING = 256
"""Guesses of one user from one source that are held at a time."""
_MOST_CLEAR = 10_000
"""Users and sources that are known to have failed at nothing."""
_GRACE = 5.0
"""Seconds for which `close` waits for guesses that were given up."""


class FailureWatch(Protocol):
    """Tells at once whether failures changed: a `UserCache`."""

    def noted(self) -> int | None:
        """Look; return what tells two states of all failures apart, or `None`; never waits."""
        ...

    def is_unchanged(self, key: bytes, since: int) -> bool:
        """Return whether a user's failures are as they were when `noted` was `since`."""
        ...


class TooManyGuesses(Exception):
    """More guesses of one user from one source are waiting than are held."""


class GuessLimiter:
    """The guesses of all users that this process checks, and what failed before."""

    counts_kind: type[FailureCounts] = FailureCounts

    def __init__(
        self,
        rules: LockoutRules | None = None,
        find_store: Callable[[], FailureStore | None] = lambda: None,
        find_watch: Callable[[], FailureWatch | None] = lambda: None,
    ) -> None:
        """Begin with no guess.

        `rules` are those of users without their own; `find_store` returns the
        USERLIST, or `None` if there is none; `find_watch` what tells at once whether
        failures changed there, or `None`.
        """
        self.rules = rules or LockoutRules()
        self._find_watch = find_watch
        self._counts = self.counts_kind(find_store)
        self._lock = new_lock()
        self.begin_in_child()
        renew_after_fork(self)

    def begin_in_child(self) -> None:
        """Begin with no guess: those of the parent are the parent's; see `Renewable`."""
        self._open: dict[tuple[bytes, str], deque[Guess]] = {}
        self._clear: dict[tuple[Place, ...], int] = {}
        self._left: deque[Guess] = deque()
        self._sweeping = False
        self._sweeper: threading.Thread | None = None
        self._closed = False
        self.is_quiet = not self._counts.here
        """Whether no guess is open, and none is counted in this process alone."""

    def __repr__(self) -> str:
        """Show how many guesses are open."""
        return f"{type(self).__name__}({sum(map(len, self._open.values()))} open)"

    def concerns(self, keys: Keys, rhost: str | None) -> bool:
        """Return whether a guess of this user is open from there, or counted here."""
        here = self._counts.here
        return any(
            (keys.user, source.text) in self._open
            or (keys.user, source.text) in here
            or (keys.name, source.text) in here
            for source in sources_of(rhost)
        )

    def open(self, keys: Keys, rhost: str | None, rules: LockoutRules) -> Guess:
        """Return a new guess, behind those of the same user and source; never waits.

        Raises:
            TooManyGuesses: if too many wait already.

        """
        guess = Guess(self, places_of(keys, sources_of(rhost), rules), rules)
        guess.shown_rules = self.rules
        with self._lock:
            queue = self._open.setdefault(guess.key, deque())
            if len(queue) >= _MOST_WAITING:
                raise TooManyGuesses
            queue.append(guess)
            self.is_quiet = self._closed = False
        return guess

    def is_next(self, guess: Guess) -> bool:
        """See `Guess.is_next`."""
        return self._ahead(guess) < guess.rules.failures

    def _ahead(self, guess: Guess) -> int:
        """Return how many guesses came before this one that may fail; not all that are too many."""
        most = guess.rules.failures
        ahead = 0
        with self._lock:
            for each in self._open.get(guess.key, ()):
                if each is guess or ahead >= most:
                    break
                ahead += not each.passive
            else:
                if guess.is_open:
                    # A process that forked in the middle of a login goes on with it.
                    self._open.setdefault(guess.key, deque()).append(guess)
                    self.is_quiet = False
        return ahead

    def has_no_failures(self, guess: Guess) -> bool:
        """See `Guess.has_no_failures`."""
        if self._counts.is_here(guess.places):
            return False
        if self._counts.has_no_store():
            return True
        watch, before = self._find_watch(), self._clear.get(guess.places)
        if watch is None or before is None:
            return False
        now = watch.noted()
        if now is None or not watch.is_unchanged(guess.places[0].key, before):
            return False
        self._clear[guess.places] = now
        return True

    def failures_in(self, places: Sequence[Place]) -> list[Failures]:
        """Return what is counted in some places, and change nothing.

        Raises:
            StoreError: if the USERLIST cannot be read.

        """
        return self._counts.read(places)

    def look(self, guess: Guess) -> bool:
        """See `Guess.look`."""
        watch = self._find_watch()
        guess.as_of = None if watch is None else watch.noted()
        now = guess.moment = microseconds_now()
        guess.rows = self._plausible(guess, now)
        _, free = reserve(guess.rows, guess.places, now)
        if guess.remote and not guess.is_locked(by_name=True):
            # What is asked elsewhere is counted when it has failed: those ahead still may.
            ahead = self._ahead(guess)
            free = free and all(
                row.counting(now, place.rules).number + ahead < place.rules.failures
                for row, place in zip(guess.rows, guess.places, strict=True)
                if not row.is_locked(now)
            )
        if guess.as_of is not None and not guess.has_failures:
            with self._lock:
                if len(self._clear) >= _MOST_CLEAR:
                    self._clear.clear()
                self._clear[guess.places] = guess.as_of
        return free

    def _plausible(self, guess: Guess, now: int) -> list[Failures]:
        """Return the counts of a guess, without what a clock that was wrong has written.

        That is written back: otherwise a lock would be cut down at each look, and never end.
        """

        def work(rows: list[Failures]) -> list[Failures]:
            both = zip(rows, guess.places, strict=True)
            return [row.plausible(now, place.rules) for row, place in both]

        rows = self._counts.read(guess.places, offline=guess.offline)
        plausible = work(rows)
        if plausible == rows:
            return rows
        log.warning(
            "failed logins of a time to come are counted as of now: see whose clock is wrong"
        )
        written = self._counts.change(guess.places, work, now, offline=guess.offline)
        return plausible if written is None else written

    def reserve(self, guess: Guess) -> bool:
        """See `Guess.reserve`."""
        now = microseconds_now()
        free = False

        def work(rows: list[Failures]) -> list[Failures]:
            nonlocal free
            after, free = reserve(rows, guess.places, now)
            return after

        counts, offline = self._counts, guess.offline
        rows = counts.change(guess.places, work, now, offline=offline)
        guess.counted_here = rows is None
        if rows is None:
            rows = counts.change_here(guess.places, work, now, offline=offline)
        guess.rows, guess.moment = rows, now
        if free:
            guess.held = holds(rows, now)
        return free

    def end(self, guess: Guess, ending: Ending) -> None:
        """See `Guess.end`."""
        if not guess.close():
            return
        try:
            self._conclude(guess, ending, microseconds_now())
        finally:
            with self._lock:
                queue = self._open.get(guess.key)
                if queue is not None:
                    if guess in queue:
                        queue.remove(guess)
                    if not queue:
                        del self._open[guess.key]
                self.is_quiet = not self._open and not self._counts.here

    def _conclude(self, guess: Guess, ending: Ending, now: int) -> None:
        held, moment, counted = guess.held, guess.moment, guess.is_counted
        if not counted and ending is Ending.WRONG:
            if guess.is_locked(by_name=True):
                return
            # It is counted now, as it was not before.
            held, moment = (True,) * len(guess.places), now
        elif not counted and (ending is Ending.UNCHECKED or not guess.has_failures):
            return

        def work(rows: list[Failures]) -> list[Failures]:
            return conclude(rows, guess.places, held, moment, now, ending)

        counts, offline = self._counts, guess.offline
        rows = None
        if not guess.counted_here:
            # Where it took none before, it would mostly be waited for in vain once more.
            rows = counts.change(guess.places, work, now, offline=offline)
        if rows is None:
            if counted and not guess.counted_here and ending is not Ending.WRONG:
                counts.owe(guess.places, held, moment)
            rows = counts.change_here(guess.places, work, now, offline=offline)
        guess.rows = rows

    # Guesses that were given up

    def sweep(self, guess: Guess) -> None:
        """Conclude a guess in a thread; never waits."""
        with self._lock:
            self._left.append(guess)
            if self._sweeping:
                return
            sweeper = threading.Thread(target=self._sweep, name="ualauth-guesses", daemon=True)
            try:
                sweeper.start()
            except RuntimeError:
                # No more threads: it waits for the next one that is given up.
                return
            self._sweeping = True
            self._sweeper = sweeper

    def _sweep(self) -> None:
        while True:
            with self._lock:
                if not self._left:
                    self._sweeping = False
                    return
                guess = self._left.popleft()
            self.conclude_abandoned(guess)

    def conclude_abandoned(self, guess: Guess) -> None:
        """Conclude a guess that was given up, as far as anything is known of it."""
        try:
            guess.end(guess.ending())
        except Exception as error:  # noqa: BLE001 - no login waits for it
            log.error("a guess cannot be counted: %s", type(error).__name__)  # noqa: TRY400 - no secrets
        if self._closed:
            self._counts.release()

    def close(self) -> None:
        """Wait for the guesses that were given up, before the USERLIST is closed.

        One that is counted later all the same closes what it opened; a new guess ends this.
        """
        with self._lock:
            self._closed = True
            sweeper = self._sweeper
        if sweeper is not None:
            sweeper.join(_GRACE)
