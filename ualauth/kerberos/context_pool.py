"""Contexts of one configuration, each handed out to one call at a time.

To make one takes a twentieth of a login: libkrb5 reads krb5.conf and loads what
is plugged into it. So it is used again, but not for long, that a change of
krb5.conf is noticed, and not after an error.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from ualauth.kerberos.context import Configuration, Context
from ualauth.kerberos.kdc_order import KdcOrder

_LIFE = 0.5
"""Seconds in which a context may be used again; service files are looked at as often."""


class ContextPool:
    """Hands out contexts, as many as there are calls at once."""

    def __init__(self, current: Callable[[], Configuration] | None = None) -> None:
        """Remember what returns the files to read, the host's if none; nothing is opened."""
        self.trace: Callable[[str], None] | None = None
        """Who is told each step of libkrb5."""
        self.order = KdcOrder()
        self._current = current
        self._idle: list[tuple[Context, float, int]] = []

    @contextlib.contextmanager
    def one(self, seconds: float) -> Iterator[Context]:
        """Hold a context, whose time begins now and lasts that many seconds.

        Raises:
            KerberosFault: if krb5.conf cannot be read.

        """
        now = time.monotonic()
        context, since, version = self._taken(now)
        try:
            context.begin(now + seconds)
            yield context
        except BaseException:
            context.close()
            raise
        self._idle.append((context, since, version))
        # Those of a time with more calls at once are not kept: each holds copies of files.
        with contextlib.suppress(IndexError):
            while time.monotonic() - self._idle[0][1] >= _LIFE:
                # Another thread may have been faster; then this is a younger one, and no loss.
                self._idle.pop(0)[0].close()

    def _taken(self, now: float) -> tuple[Context, float, int]:
        while self._idle:
            # Another thread may have been faster.
            with contextlib.suppress(IndexError):
                context, since, version = self._idle.pop()
                if now - since < _LIFE and version == self.order.version:
                    return context, since, version
                context.close()
        version = self.order.version
        configuration = None if self._current is None else self._current()
        context = Context(configuration, self.order)
        if self.trace is not None:
            context.trace(self.trace)
        return context, now, version

    def close(self) -> None:
        """Close those that no thread uses."""
        while self._idle:
            with contextlib.suppress(IndexError):
                self._idle.pop()[0].close()
