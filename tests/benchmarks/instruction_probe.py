"""A program that does one operation some times, with whichever ualauth it finds.

usage: python instruction_probe.py OPERATION TIMES MARKS DIRECTORY [singly]

MARKS is `callgrind_marks.c` as a shared library: only what is done between its calls is counted,
of all operations together, or `singly`, after as many that do nothing. Or it is `strace`, which
sees two files asked for that are not there, or `profile`: the calls of Python functions are
counted and printed. DIRECTORY is an om_ldap.conf for a server that knows the user.

It uses only what every version has: the public names and `ualauth.testing`.
"""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

BEGINS, ENDS = "/ualauth-begins", "/ualauth-ends"
"""Files that are not there."""
USER, PASSWORD = "jane", "violet 7 anchor"
PEER: dict[str, Any] = {"rhost": "192.0.2.7", "tls": True}
_WARM = 60
SLOWNESS = "UALAUTH_PROBE_SLOWNESS"
_SLOWNESS = int(os.environ.get(SLOWNESS, "50"))
"""How many times as slow a program is under valgrind, at least; more where others use the
processors."""
SETTINGS = """
    [password]
    argon2_passes = 1
    argon2_lanes = 1
    argon2_memory = 8
    [sasl]
    mechanisms = ["SCRAM-SHA-256", "PLAIN"]
    """


def remembered(folder: Path, **options: Any) -> Callable[[], object]:
    """Return a login whose password was verified before."""
    from ualauth import Authenticator

    authenticator = Authenticator(folder, **options)
    return lambda: authenticator.authenticate("mail", USER, PASSWORD, **PEER)


def asked(folder: Path, **options: Any) -> Callable[[], object]:
    """Return a login whose password was verified before, and that has to ask the entries."""
    from ualauth import Authenticator

    authenticator = Authenticator(folder, **options)
    base: Any = getattr(authenticator, "_base", None)
    if hasattr(base, "verdicts"):
        # The setting is unknown to older versions.
        base.verdicts = None
    return lambda: authenticator.authenticate("mail", USER, PASSWORD, **PEER)


def _counting() -> dict[str, Any]:
    from prometheus_client import CollectorRegistry

    from ualauth.metrics import Metrics

    return {"observers": [Metrics(CollectorRegistry())]}


def counted(folder: Path) -> dict[str, Any]:
    """Let metrics count."""
    return _counting()


def in_file(folder: Path) -> dict[str, Any]:
    """Let the audit record be written to the file of `[audit]`, as JSON."""
    _write_audit_file(folder)
    return {}


def counted_in_file(folder: Path) -> dict[str, Any]:
    """Let metrics count, and the record be written to that file."""
    _write_audit_file(folder)
    return _counting()


def counted_and_logged(folder: Path) -> dict[str, Any]:
    """Let metrics count, and the record be written by `logging`, as JSON."""
    _write_audit_log(folder)
    return _counting()


def _write_audit_file(folder: Path) -> None:
    with (folder / "ualauth.toml").open("a") as file:
        file.write('\n[audit]\nfile = "audit.json"\n')


def _write_audit_log(folder: Path) -> None:
    from ualauth.audit import JsonFormatter

    handler = logging.FileHandler(folder / "audit.json")
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("ualauth.audit")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)


def directory(folder: Path) -> Callable[[], object]:
    """Return a login that asks an LDAP server."""
    from ualauth import Authenticator

    authenticator = Authenticator(folder)
    return lambda: authenticator.authenticate("directory", USER, PASSWORD, **PEER)


def scram(folder: Path) -> Callable[[], object]:
    """Return an exchange by SCRAM-SHA-256, both ends of it."""
    # Behind the version that is counted: there is only one `tests`.
    sys.path.append(str(Path(__file__).parents[2]))
    from tests.unit.sasl import clients
    from ualauth import Authenticator

    authenticator = Authenticator(folder)

    def login() -> None:
        client = clients.scram("SCRAM-SHA-256", USER, PASSWORD)
        exchange = authenticator.sasl("mail", "SCRAM-SHA-256", **PEER)
        challenge = exchange.step(next(client))
        while challenge is not None:
            challenge = exchange.step(client.send(challenge))
        assert exchange.done

    return login


