"""Measure ualauth against its budgets, print the figures and write docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks.libpam_login import libpam_login
from tests.benchmarks.timing import command, side_by_side
from ualauth import Authenticator, ReturnCode

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
# pam_permit answers on the spot; pam_debug is a coroutine, as most modules are.
LOGINS = ((1, "pam_permit"), (4, "pam_permit"), (16, "pam_permit"), (16, "pam_debug"))


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement: what, our figure, the peer's, the ratio or limit that is aimed at."""

    what: str
    ours: str
    peer: str
    result: str
    target: str


def main() -> None:
    """Measure everything, print it and write the page."""
    rows = [_login(size, module) for size, module in LOGINS]
    python = sys.executable
    bare = command([python, "-c", "pass"])
    imported = command([python, "-c", "import ualauth"]) - bare
    rows.append(_duration("`import ualauth`, beyond starting Python", imported, 0.060))
    shown = command([Path(python).with_name("ualauth"), "--help"])
    rows.append(_duration("`ualauth --help`, the whole process", shown, 0.200))
    page = _page(rows)
    PAGE.write_text(page, encoding="utf-8")
    sys.stdout.write(page)


def _login(size: int, module: str) -> Row:
    """Measure a whole transaction: start, authenticate, account, end."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        services = folder / "pam.d"
        services.mkdir()
        lines = f"auth required {module}.so\naccount required {module}.so\n" * size
        (services / "mail").write_text(lines)
        (services / "other").write_text("auth required pam_deny.so\n")
        theirs = libpam_login(services, "mail", "nobody")
        with Authenticator(folder) as authenticator:

            def ours() -> None:
                with authenticator.transaction("mail", "nobody") as visit:
                    codes = visit.authenticate(), visit.acct_mgmt()
                if codes != (ReturnCode.SUCCESS, ReturnCode.SUCCESS):
                    raise RuntimeError(f"ualauth answers {codes}")

            own, peer = side_by_side(ours, theirs)
    return Row(
        f"whole transaction, {size} auth + {size} account entries of `{module}`",
        f"{own * 1e6:.1f} µs",
        f"libpam {peer * 1e6:.1f} µs",
        f"1/{peer / own:.1f}",
        "1/10 or less" if module == "pam_permit" else "",
    )


def _duration(what: str, seconds: float, limit: float) -> Row:
    return Row(what, f"{seconds * 1e3:.0f} ms", "", "", f"{limit * 1e3:.0f} ms or less")


def _page(rows: list[Row]) -> str:
    table = "\n".join(f"| {r.what} | {r.ours} | {r.peer} | {r.result} | {r.target} |" for r in rows)
    machine = f"{platform.system()} {platform.machine()}"
    return f"""# Benchmarks

`make bench` measures all of this anew and rewrites this page. Each row's two sides were
measured in one run, in alternating rounds, so that what else the machine does disturbs both.

Taken on {datetime.now(UTC):%Y-%m-%d} on a machine that others share:
Python {platform.python_version()}, {os.cpu_count()} cores, {machine}.

| what | ualauth | peer | ratio | target |
|---|---|---|---|---|
{table}

How:

* **Whole transaction**: median of 400 rounds of 25 calls. ualauth's side is
  `Authenticator.transaction`, `authenticate`, `acct_mgmt` and the end of the `with` block;
  libpam's is `pam_start_confdir`, `pam_authenticate`, `pam_acct_mgmt` and `pam_end`, called
  through ctypes, which adds about a microsecond to each of libpam's four calls. libpam reads
  its service files and loads its modules at every start, ualauth keeps them compiled; that is
  most of the difference, and what a mail server sees. `pam_permit` answers on the spot;
  `pam_debug`, without arguments, is a coroutine, as most modules are.
* **Import and help**: median of 15 processes, compiled files in place. The time of
  `python -c pass` is taken off for the import.
"""


if __name__ == "__main__":
    main()
