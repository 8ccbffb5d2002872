"""A USERLIST of a million users: how fast it is filled, and any login name resolved.

usage: python -m tests.benchmarks.userlist_scale [USERS]
"""

from __future__ import annotations

import csv
import random
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ualauth.userlist.folding import fold
from ualauth.userlist.names import ORName, print_tagged
from ualauth.userlist.store import UserStore

USERS = 1_000_000
_ASKED = 2000
_SYLLABLES = (
    "an",
    "ber",
    "cor",
    "dal",
    "en",
    "fin",
    "gor",
    "hal",
    "jor",
    "kel",
    "lan",
    "mer",
    "tor",
)
_HASH = (
    "$argon2id$v=19$m=65536,t=3,p=4$pXs/LqITMU2Fn7cw+CqUfA$"
    "+A3b14PC0gEHGCE2WWHNIMatH+yjoF6ddgSdSzpOtRg"
)


@dataclass(frozen=True, slots=True)
class Scale:
    """What was measured: users a second, mebibytes at most, kind of name -> seconds."""

    users: int
    seconds: float
    mebibytes: int
    resolved: dict[str, float]


def measure(users: int = USERS) -> Scale:
    """Import `users`, by the program itself, and resolve names that nobody has asked for yet."""
    program = Path(sys.executable).with_name("ualauth")
    with tempfile.TemporaryDirectory() as name:
        folder, file = Path(name) / "etc", Path(name) / "users.csv"
        asked = _write(file, users)
        subprocess.run([program, "--config-dir", folder, "init"], check=True, capture_output=True)
        arguments = ["user", "import", file, "--format", "csv", "--bad-lines", "skip"]
        start = time.perf_counter()
        subprocess.run([program, "--config-dir", folder, *arguments], check=True)
        seconds = time.perf_counter() - start
        # In KiB on Linux, the largest of all children.
        most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
        return Scale(users, seconds, most, _resolved(folder / "userlist.db", asked))


def _write(file: Path, users: int) -> list[tuple[str, ORName, str]]:
    """Write a file of users, and return some: every hundredth is a Smith."""
    numbers = random.Random(1)
    surnames = ["".join(numbers.choices(_SYLLABLES, k=3)).title() for _ in range(20_000)]
    given_names = ["".join(numbers.choices(_SYLLABLES, k=2)).title() for _ in range(400)]
    chosen = set(numbers.sample(range(users), min(users, _ASKED)))
    asked = []
    with file.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow(["authid", "name", "addresses", "password"])
        for number in range(users):
            surname = "Smith" if numbers.random() < 0.01 else numbers.choice(surnames)
            given, site = numbers.choice(given_names), f"site{numbers.randrange(200)}"
            name = ORName(surname, given, ou1=site, ou2="hq", common_name=f"{given} {number}")
            authid, address = f"{given}.{number}".lower(), f"{given}.{number}@example.com"
            rows.writerow([authid, str(name), address, _HASH])
            if number in chosen:
                asked.append((authid, name, address))
    return asked


def _resolved(path: Path, asked: Sequence[tuple[str, ORName, str]]) -> dict[str, float]:
    """Return kind of name -> median seconds; each kind asks for users of its own."""
    kinds = {
        "authid": lambda one: one[0],
        "address": lambda one: one[2],
        "O/R name, positional": lambda one: str(one[1]),
        "O/R name, tagged": lambda one: print_tagged(one[1]),
        "given name and surname": lambda one: f"{one[1].given_name} {one[1].surname}",
        "surname and mail node": lambda one: f"{one[1].surname}/{one[1].ou1}",
        "common name": lambda one: f"CN={one[1].common_name}",
    }
    found = {}
    with UserStore(f"sqlite:///{path}") as store:
        for index, (kind, name_of) in enumerate(kinds.items()):
            names = [name_of(one) for one in asked[index :: len(kinds) + 1]]
            store.resolve("nobody")
            store.resolve(names.pop())
            found[kind] = _median(store.resolve, names)
    own = [fold(one[0]) for one in asked[len(kinds) :: len(kinds) + 1]]
    with closing(sqlite3.connect(path)) as database:
        text = "SELECT users.* FROM login_names JOIN users ON users.id = user_id WHERE key = ?"
        found["bare SQLite, by authid"] = _median(
            lambda key: database.execute(text, (key,)).fetchall(), own
        )
    return found


def _median(ask: object, names: Sequence[str]) -> float:
    taken = []
    for name in names:
        start = time.perf_counter()
        ask(name)  # type: ignore[operator]  # any function of a name
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def main() -> None:
    """Measure and print."""
    scale = measure(int(sys.argv[1]) if len(sys.argv) > 1 else USERS)
    lines = [
        f"{scale.users} users: {scale.users / scale.seconds:.0f} users/s, {scale.mebibytes} MiB",
        *(f"{kind}: {seconds * 1e6:.1f} µs" for kind, seconds in scale.resolved.items()),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
