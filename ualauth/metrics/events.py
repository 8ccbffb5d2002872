"""What is to be counted: a queue that logins append to, and that is emptied into the counts.

To append needs no lock: one would be held when a login that was given up is collected as
garbage, in the middle of anything. The queue is emptied when the counts are asked for, when it
is long, and at once where processes share their counts (`PROMETHEUS_MULTIPROC_DIR`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from ualauth.metrics.counts import Counts, Labels, OwnCounts, SharedCounts, are_shared
from ualauth.system.forks import new_lock, renew_after_fork

Event = tuple[str, Labels, float, str, Labels, float]
"""A counter, its labels and how much more; a histogram, its labels and seconds; `""` for none."""

_LONG = 200
"""Events after which the queue is emptied."""


class Events(Collector):
    """What is to be counted, and where; used by many threads."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Begin with nothing; the registry collects the counts of this process."""
        shared = are_shared()
        self._lock = new_lock()
        self._queue: deque[Event] = deque()
        self.append = self._queue.append
        """Leave an event to be counted; never waits."""
        self._counts: Counts = SharedCounts() if shared else OwnCounts()
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
        self._queue.clear()
        self._counts.clear()

    def count(self, name: str, *labels: str, amount: float = 1.0) -> None:
        """Count so much more, now; see `Counts.count`."""
        self.append((name, labels, amount, "", (), 0.0))
        self.empty()

    def time(self, name: str, seconds: float) -> None:
        """Count how long something took, now."""
        self.append(("", (), 0.0, name, (), seconds))
        self.empty()

    def ended(self) -> None:
        """Note that a login has ended: what it left may have to be counted now."""
        if len(self._queue) > self._long:
            self.empty()

    def empty(self, *, wait: bool = False) -> None:
        """Count what is in the queue, unless another thread does, which `wait` waits for."""
        while self._queue and self._lock.acquire(blocking=wait):
            try:
                self._count_all()
            finally:
                self._lock.release()

    def _count_all(self) -> None:
        queue = self._queue
        count, observe = self._counts.count, self._counts.observe
        while queue:
            counter, labels, amount, histogram, its_labels, seconds = queue.popleft()
            if counter:
                count(counter, labels, amount)
            if histogram:
                observe(histogram, its_labels, seconds)

    def collect(self) -> Iterable[Metric]:
        """Return the counts of this process, with all that has ended (prometheus_client's)."""
        self.empty(wait=True)
        with self._lock:
            return list(self._counts.collect())
