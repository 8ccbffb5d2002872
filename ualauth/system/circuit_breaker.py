"""Servers that fail: while one keeps silent, not every login waits for it.

The login that found out spares the others the wait for some time: they could not
check, and say so at once. Then one finds out for all whether it is over. The
pattern is Nygard's Circuit Breaker ("Release It!"): closed, open, half open.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container
from dataclasses import dataclass

from ualauth.system.forks import new_lock

Reset = Callable[[int, float], float]
"""Failures in a row, seconds that the last one took -> seconds to leave the server alone."""


@dataclass(slots=True)
class _Failed:
    """A server that has failed since it answered for the last time."""

    failures: int = 0
    retry_at: float = 0.0
    open_until: float = 0.0


class CircuitBreaker:
    """Servers by their names; used by many threads. Times are those of time.monotonic."""

    def __init__(
        self,
        threshold: float,
        reset_after: float | Reset,
        *,
        trial: float | None = None,
        probing: float = 0.0,
    ) -> None:
        """Begin with all well.

        `threshold` seconds in vain are silence, and `reset_after` is how long a server is left
        alone then. After `trial` seconds one that is tried again may be tried by another
        login, too, although `end` has not come. Where a thread tries servers beside the logins,
        `probing` is how long it may take: no login finds out before it has.
        """
        self._threshold = threshold
        self._reset = reset_after if callable(reset_after) else lambda *_: reset_after
        self._trial = threshold + self._reset(1, threshold) if trial is None else trial
        self._probing = probing
        self._lock = new_lock()
        self._failed: dict[str, _Failed] = {}

    def begin(self, name: str) -> float | None:
        """Return when asking a server begins; `None` if it should not be asked.

        `end` has to follow.
        """
        now = time.monotonic()
        if name not in self._failed:
            return now
        with self._lock:
            state = self._failed.get(name)
            if state is not None and state.open_until:
                if now < state.open_until:
                    return None
                state.open_until = now + self._trial
        return now

    def end(self, name: str, began: float, *, answered: bool) -> None:
        """Note whether the server answered; one that refuses a connection at once has, too."""
        seconds = time.monotonic() - began
        if answered or seconds < self._threshold:
            self.succeeded(name)
        else:
            self.failed(name, seconds)

    def failed(self, name: str, seconds: float = 0.0, *, silent: bool = True) -> None:
        """Note a failure that took so long; one that was not `silent` is no reason to wait."""
        now = time.monotonic()
        with self._lock:
            state = self._failed.setdefault(name, _Failed())
            if state.failures and now < state.retry_at:
                # One of many who found out at the same time.
                if silent:
                    state.open_until = state.retry_at + self._probing
                return
            state.failures += 1
            state.retry_at = now + self._reset(state.failures, seconds)
            state.open_until = state.retry_at + self._probing if silent else 0.0

    def succeeded(self, name: str) -> bool:
        """Note that a server answered; return whether that is news."""
        if name not in self._failed:
            return False
        with self._lock:
            return self._failed.pop(name, None) is not None

    def names(self) -> Container[str]:
        """Return the servers that `is_well` is not said of, always as they are."""
        return self._failed.keys()

    def is_well(self, name: str) -> bool:
        """Return whether a server has not failed since it answered for the last time."""
        return name not in self._failed

    def is_open(self, name: str) -> bool:
        """Return whether asking a server would only cost time; see `begin`, which may try it."""
        state = self._failed.get(name)
        return state is not None and time.monotonic() < state.open_until

    def retry_at(self, name: str) -> float:
        """Return when a server that is not well should be tried again; 0 for one that is."""
        state = self._failed.get(name)
        return 0.0 if state is None else state.retry_at
