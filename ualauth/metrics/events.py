"""What is to be counted: queues that logins append to, and that are emptied into the counts.

To append needs no lock: one would be held when a login that was given up is collected as
garbage, in the middle of anything. The queues are emptied when the counts are asked for, when
they are long, and at once where processes share their counts (`PROMETHEUS_MULTIPROC_DIR`).
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from itertools import repeat, starmap

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from ualauth.metrics.counts import Amount, Counts, OwnCounts, Seconds, SharedCounts, are_shared
from ualauth.system.forks import new_lock, renew_after_fork

_LONG = 200
"""Events after which the queues are emptied."""


class Events(Collector):
    """What is to be counted, and where; used by many threads."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Begin with nothing; the registry collects the counts of this process."""
        shared = are_shared()
        self._lock = new_lock()
        self._counted: deque[Amount] = deque()
        self._timed: deque[tuple[Seconds, float]] = deque()
        self.count = self._counted.append
        """Leave one more to be counted; never waits."""
        self.time = self._timed.append
        """Leave seconds to be counted; never waits."""
        self._counts: Counts = SharedCounts() if shared else OwnCounts()
        self.amount = self._counts.amount
        """See `Counts.amount`."""
        self.seconds = self._counts.seconds
        """See `Counts.seconds`."""
        self._long = 0 if shared else _LONG
        self.exposed = registry
        """What shows the counts of all processes that share them, or else those of this one."""
        if shared:
            self.exposed = CollectorRegistry()
            MultiProcessCollector(self.exposed)  # type: ignore[no-untyped-call]
        else:
            registry.register(self)
        renew_after_fork(self)

    def begin_in_child(self) -> None:
        """Begin with nothing: what the parent counted is the parent's; see `forks.Renewable`."""
        self._counted.clear()
        self._timed.clear()
        self._counts.clear()

    def ended(self) -> None:
        """Note that a login has ended: what it left may have to be counted now."""
        if len(self._counted) > self._long:
            self.empty()

    def empty(self, *, wait: bool = False) -> None:
        """Count what is in the queues, unless another thread does, which `wait` waits for."""
        while (self._counted or self._timed) and self._lock.acquire(blocking=wait):
            try:
                self._count_all()
            finally:
                self._lock.release()

    def _count_all(self) -> None:
        counted, timed = self._counted, self._timed
        amounts = Counter(starmap(counted.popleft, repeat((), len(counted))))
        for amount, times in amounts.items():
            amount.add(times)
        for seconds, passed in starmap(timed.popleft, repeat((), len(timed))):
            seconds.observe(passed)

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
