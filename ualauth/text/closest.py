"""Of the words that there are, the one that a mistaken one was meant to be."""

from __future__ import annotations

from collections.abc import Iterable


def closest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the one of `known` that `word` is most like, `None` if it is like none.

    They are alike by `cutoff` (0 to 1) at least, as `difflib.get_close_matches` measures it.
    """
    import difflib  # noqa: PLC0415 - what is well written needs no cure

    return next(iter(difflib.get_close_matches(word, list(known), 1, cutoff)), None)
