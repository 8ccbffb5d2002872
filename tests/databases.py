"""Sees which SQLite databases are opened in this process, and which of them are not closed.

Python 3.13 warns of a connection that is left to the garbage collector, at some later moment. Here
the test that leaves it fails, with any Python.
"""

from __future__ import annotations

import gc
import sqlite3
import sys
import time
from contextlib import suppress
from typing import Any

from tests.machine import patience
from ualauth.userlist.database import change_detector, database


class Databases:
    """The connections of a test."""

    def __init__(self) -> None:
        """Watch from now on: audit hooks stay."""
        self._opened: list[sqlite3.Connection] | None = None
        self._left_behind = 0
        sys.addaudithook(self._look)

    def begin(self) -> None:
        """Begin with a test."""
        self._opened, self._left_behind = [], _number_left_behind()

    def end(self, seconds: float = 5) -> int:
        """End with it; return how many connections are open still, and stay so for a while.

        A store that is garbage closes its own. Threads that a test does not wait for may be
        about to end, and close theirs. What is left behind in favour of another file is kept.
        """
        opened, self._opened = self._opened or [], None
        if _number_left_behind() > self._left_behind:
            return 0
        end = time.monotonic() + patience(seconds)
        while (still_open := sum(map(_is_open, opened))) and time.monotonic() < end:
            time.sleep(0.01)
            gc.collect()
        return still_open

    def _look(self, event: str, arguments: tuple[Any, ...]) -> None:
        # https://docs.python.org/3/library/audit_events.html
        if event == "sqlite3.connect/handle" and self._opened is not None:
            self._opened.append(arguments[0])


def _number_left_behind() -> int:
    return len(database._left_behind) + len(change_detector._left_behind)


def _is_open(connection: sqlite3.Connection) -> bool:
    with suppress(sqlite3.ProgrammingError):
        return connection.total_changes >= 0
    return False


DATABASES = Databases()
