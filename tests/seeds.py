"""The seed of every random test, and how many rounds it makes.

`make test` begins with the seed below each time: a tree that passed goes on passing. Who wants
other cases changes it here, on purpose. `make long` and `make fuzz` make one up and print it;
UALAUTH_SEED repeats it. UALAUTH_ROUNDS multiplies every count: it is 1 in `make test`.
"""

from __future__ import annotations

import os
import secrets

_OF_MAKE_TEST = "29 November 2026"
_MADE_UP = "random"


def new_seed() -> str:
    """Return a seed that no run had before."""
    return secrets.token_hex(4)


if os.environ.get("UALAUTH_SEED") == _MADE_UP:
    # The processes that run the tests get the same one.
    os.environ["UALAUTH_SEED"] = new_seed()

SEED = os.environ.get("UALAUTH_SEED") or _OF_MAKE_TEST

TIMES = int(os.environ.get("UALAUTH_ROUNDS", "1"))


def rounds(count: int) -> int:
    """Return how many rounds a test makes that makes `count` in `make test`."""
    return count * TIMES
