"""System calls and Python calls of a login: what instructions of user space do not show."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks import baseline
from tests.benchmarks.instruction_probe import OPERATIONS
from tests.benchmarks.page import Row
from tests.benchmarks.probing import by_ldapi, python_calls, system_calls

TITLE = "System calls and Python calls"
HOW = f"""
The operations are those of [instructions](#instructions), a hundred after 60 that warm up, in a
process for each; the peer is {baseline.VERSION}. `strace -f` counts the system calls of all
threads, the interpreter (`sys.setprofile`) the calls of Python functions: those of the libraries
below and `__init__` of dataclasses, too. What is done by the clock comes on top, now and then. Of a
SCRAM-SHA-256 exchange both ends count, of a login by LDAP not the server's.
"""


def rows() -> list[Row]:
    """Count both versions."""
    with tempfile.TemporaryDirectory() as name, by_ldapi(Path(name)) as (_, directory):
        old = baseline.unpack(Path(name) / "old")
        return [
            _row(operation, what, count, directory, old)
            for operation in OPERATIONS
            for what, count in (("system calls", system_calls), ("Python calls", python_calls))
        ]


def _row(
    operation: str,
    what: str,
    count: Callable[[str, Path, Path | None], float],
    directory: Path,
    old: Path,
) -> Row:
    ours, theirs = count(operation, directory, None), count(operation, directory, old)
    return Row(
        f"{operation}: {what}",
        f"{ours:.1f}",
        f"{baseline.VERSION} {theirs:.1f}",
        f"{ours / theirs:.2f}" if theirs else "",
    )
