"""The connections to one server that serve one purpose: kept, shared out, bounded in number."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from typing import Self

from ualauth.ldap.client.connection import Connection
from ualauth.ldap.client.faults import TimedOut
from ualauth.ldap.client.settings import LdapSettings
from ualauth.ldap.client.values import Requester
from ualauth.system.forks import new_lock
from ualauth.system.poll import wait_blocking

_JUST_NOW = 0.1
"""Seconds for which a connection is not looked at before it is used again."""


class Pool:
    """At most `settings.pool_size` connections; who finds none free waits for a turn.

    A caller that has taken a place MUST give it back, with its connection or without.
    """

    def __init__(self, settings: LdapSettings) -> None:
        """Begin with no connection."""
        self._settings = settings
        self._lock = new_lock()
        self._idle: list[tuple[Connection, float]] = []
        self._waiting: deque[Waiter] = deque()
        self._taken = 0

    async def take(self, requester: Requester, seconds: float) -> Connection | None:
        """Return a connection, or `None`: then make one.

        Raises:
            TimedOut: if all are taken all the time.

        """
        with self._lock:
            if self._taken < self._settings.pool_size:
                self._taken += 1
                turn = None
            else:
                turn = Waiter()
                self._waiting.append(turn)
        if turn is not None:
            await self._wait(turn, requester, seconds)
        return self._pick()

    def give_back(self, connection: Connection | None) -> None:
        """Give a place back, and the connection if it may be used again."""
        with self._lock:
            if connection is not None:
                self._idle.append((connection, time.monotonic()))
            self._pass_on()

    def clear(self) -> None:
        """Close the connections that no caller uses."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection, _ in idle:
            connection.close()

    def forget(self) -> list[Connection]:
        """Return all connections that no caller uses; the caller of this closes them."""
        idle, self._idle = self._idle, []
        return [connection for connection, _ in idle]

    async def _wait(self, turn: Waiter, requester: Requester, seconds: float) -> None:
        with turn:
            try:
                if await turn.wait(requester, seconds):
                    return
            except BaseException:
                self._withdraw(turn)
                raise
            self._withdraw(turn)
        raise TimedOut(f"all {self._settings.pool_size} connections are in use")

    def _withdraw(self, turn: Waiter) -> None:
        """Leave the queue; a turn that came in the last moment is the next one's."""
        with self._lock:
            if turn.given:
                self._pass_on()
            else:
                self._waiting.remove(turn)

    def _pass_on(self) -> None:
        """Let the next one that waits have a place, if one does."""
        if self._waiting:
            self._waiting.popleft().give()
        else:
            self._taken -= 1

    def _pick(self) -> Connection | None:
        """Return the connection that was used last, if it is still good."""
        now = time.monotonic()
        oldest = now - self._settings.idle_lifetime
        while True:
            with self._lock:
                if not self._idle:
                    return None
                # The one at the front has waited longest.
                connection, since = self._idle.pop(0 if self._idle[0][1] < oldest else -1)
            fileno = connection.fileno()
            # Nothing was asked: what can be read is its end, or a farewell (RFC 4511, 4.4.1).
            # One that was used just now is only asked: what fails on it is asked again.
            if (
                since >= oldest
                and fileno >= 0
                and (since > now - _JUST_NOW or not wait_blocking(fileno, 0))
            ):
                return connection
            connection.close()


class Waiter:
    """A caller that waits for a place without a thread, with a file descriptor to be woken by.

    `give` may be called from any thread, once. Use it in a `with` statement.
    """

    def __init__(self) -> None:
        """Open what it is woken by."""
        if sys.platform == "linux":
            number = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
            self._ends = number, number
        else:
            self._ends = os.pipe()
        self.given = False

    async def wait(self, requester: Requester, seconds: float) -> bool:
        """Return whether it came before the time was up."""
        return await requester.readable(self._ends[0], seconds)

    def give(self) -> None:
        """Wake who waits; the pool's lock is held, so that its end has not come meanwhile."""
        self.given = True
        os.write(self._ends[1], (1).to_bytes(8, sys.byteorder))

    def __enter__(self) -> Self:
        """Return it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close what it is woken by."""
        for number in set(self._ends):
            os.close(number)
