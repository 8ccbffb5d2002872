"""A thread that tries servers that are not well, beside the logins; it ends when all are."""

from __future__ import annotations

import threading
import time
import weakref
from typing import Protocol

from ualauth.system.forks import new_lock, renew_after_fork

_LOOK = 0.5
"""Seconds after which the thread looks whether the database is still in use."""


class HasServers(Protocol):
    """What has servers: a `Database`."""

    def next_look(self) -> float | None:
        """Return when a server is to be tried that is not well (time.monotonic); `None`: never."""
        ...

    def look(self) -> None:
        """Try the servers whose time it is; blocks."""
        ...


class Watch:
    """Begins with no thread; `begin` may be called by any thread, again and again."""

    def __init__(self, owner: HasServers) -> None:
        """Start nothing."""
        self._owner = weakref.ref(owner)
        self._lock = new_lock()
        self.begin_in_child()
        renew_after_fork(self)

    def begin_in_child(self) -> None:
        """See `forks.Renewable`: the thread is the parent's."""
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def begin(self) -> None:
        """Start watching, unless that is so already."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._stop = threading.Event()
                self._thread = threading.Thread(
                    target=self._run, args=(self._stop,), name="ualauth-sql", daemon=True
                )
                self._thread.start()

    def stop(self) -> None:
        """Watch no longer; never waits."""
        self._stop.set()

    def end(self) -> None:
        """Watch no longer, and wait for the thread; a connection that is being made takes time."""
        self.stop()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread() and thread.is_alive():
            thread.join()

    def _run(self, stop: threading.Event) -> None:
        while True:
            owner = self._owner()
            due = None if owner is None else owner.next_look()
            if owner is None or due is None:
                return
            now = time.monotonic()
            if due <= now:
                owner.look()
                due = now
            del owner
            if stop.wait(min(_LOOK, max(0.01, due - now))):
                return
