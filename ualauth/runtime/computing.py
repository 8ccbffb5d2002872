"""What a module computes, as one login sees it: its place in the queue of both ways in."""

from __future__ import annotations

from ualauth.contract.computation import Computation
from ualauth.contract.requests import Admission, Compute, DummyCompute, Join
from ualauth.runtime.compute_queue import ComputeQueue
from ualauth.runtime.handle import Handle
from ualauth.system.networks import source_of

Computing = Compute | Join | Admission | DummyCompute


def enter(queue: ComputeQueue, handle: Handle, request: Computing) -> Computation | None:
    """Let a login wait for what a request says; `None` if there is nothing to wait for.

    A driver that gets a computation waits for its future, and leaves it afterwards.

    Raises:
        Abort: `AUTHINFO_UNAVAIL` if it cannot be done in time.

    """
    source, deadline = source_of(handle.items.rhost), handle.deadline or 0.0
    if isinstance(request, Admission):
        if not handle.begun:
            queue.admit(source, deadline)
        return None
    if isinstance(request, Join):
        queue.join(request.once, source, deadline)
        return request.once
    if isinstance(request, DummyCompute):
        each = Computation()
        each.function, each.measured = int, False
    else:
        each = request.once or Computation()
        each.function, each.args = request.function, request.args
        each.begun = handle.begun
    queue.submit(each, source, deadline)
    return each
