"""What a forked child has to begin anew: locks, and whatever counts on threads of the parent.

A child has only the thread that forked. A lock that another thread held is held for
ever there, a count of threads counts some that do not exist, and what is connected
belongs to the parent. So every lock that may outlive one login is made by `new_lock`
or `new_rlock`, and every object that knows of threads or connections is registered
by `renew_after_fork`. A test walks over the package and finds what is not.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import weakref
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Protocol, TypeVar

_LONGEST_WAIT = 5.0
"""Seconds that a fork waits: for longer than that only a call hangs that would hang anyway."""


class Renewable(Protocol):
    """An object that a child begins anew with."""

    def begin_in_child(self) -> None:
        """Start anew; no other thread runs, and locks of `new_lock` are free already."""
        ...


R = TypeVar("R", bound=Renewable)


def new_lock(*, held_by_fork: bool = False) -> threading.Lock:
    """Return a lock that is free in each child.

    With `held_by_fork` a thread that forks holds it meanwhile: no other one is then in a
    library that it calls under this lock.
    """
    lock = threading.Lock()
    _locks.add(lock)
    if held_by_fork:
        _held_by_fork.add(lock)
    return lock


def new_rlock() -> threading.RLock:  # type: ignore[valid-type, unused-ignore]
    """Return a reentrant lock that is free in each child."""
    lock = threading.RLock()
    _locks.add(lock)
    return lock


def renew_after_fork(owner: R) -> R:
    """Have an object begin anew in each child, for as long as it is used; return it."""
    _owners.add(owner)
    return owner


class RenewedSemaphore(threading.BoundedSemaphore):
    """A semaphore of which no child inherits that places are taken."""

    def __init__(self, value: int) -> None:
        """Let so many in at a time."""
        super().__init__(value)
        self._all = value
        renew_after_fork(self)

    def begin_in_child(self) -> None:
        """See `Renewable.begin_in_child`."""
        threading.BoundedSemaphore.__init__(self, self._all)


class LibraryCalls:
    """The calls into a library with locks of its own, each in a `with` statement."""

    def __init__(self) -> None:
        """Begin with none."""
        self.begin_in_child()

    def begin_in_child(self) -> None:
        """See `Renewable.begin_in_child`."""
        # Reentrant, as what is collected as garbage may end with a call.
        self._changed = threading.Condition(threading.RLock())
        self._alone = threading.RLock()
        self._inside = 0
        self._forking: int | None = None

    def __enter__(self) -> None:
        """Begin a call; waits while another thread forks."""
        with self._changed:
            while self._forking not in {None, threading.get_ident()}:
                self._changed.wait()
            self._inside += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End it."""
        with self._changed:
            self._inside -= 1
            if self._forking is not None:
                self._changed.notify_all()

    def stop(self, seconds: float) -> None:
        """Let no call begin, and wait for those that have; one thread at a time."""
        self._alone.acquire()
        with self._changed:
            self._forking = threading.get_ident()
            self._changed.wait_for(lambda: self._inside <= 0, seconds)

    def go_on(self) -> None:
        """Let calls begin again."""
        with self._changed:
            self._forking = None
            self._changed.notify_all()
        self._alone.release()


@contextlib.contextmanager
def all_calls_stopped() -> Iterator[None]:
    """Be the only thread that is in a library with locks of its own, for a moment."""
    _before()
    try:
        yield
    finally:
        _begin_in_parent()


def _before() -> None:
    until = time.monotonic() + _LONGEST_WAIT
    LIBRARY_CALLS.stop(_LONGEST_WAIT)
    for lock in list(_held_by_fork):
        if lock.acquire(timeout=max(0.0, until - time.monotonic())):
            _taken.append(lock)  # noqa: PERF401 - what is taken is known if one fails


def _begin_in_parent() -> None:
    while _taken:
        _taken.pop().release()
    LIBRARY_CALLS.go_on()


def _begin_in_child() -> None:
    _taken.clear()
    LIBRARY_CALLS.begin_in_child()
    for lock in list(_locks):
        # What `threading` itself calls after a fork, for each lock of the standard library.
        lock._at_fork_reinit()  # noqa: SLF001
    for owner in list(_owners):
        owner.begin_in_child()


LIBRARY_CALLS = LibraryCalls()
"""The calls into SQLite."""
_locks: weakref.WeakSet[Any] = weakref.WeakSet()
_held_by_fork: weakref.WeakSet[Any] = weakref.WeakSet()
_taken: list[Any] = []
_owners: weakref.WeakSet[Any] = weakref.WeakSet()
os.register_at_fork(
    before=_before, after_in_parent=_begin_in_parent, after_in_child=_begin_in_child
)
