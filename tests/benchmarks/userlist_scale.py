"""A USERLIST of a million users: how fast it is filled, and any login name resolved.

usage: python -m tests.benchmarks.userlist_scale [USERS]
"""

from __future__ import annotations

import csv
import os
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from tests.benchmarks.page import Row, measure_scaled
from ualauth.text.folding import fold
from ualauth.userlist.database.tables import metadata
from ualauth.userlist.listing import UserFilter
from ualauth.userlist.names import ORName, print_tagged
from ualauth.userlist.store import UserStore

TITLE = "A large USERLIST"
HOW = """
**Import**: `ualauth user import FILE --format csv --bad-lines skip` as a whole, into a new
USERLIST in SQLite. Each user has an authid, an O/R name with a mail node and a common name, an
address and a hash. bare SQLite's side is `INSERT OR IGNORE ... SELECT` of the same rows into the
same tables and indexes, in one transaction, without Python, without reading a file and without
checking anything. Memory is that of the larger one of the two processes, the one that writes; 64
MiB of it are SQLite's cache.

**Names**: medians, each name asked for once, so that its record is in no cache of SQLite's, though
mostly in the kernel's. In turn, bare SQLite reads the record of another user by authid, with a
`SELECT` of one join by the same driver. One user in a hundred is a Smith. Of shortened names,
those count that only one user has, and what others take stands in a row of its own.

**List and copy**: `ualauth user list --match ... --never-logged-in` looks at each user, in the
database; `ualauth userlist copy` reads what it has written, and compares.
"""

USERS = 1_000_000
_FEW = 100_000
_ASKED = 4000
_SYLLABLES = ("an", "ber", "cor", "dal", "en", "fin", "gor", "hal", "jor", "kel", "lan", "mer")
_HASH = (
    "$argon2id$v=19$m=65536,t=3,p=4$pXs/LqITMU2Fn7cw+CqUfA$"
    "+A3b14PC0gEHGCE2WWHNIMatH+yjoF6ddgSdSzpOtRg"
)
_BARE = "SELECT users.* FROM login_names JOIN users ON users.id = user_id WHERE key = ?"


@dataclass(frozen=True, slots=True)
class Sample:
    """A user whom names are asked of."""

    authid: str
    name: ORName
    address: str


KINDS: dict[str, Callable[[Sample], str]] = {
    "authid": lambda user: user.authid,
    "address": lambda user: user.address,
    "O/R name, positional": lambda user: str(user.name),
    "O/R name, tagged": lambda user: print_tagged(user.name),
    "given name and surname": lambda user: f"{user.name.given_name} {user.name.surname}",
    "surname and mail node": lambda user: f"{user.name.surname}/{user.name.ou1}",
    "given name, surname and mail node": lambda user: (
        f"{user.name.given_name} {user.name.surname}/{user.name.ou1}"
    ),
    "common name": lambda user: f"CN={user.name.common_name}",
}


def rows() -> list[Row]:
    """Measure with a million users; this takes some minutes, and 2 GB of disk."""
    return measure(USERS)


