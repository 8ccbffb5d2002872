"""Realms whose KDCs say nothing: while one does, not every login waits for it.

libkrb5 waits up to half a minute for a realm in which nobody answers. Whoever
found that out spares the others the wait for a few seconds: they could not
check, and say so at once. KDCs that refuse connections answer at once by
themselves, and are asked every time.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from ualauth.kerberos.failures import KDC_UNREACHABLE, UNREACHABLE, KerberosFault


class Outages:
    """The realms that keep silent; used by many threads."""

    def __init__(self, least: float = 5.0, lasts: float = 5.0) -> None:
        """Begin with none; `least` seconds in vain are silence, remembered for `lasts` seconds."""
        self._least = least
        self._lasts = lasts
        self._until: dict[str, float] = {}

    @contextlib.contextmanager
    def watched(self, realm: str) -> Iterator[None]:
        """Ask the KDCs of a realm within.

        Raises:
            KerberosFault: if they kept silent a moment ago.

        """
        started = time.monotonic()
        if started < self._until.get(realm, 0.0):
            raise KerberosFault(KDC_UNREACHABLE, f"no KDC of {realm} answered a moment ago")
        try:
            yield
        except KerberosFault as error:
            now = time.monotonic()
            if error.number in UNREACHABLE and now - started >= self._least:
                self._until[realm] = now + self._lasts
            raise
        self._until.pop(realm, None)
