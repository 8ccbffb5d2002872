"""Processes that stand still: SIGSTOP, and then until the kernel has stopped every thread.

A signal is sent at once, and obeyed when each thread runs next: on a busy machine a server
may answer still after kill(2) has returned.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from tests.machine import patience


def stand_still(*pids: int) -> None:
    """Stop processes, all of their threads, until SIGCONT."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    until = time.monotonic() + patience(60)
    while not all(map(_stands_still, pids)):
        assert time.monotonic() < until, "a process goes on after SIGSTOP"
        time.sleep(0.01)


def _stands_still(pid: int) -> bool:
    states = set()
    for thread in Path(f"/proc/{pid}/task").iterdir():
        # The state stands behind the name, which ends with a bracket (proc(5)); or the thread has
        # ended.
        with suppress(FileNotFoundError, ProcessLookupError):
            states.add((thread / "stat").read_text().rpartition(")")[2].split()[0])
    return states <= {"T", "Z"}
