"""A private copy in memory for a library that takes a path, and not the bytes."""

from __future__ import annotations

import contextlib
import os
import tempfile
import weakref


class MemoryFile:
    """Bytes that can be read at `path` until it is closed; a forked child has a copy.

    They are in memory (memfd_create(2)), where other users of the host cannot look. Without
    `/proc`, as in some a chroot, they are in a temporary file that only this user can read.
    """

    def __init__(self, data: bytes) -> None:
        """Write them.

        Raises:
            OSError: if the host has room for them nowhere.

        """
        with contextlib.suppress(OSError, AttributeError):
            number = os.memfd_create("ualauth")
            self.path = f"/proc/self/fd/{number}"
            self._end: weakref.finalize[..., MemoryFile] = weakref.finalize(self, os.close, number)
            with os.fdopen(number, "wb", closefd=False) as file:
                file.write(data)
            if os.access(self.path, os.R_OK):
                return
            self._end()
        number, self.path = tempfile.mkstemp(prefix="ualauth-")
        self._end = weakref.finalize(self, os.unlink, self.path)
        with os.fdopen(number, "wb") as file:
            file.write(data)

    def close(self) -> None:
        """Give it up."""
        self._end()
