"""Timing things side by side, so that a noisy machine disturbs all of them alike."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path


def side_by_side(
    *functions: Callable[[], object], rounds: int = 400, calls: int = 25
) -> list[float]:
    """Return the median seconds of one call of each; rounds alternate between them."""
    times: list[list[float]] = [[] for _ in functions]
    for function in functions:
        for _ in range(calls):
            function()
    for _ in range(rounds):
        for function, taken in zip(functions, times, strict=True):
            start = time.perf_counter()
            for _ in range(calls):
                function()
            taken.append((time.perf_counter() - start) / calls)
    return [statistics.median(taken) for taken in times]


def command(arguments: Sequence[str | Path], *, runs: int = 15) -> float:
    """Return the median seconds of running a command, its output thrown away."""
    taken = []
    for _ in range(runs):
        start = time.perf_counter()
        subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)
