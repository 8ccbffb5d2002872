"""A program that does one operation some times, with whichever ualauth it finds.

usage: python instruction_probe.py OPERATION TIMES MARKS DIRECTORY

MARKS is `callgrind_marks.c` as a shared library: only what is done between its two
calls is counted. DIRECTORY is an om_ldap.conf for a server that knows the user.

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
from pathlib import Path
from typing import Any

USER, PASSWORD = "jane", "violet 7 anchor"
PEER: dict[str, Any] = {"rhost": "192.0.2.7", "tls": True}
_WARM = 60
_SLOWNESS = int(os.environ.get("UALAUTH_PROBE_SLOWNESS", "50"))
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


def remembered(folder: Path) -> Callable[[], object]:
    """Return a login whose password was verified before."""
    from ualauth import Authenticator

    authenticator = Authenticator(folder)
    return lambda: authenticator.authenticate("mail", USER, PASSWORD, **PEER)


def asked(folder: Path) -> Callable[[], object]:
    """Return a login whose password was verified before, and that has to ask the entries."""
    from ualauth import Authenticator

    authenticator = Authenticator(folder)
    base: Any = getattr(authenticator, "_base", None)
    if hasattr(base, "verdicts"):
        # The setting is unknown to older versions.
        base.verdicts = None
    return lambda: authenticator.authenticate("mail", USER, PASSWORD, **PEER)


def counted(folder: Path) -> Callable[[], object]:
    """Return a remembered login that metrics count."""
    from prometheus_client import CollectorRegistry

    from ualauth import Authenticator
    from ualauth.metrics import Metrics

    authenticator = Authenticator(folder, observers=[Metrics(CollectorRegistry())])
    return lambda: authenticator.authenticate("mail", USER, PASSWORD, **PEER)


def audited(folder: Path) -> Callable[[], object]:
    """Return a remembered login that writes its audit record, as JSON, to a file."""
    _write_audit_log(folder)
    return remembered(folder)


def both(folder: Path) -> Callable[[], object]:
    """Return a remembered login that metrics count, and that writes its audit record."""
    _write_audit_log(folder)
    return counted(folder)


def in_file(folder: Path) -> Callable[[], object]:
    """Return a remembered login whose audit record is in the file of `[audit]`, as JSON."""
    _write_audit_file(folder)
    return remembered(folder)


def both_in_file(folder: Path) -> Callable[[], object]:
    """Return a remembered login that metrics count, and whose record is in that file."""
    _write_audit_file(folder)
    return counted(folder)


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

WATCHED = {
    "a remembered login, counted": counted,
    "a remembered login, its record by `[audit] file`": in_file,
    "a remembered login, counted and its record by `[audit] file`": both_in_file,
    "a remembered login, its record by `logging`": audited,
    "a remembered login, counted and its record by `logging`": both,
}
"""The same as the first of them, and what looks on at it."""


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


def main() -> None:
    """Do what was asked for."""
    with suppress(ImportError, AttributeError):
        slow_down_clocks()
    operation, times, marks = sys.argv[1], int(sys.argv[2]), ctypes.CDLL(sys.argv[3])
    # A thread may note the last login there still.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        prepare(Path(name), Path(sys.argv[4]))
        call = ({**OPERATIONS, **WATCHED})[operation](Path(name))
        for _ in range(_WARM):
            call()
        gc.collect()
        gc.freeze()
        gc.disable()
        marks.begin()
        for _ in range(times):
            call()
        marks.end()


if __name__ == "__main__":
    main()
