"""`dataclass` as `dataclasses` has it, with less to compile: every process pays that.

The library writes each method of each class as text and compiles it. Of the six that a frozen
class has, three are the same for all classes when they ask `fields`: those stand here. What
they answer is the same, and so is what type checkers see.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass as _dataclass
from dataclasses import fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(
        *,
        eq: bool = True,
        repr: bool = True,  # noqa: A002 - the name it has there
        frozen: bool = False,
        **options: bool,
    ) -> Callable[[type[Any]], type[Any]]:
        """Return what makes a class with these methods; see `dataclasses.dataclass`."""
        methods: dict[str, Any] = {"__repr__": _repr} if repr else {}
        if eq:
            methods |= {"__eq__": _eq, "__hash__": _hash if frozen else None}
        make = _dataclass(eq=False, repr=False, frozen=frozen, **options)

        def with_methods(kind: type[Any]) -> type[Any]:
            for name, method in methods.items():
                if name not in vars(kind):
                    setattr(kind, name, method)
            return make(kind)

        return with_methods


@functools.cache
def _compared(kind: Any) -> Callable[[object], object]:  # noqa: ANN401 - a class
    """Return what reads that by which two of a kind are equal."""
    return _reader([each.name for each in fields(kind) if each.compare])


@functools.cache
def _hashed(kind: Any) -> Callable[[object], object]:  # noqa: ANN401 - a class
    return _reader(
        [each.name for each in fields(kind) if (each.compare if each.hash is None else each.hash)]
    )


def _reader(names: list[str]) -> Callable[[object], object]:
    return attrgetter(*names) if names else lambda _: ()


def _eq(self: object, other: object) -> bool:
    if type(other) is not type(self):
        return NotImplemented  # type: ignore[no-any-return]
    read = _compared(type(self))  # type: ignore[arg-type]
    return bool(read(self) == read(other))


def _hash(self: object) -> int:
    return hash(_hashed(type(self))(self))  # type: ignore[arg-type]


def _repr(self: Any) -> str:  # noqa: ANN401 - of any class
    shown = (f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr)
    return f"{self.__class__.__qualname__}({', '.join(shown)})"
