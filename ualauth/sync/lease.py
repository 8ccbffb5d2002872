"""The lease of an agreement: one process of all hosts runs it at a time."""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, select, update

from ualauth.errors import StoreError
from ualauth.sync.failures import SyncBusy, SyncRefused
from ualauth.userlist.database.tables import sync_agreements
from ualauth.userlist.store import UserStore

LEASE_SECONDS = 300
"""For which a run has an agreement without saying that it goes on."""
_RENEWALS = 100.0
"""Seconds between two of a run that changes nothing: it reads a large directory."""
_CLOCKS_DIFFER = 3600
"""Seconds that the clocks of hosts may differ: a lease for longer than that is none."""


class Lease:
    """The right to run an agreement: one process of all hosts has it at a time."""

    def __init__(self, number: int) -> None:
        """Take no lease yet."""
        self._number = number
        host = socket.gethostname().replace(":", "")
        self._holder = f"{host}:{os.getpid()}:{secrets.token_hex(8)}"

    def take(self, connection: Connection) -> None:
        """Take it.

        Raises:
            SyncBusy: if another run has it.
            SyncRefused: if there is no such agreement any more.

        """
        columns = (sync_agreements.c.lease_holder, sync_agreements.c.lease_until)
        mine = sync_agreements.c.id == self._number
        row = connection.execute(select(*columns).where(mine)).first()
        if row is None:
            raise SyncRefused("the agreement was deleted in the meantime")
        holder, until = row
        left = (until - _now()) / 1_000_000
        is_over = not 0 < left < LEASE_SECONDS + _CLOCKS_DIFFER
        if holder and not is_over and not self._is_dead(holder):
            raise SyncBusy("another run of this agreement is going on")
        unchanged = (columns[0] == holder) & (columns[1] == until)
        statement = update(sync_agreements).where(mine, unchanged)
        if connection.execute(statement, self._values()).rowcount == 0:
            raise SyncBusy("another run of this agreement has begun")

    def renew(self, connection: Connection) -> None:
        """Go on having it: in the transaction of each change, which is undone otherwise.

        Raises:
            SyncRefused: if another run took it meanwhile.

        """
        mine = sync_agreements.c.lease_holder == self._holder
        statement = update(sync_agreements).where(sync_agreements.c.id == self._number, mine)
        if connection.execute(statement, self._values()).rowcount == 0:
            raise SyncRefused("another run of this agreement has taken over: this one ends")

    def give_back(self, connection: Connection) -> None:
        """Let others have it; nothing happens if they do."""
        mine = sync_agreements.c.lease_holder == self._holder
        statement = update(sync_agreements).where(sync_agreements.c.id == self._number, mine)
        connection.execute(statement, {"lease_holder": "", "lease_until": 0})

    def _values(self) -> dict[str, object]:
        return {"lease_holder": self._holder, "lease_until": _now() + LEASE_SECONDS * 1_000_000}

    def _is_dead(self, holder: str) -> bool:
        """Return whether a process of this very host had it, and is no more."""
        host, number, _ = holder.split(":")
        if host != self._holder.split(":")[0]:
            return False
        try:
            os.kill(int(number), 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False
        return False


@contextmanager
def leased(
    store: UserStore, number: int, renewals: float = _RENEWALS
) -> Iterator[Callable[[Connection], None]]:
    """Have the lease of an agreement; yields what each transaction has to call first.

    It is renewed each so many seconds besides, since what a directory says may take long.
    """
    lease, over = Lease(number), threading.Event()
    store.transaction(lease.take)
    keeper = threading.Thread(
        target=_keep, args=(store, lease, over, renewals), name="lease", daemon=True
    )
    keeper.start()
    try:
        yield lease.renew
    finally:
        over.set()
        keeper.join()
        store.transaction(lease.give_back)


def _keep(store: UserStore, lease: Lease, over: threading.Event, seconds: float) -> None:
    while not over.wait(seconds):
        try:
            store.transaction(lease.renew)
        except SyncRefused:
            # Its next change says so.
            return
        except StoreError:
            # The database is busy, or away; the next time may be early enough.
            continue


def _now() -> int:
    return time.time_ns() // 1000
