"""How often Python looks for cycles of objects, where very many are held that are in none."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# Objects that are made until it is looked for cycles among them: some more than the rows of a
# transaction. By default it takes a third of the time that rows take.
_OBJECTS = 250_000


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Look for cycles of objects seldom meanwhile."""
    before = gc.get_threshold()
    gc.set_threshold(_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
