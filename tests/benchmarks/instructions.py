"""Instructions of a login, counted by valgrind: what noise cannot move."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.benchmarks import baseline
from tests.benchmarks.instruction_probe import ASKED, OPERATIONS, REMEMBERED, WATCHED
from tests.benchmarks.page import Row
from tests.benchmarks.probing import by_ldapi, instructions

TITLE = "Instructions"
HOW = f"""
`valgrind --tool=callgrind` counts the instructions of user space of 100 operations after 60 that
warm up, in a process for each kind, with `PYTHONHASHSEED=0`; the peer is {baseline.VERSION}, run
in the same way with the same interpreter and libraries. A remembered
login is `Authenticator.authenticate` through one `auth` and one `account` entry of `om_auth`: a
verdict that is remembered answers it, or else the modules are asked (`[cache] verdicts = false`).
One that is counted has `ualauth.metrics`; its record is written as JSON, by `[audit] file` or by a
`FileHandler` of `logging` with `JsonFormatter`, whose own work is most of the difference. These are
compared with the same login where both are off. Of a remembered verdict, the record and the
counts are more work than the login itself.
A SCRAM-SHA-256 exchange is both ends of it; the client's knows its salted password.
A login by LDAP goes through one `auth` and one `account` entry of `om_ldap`, for a user whom the
USERLIST has, too: by python-ldap, which asks an OpenLDAP server over its UNIX socket to search
and to bind. One server answers both versions, and its own instructions do not count.
What is done by the clock (two looks at `-shm`, every 20 ms and every 0.2 ms) is done fifty times as
rarely, since a program is more than fifty times as slow under valgrind; each takes 6 k.
"""
TARGET = "1.00 or less"
REMEMBERED_TARGET = "0.35 or less"
WATCHED_TARGET = "1.33 or less"


def rows() -> list[Row]:
    """Count both versions."""
    with tempfile.TemporaryDirectory() as name, by_ldapi(Path(name)) as (_, directory):
        old = baseline.unpack(Path(name) / "old")
        rows = [_row(operation, directory, old) for operation in OPERATIONS]
        plain = {each: instructions(each, directory) for each in (ASKED, REMEMBERED)}
        return [*rows, *(_watched_row(each, directory, plain) for each in WATCHED)]


def _row(operation: str, directory: Path, old: Path) -> Row:
    ours = instructions(operation, directory)
    theirs = instructions(operation, directory, old)
    return Row(
        operation,
        f"{ours / 1000:.1f} k",
        f"{baseline.VERSION} {theirs / 1000:.1f} k",
        f"{ours / theirs:.3f}",
        REMEMBERED_TARGET if operation == REMEMBERED else TARGET,
    )


def _watched_row(operation: str, directory: Path, plain: dict[str, float]) -> Row:
    ours = instructions(operation, directory)
    login = operation.partition(",")[0]
    return Row(
        operation,
        f"{ours / 1000:.1f} k",
        f"without {plain[login] / 1000:.1f} k",
        f"{ours / plain[login]:.3f}",
        WATCHED_TARGET if login == ASKED else "",
    )
