"""Waiting for a place without a thread: each who waits has a file descriptor to be woken by."""

from __future__ import annotations

import os
import sys
from typing import Self

from ualauth.ldap.client.values import Requester


class Turn:
    """One who waits; `give` may be called from any thread, once. Use it in a `with` statement."""

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
