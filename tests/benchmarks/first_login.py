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
_ROUNDS = 41
_SIZES = 5
HOW = f"""
A whole process: Python starts, imports `Authenticator`, logs one user in by `om_auth` (one
`auth` and one `account` entry, SQLite), and ends. The peer is {baseline.VERSION}, run in the same
way with the same interpreter and libraries; each has a USERLIST of its own, with the cheapest
hash, as the hash is no part of this. Instructions are those of user space, counted by
`valgrind --tool=callgrind` with `PYTHONHASHSEED=0`: what else the machine does cannot move
them. The processor's time, that of the kernel with it, is the median of {_ROUNDS} processes of
each version, alternating. Compiled files are in place. What is resident, and its peak, is
`VmRSS` and `VmHWM` in `/proc/self/status` after the login, while the USERLIST is open: the median
of {_SIZES} processes. With the usual hash, 64 MiB come on top of the peak while it is computed.
"""
TARGET = "0.80 or less"
TARGET_RESIDENT = "48 MB or less"
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
_SIZE = f"""{_LOG_IN}
    with open("/proc/self/status") as status:
        print(*(line for line in status if line.startswith(("VmRSS", "VmHWM"))))
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

    def _run(self, program: str, *before: str) -> subprocess.CompletedProcess[str]:
        command = [*before, sys.executable, "-c", program, str(self._folder)]
        return subprocess.run(
            command,
            check=True,
            capture_output=True,
            text=True,
            cwd=self._folder,
            env=self._environment,
        )

    def instructions(self) -> int:
        """Return how many the process takes."""
        told = self._run(
            _LOG_IN, "valgrind", "--tool=callgrind", f"--callgrind-out-file={self._folder}/out"
        )
        total = re.search(r"Collected : (\d+)", told.stderr)
        if total is None:
            raise RuntimeError("valgrind counts nothing")
        return int(total[1])

    def seconds(self) -> float:
        """Return the processor's time that the process takes."""
        before = os.times()
        self._run(_LOG_IN)
        after = os.times()
        return sum(after[2:4]) - sum(before[2:4])

    def sizes(self) -> tuple[float, float]:
        """Return what the process has resident after its login, and had at its peak, in MB."""
        kib = dict(re.findall(r"(\w+):\s+(\d+) kB", self._run(_SIZE).stdout))
        return int(kib["VmRSS"]) * 1024 / 1e6, int(kib["VmHWM"]) * 1024 / 1e6


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
        our_sizes, their_sizes = _sizes(ours), _sizes(theirs)
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
        *(
            Row(
                what,
                f"{our_size:.1f} MB",
                f"{baseline.VERSION} {their_size:.1f} MB",
                f"{our_size / their_size:.2f}",
                target,
            )
            for what, our_size, their_size, target in zip(
                ("resident after it", "resident at its peak"),
                our_sizes,
                their_sizes,
                (TARGET_RESIDENT, ""),
                strict=True,
            )
        ),
    ]


def _sizes(version: _Version) -> tuple[float, ...]:
    """Return the medians of what some processes have resident, and at their peak."""
    measured = [version.sizes() for _ in range(_SIZES)]
    return tuple(map(statistics.median, zip(*measured, strict=True)))
