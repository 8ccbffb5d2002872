"""What a compiled service is: frozen entries in stacks, and the problems met on the way."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any

from ualauth.codes import MODULE_TYPE, ModuleType, Operation, ReturnCode
from ualauth.contract.credentials import CredentialKind
from ualauth.contract.module import Method, Module
from ualauth.sources.problem import Problem, Source
from ualauth.stack.control import Control, ControlAction
from ualauth.text.dataclass import dataclass


class Kind(enum.Enum):
    """What an entry is."""

    MODULE = "module"
    MUST_FAIL = "must fail"
    """A line that makes no sense: it answers `PERM_DENIED`."""
    SUBSTACK = "substack"
    """Not asked: marks where a substack begins."""


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One line of a stack.

    `level` is how many substacks it is in; `methods` has what to call for each
    operation, indexed by `Operation`; `nested` is the stack that its module may
    run, whose levels begin at 0 again.
    """

    kind: Kind
    level: int
    control: Control
    module: str
    arguments: tuple[str, ...] = field(repr=False)
    source: Source
    methods: tuple[Method, ...] = field(repr=False)
    table: tuple[int, ...] = field(repr=False)
    """The control's table, as the engine uses it."""
    asked: bool
    """False for a marker."""
    nested: Stack = field(default=(), repr=False)
    instance: Module[Any] | None = field(default=None, repr=False)
    """The module made for this entry, if it could be made."""
    plain: bool = field(init=False, repr=False)
    """Whether `SUCCESS` is `ok`: what nearly every login meets."""
    reported: set[tuple[Operation, ReturnCode]] = field(init=False, repr=False, default_factory=set)
    """Which of its answers that PAM does not allow the log has already."""
    simple: bool = field(init=False, repr=False)
    """Whether it is also asked, and in no substack: see `ualauth.stack.engine.after`."""

    def __post_init__(self) -> None:
        """Derive `plain` and `simple`."""
        plain = self.table[:1] == (int(ControlAction.OK),)
        object.__setattr__(self, "plain", plain)
        object.__setattr__(self, "simple", plain and self.asked and not self.level)


Stack = tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Service:
    """The compiled stacks of one service.

    `files` names every file that had a say, or would have one if it were
    there.
    """

    name: str
    stacks: Mapping[ModuleType, Stack] = field(repr=False)
    problems: tuple[Problem, ...] = ()
    files: tuple[str, ...] = ()
    lacking: frozenset[ModuleType] = frozenset()
    """The types of which it has no lines of its own: those of `other` serve, if there are any."""
    takes_passwords: bool = True
    """Whether it takes passwords as they were typed, by whatever way."""
    serving: tuple[Stack, ...] = field(init=False, repr=False)
    """The stack that serves each operation, indexed by `Operation`."""
    verifiers: Mapping[CredentialKind | str, tuple[Module[Any], ...]] = field(
        init=False, repr=False, compare=False
    )
    """The modules of the auth stack that can judge each kind of proof, in their order."""

    def __post_init__(self) -> None:
        """Derive `serving`, the way of every login, and `verifiers`."""
        serving = tuple(self.stacks[MODULE_TYPE[operation]] for operation in Operation)
        object.__setattr__(self, "serving", serving)
        verifiers: dict[CredentialKind | str, tuple[Module[Any], ...]] = {}
        for module in modules_of(self.stacks[ModuleType.AUTH]):
            for kind in module.verifies:
                verifiers[kind] = (*verifiers.get(kind, ()), module)
        object.__setattr__(self, "verifiers", verifiers)

    @property
    def sound(self) -> bool:
        """Whether there is nothing worse than a warning."""
        return all(problem.warning for problem in self.problems)


def entries_of(stack: Stack) -> Iterator[Entry]:
    """Yield the entries of a stack, and of those that they may run."""
    for entry in stack:
        yield entry
        yield from entries_of(entry.nested)


def modules_of(stack: Stack) -> Iterator[Module[Any]]:
    """Yield the modules of a stack, and of those that its entries may run."""
    for entry in entries_of(stack):
        if entry.instance is not None:
            yield entry.instance
