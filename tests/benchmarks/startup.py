"""How long it takes to import the library, and to start the program."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.benchmarks.page import Row
from tests.benchmarks.timing import command

TITLE = "Import and help"
HOW = """
Median of 15 processes, compiled files in place. The time of `python -c pass` is taken off for the
import.
"""


def rows() -> list[Row]:
    """Measure whole processes."""
    python = sys.executable
    bare = command([python, "-c", "pass"])
    imported = command([python, "-c", "import ualauth"]) - bare
    shown = command([Path(python).with_name("ualauth"), "--help"])
    return [
        _duration("`import ualauth`, beyond starting Python", imported, 0.060),
        _duration("`ualauth --help`, the whole process", shown, 0.200),
    ]


def _duration(what: str, seconds: float, limit: float) -> Row:
    return Row(what, f"{seconds * 1e3:.0f} ms", target=f"{limit * 1e3:.0f} ms or less")
