"""How much slower this machine is than the one that limits of tests are written for.

    assert connected.wait(patience(10))

A limit is there to end a test that hangs. It must not end one that is slow, on a machine
that is slow, or busy.
"""

from __future__ import annotations

import hashlib
import os
import time

_NAME = "UALAUTH_SLOWNESS"
# Seconds that `_work` takes where the limits were written: a core of a server of 2023.
_USUAL = 0.15


def _work() -> None:
    """Do what tests do most: Python, and hashes in C."""
    total = 0
    for number in range(600_000):
        total += number % 7
    hashlib.pbkdf2_hmac("sha256", b"password", str(total).encode(), 100_000)


def _measured() -> float:
    """Return how many times as long this machine takes, while others use it, too.

    It may get busier after this moment, by the tests themselves to begin with.
    """
    began = time.monotonic()
    _work()
    return max(2.0, 1.5 * (time.monotonic() - began) / _USUAL)


def slowness() -> float:
    """Return the factor, which is measured once for all processes of a run: 2, or more."""
    if _NAME not in os.environ:
        os.environ[_NAME] = f"{_measured():.2f}"
    return float(os.environ[_NAME])


def patience(seconds: float) -> float:
    """Return how long to wait here for what takes less than `seconds` on a usual machine."""
    return seconds * slowness()
