"""A call that computes once, for all logins that wait for its result.

One login is the first and prepares it; those that need the same meanwhile wait. Drivers
carry it out (`ualauth.contract.requests.Compute`); what it needs besides is theirs.
"""

from __future__ import annotations

import enum
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any


class GivenUp(Exception):
    """No login waits for a computation any more, or its first one has gone: begin anew."""


class State(enum.Enum):
    """How far a computation is."""

    PREPARED = enum.auto()
    WAITING = enum.auto()
    GRANTED = enum.auto()
    RUNNING = enum.auto()
    OVER = enum.auto()


class Computation:
    """A call, and what a queue knows of it; its lock is the queue's."""

    __slots__ = (
        "args",
        "begun",
        "deadline",
        "function",
        "future",
        "is_concluded",
        "measured",
        "sources",
        "started",
        "state",
        "turn",
        "waiting",
    )

    def __init__(self) -> None:
        """Begin without a function: a queue is given it together with this."""
        self.function: Callable[..., Any] = _nothing
        self.args: tuple[Any, ...] = ()
        self.future: Future[Any] = Future()
        # So that no login that leaves can cancel it for the others.
        self.future.set_running_or_notify_cancel()
        self.is_concluded: Callable[[], bool] = _concluded
        """Whether the first login has ended what follows from the result for all."""
        self.state = State.PREPARED
        self.sources: list[str] = []
        """The sources of those that wait, the first one's included."""
        self.deadline = 0.0
        """When the last of those that wait gives up (time.monotonic)."""
        self.waiting = 0
        self.begun = False
        """Whether it goes on with what has begun."""
        self.measured = True
        """Whether it takes as long as others do."""
        self.started = 0.0
        self.turn = threading.Semaphore(0)
        """Released when it may be run, and for each that waits when it is over."""

    def __repr__(self) -> str:
        """Show neither the call nor its result."""
        return f"{type(self).__name__}({self.state.name.lower()}, {self.waiting} waiting)"

    def give_up(self) -> None:
        """Send those that wait away to begin anew, unless it has been carried out or begun."""
        if self.state is State.PREPARED:
            self.end(GivenUp())

    def end(self, failure: BaseException | None = None, result: Any = None) -> None:  # noqa: ANN401
        """Hand a result, or what was raised, to those that wait, and forget the call."""
        self.state = State.OVER
        self.function, self.args = _nothing, ()
        if failure is None:
            self.future.set_result(result)
        else:
            self.future.set_exception(failure)
        self.turn.release(max(1, self.waiting))


def _concluded() -> bool:
    """Say that nothing follows."""
    return True


def _nothing() -> None:
    """Stand for a call that is not known yet, or forgotten."""
