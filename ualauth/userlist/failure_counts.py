"""Counts of failed logins: in the USERLIST for every process, or else in this process alone.

Where the USERLIST takes no changes (another program has locked it, its disk is full,
only a replica answers), or there is none, what fails is counted here, and joined to
what is counted there as soon as it takes changes again.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol
from weakref import WeakSet

from ualauth.errors import StoreError
from ualauth.system.forks import new_lock
from ualauth.userlist.account.lockout import Failures
from ualauth.userlist.account.reservation import Ending, Place, conclude

log = logging.getLogger("ualauth.guesses")

Work = Callable[[list[Failures]], list[Failures]]
"""What is done with the counts of some places, in their order."""

_MOST_COUNTED_HERE = 100_000
"""Counts that this process keeps."""
_MOST_OWED = 10_000
"""Guesses that are to be given back when the USERLIST takes changes again."""
_NONE_FOR = 0.5
"""Seconds for which there is no USERLIST after there was none."""


class FailureStore(Protocol):
    """Where failures are kept for all processes: a `UserStore`."""

    def failures_in(self, places: Sequence[Place]) -> list[Failures]:
        """Return what is kept in some places."""
        ...

    def change_failures(self, places: Sequence[Place], work: Work, now: int) -> list[Failures]:
        """Return what `work` makes of it, and keep that."""
        ...

    def close(self) -> None:
        """Close the connections; whatever is called later opens new ones."""
        ...


class FailureCounts:
    """The counts, as this process knows them; methods block but for `is_here`."""

    def __init__(self, find_store: Callable[[], FailureStore | None]) -> None:
        """Begin with nothing counted here; `find_store` returns `None` without a USERLIST."""
        self._find_store = find_store
        self.here: dict[tuple[bytes, str], Failures] = {}
        """Key and source -> what is counted in this process alone."""
        self._owed: deque[tuple[Sequence[Place], Sequence[bool], int]] = deque(maxlen=_MOST_OWED)
        self._none_until = 0.0
        self._used: WeakSet[FailureStore] = WeakSet()
        self._lock = new_lock()

    def __repr__(self) -> str:
        """Show how much is counted here."""
        return f"{type(self).__name__}({len(self.here)} here)"

    def is_here(self, places: Sequence[Place]) -> bool:
        """Return whether something is counted in one of the places in this process alone."""
        return bool(self.here) and any((each.key, each.source) in self.here for each in places)

    def has_no_store(self) -> bool:
        """Return whether there was no USERLIST a moment ago."""
        return time.monotonic() < self._none_until

    def read(self, places: Sequence[Place], *, offline: bool = False) -> list[Failures]:
        """Return what is counted in some places; with `offline` only what is here.

        Raises:
            StoreError: if the USERLIST cannot be read.

        """
        store = None if offline else self._store()
        rows = [Failures()] * len(places) if store is None else store.failures_in(places)
        return self._joined(places, rows)

    def change(
        self, places: Sequence[Place], work: Work, now: int, *, offline: bool = False
    ) -> list[Failures] | None:
        """Return what `work` makes of the counts in some places, and keep it in the USERLIST.

        `None` if the USERLIST takes no changes now: then `change_here`.
        """
        store = None if offline else self._store()
        if store is None:
            return None
        try:
            rows = store.change_failures(places, lambda rows: work(self._joined(places, rows)), now)
            self._give_back(store, now)
        except StoreError as error:
            log.warning("failed logins are counted in this process alone: %s", error)
            return None
        if self.here:
            with self._lock:
                for place in places:
                    self.here.pop((place.key, place.source), None)
        return rows

    def change_here(
        self, places: Sequence[Place], work: Work, now: int, *, offline: bool = False
    ) -> list[Failures]:
        """Return what `work` makes of the counts in some places, and keep it here."""
        rows = [Failures()] * len(places)
        # If what is counted there cannot be read either, what is counted here still holds.
        with suppress(StoreError):
            store = None if offline else self._store()
            rows = rows if store is None else store.failures_in(places)
        with self._lock:
            after = work(self._joined(places, rows))
            for place, row in zip(places, after, strict=True):
                self.here.pop((place.key, place.source), None)
                if row != Failures():
                    self.here[place.key, place.source] = row
            if len(self.here) > _MOST_COUNTED_HERE:
                self._forget_old(places, now)
            return after

    def owe(self, places: Sequence[Place], held: Sequence[bool], moment: int) -> None:
        """Give a guess back that is counted in the USERLIST, once it takes changes again."""
        self._owed.append((places, held, moment))

    def _give_back(self, store: FailureStore, now: int) -> None:
        while self._owed:
            try:
                owed = self._owed.popleft()
            except IndexError:
                return
            places, held, moment = owed

            def work(
                rows: list[Failures],
                places: Sequence[Place] = places,
                held: Sequence[bool] = held,
                moment: int = moment,
            ) -> list[Failures]:
                return conclude(rows, places, held, moment, now, Ending.UNCHECKED)

            try:
                store.change_failures(places, work, now)
            except StoreError:
                self._owed.appendleft(owed)
                raise

    def _store(self) -> FailureStore | None:
        store = self._find_store()
        if store is None:
            self._none_until = time.monotonic() + _NONE_FOR
        else:
            with self._lock:
                self._used.add(store)
        return store

    def release(self) -> None:
        """Close every store that is still there, also one that was replaced meanwhile."""
        with self._lock:
            used = list(self._used)
        for store in used:
            store.close()

    def _joined(self, places: Sequence[Place], rows: list[Failures]) -> list[Failures]:
        """Return rows of the USERLIST with what is counted here."""
        if not self.here:
            return rows
        nothing = Failures()
        return [
            row.joined(self.here.get((place.key, place.source), nothing))
            for row, place in zip(rows, places, strict=True)
        ]

    def _forget_old(self, places: Sequence[Place], now: int) -> None:
        """Forget what no longer counts here, and else the oldest."""
        for key, row in list(self.here.items()):
            if row.forgotten(places[0].rules) < now:
                del self.here[key]
        while len(self.here) > _MOST_COUNTED_HERE:
            del self.here[next(iter(self.here))]
