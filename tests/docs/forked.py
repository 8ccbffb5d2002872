"""`ualauth` and the interpreter of pages as forks of one process that has loaded the library.

A command of a page takes a second of a processor if it is started anew, nine tenths of which go
into imports. Here a program named `ualauth` hands its arguments, folder, environment and
standard files to that process, and ends as the fork does. The forks wait neither after a failed
login nor for the age of a file, nor for the disk, as all tests do (tests/conftest.py). How the
installed program starts is seen on the README's page, which runs it as it is.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import marshal
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.docs import worker
from tests.docs.pages import ROOT
from ualauth import cli

# Packages all of whose files commands import, and libraries that are loaded when first used.
_ROOMS = (
    "ualauth.cli",
    "ualauth.config",
    "ualauth.explaining",
    "ualauth.import_export",
    "ualauth.modules",
    "ualauth.passwords",
    "ualauth.runtime",
    "ualauth.stack",
    "ualauth.userlist",
)
_LIBRARIES = ("alembic.command", "sqlalchemy.dialects.sqlite", "ualauth.aio")
_STANDARD = (0, 1, 2)
_LONGEST = 1 << 17
WORKER = "worker"
"""The name of the program that runs Python blocks (worker.py)."""

# Imports little: it is all that starts anew.
_PROGRAM = """\
#!{python} -IS
import marshal, os, socket, sys
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as process:
    process.connect({address!r})
    command = marshal.dumps((sys.argv, os.getcwd(), dict(os.environ)))
    socket.send_fds(process, [command], [0, 1, 2])
    sys.exit(int(process.recv(16) or b"70"))
"""


@contextmanager
def programs(folder: Path, environment: Mapping[str, str]) -> Iterator[Path]:
    """Start the process; provide a folder with the programs `ualauth` and `worker`."""
    address = str(folder / "socket")
    for name in ("ualauth", WORKER):
        file = folder / name
        file.write_text(_PROGRAM.format(python=sys.executable, address=address))
        file.chmod(0o700)
    command = [sys.executable, "-m", "tests.docs.forked", address]
    # It ends when its standard input does, so that it outlives the tests in no case.
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=dict(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield folder
        process.stdin.close()


def _serve(address: str) -> Callable[[], None]:
    """Start a fork for each connection; in the fork, return what it is to run."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(address)
        listener.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        # The kernel collects the processes between: see `_end_with`.
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while sys.stdin not in select.select([sys.stdin, listener], [], [])[0]:
            connection, _ = listener.accept()
            with connection:
                if os.fork() == 0:
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    return _begin(connection)
    return lambda: None


def _begin(connection: socket.socket) -> Callable[[], None]:
    """Become the program that was called; another process waits for it, to tell its status."""
    command, descriptors, _, _ = socket.recv_fds(connection, _LONGEST, len(_STANDARD))
    program = os.fork()
    if program:
        for descriptor in descriptors:
            os.close(descriptor)
        _end_with(program, connection)
    arguments, folder, environment = marshal.loads(command)
    for descriptor, standard in zip(descriptors, _STANDARD, strict=True):
        os.dup2(descriptor, standard)
        os.close(descriptor)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = arguments
    if Path(arguments[0]).name == WORKER:
        return worker.main
    return cli.main


def _end_with(program: int, connection: socket.socket) -> None:
    """Wait for a program; tell its status, as a shell counts it, and end."""
    status = os.waitstatus_to_exitcode(os.waitpid(program, 0)[1])
    try:
        connection.send(b"%d" % (status if status >= 0 else 128 - status))
    finally:
        os._exit(0)


def _load() -> None:
    """Import what commands need, and let them wait for nothing."""
    for room in _ROOMS:
        package = importlib.import_module(room)
        for module in pkgutil.walk_packages(package.__path__, f"{room}."):
            # Alembic runs these.
            if ".migrations." not in module.name:
                importlib.import_module(module.name)
    for library in _LIBRARIES:
        importlib.import_module(library)

    from ualauth.contract.requests import Sleep
    from ualauth.runtime import handle
    from ualauth.sources import watched
    from ualauth.userlist.database import sqlite

    setattr(handle, "Sleep", lambda _: Sleep(0))  # noqa: B010 - for mypy
    watched.FIRST = watched.EMPTY = 0.0
    sqlite._SYNCHRONOUS = "OFF"


def _run(program: Callable[[], None]) -> None:
    """Run a program, and end as it does.

    The interpreter is not taken apart, as it is otherwise at the end: each page of memory that is
    shared with the other process would be copied for that.
    """
    status: object = 0
    try:
        program()
    except SystemExit as end:
        status = end.code or 0
    except BaseException:  # noqa: BLE001 - it is shown
        sys.excepthook(*sys.exc_info())
        status = 1
    if not isinstance(status, int):
        sys.stderr.write(f"{status}\n")
        status = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    _load()
    gc.freeze()
    _run(_serve(sys.argv[1]))
