"""An entry's arguments become a module's frozen `Options` dataclass.

The dataclass is the only description of a module's options: it validates a
stack line, it is the help of `ualauth modules NAME`, and the documentation.

    @dataclass(frozen=True, kw_only=True, slots=True)
    class Options:
        nullok: Annotated[bool, "Let an empty stored password match an empty one."] = False
        file: Annotated[Path, "The list."]

A boolean is a word by itself (`nullok`), everything else is `name=value`; a
field without a default must be given. A module whose arguments do not have this
form (the ones taken over from Linux-PAM) gives its dataclass a class method
`from_arguments`, reads them itself, and says in a third annotation how an
option is written.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import sys
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast, get_args, get_origin

from ualauth.system.extras import lack
from ualauth.text.closest import closest
from ualauth.text.dataclass import dataclass

WHOLE_LINE = sys.maxsize
"""The index of what is wrong with no argument in particular."""

O = TypeVar("O")  # noqa: E741 - O for options, private to the signatures below


@dataclass(frozen=True, slots=True)
class OptionProblem:
    """What is wrong with one argument.

    `index` is its place among the arguments (past the last one for what is
    missing); `fatal` is false for what the module merely ignores. One that is `harmful` is an
    error all the same: the module works, and does something else than it should, as to let in
    users whom it should not. `is_unknown` is true of an option that the module does not have.
    """

    index: int
    text: str
    cure: str = ""
    fatal: bool = True
    harmful: bool = False
    is_unknown: bool = False

    @property
    def is_warning(self) -> bool:
        """Whether it changes nothing."""
        return not (self.fatal or self.harmful)


def missing_libraries(
    who: str, *packages: str, in_part: bool = False, extra: str = ""
) -> Sequence[OptionProblem]:
    """Return a problem of the whole line for each package that `who` needs and is missing.

    With `in_part`, the rest of the module works without it: that is a warning.
    """
    problems = []
    for package in packages:
        text, _, cure = lack(who, package, extra).partition("; ")
        if text:
            problems.append(OptionProblem(WHOLE_LINE, text, cure, fatal=False, harmful=not in_part))
    return problems


@dataclass(frozen=True, slots=True)
class OptionHelp:
    """One option as shown to an administrator: `usage` is how it is written."""

    usage: str
    text: str
    default: str


class ReadsItself(Protocol):
    """An `Options` dataclass that reads its arguments itself."""

    @classmethod
    def from_arguments(cls, arguments: Sequence[str]) -> tuple[Any, list[OptionProblem]]:
        """Return the options, and what was wrong; MUST NOT raise."""
        ...


def read_options(kind: type[O], arguments: Sequence[str]) -> tuple[O | None, list[OptionProblem]]:
    """Read `arguments` into an instance of the dataclass `kind`.

    Returns `None` in its place if any problem is fatal; all problems are
    reported at once.
    """
    if hasattr(kind, "from_arguments"):
        return cast("type[ReadsItself]", kind).from_arguments(arguments)
    return read_dataclass(kind, arguments)


def read_dataclass(
    kind: type[O],
    arguments: Sequence[str],
) -> tuple[O | None, list[OptionProblem]]:
    """Read `arguments` field by field, also where the dataclass reads itself otherwise."""
    fields = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    types_of = _types(kind)
    values: dict[str, Any] = {}
    given: set[str] = set()
    problems: list[OptionProblem] = []
    for index, argument in enumerate(arguments):
        name, equals, text = argument.partition("=")
        if name not in fields:
            problems.append(_unknown(index, name, fields))
            continue
        given.add(name)
        if name in values:
            problems.append(OptionProblem(index, f"option {name!r} is given twice", "give it once"))
            continue
        try:
            values[name] = _value(types_of[name], equals, text)
        except ValueError as error:
            problems.append(
                OptionProblem(index, f"option {name!r}: {error}", _usage(name, types_of[name])),
            )
    for name, field in fields.items():
        if name not in given and _required(field):
            cure = f"add {_usage(name, types_of[name])}"
            problems.append(OptionProblem(len(arguments), f"option {name!r} is missing", cure))
    if any(problem.fatal for problem in problems):
        return None, problems
    try:
        return kind(**values), problems
    except ValueError as error:
        # Options that do not go together: the dataclass says so itself.
        return None, [OptionProblem(len(arguments), str(error))]


def describe(kind: type[Any]) -> list[OptionHelp]:
    """Return the help of every option of the dataclass `kind`: its own in order, then inherited."""
    types_of = _types(kind)
    # What the module has in common with others comes last.
    fields = sorted(dataclasses.fields(kind), key=lambda field: not _is_own(kind, field.name))
    return [
        OptionHelp(
            _written(kind, field.name) or _usage(field.name, types_of[field.name]),
            _help(kind, field.name),
            "" if _required(field) or types_of[field.name] is bool else _printed(field.default),
        )
        for field in fields
    ]


def _unknown(index: int, name: str, fields: Mapping[str, object]) -> OptionProblem:
    meant = closest(name[:64], fields)
    takes = ", ".join(fields) or "no options"
    cure = f"did you mean {meant!r}?" if meant else f"it takes: {takes}"
    return OptionProblem(index, f"unknown option {name!r}", cure, is_unknown=True)


def _required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _is_own(kind: type[Any], name: str) -> bool:
    """Return whether the dataclass has a field of its own, and not from a base."""
    return name in inspect.get_annotations(kind)


def _hints(kind: type[Any]) -> dict[str, Any]:
    return typing.get_type_hints(kind, include_extras=True)


def _types(kind: type[Any]) -> dict[str, Any]:
    """Return field name -> plain type: no `Annotated`, no `| None`."""
    plain_types = {}
    for name, hint in _hints(kind).items():
        plain = get_args(hint)[0] if get_origin(hint) is typing.Annotated else hint
        if isinstance(plain, types.UnionType):
            plain = next(part for part in get_args(plain) if part is not types.NoneType)
        plain_types[name] = plain
    return plain_types


def _help(kind: type[Any], name: str) -> str:
    hint = _hints(kind)[name]
    return str(get_args(hint)[1]) if get_origin(hint) is typing.Annotated else ""


def _written(kind: type[Any], name: str) -> str:
    """Return how an option is written where its dataclass says so, in a third annotation."""
    annotations = get_args(_hints(kind)[name])[2:]
    return str(annotations[0]) if annotations else ""


def _value(kind: Any, equals: str, text: str) -> Any:  # noqa: ANN401 - any field type
    if kind is bool:
        if equals:
            raise ValueError("takes no value")
        return True
    if not text:
        raise ValueError("needs a value")
    if kind is int or kind is float:
        try:
            return kind(text)
        except ValueError:
            raise ValueError(f"{text!r} is not a number") from None
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        choices = [str(choice.value) for choice in kind]
        if text not in choices:
            raise ValueError(f"{text!r} is none of {', '.join(choices)}")
        return kind(text)
    return kind(text)


def _usage(name: str, kind: Any) -> str:  # noqa: ANN401 - any field type
    if kind is bool:
        return name
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return f"{name}={'|'.join(str(choice.value) for choice in kind)}"
    words = {int: "NUMBER", float: "NUMBER", Path: "PATH"}
    return f"{name}={words.get(kind, 'TEXT')}"


def _printed(default: object) -> str:
    if default in (None, ()) or default is dataclasses.MISSING:
        return ""
    return str(default.value) if isinstance(default, enum.Enum) else str(default)
