"""What a module keeps: all texts that can be reached from it, its classes and its file."""

from __future__ import annotations

import sys
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from types import FunctionType, ModuleType
from typing import Any

from ualauth.contract.module import Module

_CONTAINERS = (dict, list, tuple, set, frozenset, deque)
_NOT_FOLLOWED = (type, ModuleType, FunctionType)
_MOST = 100_000
"""Objects that are looked at."""


def texts_kept(module: Module[Any]) -> Counter[str]:
    """Return how often each text is reached from a module, in whatever it is."""
    counts: Counter[str] = Counter()
    seen: set[int] = set()
    todo: list[object] = [module, *_of_classes(type(module))]
    while todo and len(seen) < _MOST:
        each = todo.pop()
        if isinstance(each, bytes):
            each = each.decode("utf-8", "replace")
        if isinstance(each, str):
            counts[each] += 1
        elif not isinstance(each, _NOT_FOLLOWED) and id(each) not in seen:
            seen.add(id(each))
            todo += _inside(each)
    return counts


def _of_classes(kind: type[Any]) -> Iterable[object]:
    """Return what a module's classes keep, and the containers of the files that they are in."""
    for each in kind.__mro__[: kind.__mro__.index(Module)]:
        yield from (value for name, value in vars(each).items() if not name.startswith("__"))
        file = vars(sys.modules.get(each.__module__, object))
        for name, value in file.items():
            if isinstance(value, _CONTAINERS) and not name.startswith("__"):
                yield value


def _inside(each: object) -> Iterable[object]:
    if isinstance(each, Mapping):
        yield from list(each.keys())
        yield from list(each.values())
    elif isinstance(each, _CONTAINERS):
        yield from list(each)
    yield from list(getattr(each, "__dict__", {}).values())
    for kind in type(each).__mro__:
        slots = vars(kind).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            yield getattr(each, name, None)
