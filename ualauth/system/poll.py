"""Waiting until a file descriptor can be read: in this thread, or on the event loop.

Both return whether it can be read before `seconds` are over, and raise
`TimeoutError` if it is `left`, the time of the whole operation, that is over.
"""

from __future__ import annotations

import math
import select
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio


def wait_blocking(fileno: int, seconds: float, left: float = math.inf) -> bool:
    """Wait, and block meanwhile."""
    poll = select.poll()
    poll.register(fileno, select.POLLIN)
    return bool(poll.poll(max(0.0, min(seconds, left)) * 1000)) or _not_yet(seconds, left)


async def wait_on_loop(fileno: int, seconds: float, left: float = math.inf) -> bool:
    """Wait, and let the event loop go on meanwhile."""
    import asyncio  # noqa: PLC0415 - an application without a loop never loads it

    # Where many wait, what is waited for has often come when the others have had their turn;
    # that is cheaper to find out than to have the loop watch a descriptor for once.
    await asyncio.sleep(0)
    if wait_blocking(fileno, 0):
        return True
    loop = asyncio.get_running_loop()
    result: asyncio.Future[bool] = loop.create_future()
    loop.add_reader(fileno, _set_result, result, True)  # noqa: FBT003 - the answer
    timer = loop.call_later(min(seconds, left), _set_result, result, False)  # noqa: FBT003 - likewise
    try:
        return await result or _not_yet(seconds, left)
    finally:
        timer.cancel()
        # The thread that is woken may close it, and its number then belongs to something else.
        loop.remove_reader(fileno)


def _set_result(result: asyncio.Future[bool], answer: bool) -> None:  # noqa: FBT001 - a callback
    if not result.done():
        result.set_result(answer)


def _not_yet(seconds: float, left: float) -> bool:
    if left <= seconds:
        raise TimeoutError
    return False
