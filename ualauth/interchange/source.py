"""A file that is read: in this process, or ahead of it in another one.

Reading a line and making it ready takes as long as the database takes to
store it; so a large file is read by a child process, which hands batches over a pipe and waits
when nobody takes them. It ends with its parent, however that ends.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import BinaryIO

from ualauth.errors import StoreError
from ualauth.interchange.batches import Batch, batches
from ualauth.interchange.formats import FORMATS
from ualauth.interchange.line import Reading

# From about this size on, a second process saves more time than it takes to start.
_LARGE = 2 << 20


@dataclass(frozen=True, slots=True)
class Source:
    """What to read, and how: `size` lines at a time, with `whole` users or their rows only."""

    format: str
    reading: Reading
    size: int = 1000
    whole: bool = False

    def read(self, file: BinaryIO, position: int = 0) -> Iterator[Batch]:
        """Return what stands in an open file, as batches."""
        place = position

        def text() -> Iterator[str]:
            nonlocal place
            for data in file:
                place += len(data)
                # What is not UTF-8 becomes what no field can hold.
                line = data.decode(errors="surrogateescape")
                yield line if place > len(data) else line.removeprefix("\ufeff")

        lines = FORMATS[self.format].read(text(), self.reading)
        return batches(lines, lambda: place, size=self.size, whole=self.whole)

    @contextmanager
    def open(self, path: Path) -> Iterator[Iterator[Batch]]:
        """Return the batches of a file by its path.

        Raises:
            OSError: if it cannot be read.

        """
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size < _LARGE:
                yield self.read(file)
                return
        receiver, sender = multiprocessing.Pipe(duplex=False)
        # Another Python, not a fork: threads may be running here.
        context = multiprocessing.get_context("spawn")
        child = context.Process(target=_send, args=(self, path, sender), daemon=True)
        child.start()
        sender.close()
        try:
            yield _received(receiver)
        finally:
            # The child notices when it writes.
            receiver.close()
            child.join()


def _received(receiver: Connection) -> Iterator[Batch]:
    while True:
        try:
            batch: Batch | None = pickle.loads(receiver.recv_bytes())  # noqa: S301 - our own child
        except EOFError:
            raise StoreError("the file is no longer read: the process that did has ended") from None
        if batch is None:
            return
        yield batch


def _send(source: Source, path: Path, sender: Connection) -> None:
    # Ctrl-C is the parent's business; this one ends when nobody reads.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with path.open("rb") as file:
            for batch in source.read(file):
                sender.send_bytes(pickle.dumps(batch, pickle.HIGHEST_PROTOCOL))
        sender.send_bytes(pickle.dumps(None))
    except BrokenPipeError:
        os._exit(0)
