"""Cases, answered by the machine's libpam: in a worker process that may die or hang."""

from __future__ import annotations

import atexit
import functools
import json
import select
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.machine import patience
from tests.oracle.case import CRASH, FOLDER, Case, Outcome

ROOT = Path(__file__).parents[2]
TIMEOUT = patience(10.0)
"""Seconds for one case, which usually takes less than a thousandth of one."""
CASES_PER_WORKER = 20_000
"""After so many, the worker is replaced: a refused service file leaks some kilobytes."""
HANG = Outcome(((CRASH, "TIMEOUT"),))
MEMORY = Path("/dev/shm")


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
        return Outcome(((CRASH, str(-status)),))

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


@functools.cache
def unusable() -> str:
    """Return why the machine's libpam cannot be compared with ours; empty if it can."""
    try:
        outcomes = [run_case(probe) for probe, _ in PROBES]
    except (OSError, RuntimeError) as error:
        return f"there is no libpam to compare with: {error}"
    if outcomes[0] != PROBES[0][1]:
        return f"the machine's libpam does not work: {outcomes[0].to_json()}"
    if any(outcome != expected for outcome, (_, expected) in zip(outcomes, PROBES, strict=True)):
        return "the machine's libpam is not Debian's 1.5"
    return ""


def _probe(text: str, results: dict[str, str], *trace: str) -> tuple[Case, Outcome]:
    ops = tuple((operation, 0) for operation in results)
    case = Case(files={"t": text, "a": "auth required pam_permit.so\n"}, ops=ops)
    return case, Outcome((("start", "SUCCESS"), *results.items()), trace)


PROBES = (
    _probe(
        "auth required pam_debug.so auth=success\n",
        {"authenticate": "SUCCESS"},
        *(">authenticate", "auth=success"),
    ),
    _probe(
        "auth required \\\n# x\npam_permit.so\n",
        {"authenticate": "SUCCESS"},
        ">authenticate",
    ),
    _probe(f"@include {FOLDER}/a\n", {"authenticate": "SUCCESS"}, ">authenticate"),
    _probe(
        "session [success=1 default=ignore] pam_debug.so open_session=success close_session=abort\n"
        "session required pam_deny.so\nsession required pam_permit.so\n",
        {"open_session": "SUCCESS", "close_session": "SUCCESS"},
        *(">open_session", "open_session=success", ">close_session", "close_session=abort"),
    ),
)
"""What works in every libpam, and the points in which Debian's 1.5 is not like others."""
