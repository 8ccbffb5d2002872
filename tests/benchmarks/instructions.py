"""Instructions of a login, counted by valgrind: what noise cannot move."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks import baseline
from tests.benchmarks.instruction_probe import OPERATIONS
from tests.benchmarks.page import Row

TITLE = "Instructions"
HOW = f"""
`valgrind --tool=callgrind` counts the instructions of user space of 100 operations after 60 that
warm up, in a process for each kind, with `PYTHONHASHSEED=0`; the peer is {baseline.VERSION}, run
in the same way with the same interpreter and libraries. A remembered
login is `Authenticator.authenticate` through one `auth` and one `account` entry of `om_auth`.
A SCRAM-SHA-256 exchange is both ends of it; the client's knows its salted password.
"""
TARGET = {"a remembered login": "1.10 or less"}
_TIMES = 100
_VALGRIND = ("valgrind", "--tool=callgrind", "--instr-atstart=no", "--collect-atstart=no")


def rows() -> list[Row]:
    """Count both versions."""
    with tempfile.TemporaryDirectory() as name:
        old = baseline.unpack(Path(name))
        return [_row(operation, old) for operation in OPERATIONS]


def _row(operation: str, old: Path) -> Row:
    ours, theirs = instructions(operation), instructions(operation, old)
    return Row(
        operation,
        f"{ours / 1000:.1f} k",
        f"{baseline.VERSION} {theirs / 1000:.1f} k",
        f"{ours / theirs:.3f}",
        TARGET.get(operation, ""),
    )


def instructions(operation: str, path: Path | None = None) -> float:
    """Return the instructions of one operation, by the package under `path` or this one."""
    here = Path(__file__).parent
    environment = {
        **os.environ,
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": str(path or here.parents[1]),
    }
    with tempfile.TemporaryDirectory() as folder:
        marks = f"{folder}/marks.so"
        source = here / "callgrind_marks.c"
        subprocess.run(["gcc", "-shared", "-fPIC", "-o", marks, source], check=True)
        program: list[str | Path] = [
            sys.executable,
            here / "instruction_probe.py",
            operation,
            str(_TIMES),
            marks,
        ]
        done = subprocess.run(
            [*_VALGRIND, f"--callgrind-out-file={folder}/out", *program],
            check=True,
            capture_output=True,
            text=True,
            cwd=folder,
            env=environment,
        )
    found = re.search(r"Collected : (\d+)", done.stderr)
    if found is None or not int(found[1]):
        raise RuntimeError("valgrind counts nothing")
    return int(found[1]) / _TIMES
