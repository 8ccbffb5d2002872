"""What a module's coroutine yields to its driver: requests, carried out in the driver's way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from dataclasses import field
from typing import Any

from ualauth.contract.computation import Computation
from ualauth.contract.messages import Message
from ualauth.text.dataclass import dataclass


class Request:
    """What a module's coroutine yields to its driver.

    Awaiting a request hands it down; the driver carries it out in its own way
    and sends the result back.
    """

    __slots__ = ()

    def __await__(self) -> Generator[Request, Any, Any]:
        """Yield the request, and return what the driver sends."""
        return (yield self)


@dataclass(slots=True, eq=False)
class Offload(Request):
    """Call `function(*args)` where it may block."""

    function: Callable[..., Any]
    args: tuple[Any, ...]


@dataclass(slots=True, eq=False)
class Compute(Offload):
    """Call `function(*args)` where it may keep a processor busy.

    `once` is for others that need the same: they `Join` it.
    """

    once: Computation | None = None


@dataclass(slots=True, eq=False)
class Join(Request):
    """Return what a computation returns that another login has begun.

    Raises:
        GivenUp: if that login has gone, and no other one is left that waits.

    """

    once: Computation


@dataclass(slots=True, eq=False)
class Admission(Request):
    """Ask whether a `Compute` would be refused now, so that nothing is written for it."""


@dataclass(slots=True, eq=False)
class DummyCompute(Request):
    """Take as long as a `Compute` takes, without keeping a processor busy."""


@dataclass(slots=True, eq=False)
class Ask(Request):
    """Put messages to the person, and return the list of answers."""

    messages: list[Message]


@dataclass(slots=True, eq=False)
class Send(Request):
    """Send a challenge to the program at the other end, and return its response."""

    challenge: bytes = field(repr=False)


@dataclass(slots=True, eq=False)
class Wait(Request):
    """Await an awaitable of an asyncio library."""

    awaitable: Awaitable[Any]


@dataclass(slots=True, eq=False)
class Sleep(Request):
    """Wait for some seconds, unless the configuration wants no delays."""

    seconds: float


@dataclass(slots=True, eq=False)
class Until(Request):
    """Wait until the time (time.monotonic) is `moment`, so that it tells nothing."""

    moment: float


@dataclass(slots=True, eq=False)
class Readable(Request):
    """Wait until a file descriptor can be read, or some seconds are over; return which."""

    fileno: int
    seconds: float
