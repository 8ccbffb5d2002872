"""`dataclass` as `dataclasses` has it, with less to compile: every process pays that.

The library writes each method of each class as text and compiles it. Of the six that a frozen
class has, five are the same for all classes when they ask `fields`: those stand here.
`__init__` alone is compiled, when the first object is made: a process makes objects of half the
classes that it loads. What they answer is the same, and so is what type checkers see.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import MISSING, FrozenInstanceError, fields
from dataclasses import dataclass as _dataclass
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

        def with_methods(kind: type[Any]) -> type[Any]:
            for name, method in methods.items():
                if name not in vars(kind):
                    setattr(kind, name, method)
            # The library refuses to freeze what inherits from one that is not, and the reverse.
            inherits = any(hasattr(base, "__dataclass_fields__") for base in kind.__mro__[1:])
            own = "__init__" not in vars(kind)
            finished = _dataclass(
                init=False, eq=False, repr=False, frozen=frozen and inherits, **options
            )(kind)
            if frozen and not inherits:
                finished.__setattr__, finished.__delattr__ = _setattr, _delattr
                if options.get("slots") and "__getstate__" not in vars(kind):
                    finished.__getstate__, finished.__setstate__ = _getstate, _setstate
                finished.__dataclass_params__.frozen = True
            if own:
                finished.__init__ = _Init(finished, frozen=frozen)
            return finished

        return with_methods


class _Init:
    """The `__init__` of a class, which takes its own place when it is first looked up."""

    def __init__(self, kind: Any, *, frozen: bool) -> None:  # noqa: ANN401 - a class
        self._kind, self._frozen = kind, frozen

    def __get__(self, instance: object, owner: type[Any]) -> Any:  # noqa: ANN401 - a method
        """Compile; threads that do so at once have the same."""
        method = _init(self._kind, frozen=self._frozen)
        self._kind.__init__ = method
        return method.__get__(instance, owner)


_PRELUDE = {"_set": object.__setattr__, "_missing": MISSING}


def _init(kind: Any, *, frozen: bool) -> Any:  # noqa: ANN401 - a class, a function
    """Return the `__init__` of a class, whose fields are those of `dataclasses.fields`."""
    names: dict[str, Any] = dict(_PRELUDE)
    positional: list[str] = []
    by_keyword: list[str] = []
    body: list[str] = []
    annotations: dict[str, Any] = {}
    for each in fields(kind):
        name, value = each.name, each.name
        if each.default is not MISSING:
            names[f"_default_{name}"] = each.default
        elif each.default_factory is not MISSING:
            names[f"_make_{name}"] = each.default_factory
            value = f"_make_{name}() if {name} is _missing else {name}"
        if each.init:
            annotations[name] = each.type
            default = f"=_default_{name}" if each.default is not MISSING else ""
            default = "=_missing" if each.default_factory is not MISSING else default
            (by_keyword if each.kw_only else positional).append(f"{name}{default}")
        elif each.default_factory is not MISSING:
            value = f"_make_{name}()"
        elif each.default is not MISSING and "__slots__" in vars(kind):
            value = f"_default_{name}"
        else:
            continue
        body.append(f"_set(self, {name!r}, {value})" if frozen else f"self.{name} = {value}")
    if hasattr(kind, "__post_init__"):
        body.append("self.__post_init__()")
    parameters = ["self", *positional, *(["*", *by_keyword] if by_keyword else ())]
    text = f"def __init__({', '.join(parameters)}):\n " + "\n ".join(body or ["pass"])
    exec(text, names)  # noqa: S102 - the names of fields, as `dataclasses` does
    method = names["__init__"]
    method.__qualname__ = f"{kind.__qualname__}.__init__"
    method.__module__ = kind.__module__
    method.__annotations__ = {**annotations, "return": None}
    return method


def _is_field(self: object, name: str) -> bool:
    """Return whether an attribute may not be set: in a plain subclass, others may be."""
    kind: Any = type(self)
    return "__dataclass_fields__" in vars(kind) or name in kind.__dataclass_fields__


def _setattr(self: object, name: str, value: object) -> None:
    if _is_field(self, name):
        raise FrozenInstanceError(f"cannot assign to field {name!r}")
    object.__setattr__(self, name, value)


def _delattr(self: object, name: str) -> None:
    if _is_field(self, name):
        raise FrozenInstanceError(f"cannot delete field {name!r}")
    object.__delattr__(self, name)


def _getstate(self: Any) -> list[object]:  # noqa: ANN401 - of any class
    return [getattr(self, each.name) for each in fields(self)]


def _setstate(self: Any, state: list[object]) -> None:  # noqa: ANN401 - likewise
    for each, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, each.name, value)


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
