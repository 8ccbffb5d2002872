"""An administrator in a process of their own, who changes what another changes, too."""

from __future__ import annotations

from datetime import UTC, datetime
from multiprocessing.connection import Connection
from typing import Any

from ualauth.errors import StaleRecord
from ualauth.userlist.record import User
from ualauth.userlist.store import UserStore

DONE, STALE = "done", "stale"


def edit(store: UserStore, user: User, change: dict[str, Any]) -> str:
    """Change a user as the caller knows it; a `password` is a hash with its secrets."""
    try:
        if "password" in change:
            store.set_password(user, **change, changed=datetime.now(UTC), expires=None)
        else:
            store.update(user, **change)
    except StaleRecord:
        return STALE
    return DONE


def administrate(pipe: Connection, url: str) -> None:
    """Read the user when told to, then make the change that comes, and answer how it went."""
    with UserStore(url, timeout=30) as store:
        while True:
            try:
                change = pipe.recv()
                user = store.get("anna")
                pipe.send("read")
                # The starting signal: all have the same record.
                pipe.recv()
                pipe.send((edit(store, user, change), user.revision))
            except EOFError:
                return
