"""How long something took, without the time of the person or client who is asked meanwhile."""

from __future__ import annotations

from time import perf_counter

from ualauth.contract.requests import Ask, Send

clock = perf_counter
"""Seconds since some moment."""


class Stopwatch:
    """Stands still while a person or client is waited for (`runtime.observer.Course`)."""

    __slots__ = ("_began", "_paused")

    def __init__(self, began: float | None = None) -> None:
        """Begin now, or at that moment of the clock."""
        self._began = clock() if began is None else began
        self._paused = 0.0

    def pause(self, request: object) -> None:
        """See `Course.pause`."""
        if type(request) is Ask or type(request) is Send:
            self._paused = clock()

    def resume(self) -> None:
        """See `Course.resume`."""
        if self._paused:
            self._began += clock() - self._paused
            self._paused = 0.0

    @property
    def seconds(self) -> float:
        """How long it took so far."""
        return (self._paused or clock()) - self._began
