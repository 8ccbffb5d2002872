"""Calls that keep a processor busy: as many at a time as there are processors, in a fair order.

Under overload, what is done is still of use (decision 0047):

* what has begun (a password was verified, its secrets are to be kept) comes before what has not;
* each source has its turn, whatever another one sends;
* what cannot be done before its login gives up is refused at once, by how long calls took lately;
* no more wait than a bound, and a source with many gives way to one with few.

A computation keeps its place until it has ended, also when no login waits for it any more:
else a client that hangs up would have more done at a time. Only one that goes on for far
longer than any should is replaced.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from ualauth.codes import ReturnCode
from ualauth.contract.attempt import Abort
from ualauth.contract.computation import Computation, GivenUp, State
from ualauth.reasons import ReasonCode
from ualauth.runtime.fair_order import FairOrder
from ualauth.system.forks import new_lock, renew_after_fork

MOST_WAITING = 1024
"""Computations that wait; one costs some kilobytes, and its login some more."""
TOO_MANY = "too many logins wait for a processor"
_LONGEST = 10.0
"""Seconds after which a call that no login waits for is replaced: it may never end."""
_SPARE = 3
"""How many times as many calls are replaced as may run."""
_REMEMBERED = 64
"""Calls by which it is known how long one takes."""


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0))


def most_at_once() -> int:
    """Return how many threads may compute at most, those included that may never end."""
    return (1 + _SPARE) * processors()


class ComputeQueue:
    """At most `size` computations at once; all methods may be called by any thread."""

    def __init__(
        self,
        size: int,
        grant: Callable[[Computation], object],
        longest: float,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        """Begin with nothing; no login waits for longer than `longest` seconds.

        `grant` lets a thread call `run` with a computation. It never waits, and is
        called with the queue's lock.
        """
        self._size = size
        self._grant = grant
        self._longest = longest
        self._most_waiting = most_waiting
        self.begin_in_child()
        renew_after_fork(self)

    def begin_in_child(self) -> None:
        """Begin with nothing: what runs and waits is the parent's; see `forks.Renewable`."""
        self._lock = new_lock()
        self._waiting: FairOrder[Computation] = FairOrder()
        self._busy: set[Computation] = set()
        self._seconds: deque[float] = deque(maxlen=_REMEMBERED)

    def __repr__(self) -> str:
        """Show how much runs, and how much waits."""
        return f"{type(self).__name__}({len(self._busy)} at work, {len(self._waiting)} waiting)"

    def __len__(self) -> int:
        """Return how many computations wait."""
        return len(self._waiting)

    # For those that wait

    def submit(self, each: Computation, source: str, deadline: float) -> None:
        """Let a computation wait for its turn; its caller waits for it, until `deadline`.

        Raises:
            Abort: `AUTHINFO_UNAVAIL` if it cannot be done in time.

        """
        refused: list[Computation] = []
        with self._lock:
            if each.state is not State.PREPARED:
                return
            each.waiting += 1
            each.deadline = max(each.deadline, deadline)
            each.sources.append(source)
            each.measured = each.measured and not each.begun
            fits = each.begun or self._fits(source, deadline)
            if fits and not each.begun and self._is_full():
                last = self._waiting.give_way(source)
                fits = last is not None
                if last is not None:
                    last.state = State.OVER
                    refused.append(last)
            if fits:
                each.state = State.WAITING
                if each.begun:
                    self._waiting.add_begun(each)
                else:
                    for one in each.sources:
                        self._waiting.add(each, one)
                refused += self._next()
            else:
                each.state = State.OVER
                refused.append(each)
        _refuse(refused)
        if not fits:
            raise Abort(ReturnCode.AUTHINFO_UNAVAIL, TOO_MANY, ReasonCode.OVERLOADED)

    def join(self, each: Computation, source: str, deadline: float) -> None:
        """Let one more login wait for a computation that another one prepared."""
        with self._lock:
            each.waiting += 1
            each.deadline = max(each.deadline, deadline)
            each.sources.append(source)
            if each.state is State.WAITING and not each.begun:
                self._waiting.add(each, source)

    def leave(self, each: Computation) -> None:
        """Note that a login waits no longer; what no login waits for is not begun."""
        if sys.is_finalizing():
            # Those who wait do not run any more.
            return
        refused: list[Computation] = []
        with self._lock:
            each.waiting -= 1
            dropped = not each.waiting and each.state in {State.WAITING, State.GRANTED}
            if dropped:
                each.state = State.OVER
                self._waiting.remove(each)
                self._busy.discard(each)
            if dropped or self._busy:
                refused = self._next()
        if dropped:
            each.end(GivenUp())
        _refuse(refused)

    def admit(self, source: str, deadline: float) -> None:
        """Do nothing if `submit` would take one more of a source.

        Raises:
            Abort: as `submit`.

        """
        with self._lock:
            fits = self._fits(source, deadline)
            fits = fits and not (self._is_full() and not self._waiting.may_displace(source))
        if not fits:
            raise Abort(ReturnCode.AUTHINFO_UNAVAIL, TOO_MANY, ReasonCode.OVERLOADED)

    def usual_seconds(self) -> float:
        """Return how long one of the last calls took, at random; 0.0 if none was made."""
        with self._lock:
            return random.choice(self._seconds) if self._seconds else 0.0  # noqa: S311 - no secret

    # For those that carry out

    def run(self, each: Computation) -> None:
        """Carry out a computation whose turn it is, unless another thread does."""
        with self._lock:
            if each.state is not State.GRANTED:
                return
            each.state = State.RUNNING
            each.started = time.monotonic()
        result: Any = None
        failure: BaseException | None = None
        try:
            result = each.function(*each.args)
        except StopIteration as error:
            # A future cannot carry it into a coroutine (PEP 479).
            failure = RuntimeError("StopIteration")
            failure.__cause__ = error
        except KeyboardInterrupt:
            # It is for this thread, and not for others that wait.
            failure = GivenUp()
            raise
        except BaseException as error:  # noqa: BLE001 - those that wait for it get it
            failure = error
        finally:
            self._end(each, result, failure)

    def _end(self, each: Computation, result: Any, failure: BaseException | None) -> None:  # noqa: ANN401
        with self._lock:
            each.state = State.OVER
            self._busy.discard(each)
            if each.measured:
                self._seconds.append(time.monotonic() - each.started)
            refused = self._next()
        each.end(failure, result)
        _refuse(refused)

    # With the lock

    def _mean(self) -> float:
        return sum(self._seconds) / len(self._seconds) if self._seconds else 0.0

    def _fits(self, source: str, deadline: float) -> bool:
        """Return whether one more of a source would be done in time, by all that is known."""
        mean, waiting = self._mean(), len(self._waiting)
        if self._free() > waiting:
            return True
        seconds = mean / self._size
        left = deadline - time.monotonic() - mean
        # Those at work have to end before.
        if (waiting + 1) * seconds <= left:
            return True
        return (self._waiting.ahead(source) + 1) * seconds <= left

    def _is_full(self) -> bool:
        return len(self._waiting) >= max(self._most_waiting, self._free())

    def _free(self) -> int:
        now = time.monotonic()
        lost = sum(
            not each.waiting and each.state is State.RUNNING and now - each.started > _LONGEST
            for each in self._busy
        )
        return self._size - len(self._busy) + min(lost, _SPARE * self._size)

    def _next(self) -> list[Computation]:
        """Grant as many as may run; return those that could no longer be done in time."""
        refused = []
        mean = self._mean()
        while self._waiting and self._free() > 0:
            each = self._waiting.take()
            if each is None:
                break
            left = each.deadline - time.monotonic()
            # A mean that is far off must not keep all from being done, for ever.
            if not each.begun and left < mean and self._waiting:
                each.state = State.OVER
                refused.append(each)
                continue
            each.state = State.GRANTED
            self._busy.add(each)
            try:
                self._grant(each)
            except RuntimeError:
                # No more threads.
                self._busy.discard(each)
                each.state = State.OVER
                refused.append(each)
        # The end of a queue that is too long is told so now, and not when its time is up.
        while len(self._waiting) * mean > self._longest * self._size:
            last = self._waiting.give_way("")
            if last is None:
                break
            last.state = State.OVER
            refused.append(last)
        return refused


def _refuse(refused: list[Computation]) -> None:
    """Refuse what cannot be done in time; its logins wait for its future."""
    for each in refused:
        each.end(Abort(ReturnCode.AUTHINFO_UNAVAIL, TOO_MANY, ReasonCode.OVERLOADED))
