"""A bounded pool of threads in which calls may hang without taking the process along.

Unlike `concurrent.futures.ThreadPoolExecutor`, its threads never keep the
interpreter from exiting, and a call that was given up on no longer occupies
its place: another thread takes it, as long as not too many hang. Calls of a
login that has begun come first, and then each source has its turn.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from ualauth.runtime.fair_order import FairOrder
from ualauth.system.forks import renew_after_fork

_Call = tuple[Callable[..., Any], tuple[Any, ...]]

_IDLE = 10.0
"""Seconds after which a thread without work ends."""
_GRACE = 5.0
"""Seconds for which `close` waits for calls that were not given up."""


class ThreadPool:
    """At most `size` calls at once, and at most `3 * size` more that were given up on."""

    def __init__(self, size: int, nice: int = 0) -> None:
        """Start nothing yet; `nice` is how much its threads stand back (nice(2))."""
        self._nice = nice
        self._size = size
        self._spare = 3 * size
        self._closings = 0
        self.begin_in_child()
        renew_after_fork(self)

    def begin_in_child(self) -> None:
        """Begin with no thread and no work, which are the parent's; see `forks.Renewable`."""
        self._work: FairOrder[Future[Any]] = FairOrder()
        self._calls: dict[Future[Any], _Call] = {}
        self._changed = threading.Condition()
        self._threads: dict[threading.Thread, Future[Any] | None] = {}
        """What each thread does now; `None` is nothing."""
        self._idle = 0
        self._lost: set[Future[Any]] = set()

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:  # noqa: ANN401
        """Call `function(*args)` in a thread as soon as there is one."""
        return self.submit_for("", False, function, *args)  # noqa: FBT003 - as it says

    def submit_for(
        self,
        source: str,
        begun: bool,  # noqa: FBT001 - what follows is positional
        function: Callable[..., Any],
        *args: Any,  # noqa: ANN401 - whatever the function takes
    ) -> Future[Any]:
        """Call it for a login from `source`; before all others if that has `begun`."""
        future: Future[Any] = Future()
        with self._changed:
            self._calls[future] = function, args
            if begun:
                self._work.add_begun(future)
            else:
                self._work.add(future, source)
            try:
                self._start_thread()
            except RuntimeError:
                # No more are to be had: those that are there have to do, if there are any.
                if len(self._threads) == len(self._lost):
                    self._work.remove(future)
                    del self._calls[future]
                    raise
            self._changed.notify()
        return future

    def abandon(self, future: Future[Any]) -> None:
        """Give up on a call: it is dropped, or its thread is replaced if it has begun."""
        if sys.is_finalizing():
            # As in `Guess.abandon`.
            return
        if future.cancel() or future.done():
            with self._changed:
                self._work.remove(future)
                self._calls.pop(future, None)
            return
        with self._changed:
            if not future.done() and len(self._lost) < self._spare:
                self._lost.add(future)
                with contextlib.suppress(RuntimeError):
                    self._start_thread()

    def close(self) -> None:
        """End the threads: those without work at once, the others when their work is done.

        Waits for them, but not for calls that were given up: those threads end by
        themselves if their calls ever do. A later call starts other threads.
        """
        until = time.monotonic() + _GRACE
        with self._changed:
            self._closings += 1
            self._changed.notify_all()
            ending = [each for each, call in self._threads.items() if call not in self._lost]
        for thread in ending:
            thread.join(max(0.0, until - time.monotonic()))

    def _start_thread(self) -> None:
        """Start a thread if there is more work than idle threads."""
        active = len(self._threads) - len(self._lost)
        if len(self._work) > self._idle and active < self._size:
            thread = threading.Thread(
                target=self._run, args=(self._closings,), name="ualauth", daemon=True
            )
            thread.start()
            self._threads[thread] = None

    def _run(self, closings: int) -> None:
        """Work until there has been nothing to do for long, or the pool was closed since."""
        this = threading.current_thread()
        if self._nice:
            _set_nice(self._nice)
        while True:
            with self._changed:
                self._threads[this] = None
                self._idle += 1
                self._changed.wait_for(
                    lambda: bool(len(self._work)) or self._closings > closings, _IDLE
                )
                self._idle -= 1
                if not len(self._work):
                    del self._threads[this]
                    return
                future = self._work.take()
                if future is None:
                    continue
                function, args = self._calls.pop(future)
                self._threads[this] = future
            self._call(future, function, args)
            with self._changed:
                if future in self._lost:
                    # Another thread took this one's place.
                    self._lost.discard(future)
                    del self._threads[this]
                    return

    @staticmethod
    def _call(future: Future[Any], function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            result = function(*args)
        except StopIteration as error:
            # A future cannot carry it into a coroutine (PEP 479).
            failure = RuntimeError("StopIteration")
            failure.__cause__ = error
            # The traceback holds this call, which still runs when `clear_locals` is called.
            del function, args
            future.set_exception(failure)
        except BaseException as error:  # noqa: BLE001 - the thread that waits for the call gets it
            del function, args
            future.set_exception(error)
        else:
            future.set_result(result)


def _set_nice(nice: int) -> None:
    """Let this thread, and those that it starts, come after others that want a processor."""
    # On Linux a thread has a priority of its own (setpriority(2), "C library/kernel differences").
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), nice)
