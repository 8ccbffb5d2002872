"""The first login of a process, from the start of Python to its end."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.benchmarks import baseline
from tests.benchmarks.instruction_probe import PASSWORD, USER
from tests.benchmarks.page import Row

TITLE = "First login of a process"
HOW = f"""
A whole process: Python starts, imports `Authenticator`, logs one user in by `om_auth` (one
`auth` and one `account` entry, SQLite), and ends. The peer is {baseline.VERSION}, run in the same
way with the same interpreter and libraries; each has a USERLIST of its own, with the cheapest
hash, as the hash is no part of this. Instructions are those of user space, counted by
`valgrind --tool=callgrind` with `PYTHONHASHSEED=0`: what else the machine does cannot move
them. The processor's time, that of the kernel with it, is the median of 41 processes of
each version, alternating. Compiled files are in place.
"""
TARGET = "0.85 or less"
_ROUNDS = 41
_PREPARE = f"""
import sys
from pathlib import Path
from ualauth.testing.folder import ConfigFolder
from ualauth.testing.userlist import Userlist
folder = ConfigFolder(Path(sys.argv[1]))
folder.settings("[password]\\nargon2_passes = 1\\nargon2_lanes = 1\\nargon2_memory = 8\\n")
folder.service("mail", "auth required om_auth\\naccount required om_auth\\n")
userlist = Userlist.create(folder.path)
user = userlist.add({USER!r}, {PASSWORD!r})
userlist.close()
"""
_LOG_IN = f"""
import sys
from ualauth import Authenticator
with Authenticator(sys.argv[1]) as authenticator:
    authenticator.authenticate("mail", {USER!r}, {PASSWORD!r}, rhost="192.0.2.7", tls=True)
"""


class _Version:
    """One version of the package, with a configuration folder of its own."""

    def __init__(self, path: Path, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._environment = {
            **os.environ,
            "PYTHONPATH": str(path),
            "PYTHONHASHSEED": "0",
            # Compiled files are in place, and the working folder stays as it is.
            "PYTHONPYCACHEPREFIX": str(folder / "compiled"),
            "PYTHONDONTWRITEBYTECODE": "",
        }
        self._run(_PREPARE)
        # The first one replaces what is outdated, and compiles what is imported.
        for _ in range(3):
            self._run(_LOG_IN)

    def _run(self, program: str, *before: str) -> str:
        command = [*before, sys.executable, "-c", program, str(self._folder)]
        done = subprocess.run(
            command,
            check=True,
            capture_output=True,
            text=True,
            cwd=self._folder,
            env=self._environment,
        )
        return done.stderr

    def instructions(self) -> int:
        """Return how many the process takes."""
        told = self._run(
            _LOG_IN, "valgrind", "--tool=callgrind", f"--callgrind-out-file={self._folder}/out"
        )
        total = re.search(r"Collected : (\d+)", told)
        if total is None:
            raise RuntimeError("valgrind counts nothing")
        return int(total[1])

    def seconds(self) -> float:
        """Return the processor's time that the process takes."""
        before = os.times()
        self._run(_LOG_IN)
        after = os.times()
        return sum(after[2:4]) - sum(before[2:4])


def rows() -> list[Row]:
    """Measure both versions."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours = _Version(Path(__file__).parents[2], folder / "ours")
        theirs = _Version(baseline.unpack(folder / "old"), folder / "theirs")
        taken: list[tuple[float, float]] = [
            (ours.seconds(), theirs.seconds()) for _ in range(_ROUNDS)
        ]
        our_time, their_time = (statistics.median(each) for each in zip(*taken, strict=True))
        counted, before = ours.instructions(), theirs.instructions()
    return [
        Row(
            "instructions",
            f"{counted / 1e6:.1f} M",
            f"{baseline.VERSION} {before / 1e6:.1f} M",
            f"{counted / before:.3f}",
            TARGET,
        ),
        Row(
            "time of the processor",
            f"{our_time * 1e3:.0f} ms",
            f"{baseline.VERSION} {their_time * 1e3:.0f} ms",
            f"{our_time / their_time:.2f}",
            TARGET,
        ),
    ]
