"""What a module may not do by itself: read a file, open a socket, start a program, sleep.

All of it belongs into `attempt.offload`, and what computes for long into `attempt.compute`.
An audit hook (PEP 578) and a profile function (`sys.setprofile`) see it; what imports and
tracebacks read does not count. A lock that is waited for by itself is not seen.
"""

from __future__ import annotations

import contextlib
import functools
import grp
import hashlib
import os
import pwd
import select
import socket
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

_BLOCKING = frozenset(
    {
        "open",
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyaddr",
        "socket.gethostbyname",
        "sqlite3.connect",
        "subprocess.Popen",
        "os.system",
        "os.posix_spawn",
        "os.listdir",
        "os.scandir",
        "builtins.input",
        "urllib.Request",
    }
)
_BLOCKING_FUNCTIONS = tuple(
    getattr(module, name)
    for module, name in (
        (time, "sleep"),
        (hashlib, "pbkdf2_hmac"),
        (hashlib, "scrypt"),
        *((os, name) for name in ("stat", "lstat", "access", "readlink", "statvfs", "waitpid")),
        # They may ask a directory service (nsswitch.conf(5)).
        *((pwd, name) for name in ("getpwnam", "getpwuid", "getpwall")),
        *((grp, name) for name in ("getgrnam", "getgrgid", "getgrall")),
        (select, "select"),
    )
    # OpenSSL may be without them.
    if hasattr(module, name)
)
"""Functions of C that the hook does not see."""
_BLOCKING_CODE = {
    threading.Condition.wait.__code__: "threading.Condition.wait",
    threading.Thread.join.__code__: "threading.Thread.join",
}
"""What events, semaphores, barriers, queues and futures wait by, if they have to."""
_OF_SOCKETS = frozenset(
    {"accept", "recv", "recv_into", "recvfrom", "recvfrom_into", "recvmsg", "send", "sendall"}
)
_OF_PYTHON = ("<frozen importlib", "linecache.py", "tokenize.py", "zipimport")
"""Files of Python whose reading is none of the module's."""
_ON_PURPOSE = ("/userlist/database/change_detector.py",)
"""Files of ualauth that look at an open database on the spot: that is cheaper than a switch."""


class _Watched(threading.local):
    """What this thread did while it was watched; `None` while it is not."""

    seen: list[str] | None = None


_watched = _Watched()


@contextlib.contextmanager
def blocking_calls() -> Iterator[list[str]]:
    """Watch this thread within; what blocked is in the list afterwards."""
    _install()
    before, seen = _watched.seen, list[str]()
    profile = sys.getprofile()
    _watched.seen = seen
    sys.setprofile(_profile)
    try:
        yield seen
    finally:
        sys.setprofile(profile)
        _watched.seen = before


@contextlib.contextmanager
def unwatched() -> Iterator[None]:
    """Look away within: what is offloaded may block."""
    before, _watched.seen = _watched.seen, None
    try:
        yield
    finally:
        _watched.seen = before


@functools.cache
def _install() -> None:
    # A hook cannot be removed: it does nothing where nothing is watched.
    sys.addaudithook(_hook)


def _hook(event: str, args: tuple[Any, ...]) -> None:
    seen = _watched.seen
    if seen is None or event not in _BLOCKING:
        return
    _watched.seen = None
    try:
        if not _is_of_python(sys._getframe(1)):  # noqa: SLF001 - as traceback does
            seen.append(f"{event}({args[0] if args else ''!r})")
    finally:
        _watched.seen = seen


def _profile(frame: FrameType, event: str, function: Any) -> None:  # noqa: ANN401 - as Python says
    seen = _watched.seen
    if seen is None:
        return
    name = None
    if event == "call":
        name = _BLOCKING_CODE.get(frame.f_code)
    elif event == "c_call":
        if any(function is each for each in _BLOCKING_FUNCTIONS):
            name = f"{function.__module__}.{function.__name__}"
        elif function.__name__ in _OF_SOCKETS:
            owner = getattr(function, "__self__", None)
            if isinstance(owner, socket.socket) and owner.gettimeout() != 0:
                name = f"socket.{function.__name__}"
    if name is not None and not _is_of_python(frame):
        seen.append(name)


def _is_of_python(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code is threading.Thread.start.__code__:
            # Until the thread runs, which is at once.
            return True
        if any(name in frame.f_code.co_filename for name in (*_OF_PYTHON, *_ON_PURPOSE)):
            return True
        frame = frame.f_back
    return False
