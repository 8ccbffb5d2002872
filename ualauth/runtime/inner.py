"""What the runtime needs of an attempt, beside what modules see."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from ualauth.codes import Operation
from ualauth.contract.attempt import NameAnswer, NameTest
from ualauth.contract.credentials import NameKind
from ualauth.contract.identity import Person
from ualauth.contract.module import Module
from ualauth.reasons import ReasonCode
from ualauth.runtime.items import Items
from ualauth.runtime.path import Path
from ualauth.runtime.trace import Run
from ualauth.stack.model import Entry


class AskedName(NamedTuple):
    """A test of a name: which entry's, of which operation, about which name, and its answer."""

    entry: Entry | None
    operation: Operation
    test: NameTest
    name: str
    answer: NameAnswer


class Naming(NamedTuple):
    """Who the user was before an entry confirmed a user, and where that entry stands."""

    run: Run | None
    place: int
    user: str | None
    name_kind: NameKind
    resolved: str | None


class InnerAttempt(Protocol):
    """An attempt (`RunningAttempt`), as those see it that ask the entries."""

    operation: Operation
    items: Items
    run: Run | None
    """The walk that asks now."""
    put_off: tuple[Run, int] | None
    """The run and the number of the entry whose last question the application has put off."""
    late: bool
    """Whether a module ran out of time: its threads may still run."""
    vouches: tuple[tuple[Run | None, int, Person], ...]
    """The run and the number of an entry, and whom it vouched for before it answered."""
    name_tests: tuple[AskedName, ...]
    """What was decided by looking at the user's name."""
    unconfirmed: Naming | None
    """Who the user was before the last entry that confirmed a user."""
    paths: dict[tuple[Module[Any], int], Path] | None
    """Module and operation -> what its entry settled, and how far a stack of its own went."""

    def remark(self, text: str) -> None:
        """See `Attempt.remark`."""
        ...

    def explain(self, reason: ReasonCode, text: str) -> None:
        """See `Attempt.explain`."""
        ...

    def naming(self) -> Naming:
        """Return who the user is before the entry that is being asked says more."""
        ...

    def become(self, name: str) -> None:
        """Make the user exactly `name`."""
        ...

    def restore(self, before: Naming) -> None:
        """Make the user again who it was."""
        ...

    def unconfirm(self, run: Run) -> None:
        """Make the user again who it was before the entry that `run` asks confirmed a user."""
        ...
