"""What is assumed of entries: `MODULE`, `MODULE=CODE`, `FILE:LINE=CODE`.

An entry of which only the module is named is not simulated: it answers what the situation says of
the password, as those that ask a server do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from ualauth.codes import LEGAL, TOKENS, ModuleType, Operation, ReturnCode
from ualauth.stack.model import Entry, Kind, Service, entries_of
from ualauth.stack.registry import plain_name
from ualauth.text.dataclass import dataclass

OPERATIONS = (Operation.AUTHENTICATE, Operation.ACCT_MGMT)
"""What a login asks."""
_TYPES = (ModuleType.AUTH, ModuleType.ACCOUNT)
_PLACE = re.compile(r"(?P<file>.+):(?P<line>[0-9]{1,9})", re.DOTALL)
_ALWAYS = frozenset({ReturnCode.AUTHINFO_UNAVAIL, ReturnCode.SYSTEM_ERR})
"""What every entry may come to: no time is left, or an exception."""


@dataclass(frozen=True, slots=True)
class Assumption:
    """Of some entries, by their module or by the place of one; `code` may be left open."""

    text: str
    module: str
    file: str
    line: int
    code: ReturnCode | None

    @classmethod
    def read(cls, text: str) -> Assumption:
        """Read one.

        Raises:
            ValueError: if it makes no sense.

        """
        which, equals, word = text.rpartition("=")
        if not equals:
            which, word = text, ""
        elif word not in TOKENS:
            raise ValueError(f"assume {text!r}: {word[:64]!r} is no return code")
        if not which:
            raise ValueError(f"assume {text!r}: write MODULE=CODE or FILE:LINE=CODE")
        place = _PLACE.fullmatch(which)
        code = TOKENS[word] if word else None
        if place is not None:
            return cls(text, "", place["file"], int(place["line"]), code)
        return cls(text, plain_name(which), "", 0, code)

    def is_of(self, entry: Entry) -> bool:
        """Return whether it is about an entry."""
        if self.module:
            return plain_name(entry.module) == self.module
        source = entry.source
        return source.line == self.line and (
            source.file == self.file or source.file.endswith(f"/{self.file}")
        )


class AnswersKnown(Protocol):
    """Knows what some entries answer."""

    def of(self, entry: Entry, operation: Operation) -> Assumption | None:
        """Return what is assumed of an entry's answer, if anything is."""
        ...


class Assumptions:
    """Those of one explanation; of two about an entry, that of its place counts, then the last."""

    def __init__(self, assumptions: Iterable[Assumption] = ()) -> None:
        """Keep them."""
        self._all = sorted(assumptions, key=lambda each: not each.module)

    @classmethod
    def read(cls, texts: Sequence[str], service: Service) -> Assumptions:
        """Read those that are made of entries of a service.

        Raises:
            ValueError: for one that makes no sense, that is of no entry, or whose code none of
                its entries can answer.

        """
        assumptions = [Assumption.read(text) for text in texts]
        for each in assumptions:
            _check(each, service)
        return cls(assumptions)

    def of(self, entry: Entry, operation: Operation) -> Assumption | None:
        """See `AnswersKnown.of`."""
        for each in reversed(self._all):
            if each.is_of(entry) and (each.code is None or each.code in possible(entry, operation)):
                return each
        return None


def possible(entry: Entry, operation: Operation) -> frozenset[ReturnCode]:
    """Return the codes that an entry can answer to an operation of a login."""
    module = entry.instance
    if module is None:
        # Another host may have it: it could be any.
        return frozenset(LEGAL[operation] | _ALWAYS)
    if getattr(module, operation.method, None) is None:
        return frozenset({ReturnCode.MODULE_UNKNOWN})
    return frozenset(module.answers(operation)) - {ReturnCode.INCOMPLETE} | _ALWAYS


def entries_of_login(service: Service) -> Iterator[tuple[Operation, Entry]]:
    """Yield the entries that a login may ask, in their order."""
    for operation, kind in zip(OPERATIONS, _TYPES, strict=True):
        for entry in entries_of(service.stacks[kind]):
            if entry.kind is Kind.MODULE:
                yield operation, entry


def _check(assumption: Assumption, service: Service) -> None:
    every = list(entries_of_login(service))
    mine = [(operation, entry) for operation, entry in every if assumption.is_of(entry)]
    what = f"assume {assumption.text!r}"
    if not mine and assumption.module:
        names = ", ".join(dict.fromkeys(plain_name(entry.module) for _, entry in every)) or "none"
        raise ValueError(
            f"{what}: {service.name!r} does not ask {assumption.module[:64]!r} at a login; it "
            f"asks: {names}"
        )
    if not mine:
        raise ValueError(
            f"{what}: {service.name!r} asks no entry at {assumption.file}:{assumption.line}; "
            "see: ualauth show"
        )
    codes = frozenset[ReturnCode]().union(*(possible(entry, each) for each, entry in mine))
    if assumption.code is not None and assumption.code not in codes:
        words = ", ".join(code.token for code in sorted(codes))
        raise ValueError(f"{what}: it can only answer {words}")
