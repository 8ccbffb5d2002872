"""One call of libpam in a thread of its own, which stops whenever the person has to be asked.

libpam calls back where it wants to know something, and its C functions cannot
be left and entered again: a thread waits in them until there is an answer. The
one who drives the call sees a row of events instead: it goes on, and blocks,
until libpam asks or is done.

    event = call.go_on()
    while isinstance(event, Asked):
        event = call.go_on(answers)

However the driver ends, the thread does: an abandoned call gets no answers
any more, and the thread that waits for it is told.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ualauth.contract.messages import TextMessage
from ualauth.system.forks import RenewedSemaphore

T = TypeVar("T")

CALLS = RenewedSemaphore(64)
"""Bounds the calls that are in libpam at once, those that never come back included.

No call holds a place while a user is asked. More than these are waited for.
"""
CHANGES = RenewedSemaphore(1)
"""Lets one change of password into libpam at a time.

pam_unix locks the files of the host for the whole process, changes its umask
and uses static buffers on the way; other modules are likely to do as much.
"""


@dataclass(frozen=True, slots=True)
class PamQuestions:
    """libpam wants these messages shown, and the questions among them answered."""

    messages: tuple[TextMessage, ...]


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """The call is over, and this is its result."""

    result: T


Answers = list[bytearray | None]
"""An answer for each message. The code that reads it overwrites it."""


def overwrite(answers: Answers | None) -> None:
    """Make answers unreadable; only their length stays."""
    for answer in answers or ():
        if answer is not None:
            answer[:] = bytes(len(answer))


Answering = Callable[[tuple[TextMessage, ...]], Answers | None]
"""Messages in, answers out; `None` if there are none to be had. Blocks."""


@dataclass(slots=True, eq=False)
class Call(Generic[T]):
    """A call: `work` is given a function that asks, and runs in a thread of its own.

    `timeout` is how many seconds libpam may take without asking anything.
    `work` must not raise.
    """

    work: Callable[[Answering], T] = field(repr=False)
    places: threading.BoundedSemaphore = field(repr=False)
    timeout: float
    _changed: threading.Condition = field(default_factory=threading.Condition, repr=False)
    _event: PamQuestions | Done[T] | None = field(default=None, repr=False)
    _answers: Answers | None = field(default=None, repr=False)
    _answered: bool = False
    _started: bool = False
    _placed: bool = False
    _abandoned: bool = False

    def go_on(self, answers: Answers | None = None) -> PamQuestions | Done[T]:
        """Begin, or go on with the answers to what was asked; blocks until there is an event.

        `None` for the answers means that there are none to be had.

        Raises:
            TimeoutError: if that takes too long, or the call was abandoned.

        """
        until = time.monotonic() + self.timeout
        if not self.places.acquire(timeout=self.timeout):
            self.abandon()
            raise TimeoutError
        with self._changed:
            if self._abandoned:
                self.places.release()
                raise TimeoutError
            self._placed = True
            self._event = None
            self._answers, self._answered = answers, True
            if self._started:
                self._changed.notify_all()
            else:
                self._started = True
                self._start()
            self._changed.wait_for(self._is_over, until - time.monotonic())
            event = self._news()
        if event is None:
            self.abandon()
            raise TimeoutError
        return event

    def abandon(self) -> None:
        """Give up: nothing is answered any more; does not block, and may be called again."""
        with self._changed:
            self._abandoned = True
            self._changed.notify_all()

    def _is_over(self) -> bool:
        return self._event is not None or self._abandoned

    def _news(self) -> PamQuestions | Done[T] | None:
        return None if self._abandoned else self._event

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name="ualauth-libpam", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            # No more threads are to be had.
            self._abandoned = True
            self._leave()

    def _run(self) -> None:
        result = self.work(self._ask)
        with self._changed:
            self._report(Done(result))

    def _ask(self, messages: tuple[TextMessage, ...]) -> Answers | None:
        """Wait for answers, in the thread of libpam."""
        with self._changed:
            if self._abandoned:
                return None
            self._answered = False
            self._report(PamQuestions(messages))
            self._changed.wait_for(lambda: self._answered or self._abandoned)
            answers, self._answers = self._answers, None
            return None if self._abandoned else answers

    def _report(self, event: PamQuestions | Done[T]) -> None:
        self._event = event
        self._leave()
        self._changed.notify_all()

    def _leave(self) -> None:
        if self._placed:
            self._placed = False
            self.places.release()
