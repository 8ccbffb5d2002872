"""What the host has run out of: a temporary failure, with the cure that fits."""

from __future__ import annotations

import errno
from collections.abc import Mapping

_MEMORY = (
    "there is no more memory: raise the limit (ulimit -v, MemoryMax=), or lower [password] "
    "argon2_memory"
)
_CURES: Mapping[int, str] = {
    errno.EMFILE: "this process has too many files open: raise its limit (ulimit -n, LimitNOFILE=)",
    errno.ENFILE: "the host has too many files open: raise sysctl fs.file-max",
    errno.ENOMEM: _MEMORY,
    errno.ENOBUFS: _MEMORY,
    errno.EIO: "a disk cannot be read or written: look into the host's log",
    errno.ENOSPC: "a disk is full: make room on it",
    errno.EDQUOT: "a quota is used up: make room, or raise it",
    errno.EAGAIN: "there are no more processes or threads: raise the limit (ulimit -u, TasksMax=)",
}
_NO_THREAD = "can't start new thread"


def shortage_of(error: BaseException) -> str | None:
    """Return what is missing and the cure, or `None` for any other error."""
    match error:
        case MemoryError():
            return _MEMORY
        case RuntimeError() if str(error) == _NO_THREAD:
            return _CURES[errno.EAGAIN]
        case BlockingIOError():
            # A socket has nothing to read: that is no shortage.
            return None
        case OSError(errno=number) if number is not None:
            return _CURES.get(number)
        case _:
            return None
