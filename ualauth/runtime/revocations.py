"""Sessions that end when the user's account is closed or the password is changed.

A login is asked once, and an IMAP session goes on for days. A server adds each session that
begins; one thread looks at the USERLIST every few seconds, and has those ended whose user was
deleted, locked or given another password since the login. Where the database can say that
nothing has changed, a look reads nothing.

Sessions of users for whom another module vouched (a directory, a KDC) are not looked after.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from ualauth.contract.identity import Identity
from ualauth.errors import StoreError
from ualauth.system.forks import new_lock, new_rlock, renew_after_fork
from ualauth.userlist.record_state import RecordState, Revocation, revocation

if TYPE_CHECKING:
    from ualauth.userlist.cache import UserCache
    from ualauth.userlist.database.change_detector import Version

log = logging.getLogger("ualauth.login")

INTERVAL = 5.0
"""Seconds between two looks at the USERLIST."""

End = Callable[[Revocation], object]


class Session:
    """One session of a user; it is `close`d when it ends by itself."""

    def __init__(self, owner: Revocations, states: Sequence[RecordState], end: End) -> None:
        """Hold it; made by `Revocations.add`."""
        self._owner = owner
        self.states = states
        """Of the user, and of who acts for the user, at the login."""
        self.began = datetime.now(UTC)
        self.end = end

    def close(self) -> None:
        """Look after it no more; may be repeated."""
        self._owner.remove(self)

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()


class Revocations:
    """The sessions of one application; for one thread or many."""

    def __init__(self, find_users: Callable[[], UserCache], interval: float = INTERVAL) -> None:
        """Begin with no session, and no thread. `find_users` returns the USERLIST."""
        self._find_users = find_users
        self._interval = interval
        self._lock = new_lock()
        # What ends a session may close all of them.
        self._looking = new_rlock()
        self.begin_in_child()
        renew_after_fork(self)

    def begin_in_child(self) -> None:
        """Begin with none: the sessions of the parent are the parent's."""
        self._sessions: set[Session] = set()
        self._states: dict[int, RecordState] = {}
        """Those of users with a session, as they were at `_version`."""
        self._version: Version | None = None
        self._stop = threading.Event()
        self._has_thread = False

    def __len__(self) -> int:
        """Return how many sessions there are."""
        return len(self._sessions)

    def add(self, identity: Identity, end: End) -> Session:
        """Look after a session from now on; `end` is called once, if it is to end.

        It is called with the reason, in another thread, and must not block. What has changed
        since the login counts, not only what changes from now on.
        """
        people = [identity.person, *([identity.actor] if identity.actor else [])]
        # Of another module's user, the USERLIST has no say.
        states = [each.state for each in people if isinstance(each.state, RecordState)]
        session = Session(self, states, end)
        if not states:
            return session
        with self._lock:
            self._sessions.add(session)
            if not self._has_thread:
                self._has_thread = True
                name, args = "ualauth-revocations", (self._stop,)
                threading.Thread(target=self._run, args=args, name=name, daemon=True).start()
        return session

    def remove(self, session: Session) -> None:
        """See `Session.close`."""
        with self._lock:
            self._sessions.discard(session)

    def look(self) -> int:
        """Look now, and end what is to end; return how many sessions. Blocks.

        Raises:
            StoreError: if the USERLIST cannot be read; then no session ends.

        """
        with self._looking:
            with self._lock:
                sessions = list(self._sessions)
            if not sessions:
                return 0
            numbers = {state.id for session in sessions for state in session.states}
            states, now = self._states_of(numbers), datetime.now(UTC)
            number = 0
            for session in sessions:
                began = session.began
                whys = (
                    revocation(state, began, states.get(state.id), now) for state in session.states
                )
                why = next(filter(None, whys), None)
                if why is not None and self._take(session):
                    number += 1
                    _end(session, why)
            return number

    def close(self) -> None:
        """Look after nothing more, once a look that is under way is over; no session ends by it."""
        with self._lock:
            self._sessions.clear()
            self._stop.set()
            self._stop, self._has_thread = threading.Event(), False
        with self._looking:
            self._states = {}
            self._version = None

    def _states_of(self, numbers: set[int]) -> dict[int, RecordState]:
        """Return how the users are now who have some ids, as far as they are there."""
        users = self._find_users()
        # Before the reading: what changes meanwhile is seen at the next look.
        version = users.version()
        if version is None or version is not self._version:
            self._states = {}
        unread = [number for number in numbers if number not in self._states]
        if unread:
            self._states |= {user.id: user.state() for user in users.store.by_ids(unread)}
        self._states = {key: self._states[key] for key in numbers if key in self._states}
        self._version = version
        return self._states

    def _take(self, session: Session) -> bool:
        """Return whether it is to be ended here: it has not ended by itself meanwhile."""
        with self._lock:
            is_open = session in self._sessions
            self._sessions.discard(session)
        return is_open

    def _run(self, stop: threading.Event) -> None:
        while not stop.wait(self._interval):
            try:
                self.look()
            except StoreError as error:
                log.warning("sessions are not looked after now: %s", error)
            except Exception as error:  # noqa: BLE001 - the thread must go on
                log.error("sessions are not looked after: raised %s", type(error).__name__)  # noqa: TRY400
            with self._lock:
                if stop is self._stop and not self._sessions:
                    self._has_thread = False
                    return


def _end(session: Session, why: Revocation) -> None:
    try:
        session.end(why)
    except Exception as error:  # noqa: BLE001 - the other sessions are to end, too
        log.warning("a session could not be ended: %s", type(error).__name__)
