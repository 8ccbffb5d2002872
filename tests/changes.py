"""Waiting for a changed file to be in use, which takes most of a second."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.machine import patience

SECONDS = patience(20)
"""Loaded machines are slow at times."""


def in_use(happens: Callable[[], bool]) -> bool:
    """Return whether something happens, asking again and again until it does."""
    end = time.monotonic() + SECONDS
    while not happens():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
