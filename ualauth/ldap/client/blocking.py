"""Asking a directory where no login is going on, and waiting for the answer.

entry = run_blocking(directory.root_dse(BLOCKING))
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from ualauth.system.poll import wait_blocking

T = TypeVar("T")


class BlockingRequester:
    """A `Requester` that does everything on the spot; only for `run_blocking`."""

    async def offload(self, function: Callable[..., T], *args: Any) -> T:  # noqa: ANN401
        """See `Attempt.offload`."""
        return function(*args)

    async def readable(self, fileno: int, seconds: float) -> bool:
        """See `Attempt.readable`."""
        return wait_blocking(fileno, seconds)


BLOCKING = BlockingRequester()


def run_blocking(coroutine: Coroutine[Any, Any, T]) -> T:
    """Return what a coroutine returns that was given `BLOCKING`; blocks."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        value: T = stop.value
        return value
    coroutine.close()
    raise RuntimeError("this coroutine waits for something else than a directory")
