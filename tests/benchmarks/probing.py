"""What an operation takes, counted where noise cannot move it: in a process of its own.

`instruction_probe.py` does the operation; valgrind, strace or the interpreter counts.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.instruction_probe import BEGINS, ENDS, PASSWORD, SLOWNESS, USER
from tests.ldap import people
from tests.ldap.authority import Authority
from tests.ldap.slapd import Slapd, running
from ualauth.ldap.client.credentials import BindCredentials

_TIMES = 100
_SINGLY = 30
"""Operations that are counted one by one."""
_VALGRIND = ("valgrind", "--tool=callgrind", "--instr-atstart=no", "--collect-atstart=no")
_HERE = Path(__file__).parent


@contextlib.contextmanager
def by_ldapi(folder: Path) -> Iterator[tuple[Slapd, Path]]:
    """Start an LDAP server that knows the user; return it, and an om_ldap.conf that asks it."""
    user = BindCredentials(f"uid={USER},{people.PEOPLE}", PASSWORD)
    with running(Authority(folder), entries=people.person(user, "Jane Smith")) as server:
        file = folder / "om_ldap.conf"
        file.write_text(
            f"uri {server.socket_uri}\nlibrary python-ldap\nbase {people.SUFFIX}\n"
            f"binddn {people.READER.name}\nbindpw {people.READER.password}\n"
        )
        file.chmod(0o600)
        yield server, file


def instructions(operation: str, directory: Path, path: Path | None = None) -> float:
    """Return the instructions of one operation, by the package under `path` or this one.

    It is the mean of a hundred. `directory` is an om_ldap.conf (`by_ldapi`).
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = [*_VALGRIND, f"--callgrind-out-file={folder}/out"]
        marks = str(_marks(folder))
        told = _run(folder, program, operation, _TIMES, marks, directory, path)
    match = re.search(r"Collected : (\d+)", told.stderr)
    if match is None or not int(match[1]):
        raise RuntimeError("valgrind counts nothing")
    return int(match[1]) / _TIMES


def least_instructions(operation: str, directory: Path) -> int:
    """Return the least instructions that one operation took of some.

    So nothing is in it that is done by the clock, however slow the machine is.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = [*_VALGRIND, f"--callgrind-out-file={folder}/out"]
        marks = str(_marks(folder))
        _run(folder, program, operation, _SINGLY, marks, directory, None, "singly")
        files = {int(file.suffix[1:]): file for file in folder.glob("out.*")}
        counts = [
            int(match[1])
            for number in sorted(files)
            if (match := re.search(r"^totals: (\d+)", files[number].read_text(), re.MULTILINE))
        ]
    # At first as many that do nothing, which takes what counting takes.
    empty, own = counts[:_SINGLY], counts[_SINGLY : 2 * _SINGLY]
    if len(own) != _SINGLY or not min(own):
        raise RuntimeError("valgrind counts nothing")
    return min(own) - min(empty)


def system_calls(operation: str, directory: Path, path: Path | None = None) -> float:
    """Return the system calls of one operation; as `instructions`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        trace = folder / "trace"
        program = ["strace", "-f", "-o", str(trace)]
        _run(folder, program, operation, _TIMES, "strace", directory, path)
        text = trace.read_text(errors="replace")
    lines = text.partition(BEGINS)[2].partition(ENDS)[0].splitlines()
    # The first is the end of the mark, the last the begin of the other one.
    calls = [line for line in lines[1:-1] if "resumed>" not in line and "(" in line]
    return len(calls) / _TIMES


def python_calls(operation: str, directory: Path, path: Path | None = None) -> float:
    """Return the calls of Python functions, of whichever package, of one operation."""
    with tempfile.TemporaryDirectory() as name:
        told = _run(Path(name), [], operation, _TIMES, "profile", directory, path)
    return int(told.stdout) / _TIMES


def _marks(folder: Path) -> Path:
    library = folder / "marks.so"
    source = _HERE / "callgrind_marks.c"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True)
    return library


def _run(
    folder: Path,
    before: list[str],
    operation: str,
    times: int,
    marks: str,
    directory: Path,
    path: Path | None,
    *more: str,
) -> subprocess.CompletedProcess[str]:
    probe = _HERE / "instruction_probe.py"
    program = [sys.executable, str(probe), operation, str(times), marks, str(directory), *more]
    return subprocess.run(
        [*before, *program],
        check=True,
        capture_output=True,
        text=True,
        cwd=folder,
        env={
            **os.environ,
            "PYTHONHASHSEED": "0",
            "PYTHONPATH": str(path or _HERE.parents[1]),
            # What is counted singly takes longer than clocks are slowed down for.
            **({SLOWNESS: "1000000"} if more else {}),
        },
    )
