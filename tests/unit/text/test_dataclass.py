"""Classes by our `dataclass` are as those by Python's own."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

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
    return seen


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_a_class_is_as_one_of_the_library(form: dict[str, bool]) -> None:
    assert answers(dataclass, form) == answers(dataclasses.dataclass, form)
