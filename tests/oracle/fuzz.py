"""Random cases through libpam and our engine: `python -m tests.oracle.fuzz --cases N`.

Exits with 1 if they disagree. The case of a seed is always the same one, so a
run is repeated by its seed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.oracle import ours
from tests.oracle.case import Outcome
from tests.oracle.difference import Difference
from tests.oracle.generator import random_case
from tests.oracle.libpam import Libpam, unusable
from tests.seeds import new_seed
from ualauth.sources import watched
from ualauth.stack.dialect import DEBIAN

PROGRESS_EVERY = 5.0
"""Seconds."""


@dataclass(slots=True)
class Fuzzer:
    """Compares the cases of one seed, and counts the results."""

    seed: str
    starts: Counter[str] = field(default_factory=Counter)
    results: Counter[str] = field(default_factory=Counter)
    compared: int = 0

    def differences(self, cases: int, libpam: Libpam) -> Iterator[Difference | None]:
        """Run so many cases, and yield what differs; `None` where nothing does."""
        for index in range(cases):
            case = random_case(f"{self.seed}/{index}")
            outcome = libpam.run_case(case)
            self._count(outcome)
            same = outcome == ours.run_case(case, DEBIAN)
            yield None if same else Difference.smallest(case, libpam)

    def distribution(self) -> str:
        """Return how often libpam answered what."""
        lines = [f"starts: {_shares(self.starts)}", f"results: {_shares(self.results)}"]
        return "\n".join(lines)

    def _count(self, outcome: Outcome) -> None:
        self.compared += 1
        (_, start), *results = outcome.results
        self.starts[start] += 1
        self.results.update(code for _, code in results)


def _shares(counter: Counter[str]) -> str:
    total = counter.total() or 1
    return ", ".join(f"{code} {100 * count / total:.1f} %" for code, count in counter.most_common())


def say(text: str) -> None:
    """Print a text at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Compare libpam and ualauth on random cases.")
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", default=new_seed())
    parser.add_argument("--most", type=int, default=3, help="differences to show before the end")
    arguments = parser.parse_args()
    reason = unusable()
    if reason:
        say(reason)
        return 2
    say(f"seed {arguments.seed}, {arguments.cases} cases")
    # Each file is written just before it is read.
    watched.FIRST = watched.EMPTY = 0.0
    fuzzer = Fuzzer(arguments.seed)
    count = 0
    started = shown = time.monotonic()
    with Libpam() as libpam:
        for difference in fuzzer.differences(arguments.cases, libpam):
            if time.monotonic() - shown > PROGRESS_EVERY:
                shown = time.monotonic()
                say(f"{fuzzer.compared} compared")
            if difference is not None:
                count += 1
                say(f"\n{difference}\n")
            if count >= arguments.most:
                break
    seconds = time.monotonic() - started
    say(fuzzer.distribution())
    say(f"seed {arguments.seed}: {fuzzer.compared} cases in {seconds:.0f} s, {count} differences")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
