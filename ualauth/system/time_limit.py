"""Calls into a library that knows no limit of time: their callers go on when the time is up.

A call runs in a thread of its own, which is left behind if it takes too long: a thread that
waits in a C library cannot be ended. What is left behind is bounded: once that many threads
hang, a call is refused at once. A thread that comes back is used again.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from ualauth.system.forks import renew_after_fork

T = TypeVar("T")

_IDLE = 10.0
"""Seconds after which a thread without work ends."""
_GRACE = 1.0
"""Seconds for which `close` waits for the end of a thread without work."""


class Overdue(Exception):
    """The time of a call was up before it ended; it may still go on."""


class TooManyHang(Exception):
    """A call was not begun: so many others hang, or none of their threads came free in time."""


class _Call:
    """One call: what it is, and what became of it."""

    __slots__ = ("discard", "error", "function", "is_left", "over", "result")

    def __init__(self, function: Callable[[], Any], discard: Callable[[Any], object]) -> None:
        self.function = function
        self.discard = discard
        self.result: Any = None
        self.error: BaseException | None = None
        self.is_left = False
        self.over = threading.Lock()
        self.over.acquire()

    def run(self) -> None:
        try:
            self.result = self.function()
        except BaseException as error:  # noqa: BLE001 - it is raised where the call was made
            self.error = error

    def outcome(self) -> Any:  # noqa: ANN401 - what the function returns
        """Return what it returned, or raise what it raised."""
        if self.error is not None:
            try:
                raise self.error
            finally:
                # Not a cycle of the error, its frames and the call.
                self.error = None
        return self.result


def within(seconds: float, function: Callable[[], T]) -> T:
    """Return what `function` returns, or raise what it raises; blocks for `seconds` at most.

    It is for calls that end by themselves before long, as getaddrinfo(3) does when its resolver
    gives up: their thread is left to that. Where they may hang for good, `TimeLimit` bounds how
    many do.

    Raises:
        Overdue: if it takes longer; what it comes to is lost.

    """
    call = _Call(function, lambda _: None)

    def run() -> None:
        call.run()
        call.over.release()

    threading.Thread(target=run, name="ualauth-within", daemon=True).start()
    if not call.over.acquire(timeout=max(0.0, seconds)):
        raise Overdue
    result: T = call.outcome()
    return result


class TimeLimit:
    """At most `most` calls at once, those that hang among them; for any number of threads."""

    def __init__(self, most: int) -> None:
        """Start nothing yet."""
        self._most = most
        self.begin_in_child()
        renew_after_fork(self)

    def begin_in_child(self) -> None:
        """Begin with no thread and no call, which are the parent's; see `forks.Renewable`."""
        lock = threading.Lock()
        self._has_work = threading.Condition(lock)
        self._has_place = threading.Condition(lock)
        self._work: deque[_Call] = deque()
        self._idle = self._busy = self._left = 0
        self._patience = _IDLE
        self._free: set[threading.Thread] = set()
        """The threads that are in no call."""

    @property
    def left_behind(self) -> int:
        """How many threads hang in calls whose time is up."""
        return self._left

    def call(
        self,
        seconds: float,
        function: Callable[[], T],
        discard: Callable[[T], object] = lambda _: None,
    ) -> T:
        """Return what `function` returns, or raise what it raises; blocks for `seconds` at most.

        What it returns after that goes to `discard`, in its own thread.

        Raises:
            Overdue: if it takes longer; it may still go on.
            TooManyHang: if it was not begun.

        """
        end = time.monotonic() + seconds
        call = _Call(function, discard)
        self._begin(call, seconds)
        try:
            in_time = call.over.acquire(timeout=max(0.0, end - time.monotonic()))
        except BaseException:
            # An interrupt: the caller goes on, as if the time were up.
            self._leave(call)
            raise
        if not in_time and self._leave(call):
            raise Overdue
        result: T = call.outcome()
        return result

    def close(self) -> None:
        """End the threads without work; those in calls end with these, and any later one, too."""
        with self._has_work:
            self._patience = 0.0
            free = list(self._free)
            self._has_work.notify_all()
        for thread in free:
            thread.join(_GRACE)

    def _begin(self, call: _Call, seconds: float) -> None:
        with self._has_work:
            self._has_place.wait_for(
                lambda: self._busy < self._most or self._left >= self._most, seconds
            )
            if self._busy >= self._most:
                raise TooManyHang
            self._busy += 1
            self._work.append(call)
            if len(self._work) > self._idle:
                try:
                    threading.Thread(target=self._run, name="ualauth-limited", daemon=True).start()
                except RuntimeError:
                    self._work.remove(call)
                    self._busy -= 1
                    raise TooManyHang from None
            self._has_work.notify()

    def _leave(self, call: _Call) -> bool:
        """Leave a call behind; return whether it has not ended by now."""
        with self._has_work:
            if call in self._work:
                self._work.remove(call)
                self._busy -= 1
                self._has_place.notify()
                return True
            if not call.over.locked():
                return False
            call.is_left = True
            self._left += 1
            if self._left >= self._most:
                self._has_place.notify_all()
        return True

    def _run(self) -> None:
        own = threading.current_thread()
        while True:
            with self._has_work:
                self._free.add(own)
                self._idle += 1
                self._has_work.wait_for(lambda: self._work or not self._patience, self._patience)
                self._idle -= 1
                self._free.discard(own)
                if not self._work:
                    return
                call = self._work.popleft()
            call.run()
            with self._has_work:
                is_left = call.is_left
                if not is_left:
                    self._free.add(own)
                    self._busy -= 1
                    call.over.release()
                    self._has_place.notify()
            if is_left:
                self._clean_up(call)
            del call

    def _clean_up(self, call: _Call) -> None:
        """Discard what came too late; only then is the place free."""
        try:
            if call.error is None:
                call.discard(call.result)
        except Exception:  # noqa: BLE001, S110 - no caller is left to be told
            pass
        finally:
            with self._has_work:
                self._left -= 1
                self._busy -= 1
                self._has_place.notify()
