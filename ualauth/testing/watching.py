"""What a module may not do by itself: read a file, open a socket, start a program, sleep.

All of it belongs into `attempt.offload`. An audit hook (PEP 578) sees it; what imports
and tracebacks read does not count. Sleep is seen from Python 3.13 on.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
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
        "time.sleep",
        "urllib.Request",
    }
)
_OF_PYTHON = ("<frozen importlib", "linecache.py", "tokenize.py", "zipimport")
"""Files of Python whose reading is none of the module's."""


class _Watched(threading.local):
    """What this thread did while it was watched; `None` while it is not."""

    seen: list[str] | None = None


_watched = _Watched()


@contextlib.contextmanager
def blocking_calls() -> Iterator[list[str]]:
    """Watch this thread within; what blocked is in the list afterwards."""
    _install()
    before, seen = _watched.seen, list[str]()
    _watched.seen = seen
    try:
        yield seen
    finally:
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


def _is_of_python(frame: FrameType | None) -> bool:
    while frame is not None:
        if any(name in frame.f_code.co_filename for name in _OF_PYTHON):
            return True
        frame = frame.f_back
    return False
