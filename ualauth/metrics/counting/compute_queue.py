"""Counts the hashes in progress, and how long they waited for a processor."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ualauth.contract.computation import Computation, State
from ualauth.metrics.families import HASH_QUEUE, HASHES
from ualauth.runtime.compute_queue import ComputeQueue

if TYPE_CHECKING:
    from ualauth.metrics.metrics import Metrics


def counting(kind: type[ComputeQueue], metrics: Metrics) -> type[ComputeQueue]:
    """Return a subclass that counts."""
    events = metrics.events
    hashes, queued = events.amount(HASHES), events.time(HASH_QUEUE)

    def measured(function: Callable[..., Any], arrived: float) -> Callable[..., Any]:
        def compute(*args: Any) -> Any:  # noqa: ANN401 - whatever the function takes
            queued(time.monotonic() - arrived)
            events.add(hashes, 1.0)
            try:
                return function(*args)
            finally:
                events.add(hashes, -1.0)

        return compute

    class CountingQueue(kind):  # type: ignore[misc, valid-type]  # a class that is not known before
        """Computations in a fair order, and counted."""

        def submit(self, each: Computation, source: str, deadline: float) -> None:
            """See `ComputeQueue.submit`."""
            # What only takes time (`DummyCompute`) is no hash.
            if each.state is State.PREPARED and each.measured:
                each.function = measured(each.function, time.monotonic())
            super().submit(each, source, deadline)

    return CountingQueue
