"""Servers that say nothing: while one does, not every login waits for it.

The login that found out spares the others the wait for some seconds: they could not
check, and say so at once. Then one finds out for all whether it is over.
"""

from __future__ import annotations

import time


class CircuitBreaker:
    """The servers that keep silent, by their names; used by many threads."""

    def __init__(self, least: float, lasts: float) -> None:
        """Begin with none; `least` seconds in vain are silence, remembered for `lasts` seconds."""
        self._least = least
        self._lasts = lasts
        self._until: dict[str, float] = {}

    def begin(self, name: str) -> float | None:
        """Return when asking a server begins (time.monotonic); `None` if it should not be asked.

        `end` has to follow.
        """
        now = time.monotonic()
        until = self._until.get(name)
        if until is not None:
            if now < until:
                return None
            self._until[name] = now + self._least + self._lasts
        return now

    def end(self, name: str, began: float, *, answered: bool) -> None:
        """Note whether the server answered; one that refuses a connection at once has, too."""
        now = time.monotonic()
        if answered or now - began < self._least:
            self._until.pop(name, None)
        else:
            self._until[name] = now + self._lasts
