"""Compare the instructions of today's operations with the figures that are committed.

usage: python -m tests.benchmarks.compare [--write]

Where interpreter, libraries and processor are those that the figures were counted with, more than
a twentieth more is an error; elsewhere it is told. `--write` puts today's figures in the file.
"""

from __future__ import annotations

import json
import platform
import re
import sqlite3
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks.instruction_probe import ASKED, OPERATIONS, REMEMBERED
from tests.benchmarks.probing import by_ldapi, least_instructions

FILE = Path(__file__).with_name("instructions.json")
MOST = 1.05
"""How many times as many instructions are no error."""
COUNTED = (
    *OPERATIONS,
    *(f"{each}, counted and its record by `[audit] file`" for each in (ASKED, REMEMBERED)),
)


def surroundings() -> dict[str, str]:
    """Return what the figures depend on besides the code that is compared."""
    cpu = re.search(r"^model name\s*: (.*)$", _text("/proc/cpuinfo"), re.MULTILINE)
    valgrind = subprocess.run(["valgrind", "--version"], capture_output=True, text=True, check=True)
    return {
        "python": f"{platform.python_version()} {platform.python_compiler()}",
        "libc": " ".join(platform.libc_ver()),
        "sqlite": sqlite3.sqlite_version,
        "openssl": ssl.OPENSSL_VERSION,
        "valgrind": valgrind.stdout.strip(),
        "processor": cpu[1] if cpu else platform.machine(),
    }


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def compared(
    committed: Mapping[str, Any], here: Mapping[str, str], counts: Mapping[str, int]
) -> tuple[list[str], bool]:
    """Return what is told of today's figures, and whether some are too high."""
    others = [name for name, value in here.items() if committed["surroundings"].get(name) != value]
    lines, is_too_high = [], False
    for name, count in counts.items():
        before = committed["instructions"].get(name)
        if before is None:
            lines.append(f"{name}: {count / 1000:.1f} k, and no figure to compare with")
            continue
        ratio = count / before
        lines.append(f"{name}: {count / 1000:.1f} k ({before / 1000:.1f} k: {ratio:.3f})")
        is_too_high = is_too_high or ratio > MOST
    if others:
        lines.append(f"other than where the figures come from: {', '.join(others)}")
        return lines, False
    return lines, is_too_high


def main() -> None:
    """Count, and compare or write."""
    with tempfile.TemporaryDirectory() as name, by_ldapi(Path(name)) as (_, directory):
        counts = {each: least_instructions(each, directory) for each in COUNTED}
    here = surroundings()
    if "--write" in sys.argv[1:]:
        text = json.dumps({"surroundings": here, "instructions": counts}, indent=1)
        FILE.write_text(f"{text}\n", encoding="utf-8")
        return
    lines, is_too_high = compared(json.loads(FILE.read_text(encoding="utf-8")), here, counts)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    if is_too_high:
        sys.exit(f"more than {MOST:.2f} times the instructions of {FILE.name}")


if __name__ == "__main__":
    main()
