"""The seed of every random test.

It follows from the sources: each change of the code brings other cases, and a tree
that passed goes on passing. UALAUTH_SEED replaces it; `make fuzz` makes one up.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

_ROOT = Path(__file__).parents[1]


def _of_sources() -> str:
    digest = hashlib.blake2b(digest_size=4)
    for folder in ("ualauth", "tests"):
        for file in sorted((_ROOT / folder).rglob("*.py")):
            # Each with its length in front: a line that moves to the next file is a change.
            data = file.read_bytes()
            digest.update(b"%d:%b" % (len(data), data))
    return digest.hexdigest()


SEED = os.environ.get("UALAUTH_SEED") or _of_sources()
