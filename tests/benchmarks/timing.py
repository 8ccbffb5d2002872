"""Timing two things side by side, so that a noisy machine disturbs both alike."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path


def side_by_side(
    ours: Callable[[], object],
    theirs: Callable[[], object],
    *,
    rounds: int = 400,
    calls: int = 25,
) -> tuple[float, float]:
    """Return the median seconds of one call of each; rounds alternate between the two."""
    times: tuple[list[float], list[float]] = ([], [])
    for function in (ours, theirs):
        for _ in range(calls):
            function()
    for _ in range(rounds):
        for function, taken in zip((ours, theirs), times, strict=True):
            start = time.perf_counter()
            for _ in range(calls):
                function()
            taken.append((time.perf_counter() - start) / calls)
    return statistics.median(times[0]), statistics.median(times[1])


def command(arguments: Sequence[str | Path], *, runs: int = 15) -> float:
    """Return the median seconds of running a command, its output thrown away."""
    taken = []
    for _ in range(runs):
        start = time.perf_counter()
        subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)
