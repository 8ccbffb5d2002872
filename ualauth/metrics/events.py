"""What is to be counted: queues that logins append to, and that are emptied into the counts.

To append needs no lock: one would be held when a login that was given up is collected as
garbage, in the middle of anything. The queues are emptied when the counts are asked for, when
they are long, and at once where processes share their counts (`PROMETHEUS_MULTIPROC_DIR`).
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable
from itertools import repeat, starmap

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from ualauth.metrics.counts import Amount, Counts, OwnCounts, Seconds, SharedCounts, are_shared
from ualauth.system.forks import new_lock, renew_after_fork

LONG = 200
"""Events after which the queues are emptied."""


class Events(Collector):
    """What is to be counted, and where; used by many threads."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Begin with nothing; the registry collects the counts of this process."""
        shared = are_shared()
        self._lock = new_lock()
        self.counted: deque[Amount] = deque()
        """What is not yet counted."""
        self._timed: dict[Seconds, deque[float]] = {}
        self.count = self.counted.append
        """Leave one more to be counted; never waits."""
        self._counts: Counts = SharedCounts() if shared else OwnCounts()
        self.amount = self._counts.amount
        """See `Counts.amount`."""
        self.long = 0 if shared else LONG
        """How many events may be left at the end of a login."""
        self.exposed = registry
        """What shows the counts of all processes that share them, or else those of this one."""
        if shared:
            self.exposed = CollectorRegistry()
            MultiProcessCollector(self.exposed)  # type: ignore[no-untyped-call]
        else:
            registry.register(self)
        renew_after_fork(self)

    def time(self, name: str, *labels: str) -> Callable[[float], None]:
        """Return what leaves seconds to be counted, of a histogram with its labels; never waits."""
        seconds = self._counts.seconds(name, *labels)
        with self._lock:
            return self._timed.setdefault(seconds, deque()).append

    def begin_in_child(self) -> None:
        """Begin with nothing: what the parent counted is the parent's; see `forks.Renewable`."""
        self.counted.clear()
        for passed in self._timed.values():
            passed.clear()
        self._counts.clear()

    def ended(self) -> None:
        """Note that a login has ended: what it left may have to be counted now."""
        if len(self.counted) > self.long:
            self.empty()

    def empty(self, *, wait: bool = False) -> None:
        """Count what is in the queues, unless another thread does, which `wait` waits for."""
        while self._has_more() and self._lock.acquire(blocking=wait):
            try:
                self._count_all()
            finally:
                self._lock.release()

    def _has_more(self) -> bool:
        return bool(self.counted) or any(list(self._timed.values()))

    def _count_all(self) -> None:
        counted = self.counted
        amounts = Counter(starmap(counted.popleft, repeat((), len(counted))))
        for amount, times in amounts.items():
            amount.add(times)
        for seconds, passed in self._timed.items():
            if passed:
                seconds.observe(list(starmap(passed.popleft, repeat((), len(passed)))))

    def add(self, amount: Amount, more: float) -> None:
        """Count so much more, now."""
        with self._lock:
            amount.add(more)

    def set(self, amount: Amount, value: float) -> None:
        """Make a gauge that."""
        with self._lock:
            amount.set(value)

    def describe(self) -> Iterable[Metric]:
        """Return all metrics, so that a registry has each once (prometheus_client's)."""
        return self.collect()

    def collect(self) -> Iterable[Metric]:
        """Return the counts of this process, with all that has ended (prometheus_client's)."""
        self.empty(wait=True)
        with self._lock:
            return list(self._counts.collect())
