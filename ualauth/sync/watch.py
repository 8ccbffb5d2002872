"""Agreements run as their schedules say, and as soon as a server tells that something changed.

Each agreement has a thread, which mostly waits. Several processes of several hosts may watch one
USERLIST: each run takes the lease, and is left out if another process has just made it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from functools import partial

from ualauth.errors import UalauthError
from ualauth.sync import store as agreements
from ualauth.sync.agreement import Agreement, Source
from ualauth.sync.failures import SyncBusy, SyncRefused, SyncUnavailable
from ualauth.sync.run import Outcome, run
from ualauth.sync.store import StoredAgreement
from ualauth.userlist.store import UserStore

log = logging.getLogger("ualauth.sync")

_LOOK = 30.0
"""Seconds after which it is looked whether an agreement is another one now."""
_GATHER = 0.2
"""Seconds from the first of several changes to the run."""
_STAND_BACK = 5.0
"""Seconds to wait where another process runs it."""
_CLOCKS_DIFFER = 300.0
"""Seconds that the clocks of hosts may differ: a run in a later future was no run."""

Wait = Callable[[Agreement, str, float, Callable[[], bool]], bool]


def wait_for_change(
    agreement: Agreement, cookie: str, seconds: float, is_over: Callable[[], bool]
) -> bool:
    """Return whether anything changed in a directory since a cookie; see `content_sync`."""
    from ualauth.sync.sources.syncrepl import wait  # noqa: PLC0415 - needs python-ldap

    return wait(agreement, cookie, seconds, is_over)


class Watch:
    """Runs the agreements of a USERLIST until it is told to stop."""

    def __init__(  # noqa: PLR0913 - what a watch may be told
        self,
        store: UserStore,
        stop: threading.Event,
        names: Collection[str] = (),
        *,
        interval: int = 0,
        run_one: Callable[..., Outcome] = run,
        wait: Wait = wait_for_change,
        tell: Callable[[str, Outcome | UalauthError], object] = lambda _name, _outcome: None,
    ) -> None:
        """Watch agreements with these names, or all; `interval` is for those that have none.

        `tell` gets what each run came to, in the thread of its agreement.
        """
        self._store = store
        self._stop = stop
        self._names = names
        self._interval = interval
        self._run_one = run_one
        self._wait = wait
        self._tell = tell
        self._threads: dict[str, threading.Thread] = {}
        self._turns = threading.Lock()
        """Runs take turns, since each takes a processor."""

    def look(self) -> bool:
        """Begin to follow agreements that are not followed yet; return whether any is."""
        self._threads = {
            name: thread for name, thread in self._threads.items() if thread.is_alive()
        }
        for stored in self._store.transaction(agreements.all_of):
            name = stored.agreement.name
            if name in self._threads or not self._seconds(stored):
                continue
            thread = threading.Thread(target=self._follow, args=(name,), name=name, daemon=True)
            self._threads[name] = thread
            thread.start()
        return bool(self._threads)

    def finish(self, seconds: float) -> bool:
        """Wait until all that went on has ended, for so long at most; return whether it has."""
        deadline = time.monotonic() + seconds
        for thread in self._threads.values():
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads.values())

    def _seconds(self, stored: StoredAgreement) -> int:
        """Return how often an agreement is run; 0 is never."""
        if stored.is_company_deleted:
            return 0
        if self._names and stored.agreement.name not in self._names:
            return 0
        return stored.agreement.interval or self._interval

    def _follow(self, name: str) -> None:
        while not self._stop.is_set():
            try:
                stored = self._store.transaction(partial(agreements.get, name=name))
                seconds = self._seconds(stored)
                if not seconds:
                    return
                left = _left(stored, seconds, time.time())
                if left <= 0 or self._is_changed(stored, min(left, _LOOK)):
                    self._run(stored)
            except SyncRefused as error:
                log.info("agreement %s: %s", name, error)
                return
            except UalauthError as error:
                # The USERLIST cannot be used now.
                log.error("agreement %s: %s", name, error)  # noqa: TRY400 - no bug
                self._stop.wait(_LOOK)

    def _is_changed(self, stored: StoredAgreement, seconds: float) -> bool:
        """Return whether a run would find something; False after so many seconds."""
        cookie = stored.state.get("source", {}).get("values", {}).get("users", "")
        is_same = stored.state.get("source", {}).get("contract") == stored.agreement.contract
        # After a run that was held back, all of it would come again at once.
        if (
            stored.agreement.source is Source.SYNCREPL
            and cookie
            and is_same
            and not stored.state.get("error")
        ):
            try:
                if self._wait(stored.agreement, cookie, seconds, self._stop.is_set):
                    return not self._stop.wait(_GATHER)
            except (SyncUnavailable, SyncRefused) as error:
                log.warning("agreement %s: %s", stored.agreement.name, error)
            else:
                return False
        self._stop.wait(seconds)
        return False

    def _run(self, stored: StoredAgreement) -> None:
        name = stored.agreement.name
        with self._turns:
            if self._stop.is_set():
                return
            result: Outcome | UalauthError
            try:
                result = self._run_one(self._store, name, after=stored.state.get("run", ""))
            except UalauthError as error:
                result = error
        self._tell(name, result)
        if isinstance(result, UalauthError):
            level = logging.INFO if isinstance(result, SyncBusy) else logging.WARNING
            log.log(level, "agreement %s: %s", name, result)
            self._stop.wait(_STAND_BACK)


def _left(stored: StoredAgreement, seconds: int, now: float) -> float:
    """Return the seconds until an agreement is due that is run each `seconds`."""
    text = stored.state.get("run")
    last = datetime.fromisoformat(text).astimezone(UTC).timestamp() if text else 0.0
    # A clock that was wrong puts nothing off for years.
    return 0.0 if last > now + _CLOCKS_DIFFER else last + seconds - now
