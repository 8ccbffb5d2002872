"""What a module keeps: all texts that can be reached from it, its classes and its file.

Caches of functions, what functions close over, and the environment of the process count.
"""

from __future__ import annotations

import functools
import gc
import os
import sys
import threading
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from types import CellType, FunctionType, MethodType, ModuleType
from typing import Any

from ualauth.contract.module import Module

_CONTAINERS = (dict, list, tuple, set, frozenset, deque)
_NOT_FOLLOWED = (type, ModuleType)
_CACHE: type[object] = type(functools.lru_cache(len))
_OF_FILES = (*_CONTAINERS, str, bytes, threading.local, _CACHE)
"""What a file has beside its classes that may keep something."""
_MOST = 100_000
"""Objects that are looked at."""


def texts_kept(module: Module[Any]) -> Counter[str]:
    """Return how often each text is reached from a module, in whatever it is."""
    counts: Counter[str] = Counter()
    seen: set[int] = set()
    todo: list[object] = [module, *_of_classes(type(module)), dict(os.environ)]
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
            if isinstance(value, _OF_FILES) and not name.startswith("__"):
                yield value


def _inside(each: object) -> Iterable[object]:
    if isinstance(each, FunctionType):
        yield from (cell.cell_contents for cell in each.__closure__ or () if _is_filled(cell))
        yield from each.__defaults__ or ()
        return
    if isinstance(each, MethodType):
        yield each.__self__
        yield each.__func__
        return
    if isinstance(each, _CACHE):
        # Nothing else tells what such a cache holds; the function behind it is no part of that.
        yield from (held for held in gc.get_referents(each) if not callable(held))
        return
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


def _is_filled(cell: CellType) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False
