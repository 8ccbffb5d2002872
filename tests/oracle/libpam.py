"""Cases, answered by the machine's libpam: in a worker process that may die or hang."""

from __future__ import annotations

import atexit
import functools
import json
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.oracle.case import Case, Outcome

ROOT = Path(__file__).parents[2]
TIMEOUT = 10.0
"""Seconds for one case, which usually takes less than a thousandth of one."""
CASES_PER_WORKER = 20_000
"""After so many, the worker is replaced: a refused service file leaks some kilobytes."""
HANG = Outcome((("CRASH", "TIMEOUT"),))
MEMORY = Path("/dev/shm")  # noqa: S108 - the folders made in it are our own


def fast_folder() -> tempfile.TemporaryDirectory[str]:
    """Make a temporary folder, in memory where that is possible."""
    return tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)


class Libpam:
    """A worker, replaced when it is used up."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._worker: subprocess.Popen[str] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._cases = 0

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the worker."""
        self.close()

    def run_case(self, case: Case) -> Outcome:
        """Run one case; a worker that dies or hangs is the outcome `CRASH`.

        Raises:
            RuntimeError: if the worker ends by itself, without a crash of libpam.

        """
        worker = self._ready()
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write(f"{json.dumps(case.to_json())}\n")
        worker.stdin.flush()
        if not select.select([worker.stdout], [], [], TIMEOUT)[0]:
            worker.kill()
            self.close()
            return HANG
        line = worker.stdout.readline()
        if line:
            return Outcome.from_json(json.loads(line))
        status = worker.wait()
        self.close()
        if status >= 0:
            raise RuntimeError(f"the worker ended with status {status}; see its traceback")
        return Outcome((("CRASH", str(-status)),))

    def close(self) -> None:
        """End the worker; the next case starts another one."""
        worker, self._worker = self._worker, None
        if worker is not None:
            assert worker.stdin is not None
            assert worker.stdout is not None
            worker.stdin.close()
            worker.stdout.close()
            worker.wait()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _ready(self) -> subprocess.Popen[str]:
        if self._cases >= CASES_PER_WORKER:
            self.close()
        if self._worker is None:
            self._cases = 0
            self._folder = fast_folder()
            self._worker = subprocess.Popen(
                [sys.executable, "-m", "tests.oracle.binding", self._folder.name],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        self._cases += 1
        return self._worker


@functools.cache
def shared() -> Libpam:
    """Return a worker for the whole process."""
    libpam = Libpam()
    atexit.register(libpam.close)
    return libpam


def run_case(case: Case) -> Outcome:
    """Run one case in the shared worker."""
    return shared().run_case(case)


def run_cases(cases: Iterable[Case]) -> list[Outcome]:
    """Run cases in the shared worker."""
    return [run_case(case) for case in cases]
