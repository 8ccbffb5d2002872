"""Time that goes by only when a test says so."""

from __future__ import annotations

import time

from ualauth.sources.watched import Clock


class FakeTime:
    """A clock for `ualauth.sources.watched`; `wall` is by how many nanoseconds its date is off."""

    def __init__(self) -> None:
        """Begin now."""
        self.now = 0.0
        self.wall = 0
        self._began = time.time_ns()
        self.clock = Clock(lambda: self.now, self._time_ns, self.sleep)

    def sleep(self, seconds: float) -> None:
        """Let time go by."""
        self.now += seconds

    def wrote(self) -> None:
        """Say that a file was written just now: the kernel stamped it by the real time."""
        self._began = time.time_ns()
        self.wall = -int(self.now * 10**9)

    def _time_ns(self) -> int:
        # The real time that goes by does not count: a loaded machine takes long.
        return self._began + self.wall + int(self.now * 10**9)