REMEMBERED, ASKED = "a remembered login", "a remembered login that asks the modules"
OPERATIONS = {
    REMEMBERED: remembered,
    ASKED: asked,
    "a SCRAM-SHA-256 exchange": scram,
    "a login by LDAP": directory,
}
"""What is counted, and what prepares it in a configuration folder."""

WATCHES: dict[str, Callable[[Path], dict[str, Any]]] = {
    "counted": counted,
    "its record by `[audit] file`": in_file,
    "counted and its record by `[audit] file`": counted_in_file,
    "counted and its record by `logging`": counted_and_logged,
}
"""What looks on at a login, and what prepares it and returns the options of an authenticator."""


def watched(
    login: Callable[..., Callable[[], object]], watch: str
) -> Callable[[Path], Callable[[], object]]:
    """Return what prepares a login at which something looks on."""
    return lambda folder: login(folder, **WATCHES[watch](folder))


WATCHED = {
    f"{name}, {watch}": watched(login, watch)
    for name, login in ((ASKED, asked), (REMEMBERED, remembered))
    for watch in WATCHES
}
"""The first two of these, and what looks on at them."""


def prepare(path: Path, directory: Path) -> None:
    """Write a configuration folder with two services and a user."""
    from ualauth.passwords.schemes import PasswordHasher
    from ualauth.testing.folder import ConfigFolder
    from ualauth.testing.userlist import Userlist

    folder = ConfigFolder(path)
    folder.settings(SETTINGS)
    folder.service("mail", "auth required om_auth\naccount required om_auth\n")
    folder.service("directory", "auth required om_ldap\naccount required om_ldap\n")
    shutil.copy(directory, path / "om_ldap.conf")
    userlist = Userlist.create(path)
    user = userlist.add(USER, PASSWORD, addresses=(f"{USER}@example.org",))
    secrets = PasswordHasher(mechanisms=("SCRAM-SHA-256",)).secrets(PASSWORD)
    now = datetime.now(UTC)
    hashed = userlist.hasher.hash(PASSWORD)
    userlist.store.set_password(user, hashed, secrets, changed=now, expires=None)
    userlist.close()


def slow_down_clocks() -> None:
    """Let what is done by the clock be done no more often than without valgrind.

    Under it, a program is more than fifty times as slow, and the look at `-shm`, every
    20 milliseconds, would be part of nearly each login instead of one in hundreds; that
    whether it was deleted, every 0.2 milliseconds, of each instead of one in some.
    """
    from ualauth.userlist.database import change_detector

    change_detector._LOOK_AGAIN *= _SLOWNESS
    change_detector._NAME_AGAIN *= _SLOWNESS


def count(call: Callable[[], object], times: int, marks: str, *, singly: bool) -> None:
    """Do an operation some times while it is counted."""
    if marks == "profile":
        print(profiled(call, times))  # noqa: T201 - what the caller reads
        return
    if marks == "strace":
        begin, end = partial(os.path.lexists, BEGINS), partial(os.path.lexists, ENDS)
    else:
        library = ctypes.CDLL(marks)
        begin, end = library.begin, library.end
    if singly:
        one_begins, one_ends = library.one_begins, library.one_ends
        # It begins with collecting: not before the first operation.
        begin()
        one_begins()
        for each in (do_nothing, call):
            for _ in range(times):
                one_begins()
                each()
                one_ends()
        return
    begin()
    for _ in range(times):
        call()
    end()


def do_nothing() -> None:
    """Do nothing."""


def profiled(call: Callable[[], object], times: int) -> int:
    """Return how many functions of Python are called."""
    calls = 0

    def see(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(see)
    for _ in range(times):
        call()
    sys.setprofile(None)
    return calls


def main() -> None:
    """Do what was asked for."""
    with suppress(ImportError, AttributeError):
        slow_down_clocks()
    operation, times, marks = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    # A thread may note the last login there still.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        prepare(Path(name), Path(sys.argv[4]))
        call = ({**OPERATIONS, **WATCHED})[operation](Path(name))
        for _ in range(_WARM):
            call()
        gc.collect()
        gc.freeze()
        gc.disable()
        count(call, times, marks, singly="singly" in sys.argv[5:])


if __name__ == "__main__":
    main()
