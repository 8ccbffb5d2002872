"""A file that is read: in this process, or ahead of it in another one.

Reading a line and making it ready takes as long as the database takes to
store it; so a large file is read by a child process, which hands batches over a pipe. A
thread takes them from there while a transaction runs, up to some number; then the child waits.
It ends with its parent, however that ends.
"""

from __future__ import annotations

import marshal
import multiprocessing
import os
import pickle
import queue
import threading
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path
from typing import BinaryIO

from ualauth.errors import StoreError
from ualauth.import_export.batches import Batch, batches
from ualauth.import_export.encodings import Text
from ualauth.import_export.formats import FORMATS
from ualauth.import_export.interrupts import undisturbed
from ualauth.import_export.line import BadLine, Reading
from ualauth.system.collecting import seldom_collected
from ualauth.userlist.bulk import Rows

# From about this size on, a second process saves more time than it takes to start.
_LARGE = 2 << 20
# Users who wait to be stored, about as many as a transaction takes: 10 MB.
_MOST_AHEAD = 25_000


@dataclass(frozen=True, slots=True)
class Source:
    """What to read, and how: `size` lines at a time, with `with_users` users or their rows only."""

    format: str
    reading: Reading
    size: int = 1000
    with_users: bool = False

    def read(self, file: BinaryIO, position: int = 0) -> Generator[Batch]:
        """Return what stands in an open file, as batches; see `batches`."""
        text = Text(file, position, self.reading.encoding)
        lines = text.checked(FORMATS[self.format].read(text.lines(), self.reading))
        return batches(
            lines,
            text.position,
            size=self.size,
            with_users=self.with_users,
            left_out=self.reading.left_out,
        )

    @contextmanager
    def open(self, path: Path) -> Iterator[Iterator[Batch]]:
        """Return the batches of a file by its path.

        Raises:
            OSError: if it cannot be read.

        """
        with seldom_collected():
            with path.open("rb") as file:
                if os.fstat(file.fileno()).st_size < _LARGE:
                    with closing(self.read(file)) as read:
                        yield read
                    return
            receiver, sender = multiprocessing.Pipe(duplex=False)
            # Another Python, not a fork: threads may be running here.
            context = multiprocessing.get_context("spawn")
            child = context.Process(target=_send, args=(self, path, sender), daemon=True)
            # What a start begins with on its own lets Ctrl-C through again.
            resource_tracker.ensure_running()
            # Ctrl-C is this thread's business; the process ends when its reader is gone.
            with undisturbed():
                child.start()
                sender.close()
                ahead = _Ahead(receiver, max(1, _MOST_AHEAD // self.size))
            try:
                yield ahead.batches()
            finally:
                ahead.close()
                child.join()


class _Ahead:
    """Batches that have arrived, and the thread that takes them from the pipe."""

    def __init__(self, receiver: Connection, most: int) -> None:
        self._receiver = receiver
        self._waiting: queue.Queue[bytes] = queue.Queue(most)
        self._closed = False
        self._thread = threading.Thread(target=self._receive, name="ualauth-import", daemon=True)
        self._thread.start()

    def batches(self) -> Iterator[Batch]:
        """Return the batches, waiting for those that have not arrived."""
        while data := self._waiting.get():
            if data == END:
                return
            yield unpacked(data)
        raise StoreError("the file is no longer read: the process that did has ended")

    def close(self) -> None:
        """Take no more; the child notices when it writes."""
        self._closed = True
        with suppress(queue.Empty):
            while True:
                self._waiting.get_nowait()
        self._thread.join()

    def _receive(self) -> None:
        data = b"-"
        with self._receiver, suppress(EOFError, OSError):
            while data != END and not self._closed:
                data = self._receiver.recv_bytes()
                self._waiting.put(data)
        if data != END and not self._closed:
            self._waiting.put(b"")


def _send(source: Source, path: Path, sender: Connection) -> None:
    try:
        with path.open("rb") as file, seldom_collected():
            for batch in source.read(file):
                sender.send_bytes(packed(batch))
        sender.send_bytes(END)
    except BrokenPipeError:
        os._exit(0)


# Batches are octets on their way from the process that reads to the one that stores. Rows
# are nothing but texts, numbers and octets, which `marshal` packs in a third of the time
# that `pickle` takes; both processes are the same Python.
END = b"end"
"""What stands for the end: it is no batch."""


def packed(batch: Batch) -> bytes:
    """Return the octets of a batch."""
    return marshal.dumps(
        (
            batch.numbers,
            [tuple(rows) for rows in batch.rows],
            pickle.dumps(batch.users) if batch.users else b"",
            [(line.number, line.problem) for line in batch.bad],
            batch.position,
            dict(batch.left_out),
        ),
    )


def unpacked(data: bytes) -> Batch:
    """Return the batch that `packed` was given."""
    numbers, rows, users, bad, position, left_out = marshal.loads(data)  # noqa: S302 - our own child's
    return Batch(
        numbers,
        [Rows._make(row) for row in rows],
        pickle.loads(users) if users else [],  # noqa: S301 - likewise
        [BadLine(*line) for line in bad],
        position,
        left_out,
    )
