"""Remembered logins while others write to the same USERLIST."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks.page import Row
from ualauth import AsyncAuthenticator, Authenticator
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist

TITLE = "Logins beside writes"
HOW = """
50 users whose passwords were verified before log in one after the other, 200 times a second, for
some seconds without and for as long with another process that counts 20 wrong passwords a second
of other users in the same SQLite file; five times in turns. So each user's login comes after some
writes, as it does on a server: what they undo, each login has to make good. The figures are
the means, since a median would not show what one login in ten takes longer. The last rows
are the medians of those logins alone that came directly after a write.
"""

USERS, RATE, WRITES, SECONDS, ROUNDS = 50, 200, 20, 2.0, 5
PASSWORD, SOURCE = "violet 7 anchor", "192.0.2.7"


def rows() -> list[Row]:
    """Measure both ways in."""
    with tempfile.TemporaryDirectory() as name:
        folder = ConfigFolder(Path(name))
        folder.service("mail", "auth required om_auth\naccount required om_auth\n")
        userlist = Userlist.create(folder.path)
        for number in range(USERS):
            userlist.add(f"user{number}", PASSWORD)
            userlist.add(f"other{number}")
        userlist.close()
        with Authenticator(folder.config()) as authenticator:

            def log_in(user: str) -> object:
                return authenticator.authenticate("mail", user, PASSWORD, rhost=SOURCE, tls=True)

            blocking = _rows("blocking", Path(name), log_in)
        with asyncio.Runner() as runner:
            waiting = AsyncAuthenticator(folder.config())

            async def timed(user: str) -> float:
                start = time.perf_counter()
                await waiting.authenticate("mail", user, PASSWORD, rhost=SOURCE, tls=True)
                return time.perf_counter() - start

            return blocking + _rows(
                "asyncio", Path(name), lambda user: runner.run(timed(user)), returns_time=True
            )


def _rows(
    what: str, folder: Path, log_in: Callable[[str], object], *, returns_time: bool = False
) -> list[Row]:
    def timed(user: str) -> float:
        start = time.perf_counter()
        taken = log_in(user)
        return float(taken) if returns_time else time.perf_counter() - start  # type: ignore[arg-type]

    for number in range(3 * USERS):
        timed(f"user{number % USERS}")
    quiet: list[float] = []
    beside: list[float] = []
    after: list[float] = []
    mark = folder / "written"
    for _ in range(ROUNDS):
        _run(timed, quiet, [], mark)
        command = [sys.executable, "-m", "tests.benchmarks.beside_writes", str(folder)]
        writer = subprocess.Popen(command)
        while not mark.exists():
            time.sleep(0.01)
        _run(timed, beside, after, mark)
        writer.terminate()
        writer.wait()
        mark.unlink()
    ours, alone = statistics.mean(beside), statistics.mean(quiet)
    next_to, median = statistics.median(after), statistics.median(quiet)
    return [
        Row(
            f"{what}, {WRITES} writes a second",
            f"{ours * 1e6:.0f} µs",
            f"none {alone * 1e6:.0f} µs",
            f"{ours / alone:.2f}",
            "1.5 or less",
        ),
        Row(
            f"{what}, directly after a write",
            f"{next_to * 1e6:.0f} µs",
            f"none {median * 1e6:.0f} µs",
            f"{next_to / median:.2f}",
        ),
    ]


def _run(timed: Callable[[str], float], taken: list[float], after: list[float], mark: Path) -> None:
    begun, written = time.perf_counter(), b""
    for number in range(int(RATE * SECONDS)):
        time.sleep(max(0.0, begun + number / RATE - time.perf_counter()))
        now = mark.read_bytes() if mark.exists() else b""
        seconds = timed(f"user{number % USERS}")
        taken.append(seconds)
        if now != written:
            after.append(seconds)
            written = now


def write(folder: Path) -> None:
    """Count wrong passwords of other users until the process is ended."""
    from ualauth.userlist.account.lockout import Keys
    from ualauth.userlist.guesses import GuessLimiter
    from ualauth.userlist.policy import LockoutRules
    from ualauth.userlist.store import UserStore

    store, rules = UserStore(f"sqlite:///{folder / 'userlist.db'}"), LockoutRules(failures=5)
    limiter = GuessLimiter(rules, lambda: store)
    keys = [Keys.of(name, store.get(name).id) for name in (f"other{n}" for n in range(USERS))]
    begun, number = time.perf_counter(), 0
    while True:
        # A guess writes twice: when it begins, and when it ends.
        guess = limiter.open(keys[number % USERS], f"203.0.113.{number % 250}", rules)
        for step in (guess.reserve, guess.fail):
            time.sleep(max(0.0, begun + number / WRITES - time.perf_counter()))
            step()
            number += 1
            (folder / "written").write_bytes(b"%d" % number)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