def measure(users: int) -> list[Row]:
    """Measure with this many users."""
    with tempfile.TemporaryDirectory() as name:
        few = import_users(Path(name) / "few", min(_FEW, users))
        shutil.rmtree(Path(name) / "few")
        many = import_users(Path(name) / "many", users)
        bare = _fill_bare(many.database, Path(name) / "copy.db")
        imported = Row(
            f"import of {users:,} users",
            f"{users / many.seconds:,.0f} users/s",
            f"bare SQLite {users / bare:,.0f} users/s",
            f"1/{many.seconds / bare:.1f}",
            "20,000 users/s or more",
        )
        processor = Row(
            "processor time of it, in both processes together",
            f"{many.processor / users * 1e6:.1f} µs a user",
        )
        memory = Row(
            f"most memory of a process, {users:,} users",
            f"{many.mebibytes} MiB",
            f"{few.users:,} users {few.mebibytes} MiB",
            f"{many.mebibytes / few.mebibytes:.2f}",
            "flat, but for 64 MiB of SQLite's cache",
        )
        others = [
            _listing(many),
            copying(f"sqlite:///{many.database}", users, Path(name) / "again.db"),
        ]
        return [imported, processor, memory, *_resolving(many), *others]


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import took, and some of its users."""

    users: int
    seconds: float
    processor: float
    mebibytes: int
    database: Path
    some: list[Sample]


def import_users(folder: Path, users: int, settings: str = "") -> Imported:
    """Import users by the program itself."""
    folder.mkdir()
    program = Path(sys.executable).with_name("ualauth")
    file = folder / "users.csv"
    some = write_users(file, users)
    start: list[str | Path] = [program, "--config-dir", folder / "etc"]
    if settings:
        (folder / "etc").mkdir()
        (folder / "etc" / "ualauth.toml").write_text(settings, encoding="utf-8")
    subprocess.run([*start, "init"], check=True, capture_output=True)
    begun = time.perf_counter()
    arguments: list[str | Path] = ["user", "import", file, "--format", "csv", "--bad-lines", "skip"]
    with subprocess.Popen([*start, *arguments], stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - begun
    if process.returncode:
        raise RuntimeError(f"ualauth user import ends with {process.returncode}")
    # In KiB on Linux, of the process that had most.
    mebibytes = usage.ru_maxrss >> 10
    database = folder / "etc" / "userlist.db"
    return Imported(users, seconds, usage.ru_utime + usage.ru_stime, mebibytes, database, some)


def write_users(file: Path, users: int) -> list[Sample]:
    """Write a file of users, and return some of them, in any order."""
    numbers = random.Random(1)
    surnames = ["".join(numbers.choices(_SYLLABLES, k=4)).title() for _ in range(20_000)]
    given_names = ["".join(numbers.choices(_SYLLABLES, k=3)).title() for _ in range(400)]
    chosen = set(numbers.sample(range(users), min(users, _ASKED)))
    some = []
    with file.open("w", encoding="utf-8", newline="") as stream:
        lines = csv.writer(stream, lineterminator="\n")
        lines.writerow(["authid", "name", "addresses", "password"])
        for number in range(users):
            surname = "Smith" if numbers.random() < 0.01 else numbers.choice(surnames)
            given, site = numbers.choice(given_names), f"site{numbers.randrange(200)}"
            name = ORName(surname, given, ou1=site, ou2="hq", common_name=f"{given} {number}")
            authid, address = f"{given}.{number}".lower(), f"{given}.{number}@example.com"
            lines.writerow([authid, str(name), address, _HASH])
            if number in chosen:
                some.append(Sample(authid, name, address))
    numbers.shuffle(some)
    return some


def _fill_bare(database: Path, copy: Path) -> float:
    """Return the seconds that SQLite takes to fill tables alike."""
    with UserStore(f"sqlite:///{copy}") as store:
        store.create()
    with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        connection.execute("ATTACH ? AS other", (str(database),))
        connection.execute("PRAGMA cache_size = -65536")
        begun = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        for table in metadata.sorted_tables:
            connection.execute(f"INSERT OR IGNORE INTO main.{table} SELECT * FROM other.{table}")
        connection.execute("COMMIT")
        return time.perf_counter() - begun


def _listing(imported: Imported) -> Row:
    """Return a row for a list that no index answers: each user is looked at."""
    pattern = f"*{imported.some[0].authid[1:]}*"
    begun, before = time.perf_counter(), time.process_time()
    with UserStore(f"sqlite:///{imported.database}") as store:
        number = len(list(store.list_users(UserFilter(match=pattern, never_logged_in=True))))
    seconds, processor = time.perf_counter() - begun, time.process_time() - before
    return Row(
        f"list of users like a pattern, who never logged in: {number} of {imported.users:,}",
        f"{seconds:.1f} s, of which {processor:.1f} s processor",
    )


def copying(url: str, users: int, target: Path) -> Row:
    """Return a row for a copy of everything into another file of SQLite."""
    begun, before = time.perf_counter(), time.process_time()
    with UserStore(url) as store, UserStore(f"sqlite:///{target}") as other:
        store.copy_to(other, lambda _copied: None)
    seconds, processor = time.perf_counter() - begun, time.process_time() - before
    return Row(
        "copy of everything into a file of SQLite, which is compared",
        f"{users / seconds:,.0f} users/s",
        "",
        f"{processor / users * 1e6:.1f} µs processor a user",
    )


def _resolving(imported: Imported) -> Iterator[Row]:
    """Return a row for each kind of name, and one for names that several users have."""
    share = len(imported.some) // (len(KINDS) + 1)
    others = cycle(fold(user.authid) for user in imported.some[share * len(KINDS) :])
    several: list[tuple[float, float]] = []
    with (
        UserStore(f"sqlite:///{imported.database}") as store,
        closing(sqlite3.connect(imported.database)) as bare,
    ):
        for index, (kind, name_of) in enumerate(KINDS.items()):
            times: list[tuple[float, float]] = []
            for user in imported.some[index * share : (index + 1) * share]:
                begun = time.perf_counter()
                resolved = store.resolve(name_of(user))
                ours = time.perf_counter() - begun
                key = (next(others),)
                begun = time.perf_counter()
                bare.execute(_BARE, key).fetchall()
                theirs = time.perf_counter() - begun
                if resolved is not None and resolved.authid != user.authid:
                    raise RuntimeError(f"{name_of(user)} is not {resolved.authid}")
                (several if resolved is None else times).append((ours, theirs))
            yield row_of(f"{kind}, {len(times)} of them", times)
        if several:
            yield row_of(f"shortened O/R name of several users, {len(several)} of them", several)


def row_of(what: str, taken: list[tuple[float, float]], peer: str = "SQLite") -> Row:
    """Return the medians of what was taken here and by the bare database."""
    ours, theirs = (statistics.median(side) for side in zip(*taken, strict=True))
    return Row(
        what,
        f"{ours * 1e6:.1f} µs",
        f"bare {peer} {theirs * 1e6:.1f} µs",
        f"{ours / theirs:.1f}",
        "60 µs or less" if peer == "SQLite" else "",
    )


if __name__ == "__main__":
    measure_scaled(sys.modules[__name__])
