"""Batches as octets, on their way from the process that reads to the one that stores.

Rows are nothing but texts, numbers and octets, which `marshal` packs in a third of the
time that `pickle` takes; both processes are the same Python.
"""

from __future__ import annotations

import marshal
import pickle

from ualauth.import_export.batches import Batch
from ualauth.import_export.line import BadLine
from ualauth.userlist.bulk import Rows

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
        ),
    )


def unpacked(data: bytes) -> Batch:
    """Return the batch that `packed` was given."""
    numbers, rows, users, bad, position = marshal.loads(data)  # noqa: S302 - our own child's
    return Batch(
        numbers,
        [Rows._make(row) for row in rows],
        pickle.loads(users) if users else [],  # noqa: S301 - likewise
        [BadLine(*line) for line in bad],
        position,
    )
