"""Classes by our `dataclass` are as those by Python's own."""

from __future__ import annotations

import copy
import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

import pytest

from ualauth.text import dataclass as module
from ualauth.text.dataclass import dataclass

Kinds = Callable[[Any], Any]
FORMS = [
    {"frozen": True, "slots": True},
    {"frozen": True, "slots": True, "kw_only": True},
    {"frozen": True, "slots": True, "eq": False},
    {"frozen": True, "slots": True, "repr": False},
    {"slots": True},
    {"slots": True, "eq": False},
]


def kinds(make: Any, form: dict[str, bool]) -> tuple[type[Any], type[Any], type[Any]]:
    """Return a class, a subclass with methods of its own, and one without fields."""

    @make(**form)
    class Value:
        """A value."""

        name: str
        secret: str = dataclasses.field(default="", repr=False)
        note: str = dataclasses.field(default="", compare=False)
        table: dict[str, int] = dataclasses.field(default_factory=dict, hash=False)
        cache: list[int] = dataclasses.field(default_factory=list, init=False, compare=False)
        mark: str = dataclasses.field(default="mark", init=False)
        by_name: int = dataclasses.field(default=5, kw_only=True)

    @make(**form)
    class Own(Value):
        """One that says itself what it is like."""

        more: int = 0

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Value)

        def __hash__(self) -> int:
            return 7

        def __repr__(self) -> str:
            return "own"

        def __post_init__(self) -> None:
            """Keep what was given."""
            if self.name == "wrong":
                raise ValueError("refused")

    @make(**form)
    class Empty:
        """One without fields."""

    return Value, Own, Empty


def answers(make: Any, form: dict[str, bool]) -> list[object]:
    """Return what is seen of such classes."""
    value, own, empty = kinds(make, form)
    one = value(name="a", secret="s", note="n", table={"k": 1})
    all_values = [
        one,
        copy.copy(one),
        dataclasses.replace(one, note="other"),
        dataclasses.replace(one, secret="other"),
        dataclasses.replace(one, table={}),
        own(name="a", secret="s", note="n", table={"k": 1}),
        empty(),
        empty(),
        "a",
    ]
    seen: list[object] = [[a == b for b in all_values] for a in all_values]
    if form.get("repr", True):
        seen += [repr(each) for each in all_values]
    elif "s" in repr(one):
        seen.append("<locals>" in repr(one))
    for each in all_values:
        try:
            seen.append([hash(each) == hash(other) for other in all_values if each == other])
        except TypeError as error:
            seen.append(str(error))
    try:
        one.name = "b"
    except dataclasses.FrozenInstanceError as error:
        seen.append(str(error))
    seen.append([each.name for each in dataclasses.fields(own)])
    seen.append(value.__doc__)
    return [*seen, *construction(value, own, empty), *changes(value, own, one)]


def told(deed: Callable[[], object]) -> str:
    """Return what a deed answers, or the exception it raises."""
    try:
        return repr(deed())
    except Exception as error:  # noqa: BLE001 - whatever it raises is compared
        return f"{type(error).__name__}: {error}".replace("Value.__init__", "__init__")


def construction(value: Any, own: Any, empty: Any) -> list[object]:
    """Return how such classes are made, and what they refuse."""
    deeds: list[Callable[[], object]] = [
        value,
        lambda: value("a", "s", unknown=1),
        lambda: value("a", "s", "n", {}, 1, 2, 3),
        lambda: own(name="wrong"),
        lambda: value(name="a").table is value(name="a").table,
        lambda: value(name="a").cache is value(name="a").cache,
        lambda: (value(name="a").mark, value(name="a", by_name=7).by_name),
        lambda: value.__match_args__,
        lambda: value.__init__.__annotations__,
        lambda: str(inspect.signature(empty)),
        lambda: list(inspect.signature(value).parameters),
        lambda: [each.kind for each in inspect.signature(own).parameters.values()],
    ]
    return [told(each).replace("Own.__init__", "__init__") for each in deeds]


def changes(value: Any, own: Any, one: Any) -> list[object]:
    """Return what becomes of changes, of subclasses by other means, and of copies."""

    class Plain(own):  # type: ignore[misc]
        """A subclass that is no dataclass, and has attributes of its own."""

    def inherit(**form: bool) -> object:
        @dataclasses.dataclass(**form)
        class Further(value):  # type: ignore[misc]
            further: int = 1

        return Further(name="a").further

    def extended() -> tuple[object, ...]:
        plain = Plain(name="a")
        plain.extra = 5
        del plain.extra
        plain.extra = 6
        return plain.extra, plain.name

    def assigned() -> None:
        Plain(name="a").name = "b"

    return [
        told(lambda: inherit(frozen=True)),
        told(lambda: inherit(frozen=False)),
        told(extended),
        told(assigned),
        told(lambda: delattr(one, "name")),
        told(lambda: copy.deepcopy(one).table),
    ]


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_a_class_is_as_one_of_the_library(form: dict[str, bool]) -> None:
    assert answers(dataclass, form) == answers(dataclasses.dataclass, form)


def test_what_makes_objects_is_compiled_when_the_first_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compiled: list[str] = []
    compile_one = module._init

    def noted(kind: type[Any], *, frozen: bool) -> object:
        compiled.append(kind.__name__)
        return compile_one(kind, frozen=frozen)

    monkeypatch.setattr(module, "_init", noted)

    @dataclass(frozen=True, slots=True)
    class Value:
        """Without a docstring the library looks at the signature."""

        name: str

    @dataclass(frozen=True, slots=True)
    class Further(Value):
        """One that inherits."""

        more: int = 0

    assert compiled == []
    assert (Further("a", more=1), Further("a", 1)) == (Further("a", 1), Further(name="a", more=1))
    assert compiled == ["Further"]
    assert Value("a") == Value("a")
    assert compiled == ["Further", "Value"]
