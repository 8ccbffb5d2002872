"""How many small faults in the code the tests find: a seeded sample of mutants, room by room.

scripts/mutants copies the tree, and runs this in the copy with mutmut, which `[tool.mutmut]` in
pyproject.toml sets up. The seed is that of all random tests; UALAUTH_SEED sets another.
usage: python -m tests.mutants [MUTANTS-OF-A-ROOM]
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.seeds import SEED

ROOMS = ("ualauth.stack", "ualauth.runtime", "ualauth.userlist.login")
FIRST = "ualauth.stack.while_asked.*__mutmut_1"
"""mutmut makes the mutants, and tries the tests, when it is asked for some: here for these."""

FOUND = ("killed", "timeout", "suspicious", "segfault")
"""What mutmut says of a mutant with which the tests fail; a login that hangs is found, too."""


def main(size: int) -> None:
    """Try the sample, and print each mutant that no test finds, and the score."""
    say("Making the mutants, and running the tests without them ...")
    _run(FIRST)
    names = sample(list(_statuses()), size)
    say(f"UALAUTH_SEED={SEED!r}: {len(names)} mutants")
    _run(*names)
    statuses = _statuses()
    outcomes = {name: statuses[name] for name in names}
    for name, status in outcomes.items():
        if status not in FOUND:
            say(f"\n{status}:")
            subprocess.run([_program(), "show", name], check=True)
    say("")
    for room in ROOMS:
        say(score(room, outcomes))
    say(score("all", outcomes))


def sample(names: list[str], size: int) -> list[str]:
    """Return as many names of each room, or all if there are fewer: the same for the same seed."""
    drawn = []
    for room in ROOMS:
        present = sorted(name for name in names if _is_in(name, room))
        drawn += random.Random(f"{SEED} {room}").sample(present, min(size, len(present)))
    return drawn


def score(room: str, outcomes: dict[str, str]) -> str:
    """Return a line with the counts of a room, or of all."""
    counts = Counter(
        status for name, status in outcomes.items() if room == "all" or _is_in(name, room)
    )
    detected = sum(counts[status] for status in FOUND)
    rest = ", ".join(f"{counts[s]} {s}" for s in sorted(counts) if s not in FOUND)
    return f"{room}: {detected} of {counts.total()} found" + (f"; {rest}" if rest else "")


def _is_in(name: str, room: str) -> bool:
    return name.startswith(f"{room}.")


def _statuses() -> dict[str, str]:
    listed = subprocess.run(
        [_program(), "results", "--all", "true"], capture_output=True, text=True, check=True
    )
    lines = (line.strip().partition(": ") for line in listed.stdout.splitlines())
    return {name: status for name, colon, status in lines if colon}


def say(line: str) -> None:
    """Print a line at once: the next one may take long."""
    print(line, flush=True)  # noqa: T201 - a program


def _run(*names: str) -> None:
    """Try some mutants. What mutmut says meanwhile is shown only if it ends with an error."""
    command = [_program(), "run", "--max-children", _processes(), *names]
    said = subprocess.run(
        command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if said.returncode:
        sys.exit(said.stdout.replace("\r", "\n"))


def _program() -> str:
    return str(Path(sys.executable).with_name("mutmut"))


def _processes() -> str:
    jobs = os.environ.get("JOBS", "auto")
    return str(os.cpu_count() or 1) if jobs == "auto" else jobs


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 25)
