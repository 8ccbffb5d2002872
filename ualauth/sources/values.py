"""One value of a settings table, checked against the type of its field."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from typing import Any, get_args, get_origin

from ualauth.text.closest import closest

_TOO_LARGE = 2**1023


def read_value(hint: Any, value: Any) -> Any:  # noqa: ANN401 - any setting
    """Return `value` as a field of type `hint` keeps it.

    Raises:
        ValueError: with what it must be, to stand after the name of the key.

    """
    if get_origin(hint) is tuple:
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            return tuple(value)
        raise ValueError("must be a list of strings")
    if get_origin(hint) is Mapping:
        if isinstance(value, dict) and all(isinstance(each, str) for each in value.values()):
            return dict(value)
        raise ValueError("must be a table of strings")
    plain = get_args(hint)[0] if isinstance(hint, types.UnionType) else hint
    if plain is float and type(value) is int:
        # More digits than a float has room for are no finite number either.
        value = float(value) if abs(value) < _TOO_LARGE else float("inf")
    if type(value) is not plain:
        raise ValueError(f"must be of type {plain.__name__}")
    if plain is float and not abs(value) < float("inf"):
        raise ValueError("must be a finite number")
    return value


def hint(word: str, known: Iterable[str]) -> str:
    """Return what an unknown word was meant to be, or all words that there are."""
    words = list(known)
    meant = closest(word, words)
    return f"did you mean {meant!r}?" if meant else f"there are: {', '.join(words)}"


def out_of_bounds(settings: object, bounds: dict[str, tuple[float, float]]) -> list[str]:
    """Return what is not within its bounds, as `name must be ...`."""
    return [
        f"{name} must be from {least} to {most}"
        for name, (least, most) in bounds.items()
        if not least <= getattr(settings, name) <= most
    ]
