"""When users last logged in: noted by a thread, once an hour a user, and never waited for.

A login whose user has to be noted hands that over and goes on. A thread writes what came
together, a second at a time, so that few changes are made of many logins. Where the USERLIST
takes none (a full disk, a lock, a replica), the log says so once, and what was to be noted is lost.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, Self

from ualauth.contract.resources import Resources
from ualauth.errors import StoreError
from ualauth.system.forks import new_lock, renew_after_fork
from ualauth.userlist.record import LastLogin

log = logging.getLogger("ualauth.userlist")

EVERY = timedelta(hours=1)
"""For so long a login after a noted one is not noted."""
_GATHER = 1.0
"""Seconds from one change of the database to the next."""
_AFTER_FAULT = 60.0
"""Seconds for which nothing is noted after the database took no change."""
_GRACE = 5.0
"""Seconds for which `close` waits for what is to be noted."""
_MOST_WAITING = 10_000
_MOST_TEXT = 255


class LoginStore(Protocol):
    """Where logins are noted: a `UserStore`."""

    def note_logins(self, logins: Mapping[int, LastLogin], every: timedelta) -> None:
        """Note logins of users, by their ids, unless one was noted within `every`."""
        ...


class LastLogins:
    """What is to be noted of logins; all methods but `close` return at once."""

    def __init__(self, store: LoginStore) -> None:
        """Begin with nothing to be noted, and no thread."""
        self._store = store
        self._lock = new_lock()
        self._is_closed = False
        self._has_failed = False
        self.begin_in_child()
        renew_after_fork(self)

    @classmethod
    def open(cls, resources: Resources) -> Self:
        """See `Resource.open`."""
        from ualauth.userlist.store import UserStore  # noqa: PLC0415 - loads SQLAlchemy

        return cls(resources.resource(UserStore))

    def begin_in_child(self) -> None:
        """Begin with nothing to be noted: that is the parent's; see `Renewable`."""
        self._waiting: dict[int, LastLogin] = {}
        self._thread: threading.Thread | None = None
        self._hurry = threading.Event()
        self._not_before = 0.0

    def __repr__(self) -> str:
        """Show how many wait."""
        return f"{type(self).__name__}({len(self._waiting)} waiting)"

    def note(self, account: Any, service: str, source: str | None) -> None:  # noqa: ANN401 - an Account
        """Have a login noted, and the next one of this user when that is due again."""
        now = time.monotonic()
        account.login_due = max(now + EVERY.total_seconds() / 2, self._not_before)
        if now < self._not_before:
            return
        login = LastLogin(datetime.now(UTC), _text(service), _text(source or ""))
        with self._lock:
            if self._is_closed or len(self._waiting) >= _MOST_WAITING:
                return
            self._waiting[account.user.id] = login
            if self._thread is not None:
                return
            thread = threading.Thread(target=self._run, name="ualauth-last-logins", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                # There are too many, or the program ends.
                self._waiting.clear()
                return
            self._thread = thread

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    return
                logins, self._waiting = self._waiting, {}
            self._write(logins)
            self._hurry.wait(_GATHER)

    def _write(self, logins: Mapping[int, LastLogin]) -> None:
        try:
            self._store.note_logins(logins, EVERY)
        except Exception as error:  # noqa: BLE001 - no login waits for it
            why = str(error) if isinstance(error, StoreError) else type(error).__name__
            if not self._has_failed:
                log.warning("last logins are not noted: %s", why)
            self._has_failed = True
            self._not_before = time.monotonic() + _AFTER_FAULT
        else:
            self._has_failed = False

    def close(self) -> None:
        """Wait until what waits is noted; nothing is noted later."""
        with self._lock:
            self._is_closed = True
            thread = self._thread
        self._hurry.set()
        if thread is not None:
            thread.join(_GRACE)


def _text(text: str) -> str:
    """Return what every database can keep of a text."""
    return text[:_MOST_TEXT].encode("utf-8", "replace").decode().replace("\0", "?")
